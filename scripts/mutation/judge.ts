import * as v from "valibot";

/** As much of Stryker's report as is judged (its "mutation-testing-report-schema"). */
const Place = v.object({ line: v.number(), column: v.number() });
const Mutant = v.object({
  mutatorName: v.string(),
  replacement: v.optional(v.string(), ""),
  status: v.picklist([
    "Killed",
    "Survived",
    "NoCoverage",
    "Timeout",
    "RuntimeError",
    "CompileError",
    "Ignored",
    "Pending",
  ]),
  statusReason: v.optional(v.string(), ""),
  location: v.object({ start: Place, end: Place }),
});
export const StrykerReport = v.object({
  files: v.record(v.string(), v.object({ source: v.string(), mutants: v.array(Mutant) })),
});
export type StrykerReport = v.InferOutput<typeof StrykerReport>;

/**
 * Why changes may go unnoticed. They are named by their text, so that code may move: `in` is the line where the change begins, `from`
 * what stood there and `to` what came in its place, all with single blanks.
 */
export const Explanations = v.array(
  v.strictObject({
    file: v.string(),
    why: v.pipe(v.string(), v.minLength(20)),
    changes: v.pipe(
      v.array(v.strictObject({ in: v.string(), from: v.string(), to: v.string() })),
      v.minLength(1),
    ),
  }),
);
export type Explanations = v.InferOutput<typeof Explanations>;

export type Survivor = {
  readonly file: string;
  readonly in: string;
  readonly from: string;
  readonly to: string;
};
export type Verdict = {
  /** Changes that could be tried. */
  readonly valid: number;
  readonly noticed: number;
  /** Of a hundred valid changes, how many were noticed. Nothing is taken off because it is explained. */
  readonly score: number;
  readonly explained: number;
  readonly unexplained: readonly Survivor[];
  /** Why the group does not hold, in words. None: it does. */
  readonly faults: readonly string[];
};

const keyOf = ({ file, in: line, from, to }: Survivor): string => JSON.stringify([file, line, from, to]);

/** Holds what Stryker found against the least score and the explanations: one that explains nothing is a fault as well. */
export function judge(report: StrykerReport, explanations: Explanations, least: number): Verdict {
  const mutants = Object.entries(report.files).flatMap(([file, { source, mutants: own }]) =>
    own.map((mutant) => ({ ...mutant, file, source })),
  );
  const noticed = mutants.filter(({ status }) => status === "Killed" || status === "Timeout").length;
  const missed = mutants
    .filter(({ status }) => status === "Survived" || status === "NoCoverage")
    .map(survivorOf);
  const untried = mutants.filter(
    ({ status }) =>
      status !== "Killed" && status !== "Timeout" && status !== "Survived" && status !== "NoCoverage",
  );
  const valid = noticed + missed.length;
  const score = valid === 0 ? 0 : (100 * noticed) / valid;
  const explainedKeys = new Set(
    explanations.flatMap(({ file, changes }) => changes.map((change) => keyOf({ file, ...change }))),
  );
  const missedKeys = new Set(missed.map(keyOf));
  const unexplained = missed.filter((one) => !explainedKeys.has(keyOf(one)));
  const stale = [...explainedKeys].filter((key) => !missedKeys.has(key));
  return {
    valid,
    noticed,
    score,
    explained: missed.length - unexplained.length,
    unexplained,
    faults: [
      ...(score < least ? [`${score.toFixed(1)} of 100 changes were noticed instead of ${least}`] : []),
      ...unexplained.map((one) => `nobody noticed, and nobody explained: ${said(one)}`),
      ...stale.map((key) => `explained, but noticed or not made any more: ${key}`),
      ...untried.map(
        ({ file, location, status, statusReason }) =>
          `${file}:${location.start.line} was not tried (${status}): ${statusReason}`,
      ),
    ],
  };
}

const said = ({ file, in: line, from, to }: Survivor): string => `${file}: ${from} => ${to} in ${line}`;
const onOneLine = (text: string): string => text.replaceAll(/\s+/gu, " ").trim();

type Found = v.InferOutput<typeof Mutant> & { readonly file: string; readonly source: string };

function survivorOf({ file, source, replacement, location: { start, end } }: Found): Survivor {
  const lines = source.split("\n").slice(start.line - 1, end.line);
  const [first = ""] = lines;
  // The end first: on one line the start would shift it.
  const cut = [...lines.slice(0, -1), (lines.at(-1) ?? "").slice(0, end.column - 1)];
  const from = [(cut[0] ?? "").slice(start.column - 1), ...cut.slice(1)].join("\n");
  return { file, in: onOneLine(first), from: onOneLine(from), to: onOneLine(replacement) };
}
