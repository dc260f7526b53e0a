import * as v from "valibot";
import { limits } from "./limits.ts";

/**
 * Control, format (which holds the bidirectional overrides), surrogate, private-use and unassigned code
 * points, and the line and paragraph separators: they change what a reader sees without changing what
 * runs. Line feed and tab are allowed where prose is.
 */
const misleading = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;
const misleadingOrBreak = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/u;
const message = "contains a control, bidirectional or invisible character; send plain text";

/** True when `text` holds a code point that a reader cannot see or that reorders what they see. */
export function isMisleading(text: string): boolean {
  return misleading.test(text);
}

/** Prose a person reads: reasons, summaries. Line breaks allowed. */
export const Prose = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(limits.reasonLength),
  v.check((text) => !misleading.test(text), message),
);

/** A one-line name or label a person reads. */
export const Label = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(limits.nameLength),
  v.check((text) => !misleadingOrBreak.test(text), message),
);

/** A dotted action type such as `db.migrate`. */
export const ActionType = v.pipe(
  v.string(),
  v.maxLength(limits.nameLength),
  v.regex(/^[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*$/u, "is dotted lower-case words, such as db.migrate"),
);

/** A workspace: lower-case letters, digits and dashes. It is part of every object's name. */
export const WorkspaceName = v.pipe(
  v.string(),
  v.regex(
    /^[a-z][a-z0-9-]{0,38}$/u,
    "is 1 to 39 lower-case letters, digits and dashes, starting with a letter",
  ),
);

/** The local part of a principal, group or seat name. */
export const Slug = v.pipe(
  v.string(),
  v.regex(
    /^[a-z0-9][a-z0-9._-]{0,62}$/u,
    "is 1 to 63 lower-case letters, digits, dots, dashes and underscores",
  ),
);

export const PersonId = v.pipe(
  v.string(),
  v.regex(/^person:[a-z0-9][a-z0-9._-]{0,62}$/u, "looks like person:alice"),
);
export const AgentId = v.pipe(
  v.string(),
  v.regex(/^agent:[a-z0-9][a-z0-9._-]{0,62}$/u, "looks like agent:deployer"),
);
export const ServiceId = v.pipe(
  v.string(),
  v.regex(/^service:[a-z0-9][a-z0-9._-]{0,62}$/u, "looks like service:auditor"),
);
export const PrincipalId = v.union(
  [PersonId, AgentId, ServiceId],
  "looks like person:alice, agent:deployer or service:auditor",
);

/** `sha256:` and 64 hex digits: the digest an approver agrees to. */
export const Digest = v.pipe(
  v.string(),
  v.regex(
    /^sha256:[0-9a-f]{64}$/u,
    "is sha256: and 64 lower-case hex digits, as `digest` of the action gives it",
  ),
);
