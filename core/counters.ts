import type { Counters } from "../schemas/counters.ts";
import { isQuick } from "./figures.ts";
import { bucketSeconds, histogramOf, waitsOf, type TimedAction } from "./queue-time.ts";

/** What an action adds to the counters, beside its timings: attempts to deliver its notices. */
export type Counted = TimedAction & { readonly deliveries: { delivered: number; failed: number } };

/** Counters before the first action. */
export function noCounters(): Counters {
  return {
    requests: 0,
    decisions: {},
    quick: 0,
    expired: { pending: 0, approved: 0 },
    escalations: 0,
    deliveries: { delivered: 0, failed: 0 },
    decisionSeconds: { buckets: [...bucketSeconds, Infinity].map(() => 0), sum: 0 },
  };
}

/**
 * The counters with these actions added. What one action adds only ever grows while it lives, so a sum over rows never
 * goes down; and nothing of it changes any more once the action is over, except its deliveries.
 */
export function counting(counters: Counters, actions: Iterable<Counted>): Counters {
  const sum = structuredClone(counters);
  for (const action of actions) {
    sum.requests += 1;
    if (action.decision !== null && action.via !== null) {
      const name = `${action.decision}|${action.via}`;
      sum.decisions[name] = (sum.decisions[name] ?? 0) + 1;
    }
    if (isQuick(action) === true) sum.quick += 1;
    if (action.state === "expired") sum.expired[action.decidedAt === null ? "pending" : "approved"] += 1;
    sum.escalations += action.escalations;
    sum.deliveries.delivered += action.deliveries.delivered;
    sum.deliveries.failed += action.deliveries.failed;
    addDecisionTime(sum.decisionSeconds, action);
  }
  return sum;
}

function addDecisionTime(histogram: Counters["decisionSeconds"], action: TimedAction): void {
  const waits = waitsOf("decided", [action], 0, 0).filter(({ outcome }) => outcome === "reached");
  for (const [at, count] of histogramOf(waits).entries()) {
    histogram.buckets[at] = (histogram.buckets[at] ?? 0) + count;
  }
  for (const { ms } of waits) histogram.sum += ms / 1_000;
}
