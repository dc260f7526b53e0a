import * as v from "valibot";
import { OnCall, Schedule } from "./schedule.ts";
import { AgentId, Label, PersonId, Slug } from "./text.ts";

const Instant = v.pipe(v.number(), v.integer());

export const Person = v.strictObject({
  id: PersonId,
  name: v.optional(Label),
  email: v.optional(v.pipe(v.string(), v.email(), v.maxLength(254))),
  manager: v.optional(v.nullable(PersonId), null),
  active: v.optional(v.boolean(), true),
  /** Other ids that are the same human. One side naming the other is enough; together they have one voice. */
  sameAs: v.optional(v.pipe(v.array(PersonId), v.maxLength(8))),
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
  /** The agent that this one works for: it may never ask for what that one may not, and so on upwards. */
  actsFor: v.optional(AgentId),
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

/** Who answers for the targets that one of these globs matches: a person, or a group with all its members. */
export const Owner = v.strictObject({
  targets: v.pipe(v.array(Label), v.minLength(1, "names at least one glob"), v.maxLength(64)),
  owner: v.pipe(
    v.string(),
    v.regex(/^(?:person|group):[a-z0-9][a-z0-9._-]{0,62}$/u, "looks like person:alice or group:dba"),
  ),
});
export type Owner = v.InferOutput<typeof Owner>;
export const Owners = v.pipe(v.array(Owner), v.maxLength(1_000));

/** What a vote is judged against: the whole directory of a workspace at one version. */
export const Directory = v.strictObject({
  version: v.pipe(v.number(), v.integer()),
  people: v.record(v.string(), Person),
  agents: v.record(v.string(), Agent),
  groups: v.record(v.string(), Group),
  delegations: v.array(Delegation),
  // Left out while there are none, so that an engine of the version before reads a directory without them.
  schedules: v.optional(v.record(v.string(), Schedule)),
  /** By the NAME of `oncall:NAME`; goes before the schedule of that name while it lasts. */
  onCall: v.optional(v.record(v.string(), OnCall)),
  /** Whose a target is: the first that matches. */
  owners: v.optional(Owners),
});
export type Directory = v.InferOutput<typeof Directory>;
