import * as v from "valibot";
import { Callback, Detail, Effect, Requester, SeatView, State, Target, Via, VoteDecision } from "./action.ts";
import { ReviewVerdict } from "./break-glass.ts";
import { ActionChannel } from "./channel.ts";
import { FeedbackLabel } from "./feedback.ts";
import { Level, signalKinds } from "./guardrail.ts";
import { JsonObject } from "./json.ts";
import { Contract, Selector } from "./policy.ts";
import { Commitment, Hash } from "./evidence.ts";
import { Redaction, RetentionClass } from "./retention.ts";
import { PersonId } from "./text.ts";
import { noTimes, Times } from "./timings.ts";
import { NoticeType } from "./webhook.ts";

const Millis = v.pipe(v.number(), v.integer());
const OptionalMillis = v.nullable(Millis);

/** `entry` is the index in the contract's `decide`. */
const ConditionError = v.strictObject({ entry: Millis, detail: v.string() });

/** What of an agent a policy may look at. */
export const AgentThen = v.strictObject({
  roles: v.array(v.string()),
  segments: v.array(v.string()),
  actsFor: v.optional(v.string()),
});
export type AgentThen = v.InferOutput<typeof AgentThen>;

/** What was asked, fixed at create and never edited. The contract is kept whole: it is what the request is judged by. */
export const Payload = v.strictObject({
  id: v.string(),
  workspace: v.string(),
  type: v.string(),
  contract: Contract,
  contractVersion: v.string(),
  policyVersion: v.string(),
  requester: Requester,
  target: Target,
  args: JsonObject,
  reason: v.string(),
  context: v.nullable(JsonObject),
  preconditions: v.nullable(JsonObject),
  rollbackPlan: v.nullable(JsonObject),
  /** RFC 3339 UTC with milliseconds. */
  notBefore: v.nullable(v.string()),
  notAfter: v.nullable(v.string()),
  supersedes: v.nullable(v.string()),
  callback: v.nullable(Callback),
  digest: v.string(),
  decision: v.strictObject({
    outcome: v.picklist(["allow", "gate", "deny"]),
    because: v.string(),
    /** Conditions that could not be evaluated when it was asked for, and so counted as the stricter answer. */
    errors: v.optional(v.array(ConditionError)),
    /** Where its contract only watched: in which mode, and what it would have said if it were enforced. */
    mode: v.optional(v.picklist(["warn", "shadow"])),
    would: v.optional(
      v.strictObject({ outcome: v.picklist(["allow", "gate", "deny"]), because: v.string() }),
    ),
    /** The kill switch, by its scope, that refused it before any contract was looked at. */
    stoppedBy: v.optional(v.string()),
  }),
  /** The agent as the directory had it when it asked; left out by an action from before that was kept. */
  agent: v.optional(AgentThen),
  /** The level of its guardrail that `contract` is written at; `rule` where it is left out. */
  level: v.optional(Level),
  /** The sums that its conditions looked at when it was asked for: whole numbers as decimal text. */
  sums: v.optional(v.record(v.string(), v.string())),
  /** Who else wrote what is asked for, and so does not decide on it; left out where nobody did. */
  authors: v.optional(v.array(v.string())),
  /** What was recognised as a secret in it and taken out before it was stored; left out where nothing was. */
  redactions: v.optional(v.array(Redaction)),
  createdAt: Millis,
});
export type Payload = v.InferOutput<typeof Payload>;

/**
 * The row that holds what was asked. `payload` is without its values; they are sealed by class, each class under a data key of its
 * own, and without the key no copy of them opens, wherever it lies. See `core/evidence/payload`.
 */
export const StoredPayload = v.strictObject({
  schema: v.literal(2),
  payload: Payload,
  /** What stands for each value in the log, by pointer. */
  commitments: v.record(v.string(), Commitment),
  /** Sealed openings. */
  sealed: v.record(RetentionClass, v.string()),
  /** Wrapped data keys, see `objects/at-rest`; a class that is erased has none. */
  keys: v.record(RetentionClass, v.string()),
});
export type StoredPayload = v.InferOutput<typeof StoredPayload>;

export const StoredVote = v.strictObject({
  person: PersonId,
  decision: VoteDecision,
  reason: v.nullable(v.string()),
  at: Millis,
  via: Via,
  selectors: v.array(Selector),
  identity: v.string(),
  lapsed: v.boolean(),
});
export type StoredVote = v.InferOutput<typeof StoredVote>;

export const Lease = v.strictObject({
  id: v.string(),
  executor: v.string(),
  fence: Millis,
  purpose: v.picklist(["execute", "rollback"]),
  claimedAt: Millis,
  expiresAt: Millis,
  /** Heartbeats never move the lease past this (`executionMax`). */
  executionEnds: Millis,
});
export type Lease = v.InferOutput<typeof Lease>;

export const Outcome = v.strictObject({
  outcome: v.picklist(["succeeded", "failed"]),
  effect: Effect,
  summary: v.string(),
  evidence: v.nullable(JsonObject),
  startupMs: OptionalMillis,
  at: Millis,
});
export type Outcome = v.InferOutput<typeof Outcome>;

/** Who has approved it alone, and what has become of its review. */
const BrokenGlass = v.strictObject({
  person: PersonId,
  identity: v.string(),
  use: v.string(),
  incident: v.string(),
  reason: v.string(),
  at: Millis,
  dueAt: Millis,
  /** The deadline has gone by without a review, and that was told. */
  overdue: v.boolean(),
  review: v.nullable(v.strictObject({ by: PersonId, verdict: ReviewVerdict, note: v.string(), at: Millis })),
});
/** What somebody has said of the action: the latest of each person and label. */
export const StoredFeedback = v.strictObject({ by: v.string(), label: FeedbackLabel });
export type StoredFeedback = v.InferOutput<typeof StoredFeedback>;

/** What a guardrail learns of the action, by the event that says so. */
export const ActionSignal = v.strictObject({ kind: v.picklist(signalKinds), seq: Millis, at: Millis });
export type ActionSignal = v.InferOutput<typeof ActionSignal>;

/** Where an action stands: the fold of its log over its payload (invariant I4), kept so that a load reads one row. */
export const ActionState = v.strictObject({
  state: State,
  detail: v.nullable(Detail),
  seq: Millis,
  at: Millis,
  /** The latest vote of each person. */
  votes: v.array(StoredVote),
  seats: v.array(SeatView),
  counted: v.array(PersonId),
  /** Who closed it: counted approvers, or the deniers. */
  decidedBy: v.array(PersonId),
  via: v.nullable(v.picklist(["quorum", "votes", "policy", "break_glass"])),
  deadlines: v.strictObject({
    pending: OptionalMillis,
    approval: OptionalMillis,
    lease: OptionalMillis,
    execution: OptionalMillis,
    rollback: OptionalMillis,
    /** By when broken glass is to be reviewed; null where none is broken, and once it has been. */
    review: v.optional(OptionalMillis, null),
  }),
  reminded: v.boolean(),
  escalations: Millis,
  fence: Millis,
  attempts: Millis,
  lease: v.nullable(Lease),
  /** The last execute lease after it ended: what a late or repeated report is held against. */
  lastLease: v.nullable(Lease),
  /** The lease whose report settled the last run, and the event that did. */
  reported: v.nullable(v.strictObject({ lease: v.string(), fence: Millis, seq: Millis })),
  outcome: v.nullable(Outcome),
  /** `failed{unknown}` has had its one late resolution. */
  resolved: v.boolean(),
  rollback: v.nullable(
    v.strictObject({ startedBy: v.string(), reason: v.string(), outcome: v.nullable(Outcome) }),
  ),
  /** An action from before there was such a right has broken none. */
  breakGlass: v.optional(v.nullable(BrokenGlass), null),
  lateEvents: Millis,
  /** Left out before anybody has said anything. `count` is how often somebody did. */
  feedback: v.optional(v.strictObject({ count: Millis, said: v.array(StoredFeedback) })),
  /** Left out while there is nothing to learn, and always where the contract has no guardrail. */
  signals: v.optional(v.array(ActionSignal)),
  /** An action from before there were times starts without. */
  times: v.optional(Times, noTimes),
});
export type ActionState = v.InferOutput<typeof ActionState>;

/** Who is told of an action's events; kept beside the state, because an alarm has no registry to ask. */
export const Subscriber = v.object({ id: v.string(), events: v.array(NoticeType), active: v.boolean() });
export type Subscriber = v.InferOutput<typeof Subscriber>;

/** The one mutable row of an action: where it stands, and what the object itself has to remember. */
export const StoredAction = v.strictObject({
  schema: v.literal(1),
  state: ActionState,
  /** The address the last command came by: links in notices are made from it. */
  origin: v.string(),
  subscribers: v.array(Subscriber),
  /** Who else is told, as the contract named them when it was asked for. */
  channels: v.optional(v.array(ActionChannel), []),
  /** When the alarm is set for (epoch ms), so that one which would not move is not set again. */
  alarmAt: OptionalMillis,
  /** The Board has this seq; until it has the last one, `boardDue` is when it is to be told again. */
  boardSeq: Millis,
  boardDue: OptionalMillis,
  /** Grows with what the Board is to know and no event says: an acknowledgement of an older one does not stand for it. */
  news: v.optional(Millis, 0),
  /** Which answers of recipients the Board was told of, see `core/outbox`. */
  reported: v.optional(v.strictObject({ answers: Millis, notified: v.boolean() }), {
    answers: 0,
    notified: false,
  }),
  deadLetters: Millis,
  /** The hashes of its first and its last entry; left out before it has one. */
  first: v.optional(Hash),
  head: v.optional(Hash),
  /** Its number in the workspace, and how many of its events the ledger had the last time it was over; by its own words. */
  number: v.optional(Millis),
  sealed: v.optional(Millis),
  /** Which classes are gone, and since when. */
  erased: v.optional(v.record(RetentionClass, Millis)),
  /** Who asked for a class to go before its time, and why: sealed with what the evidence is sealed with. */
  erasedBy: v.optional(v.record(RetentionClass, v.strictObject({ by: v.string(), because: v.string() }))),
  /** What somebody wants gone before its time, and since when, until that is done or refused: a process may die in between. Sealed alike. */
  erasing: v.optional(
    v.strictObject({ class: RetentionClass, by: v.string(), because: v.string(), at: Millis }),
  ),
  /** How much it holds of each class, in bytes; left out before it has an entry. */
  held: v.optional(v.record(RetentionClass, Millis)),
  /** A class was not let go of: when to ask again. */
  askAt: v.optional(Millis),
});
export type StoredAction = v.InferOutput<typeof StoredAction>;

/** People's and agents' own words, as they stand in the state of an action: taken out of its row and sealed beside it. */
export const StateWords = v.strictObject({
  /** Reasons of votes, by person. */
  votes: v.optional(v.record(PersonId, v.string())),
  outcome: v.optional(v.string()),
  rollback: v.optional(v.string()),
  rollbackOutcome: v.optional(v.string()),
  breakGlass: v.optional(v.string()),
  review: v.optional(v.string()),
});
export type StateWords = v.InferOutput<typeof StateWords>;

/** What executors handed in, likewise. */
export const StateReport = v.strictObject({
  outcome: v.optional(JsonObject),
  rollbackOutcome: v.optional(JsonObject),
});
export type StateReport = v.InferOutput<typeof StateReport>;

/** Ids of leases, likewise: each is its executor's secret. */
export const StateLeases = v.strictObject({
  lease: v.optional(v.string()),
  lastLease: v.optional(v.string()),
  reported: v.optional(v.string()),
});
export type StateLeases = v.InferOutput<typeof StateLeases>;

/** The state row as it lies in storage: see `core/evidence/state`. What is not sealed is left out. */
export const KeptAction = v.strictObject({
  ...StoredAction.entries,
  values: v.strictObject({
    words: v.optional(v.string()),
    report: v.optional(v.string()),
    leases: v.optional(v.string()),
  }),
});
export type KeptAction = v.InferOutput<typeof KeptAction>;
