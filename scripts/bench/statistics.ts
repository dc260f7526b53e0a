/** What came of one round of one measurement. Times in ms; `perSecond` counts what was finished. */
export type Summary = {
  readonly count: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
};

/** The value of a share (0 to 1) of the samples by nearest rank; NaN where there are none. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil(share * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle; NaN where there are none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  if (sorted.length % 2 === 1) return upper;
  return ((sorted[sorted.length / 2 - 1] ?? Number.NaN) + upper) / 2;
}

/** `samples` in ms, all finished within `elapsedMs`. */
export function summarise(samples: readonly number[], elapsedMs: number): Summary {
  return {
    count: samples.length,
    perSecond: samples.length / (elapsedMs / 1_000),
    p50: percentile(samples, 0.5),
    p95: percentile(samples, 0.95),
    p99: percentile(samples, 0.99),
  };
}

/** The median round, figure by figure; `count` is the sum. */
export function medianRound(rounds: readonly Summary[]): Summary {
  const middle = (of: (round: Summary) => number): number => median(rounds.map(of));
  return {
    count: rounds.reduce((sum, { count }) => sum + count, 0),
    perSecond: middle((round) => round.perSecond),
    p50: middle((round) => round.p50),
    p95: middle((round) => round.p95),
    p99: middle((round) => round.p99),
  };
}

/** How many times the floor's cost: 1 is as good as the floor, 2 half as good. */
export type Ratio = { readonly median: number; readonly low: number; readonly high: number };

/**
 * Round by round, because the two halves of a round met the same machine. `costs` of one round: ms, or seconds a piece.
 * @throws RangeError where the rounds do not pair up
 */
export function ratioOf(engine: readonly number[], floor: readonly number[]): Ratio {
  if (engine.length !== floor.length) throw new RangeError("a round has an engine and a floor");
  const ratios = engine.map((cost, round) => cost / (floor[round] ?? Number.NaN));
  return { median: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
}
