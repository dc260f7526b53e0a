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

/** The scoreboard as a page of the documentation. */
export function page(scores: readonly Score[], setting: Setting): string {
  const { date, commit, processors, node, seed, minutes } = setting;
  return `# What is proven, and by how much

Written by \`npm run prove\` on ${date}, of ${commit === null ? "a tree without a commit" : `commit ${commit}`}, on ${processors} processors under Node ${node}, in ${minutes.toFixed(0)} minutes, with the seed ${seed}. A run ends with an error, and leaves this page as it is, when anything is violated, when a control is not noticed, or when a part makes fewer trials than it has to.

${[row(head), row(head.map(() => "---")), ...scores.map((score) => row(cells(score)))].join("\n")}

A control breaks the product, or doctors what a check looks at; it counts once the check has noticed. Seconds are those of all processes of a part together.

## Each part

${scores.map(section).join("\n\n")}
`;
}

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
