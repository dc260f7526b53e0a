import * as v from "valibot";

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** What only ever grows in a workspace, since its first action. */
export const Counters = v.strictObject({
  requests: Count,
  /** By `outcome|via`, such as `approved|slack`. */
  decisions: v.record(v.string(), Count),
  /** Decided by people in under five seconds. */
  quick: Count,
  expired: v.strictObject({ pending: Count, approved: Count }),
  escalations: Count,
  /** Attempts, by what came of them. */
  deliveries: v.strictObject({ delivered: Count, failed: Count }),
  /** From the request to a decision by people; cumulative buckets, the last without bound. */
  decisionSeconds: v.strictObject({ buckets: v.array(Count), sum: v.number() }),
});
export type Counters = v.InferOutput<typeof Counters>;

/** The counters of every action that is over up to a row, so that no scrape has to look at those again. */
export const Totals = v.strictObject({
  /** Every row up to this one is in `counters`, but for those in `open`. */
  upToRow: Count,
  open: v.array(Count),
  counters: Counters,
});
export type Totals = v.InferOutput<typeof Totals>;
