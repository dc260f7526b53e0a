import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Kills those of `pids` that are workerd and waits up to 2.5 s until they are gone.
 * @returns the ones that are still there.
 */
export async function endWorkerd(pids: readonly number[]): Promise<number[]> {
  let left = pids.filter(isWorkerd);
  left.forEach(killWorkerd);
  for (let tries = 0; left.length > 0 && tries < 50; tries += 1) {
    await delay(50);
    left = left.filter(isWorkerd);
  }
  return left;
}

/** Kills `pid` if it is a workerd right now: a number on file may since have been given to another program. */
export function killWorkerd(pid: number): void {
  if (!isWorkerd(pid)) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended between being looked at and being killed.
  }
}

/** Whether a process of that number is a live workerd, stopped or not. */
export function isWorkerd(pid: number): boolean {
  try {
    // `1234 (workerd) S …`; Z and X are already dead and only waited for by their parent.
    const live = /^\d+ \(workerd\) [^ZX]/;
    if (existsSync("/proc/self/stat")) return live.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
    const name = execFileSync("ps", ["-p", String(pid), "-o", "comm="], { encoding: "utf8" });
    return /(^|\/)workerd\s*$/.test(name);
  } catch {
    return false;
  }
}
