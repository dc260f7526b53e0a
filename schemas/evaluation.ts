import * as v from "valibot";
import { Requester, Target } from "./action.ts";
import { FrozenView } from "./freeze.ts";
import { Level } from "./guardrail.ts";
import { Json, JsonObject } from "./json.ts";
import { Risk, Selector } from "./policy.ts";
import { ProblemField } from "./problem.ts";
import { ActionType, AgentId, Digest, Label, PersonId } from "./text.ts";

/** What a policy would say to a request that nobody makes: evaluations and examples. */

const Instant = v.pipe(v.string(), v.isoTimestamp("is an RFC 3339 time such as 2026-01-31T12:00:00.000Z"));

/** A sum as a condition writes it, such as `sum(args.amount) by agent over 24h`, and what it comes to with this request in it. */
const Sums = v.record(
  v.pipe(v.string(), v.maxLength(256)),
  v.pipe(v.string(), v.regex(/^\d{1,40}$/u, 'is a whole number in quotes, such as "250000"')),
);

/** A request as it is asked about. Unlike one that is made it names its agent, and may name a time and sums of its own. */
export const AskedRequest = v.strictObject({
  type: ActionType,
  target: Target,
  args: v.optional(JsonObject, {}),
  agent: AgentId,
  onBehalfOf: v.optional(v.nullable(PersonId), null),
  /** When it is asked for; now when left out. */
  at: v.optional(Instant),
  /** Sums that are not given here are those of the engine, and offline were not measured. */
  sums: v.optional(Sums),
});
export type AskedRequest = v.InferOutput<typeof AskedRequest>;

/** `document` is a candidate, `version` one that was published; without either it is the version in force. */
const Candidate = { document: v.optional(Json), version: v.optional(Digest) };

export const EvaluateBody = v.strictObject({ request: AskedRequest, ...Candidate });

export const outcomes = ["allow", "gate", "deny", "refuse"] as const;
/** `refuse`: it is not taken in at all, because its type, its agent's role classes or its fields do not fit. */
export const EvaluatedOutcome = v.picklist(outcomes);
export type EvaluatedOutcome = v.InferOutput<typeof EvaluatedOutcome>;

const Decided = v.object({ outcome: v.picklist(["allow", "gate", "deny"]), because: v.string() });

/** One entry of the contract's list. `holds` is null where its condition could not be evaluated. */
const TraceLine = v.object({
  entry: v.number(),
  when: v.nullable(v.string()),
  then: v.picklist(["allow", "gate", "deny"]),
  holds: v.nullable(v.boolean()),
  error: v.nullable(v.string()),
  /** This entry decided. */
  decides: v.boolean(),
});

/** Whether one role class of one agent covers the request, and what of it does not. */
const ScopeLine = v.object({
  agent: AgentId,
  role: v.nullable(v.string()),
  covers: v.boolean(),
  refuses: v.array(ProblemField),
  detail: v.nullable(v.string()),
});

const SeatLine = v.object({
  seat: v.string(),
  n: v.number(),
  from: v.array(Selector),
  /** Who may fill it. */
  who: v.array(PersonId),
  /** Whom it names and who may not, with the reason. */
  excluded: v.array(v.object({ person: PersonId, because: v.string() })),
});

export const Evaluation = v.object({
  outcome: EvaluatedOutcome,
  because: v.string(),
  /** What its contract would say if it were enforced, where it only watches. */
  would: v.nullable(Decided),
  mode: v.nullable(v.picklist(["enforce", "warn", "shadow", "disabled"])),
  risk: v.nullable(Risk),
  requester: v.nullable(Requester),
  at: Instant,
  /** Every field for which it would not be taken in. */
  errors: v.array(ProblemField),
  scope: v.array(ScopeLine),
  switch: v.nullable(v.object({ scope: v.string(), by: v.string(), reason: v.string() })),
  /** Nothing of its kind would start before the end of this. */
  freeze: v.nullable(FrozenView),
  /** The level of its guardrail; null where its contract has none. */
  level: v.nullable(Level),
  sums: v.record(v.string(), v.string()),
  trace: v.array(TraceLine),
  seats: v.array(SeatLine),
  /** Whether those who may fill seats are enough for the whole rule. */
  staffed: v.boolean(),
  /** Durations as a policy writes them, defaults filled in. */
  clocks: v.nullable(v.record(v.string(), v.union([v.string(), v.array(v.string())]))),
  /** Who is told at first, and at each level of escalation. */
  notify: v.array(v.object({ level: v.number(), targets: v.array(v.string()), sinks: v.array(v.string()) })),
});
export type Evaluation = v.InferOutput<typeof Evaluation>;

export const EvaluateAnswer = v.object({
  /** The version that was asked about; null for a document that was sent along. */
  version: v.nullable(Digest),
  evaluation: Evaluation,
});

/** What an example expects. What it leaves out may be anything. */
const Expected = v.strictObject({
  outcome: EvaluatedOutcome,
  because: v.optional(v.string()),
  /** By seat exactly the people who may fill it, in any order. */
  seats: v.optional(v.record(v.string(), v.array(PersonId))),
  level: v.optional(Level),
});

export const Example = v.strictObject({ name: Label, request: AskedRequest, expect: Expected });
export type Example = v.InferOutput<typeof Example>;

export const maxExamples = 200;
/** A file of examples: a list, as it stands. */
export const Examples = v.pipe(
  v.array(Example),
  v.minLength(1, "holds at least one example"),
  v.maxLength(maxExamples, `holds at most ${maxExamples} examples; divide them over several files`),
);

export const TestBody = v.strictObject({ examples: Examples, ...Candidate });

/** One thing that came out differently; both sides as JSON. */
const Difference = v.object({ what: v.string(), expected: Json, got: Json });
export const ExampleResult = v.object({
  name: v.string(),
  pass: v.boolean(),
  outcome: EvaluatedOutcome,
  because: v.string(),
  differences: v.array(Difference),
});
export type ExampleResult = v.InferOutput<typeof ExampleResult>;
export const TestAnswer = v.object({
  version: v.nullable(Digest),
  passed: v.number(),
  failed: v.number(),
  results: v.array(ExampleResult),
});
export type TestAnswer = v.InferOutput<typeof TestAnswer>;
