import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { untilClosed } from "./closed.ts";
import { groupGone } from "./process-group.ts";

const script = (name: string): string => fileURLToPath(new URL(`../../scripts/${name}`, import.meta.url));

const Ready = v.object({
  url: v.string(),
  data: v.string(),
  workspace: v.nullable(v.string()),
  keys: v.record(v.string(), v.string()),
});

/** An engine under plain workerd in a process group of its own. */
export type SelfHost = v.InferOutput<typeof Ready> & {
  /** What it has written to standard error so far. */
  readonly errors: () => string;
  /** kill -9 of the whole group. */
  readonly kill9: () => Promise<void>;
  /** A polite end. */
  readonly stop: () => Promise<void>;
};

/** A data folder to be, which does not exist yet, and its removal. */
export function dataFolder(): { folder: string; remove: () => void } {
  const parent = mkdtempSync(join(tmpdir(), "holdpoint-selfhost-"));
  return {
    folder: join(parent, "data"),
    remove: () => rmSync(parent, { recursive: true, force: true }),
  };
}

/** Starts it on a free port and waits until it is ready. @throws with what it wrote where it ends before. */
export async function startSelfHost(data: string, ...options: string[]): Promise<SelfHost> {
  const args = [script("selfhost.ts"), "--json", "--port", "0", "--data", data, ...options];
  // The channel is how it notices that the test run that started it is gone.
  const child = spawn(process.execPath, args, { detached: true, stdio: ["ignore", "pipe", "pipe", "ipc"] });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = new Promise<null>((resolve) => child.once("exit", () => resolve(null)));
  let output = "";
  const line = new Promise<string>((resolve) => {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.includes("\n")) resolve(output.slice(0, output.indexOf("\n")));
    });
  });
  const first = await Promise.race([line, ended]);
  if (first === null) throw new Error(`it ended before it was ready: ${errors}`);
  const ready = v.parse(Ready, JSON.parse(first));
  const end = async (signal: "SIGKILL" | "SIGTERM"): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      process.kill(signal === "SIGKILL" ? -child.pid! : child.pid!, signal);
      await ended;
      await untilClosed(Number(new URL(ready.url).port));
    }
    await groupGone(child.pid!);
  };
  return {
    ...ready,
    errors: () => errors,
    kill9: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
  };
}

export type Ran = { readonly status: number | null; readonly stdout: string; readonly stderr: string };

/** Runs one of the programs to its end: `selfhost.ts`, `selfhost/backup.ts` or `selfhost/restore.ts`. */
export async function runScript(name: string, ...args: string[]): Promise<Ran> {
  const child = spawn(process.execPath, [script(name), ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolve) => child.once("close", (status) => resolve({ status, stdout, stderr })));
}

/** Comes back with what `look` finds, once it finds something. @throws Error when it has not within `timeoutMs`. */
export async function until<Found>(
  look: () => Promise<Found | null> | Found | null,
  timeoutMs = 30_000,
): Promise<Found> {
  const end = Date.now() + timeoutMs;
  while (Date.now() < end) {
    const found = await look();
    if (found !== null) return found;
    await delay(50);
  }
  throw new Error(`not within ${timeoutMs} ms`);
}
