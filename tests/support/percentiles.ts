import type { Wait } from "../../core/queue-time.ts";

/**
 * The same estimate by another way (Efron's): every wait has the same weight, and the weight of one that was cut off is
 * given in equal parts to all that lasted longer. Quadratic, and nothing is shared with what it is held against.
 */
export function bruteForce(waits: readonly Wait[], share: number): { ms: number; atLeast: boolean } | null {
  if (waits.length === 0) return null;
  const weights = waits.map(() => 1 / waits.length);
  const order = [...waits.keys()].toSorted(
    (a, b) =>
      waits[a]!.ms - waits[b]!.ms ||
      Number(waits[a]!.outcome !== "reached") - Number(waits[b]!.outcome !== "reached"),
  );
  for (const [place, index] of order.entries()) {
    if (waits[index]!.outcome === "reached") continue;
    const longer = order.slice(place + 1);
    if (longer.length === 0) continue;
    for (const heir of longer) weights[heir]! += weights[index]! / longer.length;
    weights[index] = 0;
  }
  let sum = 0;
  for (const index of order) {
    if (waits[index]!.outcome !== "reached") continue;
    sum += weights[index]!;
    if (sum >= share - 1e-9) return { ms: waits[index]!.ms, atLeast: false };
  }
  return { ms: Math.max(...waits.map(({ ms }) => ms)), atLeast: true };
}
