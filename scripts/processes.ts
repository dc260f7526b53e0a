import { readdirSync, readFileSync } from "node:fs";

export type ProcessStat = {
  /** One letter: R runs, S sleeps, T is stopped, Z and X are dead. */
  readonly state: string;
  readonly group: number;
  /** Processor time so far, user and system, in ms. */
  readonly cpuMs: number;
};

/** Linux counts in hundredths of a second for whoever asks, whatever its own clock is. */
const tickMs = 10;

/**
 * What Linux says of a process, or of one of its threads as `123/task/124` (proc_pid_stat(5)).
 * @throws Error where it is gone, and where there is no /proc.
 */
export function statOf(process: number | string): ProcessStat {
  const stat = readFileSync(`/proc/${process}/stat`, "utf8");
  // `123 (a name) S parent group …`; the name may hold anything, also brackets.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    state: fields[0] ?? "",
    group: Number(fields[2]),
    cpuMs: (Number(fields[11]) + Number(fields[12])) * tickMs,
  };
}

/** The processes of a group, the dead that nobody has asked about yet among them; none where the system has no /proc. */
export function pidsOf(group: number): number[] {
  let names: string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  return names.map(Number).filter((pid) => Number.isInteger(pid) && isOf(group, pid));
}

function isOf(group: number, pid: number): boolean {
  try {
    return statOf(pid).group === group;
  } catch {
    return false;
  }
}
