import type { Requester, Target } from "../schemas/action.ts";
import type { Json, JsonObject } from "../schemas/json.ts";
import { canonicalJson } from "./canonical.ts";
import { plainObject } from "./plain-json.ts";

/** SHA-256 of UTF-8 text as lower-case hex; passed in, because `core/` has no cryptography of its own. */
export type Sha256Hex = (text: string) => string;

/**
 * Everything an approver agrees to (semantics §3). Absent parts are null; times are RFC 3339 UTC text with
 * milliseconds, as the API shows them, so that anyone can compute the digest again from an answer.
 */
export type Approvable = {
  type: string;
  contractVersion: string;
  target: Target;
  args: JsonObject;
  preconditions: JsonObject | null;
  rollbackPlan: JsonObject | null;
  requester: Requester;
  notBefore: string | null;
  notAfter: string | null;
};

/** `sha256:` and the SHA-256 of the canonical JSON of `value`, in hex. */
export function digestOf(value: Json, sha256Hex: Sha256Hex): string {
  return `sha256:${sha256Hex(canonicalJson(value))}`;
}

/** The canonical text that is hashed: for whoever has only an asynchronous hash, such as `crypto.subtle`. */
export function approvalText(approvable: Approvable): string {
  const { type, contractVersion, target, args, preconditions, rollbackPlan, requester, notBefore, notAfter } =
    approvable;
  // Named one by one: callers pass whole requests, and nothing else of them is to enter the digest.
  const bound = {
    type,
    contractVersion,
    target,
    args,
    preconditions,
    rollbackPlan,
    requester,
    notBefore,
    notAfter,
  };
  return canonicalJson(plainObject(bound));
}

/** The digest that votes, buttons, claims and grants carry. */
export function approvalDigest(approvable: Approvable, sha256Hex: Sha256Hex): string {
  return `sha256:${sha256Hex(approvalText(approvable))}`;
}
