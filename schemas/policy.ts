import * as v from "valibot";
import { Duration } from "./duration.ts";
import { Freeze } from "./freeze.ts";
import { Guardrail } from "./guardrail.ts";
import { JsonObject } from "./json.ts";
import { limits } from "./limits.ts";
import { Retention } from "./retention.ts";
import { ActionType, Label, Prose, Slug } from "./text.ts";

/** Who may fill a seat: `group:dba`, `person:alice`, `oncall:primary`, `owner-of-target`, `manager-of-requester`. */
export const Selector = v.pipe(
  v.string(),
  v.regex(
    /^(?:(?:group|person|oncall):[a-z0-9][a-z0-9._-]{0,62}|owner-of-target|manager-of-requester)$/u,
    "is group:NAME, person:ID, oncall:NAME, owner-of-target or manager-of-requester",
  ),
);
export type Selector = v.InferOutput<typeof Selector>;

const Count = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(limits.seatCount));

/** A condition in CEL over `args`, `target`, `agent`, `requester` and `now`. That it can be read is checked by `core/policy`. */
export const Condition = v.pipe(
  v.string(),
  v.check((text) => text.trim() !== "", "is empty; leave the field out for what always holds"),
  v.check(
    (text) => new TextEncoder().encode(text).byteLength <= limits.conditionBytes,
    `is over ${limits.conditionBytes} bytes`,
  ),
);

export const Seat = v.strictObject({
  seat: Slug,
  n: Count,
  from: v.pipe(v.array(Selector), v.minLength(1, "names at least one selector"), v.maxLength(16)),
  /** Holds for whoever may take the seat, judged per person with `person` (its `id` and `groups`) as well. */
  where: v.optional(Condition),
});
export type Seat = v.InferOutput<typeof Seat>;

/** A seat, or `all` or `any` of some rules (semantics §4). Depth and totals are checked by `core/policy`. */
export type Rule = Seat | { all: Rule[] } | { any: Rule[] };
const Rules = v.pipe(
  v.array(v.lazy(() => Rule)),
  v.minLength(1, "holds at least one rule"),
  v.maxLength(limits.ruleSeats),
);
export const Rule: v.GenericSchema<Rule> = v.lazy((input) => {
  if (typeof input === "object" && input !== null && "all" in input) return v.strictObject({ all: Rules });
  if (typeof input === "object" && input !== null && "any" in input) return v.strictObject({ any: Rules });
  return Seat;
});

export const DenyRule = v.strictObject({
  denials: v.optional(Count, 1),
  veto: v.optional(v.pipe(v.array(Selector), v.maxLength(16)), []),
});
export type DenyRule = v.InferOutput<typeof DenyRule>;

/** Bounds are in `core/clocks`; a missing clock takes its default (semantics §6). */
export const Clocks = v.strictObject({
  pendingTtl: v.optional(Duration),
  remindAfter: v.optional(Duration),
  escalateAfter: v.optional(v.pipe(v.array(Duration), v.maxLength(8))),
  approvalTtl: v.optional(Duration),
  leaseTtl: v.optional(Duration),
  executionMax: v.optional(Duration),
});
export type Clocks = v.InferOutput<typeof Clocks>;

export const RollbackPolicy = v.strictObject({
  window: v.optional(Duration),
  /** `failed`: the engine itself starts the rollback when the executor reports a failure with an effect. */
  auto: v.optional(v.picklist(["never", "failed"]), "never"),
});
export type RollbackPolicy = v.InferOutput<typeof RollbackPolicy>;

/** Who may approve alone in an emergency, and what they owe for it (semantics §8). */
export const BreakGlass = v.strictObject({
  by: v.pipe(v.array(Selector), v.minLength(1, "names at least one selector"), v.maxLength(16)),
  /** By when somebody else must have reviewed it; 72 h when absent. */
  reviewDue: v.optional(Duration),
  /** How often one person may break the glass in 24 hours, counted over all types. */
  perPersonPerDay: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)), 3),
});
export type BreakGlass = v.InferOutput<typeof BreakGlass>;

export const Risk = v.picklist(["low", "medium", "high", "critical"]);
export type Risk = v.InferOutput<typeof Risk>;

export const Decide = v.strictObject({
  /** The entry decides where this holds; without one it always does. */
  when: v.optional(Condition),
  then: v.picklist(["allow", "gate", "deny"]),
  because: v.optional(Prose),
});

/** Who is excluded from deciding. Off only below critical; off is shown in the evidence (peer failure P27). */
export const SeparationOfDuties = v.strictObject({
  /** The agent's owner may not approve what their agent asks for. */
  owner: v.optional(v.boolean(), true),
});

/** Who is told of an action. Being told makes nobody an approver: that is what the rule says. */
export const NotifyTarget = v.pipe(
  Label,
  v.regex(
    /^(?:slack:[CDGUW][A-Z0-9]{2,20}|webhook:whe_[A-Za-z0-9_-]{6,40}|(?:group|person|oncall|pagerduty|teams):[a-z0-9][a-z0-9._-]{0,62})$/u,
    "is slack:CHANNEL_ID, group:NAME, person:ID, oncall:NAME, pagerduty:NAME, teams:NAME or webhook:whe_…",
  ),
);
const NotifyTargets = v.pipe(v.array(NotifyTarget), v.maxLength(16));

/** What an operator has said about one action type. */
export const Contract = v.strictObject({
  type: ActionType,
  class: Slug,
  risk: Risk,
  /** `warn` and `shadow` let everything through and only write down what `enforce` would have said; `warn` tells of it as well. */
  mode: v.optional(v.picklist(["enforce", "warn", "shadow", "disabled"]), "enforce"),
  description: v.optional(Prose),
  /** JSON Schema (draft 2020-12) of the arguments; unknown top-level fields are refused unless it says otherwise. */
  args: JsonObject,
  /** The tool an agent uses for it, held against the role class's `tools`; the type when absent. */
  tool: v.optional(Label),
  /** Role classes that may ask for it. */
  roles: v.pipe(v.array(Slug), v.minLength(1, "names at least one role class"), v.maxLength(32)),
  /** The first entry that holds decides; where none does, people are asked. */
  decide: v.optional(v.pipe(v.array(Decide), v.maxLength(limits.decideEntries)), []),
  rule: Rule,
  deny: v.optional(DenyRule, { denials: 1, veto: [] }),
  onChange: v.optional(v.picklist(["tighten", "pin"]), "tighten"),
  separationOfDuties: v.optional(SeparationOfDuties, { owner: true }),
  clocks: v.optional(Clocks, {}),
  /** Claimed again after a lost lease only where the effect is idempotent (semantics §7). */
  idempotent: v.optional(v.boolean(), false),
  maxAttempts: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16)), 1),
  rollback: v.optional(v.nullable(RollbackPolicy), null),
  /** Absent: nobody may break the glass. */
  breakGlass: v.optional(BreakGlass),
  retention: v.optional(Retention, { context: "ephemeral", payload: "operational", evidence: "compliance" }),
  notify: v.optional(NotifyTargets, []),
  /** How far evidence may move it; without one it stays as it is written. */
  guardrail: v.optional(Guardrail),
  /** Who is told once the action has escalated to level 1, 2, …: on time (`clocks.escalateAfter`), or as soon as a delivery fails. */
  escalateTo: v.optional(v.pipe(v.array(NotifyTargets), v.maxLength(8))),
});
export type Contract = v.InferOutput<typeof Contract>;

const Globs = v.pipe(v.array(Label), v.maxLength(256));

/** What an agent of this class may ask for. Everything not matched by a glob is refused. */
export const RoleClass = v.strictObject({
  description: v.optional(Prose),
  types: Globs,
  tools: Globs,
  segments: Globs,
  targets: Globs,
});
export type RoleClass = v.InferOutput<typeof RoleClass>;

const PerHour = (most: number) =>
  v.pipe(
    v.number(),
    v.integer("is a whole number"),
    v.minValue(1, "is at least 1"),
    v.maxValue(most, `is at most ${most}`),
  );

/** How many messages an hour people get at most (`core/budget`); what is over goes into one message with a number. */
export const NotificationBudgets = v.strictObject({
  /** Messages to one person; 30 when absent. */
  perReviewerPerHour: v.optional(PerHour(1_000)),
  /** Messages to one channel; 120 when absent. */
  perChannelPerHour: v.optional(PerHour(1_000)),
});

/** How much an agent may ask for (`core/budget`); what is over is refused with `rate_limited`. */
export const RequestBudgets = v.strictObject({
  /** Requests of one agent; any number when absent. */
  perAgentPerHour: v.optional(PerHour(1_000_000)),
});

/** The versioned document that governs a workspace; the hash of its canonical JSON names the version. */
export const Policy = v.strictObject({
  description: v.optional(Prose),
  roles: v.record(Slug, RoleClass),
  contracts: v.pipe(v.array(Contract), v.maxLength(2_000)),
  // Without defaults, so that a document from before there were budgets keeps its hash.
  notifications: v.optional(NotificationBudgets),
  requests: v.optional(RequestBudgets),
  /** Times in which nothing starts to run. */
  freezes: v.optional(v.pipe(v.array(Freeze), v.maxLength(64))),
});
export type Policy = v.InferOutput<typeof Policy>;
/** A policy as an operator writes it, before the defaults are filled in. */
export type PolicyInput = v.InferInput<typeof Policy>;
