/** A share of a whole and how sure one can be of it. All three are between 0 and 1; `trials` of 0 says nothing: 0 to 1. */
export type Share = {
  readonly share: number | null;
  readonly low: number;
  readonly high: number;
  readonly hits: number;
  readonly trials: number;
};

/** The 97.5 % point of the normal distribution: both ends together leave 5 % outside. */
const z = 1.959963984540054;

/**
 * The share of `hits` in `trials` with its 95 % Wilson score interval (Wilson 1927), which stays inside 0 to 1 and says
 * something sensible of few trials, where the textbook interval would be a point.
 */
export function wilson(hits: number, trials: number): Share {
  if (trials === 0) return { share: null, low: 0, high: 1, hits, trials };
  const p = hits / trials;
  const z2 = z * z;
  const scale = 1 + z2 / trials;
  const centre = (p + z2 / (2 * trials)) / scale;
  const half = (z * Math.sqrt((p * (1 - p)) / trials + z2 / (4 * trials * trials))) / scale;
  return {
    share: p,
    // Rounding would leave the ends a hair off where they are known exactly.
    low: hits === 0 ? 0 : Math.max(0, centre - half),
    high: hits === trials ? 1 : Math.min(1, centre + half),
    hits,
    trials,
  };
}
