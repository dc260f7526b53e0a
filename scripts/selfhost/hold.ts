import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { statOf } from "../processes.ts";
import { StartError } from "../start/lock.ts";

/** Processes that stand still, every thread of them, as they would after kill -9: nothing they have acknowledged is not on disk. */
export type Hold = {
  /** Whether they all still stand still. A process that was killed or let go of meanwhile does not. */
  readonly isHeld: () => boolean;
  /** Lets them go on. */
  readonly release: () => void;
};

/** How long a process may take to stop: a thread in the middle of a write ends that first. */
const stopMs = 10_000;

/**
 * Lets the processes go on when its standard input ends, which it also does when whoever holds the other end is killed: no
 * engine is left standing because a back-up died.
 */
const guard = `trap '' HUP INT TERM
kill -STOP "$@" || { kill -CONT "$@"; exit 1; }
echo held
read -r _
kill -CONT "$@"`;

/** Stops processes until they are released. @throws StartError where that cannot be done; they go on then. */
export async function hold(pids: readonly number[]): Promise<Hold> {
  const child = spawn("/bin/sh", ["-c", guard, "guard", ...pids.map(String)], {
    detached: true,
    stdio: ["pipe", "pipe", "ignore"],
  });
  const release = (): void => {
    child.stdin.destroy();
    // The guard may have been killed itself.
    for (const pid of pids) goOn(pid);
  };
  const answer = await Promise.race([once(child.stdout, "data"), once(child, "exit")]);
  if (!String(answer[0]).startsWith("held")) {
    release();
    throw new StartError(
      "The engine could not be held still: run this as the user that runs it, or as root.",
    );
  }
  const until = Date.now() + stopMs;
  while (!pids.every(standsStill)) {
    if (Date.now() > until) {
      release();
      throw new StartError("The engine does not come to a stand. Try again, or stop it first.");
    }
    await delay(1);
  }
  return { isHeld: () => pids.every(standsStill), release };
}

function goOn(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch {
    // It has ended.
  }
}

/** Whether no thread of a process runs: `T` is stopped. */
function standsStill(pid: number): boolean {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    return tasks.every((task) => statOf(`${pid}/task/${task}`).state === "T");
  } catch {
    return psState(pid).startsWith("T");
  }
}

/** Where there is no /proc. */
function psState(pid: number): string {
  try {
    return execFileSync("ps", ["-p", String(pid), "-o", "stat="], { encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}
