import type { Risk } from "../schemas/policy.ts";
import type { State } from "../schemas/action.ts";
import type { Timings } from "../schemas/timings.ts";

/**
 * How long people and agents wait, with those who are still waiting counted in. Leaving them out is how a dead
 * queue looks fast: nothing comes out of it, so nothing slow is ever measured.
 */

/** One action as the figures see it: when it got how far, and what it can be told apart by. Times are epoch ms. */
export type TimedAction = Timings & {
  readonly type: string;
  readonly risk: Risk;
  readonly groups: readonly string[];
  readonly state: State;
  /** When the first recipient acknowledged a notice of it; the requester's own callback is none. */
  readonly notifiedAt: number | null;
  /** When each person first opened it. */
  readonly seen: Readonly<Record<string, number>>;
};

/** Up to the decision every stage runs from the request on, because any of the first three may be skipped. */
export const stages = ["notified", "seen", "firstVote", "decided", "claimed", "finished"] as const;
export type Stage = (typeof stages)[number];

/**
 * One wait. `reached`: it ended with what was waited for. `waiting`: it goes on, and `ms` is its age. `left`: it was
 * cut off, by an expiry, a cancellation or because the next thing came first, and would have lasted `ms` or longer.
 */
export type Wait = { readonly ms: number; readonly outcome: "reached" | "waiting" | "left" };

/** `atLeast`: so many still wait that all that can be said is that it is not less. */
export type Estimate = { readonly ms: number; readonly atLeast: boolean };

type Span = { readonly from: number; readonly to: number | null; readonly left: number | null };

/** When the first person opened it. A vote proves it too, wherever it was cast. */
export function firstSeenAt({ seen, firstVoteAt }: TimedAction): number | null {
  const all = [...Object.values(seen), ...(firstVoteAt === null ? [] : [firstVoteAt])];
  return all.length === 0 ? null : Math.min(...all);
}

/** One stage of one action; null where it has not begun, or nobody waits there: what policy decides, no person does. */
function spanOf(stage: Stage, action: TimedAction): Span | null {
  const { createdAt, notifiedAt, firstVoteAt, decidedAt, claimedAt, finishedAt, leftAt } = action;
  const closedAt = decidedAt ?? leftAt;
  const byPeople = (to: number | null): Span | null =>
    action.via === "policy" ? null : { from: createdAt, to, left: closedAt };
  switch (stage) {
    case "notified":
      return byPeople(notifiedAt);
    case "seen":
      return byPeople(firstSeenAt(action));
    case "firstVote":
      return byPeople(firstVoteAt);
    case "decided":
      return byPeople(decidedAt);
    case "claimed":
      return decidedAt === null || action.decision !== "approved"
        ? null
        : { from: decidedAt, to: claimedAt, left: leftAt };
    case "finished":
      return claimedAt === null ? null : { from: claimedAt, to: finishedAt, left: leftAt };
  }
}

/**
 * The waits of one stage that ended at or after `from`, or go on at `now`. Not those that began in the window: whoever
 * has waited since yesterday waits in this hour too. A clock that is behind another makes a wait 0 and never negative.
 */
export function waitsOf(stage: Stage, actions: Iterable<TimedAction>, from: number, now: number): Wait[] {
  const waits: Wait[] = [];
  for (const action of actions) {
    const span = spanOf(stage, action);
    if (span === null) continue;
    const { to, left } = span;
    const outcome = to !== null ? "reached" : left !== null ? "left" : "waiting";
    const end = to ?? left ?? now;
    if (end >= from) waits.push({ ms: Math.max(end - span.from, 0), outcome });
  }
  return waits;
}

/** Room for what floating point does to a product of thousands of shares. */
const tolerance = 1e-9;

/**
 * Percentiles by the Kaplan-Meier estimator: at each length at which some wait was reached, the share that lasts longer
 * shrinks by reached ÷ still in play, so a wait that goes on counts as long as it has lasted and no further. Taking its age
 * for its length would make a burst of new requests look like a fast queue. Where nobody waits or left it is the
 * nearest-rank percentile. `shares` are in (0, 1), each answered in its place; null where there is no wait at all.
 */
export function percentiles(waits: readonly Wait[], shares: readonly number[]): (Estimate | null)[] {
  const sorted = waits.toSorted((a, b) => a.ms - b.ms);
  const last = sorted.at(-1);
  if (last === undefined) return shares.map(() => null);
  const steps: { ms: number; longer: number }[] = [];
  let longer = 1;
  for (let at = 0; at < sorted.length;) {
    const ms = sorted[at]?.ms ?? 0;
    const inPlay = sorted.length - at;
    let reached = 0;
    for (; sorted[at]?.ms === ms; at += 1) if (sorted[at]?.outcome === "reached") reached += 1;
    longer *= 1 - reached / inPlay;
    if (reached > 0) steps.push({ ms, longer });
  }
  return shares.map((share) => {
    const step = steps.find((one) => one.longer <= 1 - share + tolerance);
    return step === undefined ? { ms: last.ms, atLeast: true } : { ms: step.ms, atLeast: false };
  });
}

/** Upper bounds of the histograms, in seconds. */
export const bucketSeconds = [15, 60, 300, 900, 3_600, 14_400, 86_400] as const;

/** How many of the waits that were reached lasted at most each bound; cumulative, the last one is all of them. */
export function histogramOf(waits: Iterable<Wait>): number[] {
  const counts = [...bucketSeconds, Infinity].map(() => 0);
  for (const { ms, outcome } of waits) {
    if (outcome !== "reached") continue;
    const first = bucketSeconds.findIndex((bound) => ms <= bound * 1_000);
    for (let at = first === -1 ? bucketSeconds.length : first; at < counts.length; at += 1) {
      counts[at] = (counts[at] ?? 0) + 1;
    }
  }
  return counts;
}
