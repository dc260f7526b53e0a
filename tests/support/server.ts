import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { DevFile } from "../../scripts/start/state.ts";
import { untilClosed } from "./closed.ts";
import { groupGone } from "./process-group.ts";

const start = fileURLToPath(new URL("../../scripts/start.ts", import.meta.url));
/** It takes some three seconds on a free machine. */
const readyMs = 180_000;

/** A real engine in its own process group: workerd on disk, sockets on 127.0.0.1, the starter policy and directory. */
export type TestEngine = DevFile & {
  readonly stateDir: string;
  /** The leader of the process group, which holds this Node and every workerd. */
  readonly pid: number;
  /** What it has written to standard error so far. A quiet engine has written nothing. */
  readonly errors: () => string;
  /** Everything that it has written so far, to standard output as well. */
  readonly said: () => string;
  /** kill -9 of the whole process group, as a power cut would. Resolves when nothing listens any more. */
  readonly kill9: () => Promise<void>;
  /** A polite end. Removes the state folder if `startEngine` made it, unless `keep`. */
  readonly stop: (options?: { keep?: boolean }) => Promise<void>;
  /** A new engine on the same state and port, after ending this one politely if it is still there. */
  readonly restart: () => Promise<TestEngine>;
};

export type TestEngineOptions = {
  /** Start from nothing even when `state` holds something. */
  reset?: boolean;
  /** A temporary folder of its own when not given. */
  state?: string;
  /** Any free port when not given. */
  port?: number;
  /** Settings of the Worker, such as HOLDPOINT_SLACK_BOT_TOKEN. */
  settings?: Record<string, string>;
  /** With an R2 bucket for checkpoints and copies of evidence, which `npm start` has when it is told to. */
  bucket?: boolean;
};

/** Starts an engine and waits until it is ready. @throws with what it wrote when it does not get ready. */
export async function startEngine(options: TestEngineOptions = {}): Promise<TestEngine> {
  const stateDir = options.state ?? mkdtempSync(join(tmpdir(), "holdpoint-"));
  return await launch(stateDir, options, options.state === undefined);
}

async function launch(stateDir: string, options: TestEngineOptions, temporary: boolean): Promise<TestEngine> {
  const args = ["--json", "--port", String(options.port ?? 0), "--state", stateDir];
  if (options.reset) args.push("--reset");
  if (options.bucket) args.push("--bucket");
  // The channel is how an engine notices that the test run that started it is gone.
  const child = spawn(process.execPath, [start, ...args], {
    detached: true,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    env: { ...process.env, ...options.settings },
  });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  const file = await ready(child, ended, () => errors);
  const pid = child.pid!;
  const port = Number(new URL(file.url).port);

  const end = async (signal: "SIGKILL" | "SIGTERM"): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      process.kill(signal === "SIGKILL" ? -pid : pid, signal);
      await ended;
    }
    await groupGone(pid);
    await untilClosed(port);
  };
  return {
    ...file,
    stateDir,
    pid,
    errors: () => errors,
    said: () => output + errors,
    kill9: () => end("SIGKILL"),
    stop: async ({ keep = false } = {}) => {
      await end("SIGTERM");
      if (temporary && !keep) rmSync(stateDir, { recursive: true, force: true });
    },
    restart: async () => {
      await end("SIGTERM");
      const { settings = {}, bucket = false } = options;
      return await launch(stateDir, { port, settings, bucket }, temporary);
    },
  };
}

async function ready(child: ChildProcess, ended: Promise<void>, errors: () => string): Promise<DevFile> {
  let output = "";
  const line = new Promise<string>((resolve) => {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.includes("\n")) resolve(output.slice(0, output.indexOf("\n")));
    });
  });
  const first = await Promise.race([line, ended.then(() => null), delay(readyMs, undefined, { ref: false })]);
  if (typeof first === "string") return v.parse(DevFile, JSON.parse(first));
  if (child.pid !== undefined && first === undefined) process.kill(-child.pid, "SIGKILL");
  throw new Error(`The engine ${first === null ? "ended" : "did not get ready"}: ${errors()}`);
}
