import type { ReplayAnswer, ReplayCount } from "../../schemas/replay.ts";

/** What comes of replaying some actions, before the next page is known. */
export type Replayed = Omit<ReplayAnswer, "nextCursor">;

/** Two pages as one. */
export function joined(a: Replayed, b: Replayed): Replayed {
  const counts = new Map<string, ReplayCount>();
  for (const one of [...a.counts, ...b.counts]) {
    const key = JSON.stringify([one.type, one.was, one.would]);
    counts.set(key, { ...one, count: one.count + (counts.get(key)?.count ?? 0) });
  }
  return {
    replayed: a.replayed + b.replayed,
    notReplayable: a.notReplayable + b.notReplayable,
    stopped: a.stopped + b.stopped,
    changed: [...a.changed, ...b.changed],
    counts: [...counts.values()],
  };
}
