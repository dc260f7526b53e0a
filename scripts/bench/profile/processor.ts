import { readFileSync } from "node:fs";

/** Linux counts the time of processes in hundredths of a second, whatever the machine (`getconf CLK_TCK`). */
const tickMs = 10;

/** The processor time a process has used so far, user and system, in ms; null where the system does not tell. */
export function processorMsOf(pid: number): number | null {
  try {
    // Its name, in brackets, may have spaces and brackets in it.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  } catch {
    return null;
  }
}
