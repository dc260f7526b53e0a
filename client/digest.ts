import { type Approvable, approvalText } from "../core/digest.ts";
import { HoldpointError } from "./error.ts";

/** `sha256:` and the SHA-256 in hex of UTF-8 text, as digests are written everywhere. */
export async function sha256(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256:${[...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** The digest of what an action would run, computed here from its content (semantics §3). */
export function digestOfAction(action: Approvable): Promise<string> {
  return sha256(approvalText(action));
}

/**
 * Makes sure that an action's content is what its digest says, and, where `expected` is given, that the digest is the one
 * expected: what is shown, voted on, claimed and run are then one thing. Throws `bad_digest`.
 */
export async function verifyDigest(
  action: Approvable & { digest: string },
  expected?: string,
): Promise<void> {
  const computed = await digestOfAction(action);
  if (computed !== action.digest) {
    throw new HoldpointError({
      code: "bad_digest",
      title: "This is not what its digest says",
      detail: `The action's content does not match its digest: it says ${action.digest}, its content gives ${computed}. Do not approve or run it.`,
    });
  }
  if (expected !== undefined && expected !== computed) {
    throw new HoldpointError({
      code: "bad_digest",
      title: "This is not what its digest says",
      detail: `This is not the action that was asked for: expected ${expected}, got ${computed}. Do not approve or run it.`,
    });
  }
}
