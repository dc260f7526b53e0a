import * as v from "valibot";
import { Duration } from "./duration.ts";
import { Prose } from "./text.ts";

/** How much stands between a request and its run, loosest first. `rule` is the contract exactly as it is written. */
export const levels = ["allow", "notify", "one", "rule", "rulePlusOne", "deny"] as const;
export const Level = v.picklist(levels);
export type Level = v.InferOutput<typeof Level>;

const Runs = v.pipe(v.number(), v.integer(), v.minValue(10), v.maxValue(100_000));
/** A share between 0 and 1, as thousandths: documents hold integers only. */
const Thousandths = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(500));

/** How far the engine may move a contract by evidence. Without it a contract stays as it is written. */
export const Guardrail = v.strictObject({
  /** The loosest level that may ever be proposed. */
  floor: Level,
  /** The tightest level that incidents may bring about. */
  ceiling: Level,
  /** Where it begins. */
  start: v.optional(Level, "rule"),
  /** How long after an incident nothing looser is proposed. */
  coolOff: v.optional(Duration, "7d"),
  /** Clean runs since the last change before anything looser is proposed. */
  cleanRuns: v.optional(Runs, 100),
  /** Harm may be this frequent at most, by the upper end of its 95 % interval, for anything looser to be proposed. */
  harmPerThousand: v.optional(Thousandths, 50),
});
export type Guardrail = v.InferOutput<typeof Guardrail>;

/**
 * What has been learnt of one run. `harm`, `missedGate`, `rolledBack` and `unclearFailure` are incidents; `clean` is a run
 * that succeeded and was not undone; `needlessGate` is somebody's word that nobody had to be asked.
 */
export const signalKinds = [
  "harm",
  "missedGate",
  "rolledBack",
  "unclearFailure",
  "clean",
  "needlessGate",
] as const;
export const Signal = v.strictObject({
  kind: v.picklist(signalKinds),
  action: v.string(),
  /** Epoch ms. */
  at: v.pipe(v.number(), v.integer()),
});
export type Signal = v.InferOutput<typeof Signal>;

/** The same on its way to where levels are kept: of which action type, and which event of the action says so. */
export type Heard = Signal & { readonly type: string; readonly seq: number };

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** Runs since the level last changed; what a change is argued with. */
export const Tally = v.strictObject({ clean: Count, incidents: Count, needless: Count });
export type Tally = v.InferOutput<typeof Tally>;

/** Where the guardrail of one contract stands. Times are epoch ms. */
export const GuardrailState = v.strictObject({
  level: Level,
  /** When the level last changed; null while it is where it began. */
  changedAt: v.nullable(v.number()),
  /** When the engine last tightened it, whatever people have done since; null where it never has. */
  tightenedAt: v.nullable(v.number()),
  /** Nothing looser is proposed before. */
  coolUntil: v.nullable(v.number()),
  tally: Tally,
  /** A looser level that people are being asked for; nothing else is proposed while they are. */
  proposed: v.nullable(v.strictObject({ level: Level, at: v.number() })),
  /** Proposals that people refused since the last change: each doubles the clean runs asked for. */
  refusals: Count,
});
export type GuardrailState = v.InferOutput<typeof GuardrailState>;

const OptionalTime = v.nullable(v.number());
const ShareOf = v.strictObject({
  share: v.nullable(v.number()),
  low: v.number(),
  high: v.number(),
  hits: Count,
  trials: Count,
});
/** What a change or a proposal is argued with. `harm`: the share of incidents among the runs since the last change, 95 % Wilson. */
export const GuardrailEvidence = v.strictObject({
  tally: Tally,
  harm: ShareOf,
  actions: v.array(v.string()),
});

export const guardrailEvents = [
  "tightened",
  "proposed",
  "loosened",
  "refused",
  "lapsed",
  "withdrawn",
] as const;

/** One thing that happened to a guardrail, with its evidence. `by` is the engine or a person. */
export const GuardrailEvent = v.strictObject({
  at: v.number(),
  event: v.picklist(guardrailEvents),
  from: Level,
  to: Level,
  by: v.string(),
  /** The kind of signal, or what the person said. */
  because: v.string(),
  evidence: GuardrailEvidence,
});
export type GuardrailEvent = v.InferOutput<typeof GuardrailEvent>;

/** A guardrail as it stands at a time, with the newest of what has happened to it. Times are epoch ms. */
export const GuardrailStanding = v.strictObject({
  type: v.string(),
  level: Level,
  ...v.pick(Guardrail, ["floor", "ceiling", "start"]).entries,
  changedAt: OptionalTime,
  coolUntil: OptionalTime,
  tally: Tally,
  harm: ShareOf,
  /** Clean runs that are still wanting before anything looser is proposed. */
  cleanRunsToGo: Count,
  proposal: v.nullable(
    v.strictObject({
      from: Level,
      to: Level,
      at: v.number(),
      lapsesAt: v.number(),
      /** The action that people decide it by. */
      action: v.string(),
      evidence: GuardrailEvidence,
    }),
  ),
  history: v.array(GuardrailEvent),
});
export type GuardrailStanding = v.InferOutput<typeof GuardrailStanding>;

const Instant = v.pipe(v.string(), v.isoTimestamp());
export const GuardrailView = v.object({
  ...GuardrailStanding.entries,
  start: Level,
  changedAt: v.nullable(Instant),
  coolUntil: v.nullable(Instant),
  proposal: v.nullable(
    v.object({
      from: Level,
      to: Level,
      at: Instant,
      lapsesAt: Instant,
      action: v.string(),
      evidence: GuardrailEvidence,
    }),
  ),
  history: v.array(v.object({ ...GuardrailEvent.entries, at: Instant })),
});
export type GuardrailView = v.InferOutput<typeof GuardrailView>;
export const Guardrails = v.object({ items: v.array(GuardrailView) });

/** A guardrail that stands at deny has been opened by the only operator there is, which `warning` says. */
export const Loosened = v.object({ ...GuardrailView.entries, warning: v.optional(v.string()) });
export type Loosened = v.InferOutput<typeof Loosened>;

/** Proposes to open what stands at deny: nothing runs there, so no evidence of its own could ever ask. */
export const ProposalBody = v.strictObject({ reason: Prose });
export type ProposalBody = v.InferOutput<typeof ProposalBody>;
export type ProposalInput = ProposalBody & {
  type: string;
  actor: string;
  now: number;
};
