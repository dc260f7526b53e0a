import * as v from "valibot";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

/**
 * What a campaign says of itself. A part of the table may report many times: what its files, tests and shards report is added up.
 *
 * - `trials`: how many were made; `violations`: how many of them went wrong, where it counts on instead of ending with the first.
 * - `seed`: what they came from; null or left out where nothing is random.
 * - `controls`: ways to break the product, or the check, that were tried, and how many of them were noticed.
 * - `notes`: figures that say what the trials were like, such as "612 webhooks".
 */
export const Proven = v.strictObject({
  part: v.string(),
  trials: v.optional(count, 0),
  violations: v.optional(count, 0),
  seed: v.optional(v.nullable(count), null),
  controls: v.optional(v.strictObject({ found: count, of: count }), { found: 0, of: 0 }),
  notes: v.optional(v.string(), ""),
});
export type Proven = v.InferOutput<typeof Proven>;
/** The same as it is written: only the part has to be said. */
export type Report = v.InferInput<typeof Proven>;

const mark = "proven: ";

/** A report as a line: standard output is the one way out that plain Node, workerd and any other program have in common. */
export const lineOf = (report: Report): string => `${mark}${JSON.stringify(report)}`;

/** The reports among what a program has written, and the lines that look like one and are none. */
export function reportsIn(output: string): { reports: Proven[]; unreadable: string[] } {
  const reports: Proven[] = [];
  const unreadable: string[] = [];
  for (const line of output.split("\n").filter((one) => one.startsWith(mark))) {
    const parsed = v.safeParse(Line, line.slice(mark.length));
    if (parsed.success) reports.push(parsed.output);
    else unreadable.push(line);
  }
  return { reports, unreadable };
}

const Line = v.pipe(v.string(), v.parseJson(), Proven);
