import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { availableParallelism } from "node:os";
import { relative } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { progressOn } from "./progress.ts";
import { jobsOf, type Job } from "./prove/jobs.ts";
import { keep } from "./prove/kept.ts";
import { inLanes } from "./prove/lanes.ts";
import type { Extent } from "./prove/part.ts";
import { parts } from "./prove/parts.ts";
import { listed, printed, type Setting } from "./prove/print.ts";
import { endAll, root, run, type Finished } from "./prove/process.ts";
import { scoreOf } from "./prove/score.ts";

type Options = {
  quick: boolean;
  only?: string[];
  seed?: number;
  list: boolean;
  json: boolean;
  write: boolean;
};

/** What a run itself writes is no change to what it has proven. */
const written = ["docs/proof.json", "docs/proof.md"].map((path) => `:(exclude)${path}`);
/** Of the output of what failed: vitest says what was wrong at its end. */
const tailLines = 120;

const options = new Command("npm run prove --")
  .description(
    "Proves what the product promises, part by part, with the number of trials and with controls that have to fail.\n" +
      "A whole run takes more than an hour on two processors; docs/proof.md keeps the last one of each part.",
  )
  .option("--quick", "a small number of trials, as in npm test: three minutes", false)
  .addOption(new Option("--only <part...>", "only these parts").choices(parts.map(({ name }) => name)))
  .option("--seed <number>", "where random numbers begin (default: another one each time)", parseSeed)
  .option("--list", "say which parts there are, and end", false)
  .option("--json", "print the scoreboard as JSON", false)
  .option("--no-write", "leave docs/proof.md as it is (so do --quick and a run that fails)")
  .addHelpText(
    "after",
    `
A part ends with an error when anything is violated, when a control is not noticed, or when it makes fewer trials than
it has to. What its processes have written is in node_modules/.prove.
Examples:
  npm run prove -- --list
  npm run prove -- --only kills --seed 4711
  npm run prove -- --quick --only search random`,
  )
  .parse()
  .opts<Options>();

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));
process.on("disconnect", () => process.exit(1));
process.on("exit", endAll);

const holds = options.list ? list(options) : await main(options);
process.exit(holds ? 0 : 1);

function list({ json }: Options): true {
  console.log(json ? JSON.stringify(parts, null, 2) : listed(parts));
  return true;
}

/** @returns whether everything holds. */
async function main({ quick, only, seed = randomInt(2 ** 31), json, write }: Options): Promise<boolean> {
  const started = performance.now();
  const extent: Extent = quick ? "quick" : "whole";
  const chosen = parts.filter(({ name }) => only?.includes(name) ?? true);
  const jobs = chosen.flatMap((part) => jobsOf(part, extent, seed));
  const made = chosen.filter((part) => jobs.some((job) => job.part === part));
  if (made.length === 0) {
    console.error("None of these has a quick size: leave --quick out.");
    return false;
  }
  const finished = await runAll(jobs);
  const scores = made.map((part) => scoreOf(part, extent, seed, finished.get(part.name) ?? []));
  const setting: Setting = {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    processors: availableParallelism(),
    node: process.version,
    seed,
    extent,
    minutes: (performance.now() - started) / 60_000,
  };
  const holding = scores.every(({ faults }) => faults.length === 0);
  console.log(
    json ? JSON.stringify({ holds: holding, ...setting, scores }, null, 2) : printed(scores, setting),
  );
  if (write && holding && !quick) {
    const path = keep(
      scores.map((score) => ({ score, setting })),
      parts,
    );
    console.error(`Written to ${path}.`);
  }
  return holding;
}

/** Runs every job, as many at once as there are processors and as many again that mostly wait. */
async function runAll(jobs: readonly Job[]): Promise<Map<string, Finished[]>> {
  const progress = progressOn();
  const started = performance.now();
  const open = new Set<string>();
  const show = (): void => {
    const done = jobs.length - waiting.length - open.size;
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    progress.text = `${done} of ${jobs.length} done in ${seconds} s: ${[...open].join(", ")}`;
  };
  const waiting = [...jobs];
  const timer = setInterval(show, 500);
  if (process.stderr.isTTY) progress.start("Starting");
  const finished = new Map<string, Finished[]>();
  const work = async (job: Job): Promise<void> => {
    waiting.splice(waiting.indexOf(job), 1);
    open.add(job.label);
    const one = await run(job);
    open.delete(job.label);
    finished.set(job.part.name, [...(finished.get(job.part.name) ?? []), one]);
    tell(one);
    if (process.stderr.isTTY) progress.start();
  };
  const tell = ({ label, succeeded, seconds, output, log }: Finished): void => {
    const time = `${label} (${seconds.toFixed(0)} s)`;
    if (succeeded) return void progress.succeed(time);
    progress.fail(`${time}; all it wrote: ${relative(root, log)}`);
    console.error(output.trimEnd().split("\n").slice(-tailLines).join("\n"));
  };
  const lanes = availableParallelism();
  await Promise.all([
    inLanes(
      jobs.filter(({ part }) => part.waits !== true),
      lanes,
      work,
    ),
    inLanes(
      jobs.filter(({ part }) => part.waits === true),
      lanes,
      work,
    ),
  ]);
  clearInterval(timer);
  progress.stop();
  return finished;
}

/** The commit that is proven, as far as the tree is one. */
function commit(): string | null {
  const hash = git("rev-parse", "--short", "HEAD");
  if (hash === null) return null;
  return git("status", "--porcelain", "--", ".", ...written) === "" ? hash : `${hash} and changes`;
}

function git(...args: string[]): string | null {
  const { status, stdout } = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (/^\d+$/u.test(text) && seed < 2 ** 31) return seed;
  throw new InvalidArgumentError("A seed is a whole number below 2147483648.");
}
