import * as v from "valibot";
import { BrokenGlassView } from "./break-glass.ts";
import { InstantText } from "./instant.ts";
import { FrozenView } from "./freeze.ts";
import { Json, JsonObject } from "./json.ts";
import { Risk, Selector } from "./policy.ts";
import { Redaction, RetentionClass } from "./retention.ts";
import { ActionType, Digest, Label, PersonId, PrincipalId, Prose } from "./text.ts";
import { limits } from "./limits.ts";

/** What the action is aimed at. `tool` is held against the role class; the contract's tool when absent. */
export const Target = v.strictObject({
  resource: Label,
  segment: v.optional(Label),
  environment: v.optional(Label),
  tool: v.optional(Label),
});
export type Target = v.InferOutput<typeof Target>;

export const Callback = v.strictObject({
  url: v.pipe(v.string(), v.maxLength(2_048)),
  /** A secret made with `POST /v1/webhooks/secrets`; deliveries are signed with it. */
  secretId: v.pipe(v.string(), v.regex(/^whs_[A-Za-z0-9_-]{6,40}$/u, "looks like whs_…")),
});
export type Callback = v.InferOutput<typeof Callback>;

/** Body of `POST /v1/actions`. */
export const ActionRequest = v.strictObject({
  type: ActionType,
  target: Target,
  args: JsonObject,
  reason: Prose,
  context: v.optional(v.nullable(JsonObject), null),
  onBehalfOf: v.optional(v.nullable(PersonId), null),
  preconditions: v.optional(v.nullable(JsonObject), null),
  rollbackPlan: v.optional(v.nullable(JsonObject), null),
  notBefore: v.optional(v.nullable(InstantText), null),
  notAfter: v.optional(v.nullable(InstantText), null),
  supersedes: v.optional(v.nullable(v.string()), null),
  callback: v.optional(v.nullable(Callback), null),
});
export type ActionRequest = v.InferOutput<typeof ActionRequest>;

const RequesterId = v.union([PrincipalId, v.literal("engine")], "is a principal, or engine");

/**
 * Who asks: the agent, its owner and, where given, the person it acts for; for what changes the engine itself a person, a service or
 * the engine, each its own owner. All of it is inside the digest.
 */
export const Requester = v.strictObject({
  kind: v.picklist(["agent", "person", "service", "engine"]),
  id: RequesterId,
  owner: RequesterId,
  onBehalfOf: v.optional(PersonId),
});
export type Requester = v.InferOutput<typeof Requester>;

export const states = [
  "pending",
  "approved",
  "denied",
  "cancelled",
  "expired",
  "executing",
  "executed",
  "failed",
  "rolling_back",
  "rolled_back",
  "rollback_failed",
] as const;
export const State = v.picklist(states);
export type State = v.InferOutput<typeof State>;

export const details = [
  "pending",
  "approved",
  "none",
  "partial",
  "unknown",
  "requester",
  "revoked",
  "superseded",
  "quorum_lost",
  "drift",
  "policy",
] as const;
export const Detail = v.picklist(details);
export type Detail = v.InferOutput<typeof Detail>;

export const VoteDecision = v.picklist(["approve", "deny", "withdraw"]);
export type VoteDecision = v.InferOutput<typeof VoteDecision>;

/** Where a vote was cast. */
export const Via = v.picklist(["api", "cli", "slack", "page"]);
export type Via = v.InferOutput<typeof Via>;

export const Effect = v.picklist(["none", "partial", "unknown"]);
export type Effect = v.InferOutput<typeof Effect>;

const Revision = v.pipe(v.number(), v.integer(), v.minValue(0));
const Millis = v.pipe(v.number(), v.integer(), v.minValue(0));

/** Bodies of the commands on one action. Every one refuses an unknown field (peer failure P18). */
export const VoteBody = v.strictObject({
  decision: VoteDecision,
  digest: Digest,
  reason: v.optional(v.nullable(Prose), null),
});
export const CancelBody = v.strictObject({ reason: Prose });
export const RevokeBody = v.strictObject({ reason: Prose });
export const ClaimBody = v.strictObject({
  digest: Digest,
  preconditions: v.optional(v.nullable(JsonObject), null),
});
export const HeartbeatBody = v.strictObject({ lease: v.string(), fence: Revision });
export const ReportBody = v.strictObject({
  lease: v.string(),
  fence: Revision,
  outcome: v.picklist(["succeeded", "failed"]),
  effect: v.optional(Effect),
  summary: Prose,
  evidence: v.optional(v.nullable(JsonObject), null),
  startupMs: v.optional(v.nullable(Millis), null),
});
export const RollbackBody = v.strictObject({ reason: Prose });
export type VoteBody = v.InferOutput<typeof VoteBody>;
export type CancelBody = v.InferOutput<typeof CancelBody>;
export type RevokeBody = v.InferOutput<typeof RevokeBody>;
export type ClaimBody = v.InferOutput<typeof ClaimBody>;
export type HeartbeatBody = v.InferOutput<typeof HeartbeatBody>;
export type ReportBody = v.InferOutput<typeof ReportBody>;
export type RollbackBody = v.InferOutput<typeof RollbackBody>;

export const BatchCreateBody = v.strictObject({
  items: v.pipe(
    v.array(v.strictObject({ idempotencyKey: v.optional(Label), action: v.unknown() })),
    v.minLength(1),
    v.maxLength(limits.batchItems),
  ),
});
export const BatchVoteBody = v.strictObject({
  items: v.pipe(
    v.array(v.strictObject({ action: v.string(), ...VoteBody.entries })),
    v.minLength(1),
    v.maxLength(limits.batchItems),
  ),
});

const Instant = v.pipe(v.string(), v.isoTimestamp());
const OptionalInstant = v.nullable(Instant);

export const SeatView = v.object({
  seat: v.string(),
  n: v.number(),
  filled: v.number(),
  from: v.array(Selector),
});

export type SeatView = v.InferOutput<typeof SeatView>;

export const VoteView = v.object({
  person: PersonId,
  decision: VoteDecision,
  reason: v.nullable(v.string()),
  at: Instant,
  via: Via,
  /** Whether this vote counts towards the quorum as things stand. */
  counts: v.boolean(),
});

export const LeaseView = v.object({
  executor: RequesterId,
  fence: v.number(),
  purpose: v.picklist(["execute", "rollback"]),
  expiresAt: Instant,
});

export const OutcomeView = v.object({
  outcome: v.picklist(["succeeded", "failed"]),
  effect: Effect,
  summary: v.string(),
  evidence: v.nullable(JsonObject),
  startupMs: v.nullable(v.number()),
  at: Instant,
});

/** The action as it is now: the answer of every call on it. */
export const ActionView = v.object({
  id: v.string(),
  workspace: v.string(),
  type: v.string(),
  class: v.string(),
  risk: Risk,
  state: State,
  detail: v.nullable(Detail),
  seq: v.number(),
  digest: Digest,
  contractVersion: Digest,
  decision: v.object({
    outcome: v.picklist(["allow", "gate", "deny"]),
    by: v.literal("policy"),
    because: v.string(),
    policyVersion: Digest,
    /** Conditions that could not be evaluated, by entry of the contract's `decide`: each counted as the stricter answer. */
    errors: v.optional(v.array(v.object({ entry: v.number(), detail: v.string() }))),
    /** Where the contract only watches: in which mode, and what it would have said if it were enforced. */
    mode: v.optional(v.picklist(["warn", "shadow"])),
    would: v.optional(v.object({ outcome: v.picklist(["allow", "gate", "deny"]), because: v.string() })),
    /** The kill switch, by its scope, that refused it before any contract was looked at. */
    stoppedBy: v.optional(v.string()),
  }),
  requester: Requester,
  target: Target,
  args: JsonObject,
  reason: v.string(),
  context: v.nullable(JsonObject),
  preconditions: v.nullable(JsonObject),
  rollbackPlan: v.nullable(JsonObject),
  notBefore: OptionalInstant,
  notAfter: OptionalInstant,
  supersedes: v.nullable(v.string()),
  seats: v.array(SeatView),
  votes: v.array(VoteView),
  separationOfDuties: v.object({ owner: v.boolean() }),
  deadlines: v.object({
    pending: OptionalInstant,
    approval: OptionalInstant,
    lease: OptionalInstant,
    execution: OptionalInstant,
    rollback: OptionalInstant,
    review: v.optional(OptionalInstant, null),
  }),
  /** Null where the quorum, or the policy, decides. */
  breakGlass: v.optional(v.nullable(BrokenGlassView), null),
  lease: v.nullable(LeaseView),
  outcome: v.nullable(OutcomeView),
  rollback: v.nullable(
    v.object({
      startedBy: v.string(),
      reason: v.string(),
      outcome: v.nullable(OutcomeView),
    }),
  ),
  /** While it waits: the freeze in which it cannot be claimed. On what is read and voted on, and only while there is one. */
  freeze: v.optional(FrozenView),
  /** Which classes of what it held are gone, and since when; left out where none is. */
  erased: v.optional(
    v.array(
      v.object({
        class: RetentionClass,
        at: Instant,
        /** Who asked for it before its time, and why; left out of what went when it was due. */
        by: v.optional(v.string()),
        because: v.optional(v.string()),
      }),
    ),
  ),
  /** What was recognised as a secret in the request and never stored; left out where nothing was. */
  redacted: v.optional(v.array(Redaction)),
  createdAt: Instant,
  updatedAt: Instant,
  links: v.object({ self: v.string(), page: v.string(), events: v.string(), stream: v.string() }),
});
export type ActionView = v.InferOutput<typeof ActionView>;

/** Answer of a claim. `grant` is a compact JWS (EdDSA); its keys are at `/.well-known/jwks.json`. */
export const ClaimAnswer = v.object({
  lease: v.string(),
  fence: v.number(),
  grant: v.string(),
  expiresAt: Instant,
  action: ActionView,
});
export type ClaimAnswer = v.InferOutput<typeof ClaimAnswer>;

/** One entry of an action's log as `GET …/events` and the stream give it. */
export const EventView = v.object({
  seq: v.number(),
  at: Instant,
  type: v.string(),
  state: State,
  detail: v.nullable(Detail),
  actor: v.object({ kind: v.picklist(["agent", "person", "service", "engine"]), id: v.string() }),
  target: v.string(),
  reason: v.nullable(v.string()),
  outcome: v.string(),
  data: v.record(v.string(), Json),
});
export type EventView = v.InferOutput<typeof EventView>;

/** One row of `GET /v1/actions`, from the Board: eventually consistent, authorises nothing. */
export const ActionSummary = v.object({
  id: v.string(),
  type: v.string(),
  class: v.string(),
  risk: Risk,
  state: State,
  detail: v.nullable(Detail),
  seq: v.number(),
  digest: Digest,
  requester: Requester,
  target: Target,
  seats: v.array(SeatView),
  groups: v.array(v.string()),
  /** What its contract would have said, where it only watched (`warn`, `shadow`). */
  would: v.optional(v.picklist(["allow", "gate", "deny"])),
  /** The next deadline of the state it is in. */
  deadline: OptionalInstant,
  createdAt: Instant,
  updatedAt: Instant,
});
export type ActionSummary = v.InferOutput<typeof ActionSummary>;

export const ActionList = v.object({ items: v.array(ActionSummary), nextCursor: v.nullable(v.string()) });
export type ActionList = v.InferOutput<typeof ActionList>;
