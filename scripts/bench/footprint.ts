import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pidsOf } from "../processes.ts";

/** Bytes. `memory` is null where the system does not tell (no /proc). */
export type Footprint = { readonly memory: number | null; readonly disk: number };

/** What a server's processes and its data take up now. */
export function footprintOf(group: number, storage: string): Footprint {
  return { memory: memoryOf(group), disk: diskOf(storage) };
}

/** The proportional set size of a whole process group: what is shared between its processes is counted once. */
function memoryOf(group: number): number | null {
  const sizes = pidsOf(group).map((pid) => {
    try {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      return Number(/^Pss:\s+(\d+) kB$/mu.exec(rollup)?.[1] ?? 0) * 1_024;
    } catch {
      return 0;
    }
  });
  return sizes.length === 0 ? null : sizes.reduce((sum, size) => sum + size, 0);
}

/** POSIX counts `blocks` in 512 bytes whatever the file system's own block size is. */
const blockBytes = 512;

function diskOf(folder: string): number {
  let sum = 0;
  for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    try {
      sum += statSync(join(folder, entry)).blocks * blockBytes;
    } catch {
      // A log that SQLite has put away meanwhile.
    }
  }
  return sum;
}
