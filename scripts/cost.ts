import { Command, InvalidArgumentError } from "commander";
import { progressOn } from "./progress.ts";
import { assumedActiveMs, billOf, sumOf, usdPerMillion } from "./cost/prices.ts";
import { printed, targets } from "./cost/print.ts";
import { count } from "./cost/run.ts";

type Options = { json: boolean; lives: number };

const defaultLives = 20;
const apartLives = 3;

const options = new Command("npm run cost --")
  .description(
    "Counts what one action takes over its whole life (two approvers, one webhook, claim, report): rows, requests to\n" +
      "objects, queue operations; and what a million of them cost at Cloudflare's published prices. About three minutes.",
  )
  .option("--json", "print every figure as JSON; `standardLife` is the summary", false)
  .option("--lives <number>", "how many lives to average over", parseLives, defaultLives)
  .parse()
  .opts<Options>();

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => process.exit(130));
process.on("disconnect", () => process.exit(1));

await main(options).catch((error: unknown) => {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exit(1);
});
process.exit(0);

async function main({ json, lives }: Options): Promise<void> {
  const progress = progressOn();
  let last = "";
  // Where standard error is no terminal, one line for each step and not one for each count.
  const tell = (step: string, detail = ""): void => {
    if (process.stderr.isTTY || step !== last) progress.start(`${step} ${detail}`);
    last = step;
  };
  const findings = await count(lives, Math.min(lives, apartLives), tell);
  progress.stop();
  if (!json) {
    console.log(printed(findings));
    return;
  }
  const { together } = findings;
  const { workerRequests: _, ...standardLife } = together.totals;
  const bill = billOf(together.totals, together.cpuMs);
  const prices = { usdPerMillion, assumedActiveMs };
  const summary = { ...standardLife, usdPerMillion: sumOf(bill) };
  console.log(JSON.stringify({ standardLife: summary, targets, bill, prices, ...findings }, null, 2));
}

function parseLives(text: string): number {
  const lives = Number(text);
  if (/^\d+$/u.test(text) && lives >= 1 && lives <= 500) return lives;
  throw new InvalidArgumentError("Lives are a whole number from 1 to 500.");
}
