import * as v from "valibot";
import { AgentId, Label, PersonId, Slug } from "./text.ts";

const Instant = v.pipe(v.number(), v.integer());

export const Person = v.strictObject({
  id: PersonId,
  name: v.optional(Label),
  email: v.optional(v.pipe(v.string(), v.email(), v.maxLength(254))),
  manager: v.optional(v.nullable(PersonId), null),
  active: v.optional(v.boolean(), true),
});
export type Person = v.InferOutput<typeof Person>;

export const Agent = v.strictObject({
  id: AgentId,
  name: v.optional(Label),
  owner: PersonId,
  roles: v.pipe(v.array(Slug), v.maxLength(32)),
  /** Network segments this agent is confined to, inside what its role classes allow. Empty: no segment. */
  segments: v.pipe(v.array(Label), v.maxLength(64)),
  active: v.optional(v.boolean(), true),
});
export type Agent = v.InferOutput<typeof Agent>;

export const Group = v.strictObject({
  id: Slug,
  description: v.optional(Label),
  members: v.pipe(v.array(PersonId), v.maxLength(1_000)),
});
export type Group = v.InferOutput<typeof Group>;

/** `to` may act for `from` in the named groups until `until` (epoch ms). Depth 1: never passed on. */
export const Delegation = v.strictObject({
  from: PersonId,
  to: PersonId,
  groups: v.pipe(v.array(Slug), v.minLength(1), v.maxLength(32)),
  until: Instant,
});
export type Delegation = v.InferOutput<typeof Delegation>;

/** What a vote is judged against: the whole directory of a workspace at one version. */
export const Directory = v.strictObject({
  version: v.pipe(v.number(), v.integer()),
  people: v.record(v.string(), Person),
  agents: v.record(v.string(), Agent),
  groups: v.record(v.string(), Group),
  delegations: v.array(Delegation),
});
export type Directory = v.InferOutput<typeof Directory>;
