import * as v from "valibot";
import { Detail, Effect, SeatView, State, Via, VoteDecision } from "./action.ts";
import { ReviewVerdict } from "./break-glass.ts";
import { FeedbackLabel } from "./feedback.ts";
import { JsonObject } from "./json.ts";
import { Selector } from "./policy.ts";
import { Digest, PersonId } from "./text.ts";

/** Who did it. `engine` is Holdpoint itself: clocks, policy, automatic rollback. */
export const Actor = v.strictObject({
  kind: v.picklist(["agent", "person", "service", "engine"]),
  id: v.string(),
});
export type Actor = v.InferOutput<typeof Actor>;

const Millis = v.pipe(v.number(), v.integer());

/** What a voter was shown: SHA-256 of the card (`core/card/shown`), and which version of its renderer made it. */
export const ShownCard = v.strictObject({ renderer: Millis, card: Digest });
export type ShownCard = v.InferOutput<typeof ShownCard>;

/** `state` and `detail` are those after the event; `at` is epoch ms and never goes back. */
const base = {
  seq: Millis,
  at: Millis,
  state: State,
  detail: v.nullable(Detail),
  actor: Actor,
  reason: v.nullable(v.string()),
};

const Grip = { lease: v.string(), executor: v.string(), fence: Millis, expiresAt: Millis };
const Report = {
  lease: v.string(),
  fence: Millis,
  effect: Effect,
  evidence: v.nullable(JsonObject),
  startupMs: v.nullable(Millis),
  /** The executor reported, rather than the clock giving up on it. */
  reported: v.boolean(),
  /** A report that came after the lease was lost, resolving `failed{unknown}`. */
  late: v.boolean(),
};

/** Everything that can stand in an action's log, one schema a type. */
export const Event = v.variant("type", [
  v.strictObject({
    ...base,
    type: v.literal("requested"),
    data: v.strictObject({ digest: v.string(), policyVersion: v.string(), seats: v.array(SeatView) }),
  }),
  v.strictObject({
    ...base,
    type: v.literal("voted"),
    data: v.strictObject({
      person: PersonId,
      decision: VoteDecision,
      via: Via,
      /** Selectors of the pinned rule that named this person when they voted. */
      selectors: v.array(Selector),
      /** The person it counts as, together with whoever they delegate to or act for. */
      identity: v.string(),
      /** How the seats stand with this vote, and whose votes count. */
      seats: v.array(SeatView),
      counted: v.array(PersonId),
      /** Left out by a vote from before that was kept. */
      shown: v.optional(ShownCard),
    }),
  }),
  v.strictObject({ ...base, type: v.literal("lapsed"), data: v.strictObject({ person: PersonId }) }),
  v.strictObject({
    ...base,
    type: v.literal("approved"),
    data: v.strictObject({ via: v.picklist(["quorum", "policy", "break_glass"]), by: v.array(PersonId) }),
  }),
  v.strictObject({
    ...base,
    type: v.literal("broke_glass"),
    data: v.strictObject({
      person: PersonId,
      /** The person it counts as, as for a vote. */
      identity: v.string(),
      /** The Registry's entry of it. */
      use: v.string(),
      incident: v.string(),
      /** The seats that were not full, and the people who could have filled them: they are told. */
      skipped: v.array(SeatView),
      told: v.array(PersonId),
      reviewDue: Millis,
    }),
  }),
  v.strictObject({
    ...base,
    type: v.literal("reviewed"),
    data: v.strictObject({ person: PersonId, verdict: ReviewVerdict }),
  }),
  v.strictObject({
    ...base,
    type: v.literal("review_overdue"),
    data: v.strictObject({ person: PersonId, dueAt: Millis }),
  }),
  v.strictObject({
    ...base,
    type: v.literal("denied"),
    data: v.strictObject({ via: v.picklist(["votes", "policy"]), by: v.array(PersonId) }),
  }),
  v.strictObject({
    ...base,
    type: v.literal("cancelled"),
    data: v.strictObject({ supersededBy: v.nullable(v.string()) }),
  }),
  v.strictObject({ ...base, type: v.literal("expired"), data: v.strictObject({ dueAt: Millis }) }),
  v.strictObject({ ...base, type: v.literal("reminded"), data: v.strictObject({ dueAt: Millis }) }),
  v.strictObject({
    ...base,
    type: v.literal("escalated"),
    data: v.strictObject({ dueAt: Millis, level: Millis }),
  }),
  v.strictObject({
    ...base,
    type: v.literal("claimed"),
    data: v.strictObject({ ...Grip, executionEnds: Millis }),
  }),
  v.strictObject({ ...base, type: v.literal("heartbeat"), data: v.strictObject({ expiresAt: Millis }) }),
  v.strictObject({
    ...base,
    type: v.literal("lease_lost"),
    data: v.strictObject({ fence: Millis, dueAt: Millis }),
  }),
  v.strictObject({ ...base, type: v.literal("executed"), data: v.strictObject(Report) }),
  v.strictObject({ ...base, type: v.literal("failed"), data: v.strictObject(Report) }),
  v.strictObject({ ...base, type: v.literal("rollback_started"), data: v.strictObject({}) }),
  v.strictObject({
    ...base,
    type: v.literal("rollback_claimed"),
    data: v.strictObject({ ...Grip, executionEnds: Millis }),
  }),
  v.strictObject({ ...base, type: v.literal("rolled_back"), data: v.strictObject(Report) }),
  v.strictObject({ ...base, type: v.literal("rollback_failed"), data: v.strictObject(Report) }),
  v.strictObject({
    ...base,
    type: v.literal("feedback"),
    data: v.strictObject({ label: FeedbackLabel, incident: v.nullable(v.string()) }),
  }),
  v.strictObject({
    ...base,
    type: v.literal("late_command"),
    data: v.strictObject({ command: v.string(), decision: v.nullable(v.string()) }),
  }),
  v.strictObject({
    ...base,
    type: v.literal("fenced_report"),
    data: v.strictObject({
      fence: Millis,
      outcome: v.string(),
      effect: v.nullable(Effect),
      evidence: v.nullable(JsonObject),
    }),
  }),
]);
export type Event = v.InferOutput<typeof Event>;
export type EventType = Event["type"];
/** The event of one type. */
export type EventOf<Type extends EventType> = Extract<Event, { type: Type }>;
