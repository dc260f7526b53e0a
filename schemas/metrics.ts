import * as v from "valibot";
import { EvidenceFigures } from "./evidence-figures.ts";
import { PersonId } from "./text.ts";

/** What `GET /v1/metrics` answers. Durations are milliseconds, shares are from 0 to 1 and null where there is nothing to share. */

export const metricsWindows = ["1h", "24h", "7d", "30d"] as const;
export const MetricsWindow = v.picklist(metricsWindows);
export type MetricsWindow = v.InferOutput<typeof MetricsWindow>;

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Share = v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(1)));

/** `atLeast`: so many still wait that it can only be said not to be less. */
const Estimate = v.object({ ms: v.number(), atLeast: v.boolean() });

/** How many people run the engine; `warning` while one of them changes it alone. */
export const OperatorsView = v.object({ people: Count, warning: v.nullable(v.string()) });

export const StageFigures = v.object({
  /** Waits that ended with what was waited for. */
  reached: Count,
  /** Waits that go on; each counts in the percentiles as long as it has lasted. */
  waiting: Count,
  /** Waits cut off: expired, cancelled, or overtaken by what comes after. */
  left: Count,
  p50: v.nullable(Estimate),
  p95: v.nullable(Estimate),
  p99: v.nullable(Estimate),
  /** Of the reached ones, how many lasted at most `leMs`; null is without end. */
  histogram: v.array(v.object({ leMs: v.nullable(v.number()), count: Count })),
});
export type StageFigures = v.InferOutput<typeof StageFigures>;

const Pending = v.object({ name: v.string(), count: Count, oldestMs: v.number() });

const ReviewerFigures = v.object({
  person: PersonId,
  /** Latest votes cast in the window, withdrawn ones left out. */
  decisions: Count,
  approved: Count,
  denied: Count,
  /** From opening the action to the vote, over those that were opened on the page. */
  review: v.object({ timed: Count, totalMs: v.number(), medianMs: v.nullable(v.number()) }),
});
export type ReviewerFigures = v.InferOutput<typeof ReviewerFigures>;

/** A share of `trials` with its 95 % Wilson interval, `low` to `high`. */
const Rate = v.object({ share: Share, low: v.number(), high: v.number(), hits: Count, trials: Count });
/** `labelled`: how many of the trials anybody has spoken of. All others count as not wrong, so the rate is a lower bound. */
export const GateRate = v.object({ ...Rate.entries, labelled: Count });
export type GateRate = v.InferOutput<typeof GateRate>;

/** The rates of one action type or policy class, and what they were measured over. */
export const RateRow = v.object({
  name: v.string(),
  /** The workload: actions decided in the window, by people or by policy, and how many agents and types they were of. */
  actions: Count,
  agents: Count,
  types: Count,
  /** Of those that people were asked for and approved: nobody need have been asked. */
  needlessGates: GateRate,
  /** Of those that policy let through: people should have been asked, or it did harm. */
  missedGates: GateRate,
  /** Of those whose run has ended: it succeeded and was not undone. */
  success: Rate,
  /** Of those whose run has ended: it was rolled back, or that was tried or is under way. */
  rollback: Rate,
  /** Effects seen in the window that no claim stands behind. */
  bypasses: Count,
  /** What contracts in `warn` or `shadow` would have said, had they been enforced; left out where none only watched. */
  watched: v.optional(v.object({ allow: Count, gate: Count, deny: Count })),
});
export type RateRow = v.InferOutput<typeof RateRow>;

export const Rates = v.object({
  window: MetricsWindow,
  from: v.pipe(v.string(), v.isoTimestamp()),
  to: v.pipe(v.string(), v.isoTimestamp()),
  /** False where there is more in the window than was looked at. */
  complete: v.boolean(),
  all: RateRow,
  byType: v.array(RateRow),
  byClass: v.array(RateRow),
});
export type Rates = v.InferOutput<typeof Rates>;

export const Figures = v.object({
  window: MetricsWindow,
  from: v.pipe(v.string(), v.isoTimestamp()),
  to: v.pipe(v.string(), v.isoTimestamp()),
  /** False where there is more in the window than was looked at; what is pending is always all of it. */
  complete: v.boolean(),
  pending: v.object({
    count: Count,
    oldestMs: v.nullable(v.number()),
    byType: v.array(Pending),
    byRisk: v.array(Pending),
    /** An action with seats for two groups is in both. */
    byGroup: v.array(Pending),
  }),
  /** From the request on up to `decided`; `claimed` from the approval on and `finished` from the claim on. */
  queueTime: v.object({
    notified: StageFigures,
    seen: StageFigures,
    firstVote: StageFigures,
    decided: StageFigures,
    claimed: StageFigures,
    finished: StageFigures,
  }),
  requested: Count,
  decided: v.object({ approved: Count, denied: Count, byPolicy: Count, byVia: v.record(v.string(), Count) }),
  expired: v.object({ pending: Count, approved: Count }),
  /** Actions that waited in the window and had to be escalated. */
  escalated: Count,
  /** Decided by people less than five seconds after it was first seen, or where nobody opened it notified, or else asked. */
  underFiveSeconds: v.object({ count: Count, of: Count, share: Share }),
  /** Denials whose reason begins with "missing context". */
  missingContext: v.object({ count: Count, of: Count, share: Share }),
  reviewers: v.array(ReviewerFigures),
  deadLetters: Count,
  /** Messages to people that were not sent in the window: their hour was full, or they have a card of an identical request. */
  suppressed: v.object({ budget: Count, coalesced: Count }),
  rates: Rates,
  /** What is kept, what is let go of, and who reads it; left out where the log cannot be asked. */
  evidence: v.optional(EvidenceFigures),
});
export type Figures = v.InferOutput<typeof Figures>;
