import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { pidsOf, statOf } from "../../scripts/processes.ts";

/** A processor may have others to serve before those that were killed come to their end. */
const goneMs = 60_000;

/**
 * Comes back when every process of a group that was killed is dead. That its leader has ended says nothing of the others: what one of
 * them was in the middle of reaches the disk after that, and whoever looks there sooner sees less than there will be.
 * @throws Error when one of them lives on.
 */
export async function groupGone(group: number): Promise<void> {
  const until = Date.now() + goneMs;
  while (livesOn(group)) {
    if (Date.now() > until) throw new Error(`a process of the group ${group} lives on`);
    await delay(5);
  }
}

function livesOn(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch {
    return false;
  }
  // Of the dead that nobody has asked about yet nothing is left but their entry.
  return !existsSync("/proc/self") || pidsOf(group).some(isAlive);
}

function isAlive(pid: number): boolean {
  try {
    return !["Z", "X"].includes(statOf(pid).state);
  } catch {
    return false;
  }
}
