import * as v from "valibot";
import { Directory } from "./directory.ts";
import { Level } from "./guardrail.ts";
import { KillSwitch } from "./kill-switch.ts";
import { Issuer } from "./issuer.ts";
import { SlackLink } from "./link.ts";
import { Policy } from "./policy.ts";
import { Digest } from "./text.ts";
import { Endpoint } from "./webhook.ts";

/** All a request is judged by, as the Registry has it at one version. Every change of a part makes `version` grow. */
export const Snapshot = v.strictObject({
  version: v.pipe(v.number(), v.integer()),
  /** The policy in force, or null before the first one is published. */
  policy: v.nullable(v.strictObject({ version: Digest, document: Policy })),
  directory: Directory,
  endpoints: v.array(Endpoint),
  /** Which Slack user is which person. */
  links: v.array(SlackLink),
  /** Whose tokens are taken for agents' keys; left out while there are none. */
  issuers: v.optional(v.array(Issuer)),
  /** 32 random bytes in hex, made once per workspace. */
  salt: v.string(),
  /** The kill switches that are engaged; left out while there are none. */
  switches: v.optional(v.array(KillSwitch)),
  /** Where guardrails stand that have moved, by action type; left out while none has. */
  levels: v.optional(v.record(v.string(), Level)),
});
export type Snapshot = v.InferOutput<typeof Snapshot>;

/** One published policy as it is listed. `active` is the one in force. */
export const PolicyVersion = v.strictObject({
  version: Digest,
  publishedAt: v.number(),
  publishedBy: v.string(),
  note: v.nullable(v.string()),
  active: v.boolean(),
});
export type PolicyVersion = v.InferOutput<typeof PolicyVersion>;

/** An audit row of the Registry: who changed what and when. */
export const RegistryChange = v.strictObject({
  version: v.number(),
  at: v.number(),
  actor: v.string(),
  kind: v.string(),
  id: v.string(),
});
export type RegistryChange = v.InferOutput<typeof RegistryChange>;
