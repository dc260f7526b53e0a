import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Argument, Command } from "commander";
import * as v from "valibot";
import { root } from "../prove/process.ts";
import { lineOf } from "../prove/report.ts";
import { groups, type Group } from "./groups.ts";
import { Explanations, judge, type Verdict } from "./judge.ts";
import { tried } from "./stryker.ts";

const [chosen = ""] = new Command("node scripts/mutation/run.ts")
  .description("Changes the code of a group in small ways and counts how many changes its tests notice.")
  .addArgument(new Argument("<group>", "what to change").choices(groups.map(({ name }) => name)))
  .addHelpText("after", "\nWhat may go unnoticed, and why, is in tests/mutation/<group>.json.")
  .parse().args;

const found = groups.find(({ name }) => name === chosen);
process.exitCode = found !== undefined && (await main(found)) ? 0 : 1;

/** @returns whether the group holds. */
async function main(group: Group): Promise<boolean> {
  const explanations = v.parse(
    Explanations,
    JSON.parse(readFileSync(join(root, "tests", "mutation", `${group.name}.json`), "utf8")),
  );
  const verdict = judge(await tried(group.mutate, group.tests, group.slow ?? []), explanations, group.least);
  console.log(summary(group, verdict));
  for (const fault of verdict.faults) console.log(`  ${fault}`);
  if (verdict.unexplained.length > 0) console.log(JSON.stringify(verdict.unexplained, null, 2));
  if (verdict.faults.length > 0) return false;
  const { file, without } = group.control;
  const left = group.tests.filter((name) => !without.includes(name));
  const control = judge(await tried([file], left, group.slow ?? []), [], group.least);
  const isNoticed = control.score < group.least && control.faults.length > 0;
  console.log(
    lineOf({
      part: "mutation",
      trials: verdict.valid,
      controls: { found: isNoticed ? 1 : 0, of: 1 },
      notes: `${summary(group, verdict)}; ${file} without its tests ${control.score.toFixed(1)} %`,
    }),
  );
  return true;
}

function summary({ name, least }: Group, { valid, noticed, score, explained }: Verdict): string {
  return `${name}: ${score.toFixed(1)} % (${noticed} of ${valid} changes noticed, ${explained} of the others explained; at least ${least} %)`;
}
