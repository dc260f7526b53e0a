import { median } from "../../../scripts/bench/statistics.ts";

/** One sample of a soak: `at` in seconds, `calls` and `finished` from its start, the rest in bytes. */
export type Sample = {
  readonly at: number;
  readonly memory: number;
  readonly disk: number;
  readonly files: number;
  readonly calls: number;
  readonly finished: number;
  /** Bytes that were sent to it. */
  readonly sent: number;
};

/** The median of the slopes between every two points (Theil–Sen): an outlier, such as a sample amid a collection, moves it little. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes = points.flatMap(([x, y], index) =>
    points.slice(index + 1).flatMap(([later, up]) => (later === x ? [] : [(up - y) / (later - x)])),
  );
  return median(slopes);
}

export type Verdict = {
  /** Bytes of memory that the second half grew by, as its trend has it, and how much of that would be nothing out of the ordinary. */
  readonly grown: number;
  readonly allowed: number;
  /** Bytes on disk for each finished action, in the first half and in the second. */
  readonly rows: readonly [number, number];
  readonly faults: readonly string[];
};

/** While the engine warms up code is compiled, caches fill, and the heap finds its size: the first half of a soak is left out. */
const warmShare = 1 / 2;
/** What memory moves by while nothing is kept, at least: the heap is tidied up in steps of some megabytes. */
const stepBytes = 4 * 1_048_576;
/** What an engine may keep of each action that it has finished: an entry in a map, and not what was said. */
const keptBytes = 256;
/** One half's rows may cost so much more than the other's: pages are taken whole, and a workspace's tables in steps. */
const rowsRatio = 1.25;
/** Files are opened with each object that is awake; those of more than there could be at once are left open. */
const maxMoreFiles = 1.5;

/**
 * Whether a soak was flat. Memory: the trend of what came after the warm-up, times how long that was, is not more than it moves by
 * anyway (four times the middle distance of a sample from the trend, and a step of the heap at least) and a little for each action
 * finished. Disk: an action of the second half costs what one of the first did.
 */
export function verdictOn(samples: readonly Sample[]): Verdict {
  const { warm, slope, seconds, points } = trendOf(samples);
  const [first, start, last] = [samples[0], warm[0], samples.at(-1)];
  if (first === undefined || start === undefined || last === undefined) {
    throw new RangeError("nothing was seen");
  }
  const grown = slope * seconds;
  const level = median(points.map(([x, y]) => y - slope * x));
  const scatter = median(points.map(([x, y]) => Math.abs(y - slope * x - level)));
  const allowed = Math.max(4 * scatter, stepBytes) + keptBytes * (last.finished - start.finished);
  const middle = samples[Math.floor(samples.length / 2)] ?? last;
  const cost = (from: Sample, to: Sample): number => (to.disk - from.disk) / (to.finished - from.finished);
  const rows = [cost(first, middle), cost(middle, last)] as const;
  const files = [median(samples.slice(0, samples.length / 2).map((one) => one.files)), last.files] as const;
  const faults = [
    ...(grown > allowed ? [`memory grew by ${mega(grown)}, and ${mega(allowed)} would be nothing`] : []),
    ...(rows[1] > rows[0] * rowsRatio
      ? [`an action took ${rows[0]} bytes on disk, and then ${rows[1]}`]
      : []),
    ...(files[1] > files[0] * maxMoreFiles + 50 ? [`${files[0]} files were open, and then ${files[1]}`] : []),
  ];
  return { grown, allowed, rows, faults };
}

/** What came after the warm-up: its samples, how many bytes a second memory grows by in them, and how long it was (s). */
export function trendOf(samples: readonly Sample[]): {
  readonly warm: readonly Sample[];
  readonly points: readonly (readonly [at: number, memory: number])[];
  readonly slope: number;
  readonly seconds: number;
} {
  const from = samples[0]?.at ?? 0;
  const until = samples.at(-1)?.at ?? 0;
  const warm = samples.filter(({ at }) => at >= from + (until - from) * warmShare);
  const points = warm.map(({ at, memory }) => [at, memory] as const);
  return { warm, points, slope: slopeOf(points), seconds: until - (warm[0]?.at ?? until) };
}

/** In megabytes, for people. */
export const mega = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MB`;
