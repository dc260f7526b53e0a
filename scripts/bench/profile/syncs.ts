import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** How often a process had something put on the disk for good while something was done, by what it was. */
export type Syncs = Readonly<Record<string, number>>;

const attachMs = 500;

/** Counts a process's calls of fsync and fdatasync with strace while `work` goes on; null where strace is not there or may not. */
export async function syncsOf(
  pid: number,
  file: string,
  work: () => Promise<unknown>,
): Promise<Syncs | null> {
  if (spawnSync("strace", ["-V"]).status !== 0) {
    await work();
    return null;
  }
  const args = ["-f", "-y", "-e", "trace=fsync,fdatasync", "-o", file, "-p", String(pid)];
  const strace = spawn("strace", args, { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => strace.once("exit", () => resolve()));
  await Promise.race([ended, delay(attachMs)]);
  const attached = strace.exitCode === null;
  try {
    await work();
  } finally {
    strace.kill("SIGINT");
    await ended;
  }
  return attached ? countSyncs(readFileSync(file, "utf8")) : null;
}

/** Lines as `12 fsync(20</storage/Action/3f….sqlite-wal>) = 0`. Objects of a class count as one. */
export function countSyncs(text: string): Syncs {
  const found = new Map<string, number>();
  for (const [, path = ""] of text.matchAll(/\bf(?:data)?sync\(\d+<([^>]*)>/gu)) {
    const what = kindOf(path);
    found.set(what, (found.get(what) ?? 0) + 1);
  }
  return Object.fromEntries([...found].toSorted(([, a], [, b]) => b - a));
}

/** As in `Action log`: the class, and whether it is its alarms, a log, a journal or the database itself. */
function kindOf(path: string): string {
  const [file = "", folder = ""] = path.split("/").toReversed();
  if (!file.includes(".sqlite")) return `${file}, the folder`;
  const part = file.replace(/^.*\.sqlite-?/u, "");
  return file.startsWith("metadata") ? `${folder}, alarms` : `${folder}, ${parts[part] ?? part}`;
}

const parts: Readonly<Record<string, string>> = { wal: "log", journal: "journal", "": "database" };
