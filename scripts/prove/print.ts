import { styleText } from "node:util";
import { table } from "../bench/table.ts";
import { seedVariable, type Extent, type Part } from "./part.ts";
import type { Score } from "./score.ts";

/** What a run is of: two that differ in this are not to be compared by their seconds. */
export type Setting = {
  /** `2026-11-23`. */
  readonly date: string;
  /** Short, with "and changes" where the tree has any; null where there is none. */
  readonly commit: string | null;
  readonly processors: number;
  readonly node: string;
  readonly seed: number;
  readonly extent: Extent;
  readonly minutes: number;
};

/** 1234567 as 1,234,567. */
const grouped = (count: number): string => count.toLocaleString("en-US");

const head = ["part", "trials", "of", "violations", "controls found", "seed", "seconds"];

const cells = ({ part, trials, unit, violations, controls, seed, seconds }: Score): string[] => [
  part,
  grouped(trials),
  unit,
  grouped(violations),
  `${controls.found} of ${controls.of}`,
  seed === null ? "–" : String(seed),
  seconds.toFixed(0),
];

/** The scoreboard for a person, and below it whatever does not hold. */
export function printed(scores: readonly Score[], setting: Setting): string {
  const faults = scores.flatMap(({ part, faults: own }) => own.map((fault) => `  ${part}: ${fault}`));
  const verdict =
    faults.length === 0
      ? styleText("green", "Everything holds.")
      : `${styleText("red", "Not everything holds:")}\n${faults.join("\n")}`;
  return [table(head, scores.map(cells)), told(setting), verdict].join("\n\n");
}

function told({ processors, node, commit, extent, seed, minutes }: Setting): string {
  const where = `${processors} processors, Node ${node}, ${commit ?? "no commit"}`;
  return `A ${extent} run of ${minutes.toFixed(1)} minutes with the seed ${seed}; ${where}.
Controls are ways to break the product or the check; all of them have to be noticed. Seconds are those of all of a part's
processes together.`;
}

/** The table of parts, as `--list` shows it. */
export const listed = (parts: readonly Part[]): string =>
  table(
    ["part", "quick", "whole", "of", "size by"],
    parts.map(({ name, quick, whole, unit, size }) => [
      name,
      quick === null ? "–" : grouped(quick),
      grouped(whole),
      unit,
      size ?? "all there are",
    ]),
  );

const row = (line: readonly string[]): string => `| ${line.join(" | ")} |`;

/** The last whole run of a part, and what it was of. */
export type Row = { readonly score: Score; readonly setting: Setting };

/**
 * The scoreboard as a page of the documentation: a line for each part, of its last whole run.
 * @param missing names of parts that have not had one.
 */
export function page(rows: readonly Row[], missing: readonly string[]): string {
  const lines = rows.map(({ score, setting }) => row([...cells(score), setting.date, setting.commit ?? "–"]));
  const without = missing.length === 0 ? "" : `\nNot run whole yet: ${missing.join(", ")}.\n`;
  return `# What is proven, and by how much

Written by \`npm run prove\`, which keeps a line for each part: that of its last whole run, with its day and its commit. A run ends with an error, and leaves this page as it is, when anything is violated, when a control is not noticed, or when a part makes fewer trials than it has to.

${[row([...head, "on", "commit"]), row([...head, "on", "commit"].map(() => "---")), ...lines].join("\n")}
${without}
A control breaks the product, or doctors what a check looks at; it counts once the check has noticed. Seconds are those of all processes of a part together, on ${machines(rows)}.

## Each part

${rows.map(({ score }) => section(score)).join("\n\n")}
`;
}

const machines = (rows: readonly Row[]): string =>
  [...new Set(rows.map(({ setting }) => `${setting.processors} processors under Node ${setting.node}`))].join(
    ", or ",
  );

function section({ part, proves, seed, notes }: Score): string {
  const again = `npm run prove -- --only ${part}${seed === null ? "" : ` --seed ${seed}`}`;
  const said = [...new Set(notes)].map((note) => `- ${note}`).join("\n");
  return [
    `### ${part}`,
    proves,
    `Alone${seed === null ? "" : `, with the same ${seedVariable}`}: \`${again}\``,
    ...(said === "" ? [] : [said]),
  ].join("\n\n");
}
