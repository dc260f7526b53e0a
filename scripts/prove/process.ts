import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import * as v from "valibot";
import type { Job } from "./jobs.ts";
import { reportsIn } from "./report.ts";
import type { Outcome } from "./score.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));
/** Everything that the processes of the last run have written, a file each. */
const logs = join(root, "node_modules", ".prove");
const binFolder = join(root, "node_modules", ".bin");
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const quiet = v.parse(
  v.record(v.string(), v.string()),
  JSON.parse(readFileSync(join(root, "scripts", "quiet.json"), "utf8")),
);

/** Leaders of process groups that are still there. */
const running = new Set<number>();

/** Ends every process that was started here. What an engine of a test started notices by itself that its test is gone. */
export function endAll(): void {
  for (const pid of running) {
    try {
      process.kill(-pid, "SIGTERM");
    } catch {
      // Gone already, which is what was wanted.
    }
  }
}

/** What came of a job, and what to look at where it failed. */
export type Finished = Outcome & { readonly output: string; readonly log: string };

/** Runs a job in a process group of its own, until it has ended. */
export async function run(job: Job): Promise<Finished> {
  const started = performance.now();
  const [program, ...args] =
    "vitest" in job.runs ? [process.execPath, vitest, ...job.runs.vitest] : job.runs.command;
  // `NODE_ENV` and the like of an outer vitest would be taken for the inner one's.
  const { VITEST: _, NODE_ENV: __, FORCE_COLOR: ___, ...outer } = process.env;
  const child = spawn(program ?? "", args, {
    cwd: root,
    env: {
      ...outer,
      ...quiet,
      PATH: `${binFolder}${delimiter}${process.env["PATH"] ?? ""}`,
      NO_COLOR: "1",
      ...job.env,
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const { pid } = child;
  if (pid !== undefined) {
    running.add(pid);
    // Whoever launched this ends them if this dies without having done so (scripts/launch.mjs).
    process.send?.({ started: pid });
  }
  let [said, output] = ["", ""];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      // A report is a line of its own, which a word on standard error must not get into.
      if (stream === child.stdout) said += text;
    });
  }
  const code = await new Promise<number | null>((resolve) => {
    child.on("error", (error) => {
      output += error.message;
      resolve(null);
    });
    child.on("close", resolve);
  });
  if (pid !== undefined) {
    running.delete(pid);
    process.send?.({ ended: pid });
  }
  const seconds = (performance.now() - started) / 1000;
  const log = join(logs, `${job.label.replaceAll(/[^\w.-]+/gu, "-")}.log`);
  mkdirSync(logs, { recursive: true });
  writeFileSync(log, output);
  return {
    label: job.label,
    succeeded: code === 0,
    ...reportsIn(stripVTControlCharacters(said)),
    seconds,
    output,
    log,
  };
}
