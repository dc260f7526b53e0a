import { type ChildProcessByStdio, spawn } from "node:child_process";
import { statSync } from "node:fs";
import { constants } from "node:os";
import type { Readable, Writable } from "node:stream";
import { type Captured, Capture } from "./capture.ts";

export type Signal = keyof typeof constants.signals;

export type Order = {
  /** Run as it is: no shell reads it, nothing of it is expanded. */
  argv: readonly string[];
  cwd: string;
  /** Where the command's stdout goes; its stderr goes to ours. */
  stdout: Writable;
};

/** How a command went. `failure` says why it never started. */
export type Execution = {
  started: boolean;
  failure: string | null;
  /** As a shell would say it: the command's own, 128 + n for signal n, 127 not found, 126 not executable. */
  exitCode: number;
  signal: Signal | null;
  startedAt: string;
  durationMs: number;
  stdout: Captured;
  stderr: Captured;
};

export type Running = {
  readonly pid: number | undefined;
  /** False once the command is gone. */
  kill(signal: Signal): boolean;
  /** Never rejects. */
  readonly done: Promise<Execution>;
};

/** After the command's exit, what is left in the pipes has this long, in milliseconds: a daemon it left behind may hold them for ever. */
const drainMs = 2_000;

/** Starts the command with this process's environment and stdin, streams its output through, and keeps digests and tails of it. */
export function execute({ argv, cwd, stdout }: Order): Running {
  const startedAt = new Date();
  const captures = { stdout: new Capture(), stderr: new Capture() };
  const [program = "", ...args] = argv;
  const finish = (
    more: Pick<Execution, "started" | "failure" | "exitCode" | "signal">,
    endedAt = Date.now(),
  ): Execution => ({
    ...more,
    startedAt: startedAt.toISOString(),
    durationMs: endedAt - startedAt.getTime(),
    stdout: captures.stdout.finish(),
    stderr: captures.stderr.finish(),
  });
  const problem = cwdProblem(cwd);
  if (problem !== null) {
    return neverStarted(finish({ started: false, failure: problem, exitCode: 126, signal: null }));
  }

  let child: ChildProcessByStdio<null, Readable, Readable>;
  try {
    // In our process group: the terminal's Ctrl-C reaches the command as it would without us in between.
    child = spawn(program, args, {
      cwd,
      stdio: ["inherit", "pipe", "pipe"],
      shell: false,
      windowsHide: true,
    });
  } catch (error) {
    // Words that no system takes, such as one with a NUL.
    const failure = `${program}: ${error instanceof Error ? error.message : String(error)}`;
    return neverStarted(finish({ started: false, failure, exitCode: 126, signal: null }));
  }
  const passes = [
    pass(child.stdout, stdout, captures.stdout),
    pass(child.stderr, process.stderr, captures.stderr),
  ];
  const done = new Promise<Execution>((resolve) => {
    let started = false;
    child.once("spawn", () => void (started = true));
    child.once("error", (error: NodeJS.ErrnoException) => {
      // Also emitted when a signal could not be sent: then it runs on, and its exit tells.
      if (started) return;
      const exitCode = error.code === "ENOENT" ? 127 : 126;
      resolve(finish({ started: false, failure: startFailure(program, error), exitCode, signal: null }));
    });
    child.once("exit", (code, signal) => {
      const endedAt = Date.now();
      const exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
      void drain(passes, () => captures.stdout.bytes + captures.stderr.bytes).then(() =>
        resolve(finish({ started: true, failure: null, exitCode, signal }, endedAt)),
      );
    });
  });
  return { pid: child.pid, kill: (signal) => child.kill(signal), done };
}

function neverStarted(execution: Execution): Running {
  return { pid: undefined, kill: () => false, done: Promise.resolve(execution) };
}

/** A missing folder and a missing program are the same error to the system; a person has to mend another thing. */
function cwdProblem(cwd: string): string | null {
  try {
    return statSync(cwd).isDirectory() ? null : `the approved working folder ${cwd} is not a folder`;
  } catch {
    return `the approved working folder ${cwd} is not there`;
  }
}

function startFailure(program: string, error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return `${program}: command not found`;
  if (error.code === "EACCES") return `${program}: permission denied`;
  return `${program}: ${error.message}`;
}

type Pass = {
  readonly ended: Promise<void>;
  /** Our own reader does not keep up: what is left is still wanted. */
  isBlocked(): boolean;
  close(): void;
};

/** A daemon that goes on writing is not listened to for ever; what the command itself left behind fits well into this. */
const mostLooks = 5;

/** Waits for the rest of the output: as long as our reader needs, but not for a daemon that keeps the pipes open. */
async function drain(passes: readonly Pass[], seen: () => number): Promise<void> {
  const ended = Promise.all(passes.map((one) => one.ended)).then(() => true);
  let before = seen();
  for (let looks = 0; looks < mostLooks;) {
    if (await Promise.race([ended, after(drainMs, false)])) return;
    if (passes.some((one) => one.isBlocked())) continue;
    if (seen() === before) break;
    before = seen();
    looks += 1;
  }
  for (const one of passes) one.close();
}

/**
 * Copies a stream as fast as the reader takes it. A reader that goes away (`| head`) is no reason to stop the command. Node
 * resumes the pipes of a command that has exited, whoever has paused them: so it has ended only once the reader has taken all.
 */
function pass(from: Readable, to: Writable, capture: Capture): Pass {
  let [gone, closed, untaken] = [false, false, 0];
  const ended = new Promise<void>((resolve) => {
    const settle = (): void => {
      if (!closed || (!gone && untaken > 0)) return;
      to.removeListener("error", lost);
      resolve();
    };
    const lost = (): void => {
      gone = true;
      from.resume();
      settle();
    };
    const taken = (): void => {
      untaken -= 1;
      settle();
    };
    to.once("error", lost);
    from.on("data", (chunk: Buffer) => {
      capture.take(chunk);
      if (gone) return;
      untaken += 1;
      if (to.write(chunk, taken)) return;
      from.pause();
      to.once("drain", () => from.resume());
    });
    from.once("close", () => {
      closed = true;
      settle();
    });
  });
  const isBlocked = (): boolean => from.isPaused() || (!gone && untaken > 0);
  return { ended, isBlocked, close: () => void from.destroy() };
}

function after<Value>(ms: number, value: Value): Promise<Value> {
  return new Promise((resolve) => void setTimeout(() => resolve(value), ms).unref());
}
