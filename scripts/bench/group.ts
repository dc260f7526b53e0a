import { type ChildProcess, spawn } from "node:child_process";

const running = new Set<number>();
process.on("exit", () => running.forEach(killGroup));

/** A server in a process group of its own, so that `kill -9` of the group is a power cut for it and for nobody else. */
export type Group = {
  readonly pid: number;
  /** The first line of its standard output. Rejects with what it wrote to standard error when it ends before. */
  readonly firstLine: Promise<string>;
  readonly errors: () => string;
  readonly ended: () => boolean;
  /** kill -9 of all of it. Resolves when its leader is gone. */
  readonly kill: () => Promise<void>;
};

/** `channel`: it has an IPC channel by which it notices that this process is gone. */
export function spawnGroup(
  command: string,
  args: readonly string[],
  { channel }: { channel: boolean },
): Group {
  const child = spawn(command, args, {
    detached: true,
    stdio: channel ? ["ignore", "pipe", "pipe", "ipc"] : ["ignore", "pipe", "pipe"],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} could not be started`);
  running.add(pid);
  process.send?.({ started: pid });
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const firstLine = lineOf(child, ended, () => errors);
  // Only a caller that waits for the line wants to hear of its failure.
  firstLine.catch(() => undefined);
  return {
    pid,
    firstLine,
    errors: () => errors,
    ended: () => child.exitCode !== null || child.signalCode !== null,
    kill: async () => {
      killGroup(pid);
      await ended;
      running.delete(pid);
      process.send?.({ ended: pid });
    },
  };
}

async function lineOf(child: ChildProcess, ended: Promise<void>, errors: () => string): Promise<string> {
  let output = "";
  const line = new Promise<string>((resolve) => {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      const end = output.indexOf("\n");
      if (end >= 0) resolve(output.slice(0, end));
    });
  });
  const first = await Promise.race([line, ended.then(() => null)]);
  if (first !== null) return first;
  throw new Error(`a server ended before it was ready:\n${errors()}`);
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}
