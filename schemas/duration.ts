import * as v from "valibot";

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Milliseconds of a duration such as "90s", "30m" or "7d"; undefined where the text is none. */
export function durationMs(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/u.exec(text);
  if (match === null) return undefined;
  const unit = match[2];
  if (unit !== "ms" && unit !== "s" && unit !== "m" && unit !== "h" && unit !== "d") return undefined;
  return Number(match[1]) * unitMs[unit];
}

/** A duration in a document: a whole number and ms, s, m, h or d. */
export const Duration = v.pipe(
  v.string(),
  v.check((text) => durationMs(text) !== undefined, 'is a duration such as "90s", "30m" or "7d"'),
);
