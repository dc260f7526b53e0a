import { writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError, Option } from "commander";
import { progressOn } from "./progress.ts";
import { printed, target } from "./bench/print.ts";
import { plotsOf } from "./bench/plots.ts";
import { type Plan, type Report, runPlan, type Section, sections } from "./bench/run.ts";
import type { Mode } from "./bench/server.ts";

type Options = {
  json: boolean;
  quick: boolean;
  peers: boolean;
  full: boolean;
  write: boolean;
  only?: Section[];
  mode?: Mode;
  seconds?: number;
  rounds?: number;
};

const modes = ["start", "workerd"] as const satisfies Mode[];

const options = new Command("npm run bench --")
  .description(
    "Measures the engine beside a floor: a Worker that makes one object with one row and one alarm, and flips it.\n" +
      "Both run on this machine, as `npm start` runs them and under plain workerd. About an hour; a section alone takes minutes.",
  )
  .option("--json", "print every figure as JSON", false)
  .option("--quick", "short rounds, 1,000 pending, 500 waiters: ten minutes, rough figures", false)
  .option("--peers", "put what a user could take instead beside it, in the round trip", false)
  .option("--full", "with 100,000 pending as well: two hours more, and 10 GB of disk", false)
  .option("--write", "write the charts of what was measured: docs/bench-….svg", false)
  .addOption(new Option("--only <section...>", "only these sections").choices(sections))
  .addOption(new Option("--mode <mode>", "one way of running").choices(modes))
  .option(
    "--seconds <number>",
    "how long each round of each figure takes (default: 1, in the round trip 5; quick: 0.3, and 1)",
    parseSeconds,
  )
  .option(
    "--rounds <number>",
    "how many rounds (default: 5, in the round trip 3; quick: 3, and 1)",
    parseRounds,
  )
  .addHelpText(
    "after",
    `
Sections:
  roundtrip   create, wait, decide, have the decision, claim, report, by 1 and by 16 clients. With --peers beside Postgres
              LISTEN/NOTIFY, Restate, DBOS, LangGraph and Cloudflare Workflows: their packages are installed into
              scripts/bench/peers the first time; Postgres has to be there (\`apt-get install postgresql\`)
  create      one call
  resume      from the decision until whoever waits has it
  pending     both with none, 1,000 and 10,000 actions pending; memory and disk for each of them, and a restart
  waiters     10,000 at once, each on a WebSocket for an action of its own (or as many as \`ulimit -n\` has room for)
  hot         1,000 votes on one action, and what one workspace's Board and Registry do
  profile     where the time of a life goes under plain workerd: processor, syncs (with strace), calls; --write draws them
  evaluation  deciding by 1,000 contracts with conditions, no server
  evidence    what the chain, the log and retention cost one life, no server
  page        in Chromium, where there is one: until the queue is there, until a second browser shows a decision, and how
              heavy the scripts are
Examples:
  npm run bench -- --only roundtrip --peers --write
  npm run bench -- --only pending --mode workerd --full --write
Figures are of this machine at this hour: compare the ratios to the floor, whose target is ${target}.`,
  )
  .parse()
  .opts<Options>();

// Everything started here ends with this process, however it ends.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));
process.on("disconnect", () => process.exit(1));

await main(options).catch((error: unknown) => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exit(1);
});
process.exit(0);

async function main(given: Options): Promise<void> {
  const { json, quick, only, mode, seconds, rounds } = given;
  const progress = progressOn();
  let last = "";
  // Where standard error is no terminal, one line for each step and not one for each count.
  const tell = (step: string, detail = ""): void => {
    if (process.stderr.isTTY || step !== last) progress.start(`${step} ${detail}`);
    last = step;
  };
  const plan: Plan = {
    modes: mode === undefined ? modes : [mode],
    sections: only ?? sections,
    levels: levelsOf(given),
    seconds: seconds ?? (quick ? 0.3 : 1),
    rounds: rounds ?? (quick ? 3 : 5),
    peers: given.peers,
    waiters: quick ? 500 : 10_000,
    votes: quick ? 100 : 1_000,
    trips: {
      seconds: seconds ?? (quick ? 1 : 5),
      rounds: rounds ?? (quick ? 1 : 3),
      pauseSeconds: quick ? 0.2 : 1,
    },
    restarts: quick ? 1 : 3,
    maxFillSeconds: fillSecondsOf(given),
    settleSeconds: quick ? 1 : 3,
    idleSeconds: quick ? 0 : 20,
    tell,
    complain: (text) => console.error(text),
  };
  const before = loadavg()[0];
  const started = performance.now();
  const report = await runPlan(plan);
  progress.stop();
  const machine = {
    cpus: availableParallelism(),
    loadBefore: before,
    node: process.version,
    minutes: (performance.now() - started) / 60_000,
  };
  if (given.write) write(report);
  if (json) console.log(JSON.stringify({ target, machine, ...report }, null, 2));
  else {
    const load = before === undefined ? "" : `; load before it began: ${before.toFixed(2)}`;
    console.log(
      `${printed(report)}\n\n${machine.cpus} processors${load}; ${machine.minutes.toFixed(1)} minutes.`,
    );
  }
}

function levelsOf({ quick, full }: Options): number[] {
  if (quick) return [1_000];
  return full ? [1_000, 10_000, 100_000] : [1_000, 10_000];
}

function fillSecondsOf({ quick, full }: Options): number {
  if (quick) return 20;
  return full ? 5_400 : 600;
}

function write(report: Report): void {
  const folder = fileURLToPath(new URL("../docs/", import.meta.url));
  for (const { file, svg } of plotsOf(report)) {
    writeFileSync(join(folder, file), svg);
    console.error(`Wrote docs/${file}.`);
  }
}

function parseRounds(text: string): number {
  const rounds = Number(text);
  if (Number.isInteger(rounds) && rounds >= 1 && rounds <= 1_000) return rounds;
  throw new InvalidArgumentError("Rounds are a whole number from 1 to 1000.");
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds >= 0.1 && seconds <= 600) return seconds;
  throw new InvalidArgumentError("Seconds are a number from 0.1 to 600.");
}
