import { wantedOf, type Extent, type Part } from "./part.ts";
import type { Proven } from "./report.ts";

/** What came of one process. */
export type Outcome = {
  readonly label: string;
  /** It ended by itself, and with 0. */
  readonly succeeded: boolean;
  readonly reports: readonly Proven[];
  /** Lines that were meant as reports and are none. */
  readonly unreadable: readonly string[];
  readonly seconds: number;
};

/** One line of the scoreboard. */
export type Score = {
  readonly part: string;
  readonly proves: string;
  readonly unit: string;
  readonly trials: number;
  readonly wanted: number;
  readonly violations: number;
  readonly controls: { readonly found: number; readonly of: number };
  /** What it came from; null where nothing in it is random. */
  readonly seed: number | null;
  /** All its processes together. */
  readonly seconds: number;
  readonly notes: readonly string[];
  /** Why this part does not hold, in words. None: it does. */
  readonly faults: readonly string[];
};

/**
 * Adds up what a part's processes have reported and holds it against its row: silence, too few trials and a control that was not
 * tried are as bad as a violation, because each would pass for a proof.
 */
export function scoreOf(part: Part, extent: Extent, seed: number, outcomes: readonly Outcome[]): Score {
  const own = outcomes.flatMap(({ reports }) => reports).filter((report) => report.part === part.name);
  const sum = (of: (report: Proven) => number): number => own.reduce((total, one) => total + of(one), 0);
  const wanted = wantedOf(part, extent) ?? 0;
  const trials = sum((one) => one.trials);
  const controls = { found: sum((one) => one.controls.found), of: sum((one) => one.controls.of) };
  const counted = sum((one) => one.violations);
  const failed = outcomes.filter(({ succeeded }) => !succeeded);
  const faults = [
    ...failed.map(({ label }) => `${label} failed`),
    ...outcomes
      .filter(({ succeeded, reports }) => succeeded && reports.length === 0)
      .map(({ label }) => `${label} reported nothing`),
    ...outcomes.flatMap(({ label, unreadable }) =>
      unreadable.map((line) => `${label} reported what is no report: ${line}`),
    ),
    ...strangers(part, outcomes),
    ...(counted > 0 ? [`${counted} violations`] : []),
    ...(trials < wanted ? [`${trials} trials instead of ${wanted}`] : []),
    ...(controls.found < controls.of ? [`${controls.of - controls.found} controls were not noticed`] : []),
    ...(controls.of < part.controls ? [`${controls.of} controls instead of ${part.controls}`] : []),
  ];
  return {
    part: part.name,
    proves: part.proves,
    unit: part.unit,
    trials,
    wanted,
    // A campaign that ends with the first does not get to counting it.
    violations: counted > 0 ? counted : failed.length,
    controls,
    seed: own.some((one) => one.seed !== null) ? seed : null,
    seconds: outcomes.reduce((total, one) => total + one.seconds, 0),
    notes: own.map(({ notes }) => notes).filter((notes) => notes !== ""),
    faults,
  };
}

/** Reports of a part that the process does not belong to: one of the two names is wrong. */
function strangers(part: Part, outcomes: readonly Outcome[]): string[] {
  return outcomes.flatMap(({ label, reports }) =>
    reports
      .filter((report) => report.part !== part.name)
      .map((report) => `${label} reported for "${report.part}"`),
  );
}
