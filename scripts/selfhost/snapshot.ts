import { constants, copyFileSync, existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { StartError } from "../start/lock.ts";
import { filesBelow } from "./manifest.ts";

/**
 * A copy of a folder of SQLite files at one moment. Most of it is made while the engine runs; then it is held still, and only what
 * has changed since is copied again. So all objects are of the same moment, as after a kill: an action, the Board and the log
 * agree exactly as far as they did.
 */

/** A file written to less than this before it was looked at may have been written to again within the same tick of the clock. */
const freshMs = 2_000;

/** What a file was like just before it was copied. */
type Seen = {
  readonly size: bigint;
  readonly modified: bigint;
  readonly inode: bigint;
  readonly fresh: boolean;
};

export class Snapshot {
  readonly #from: string;
  readonly #to: string;
  readonly #seen = new Map<string, Seen>();

  constructor(from: string, to: string) {
    this.#from = from;
    this.#to = to;
  }

  /** Copies whatever is not there yet as it is now, and takes out what is gone. `tell` hears of each file. @returns how many were copied. */
  copy(tell: (done: number, all: number) => void): number {
    const names = filesBelow(this.#from).filter(belongs);
    let copied = 0;
    for (const [index, name] of names.entries()) {
      if (this.#copyFile(name)) copied += 1;
      tell(index + 1, names.length);
    }
    const there = new Set(names);
    for (const name of this.#seen.keys()) if (!there.has(name)) this.#drop(name);
    return copied;
  }

  #copyFile(name: string): boolean {
    const from = join(this.#from, name);
    const now = look(from);
    if (now === null) {
      this.#drop(name);
      return false;
    }
    const before = this.#seen.get(name);
    const same = before !== undefined && !before.fresh && sameFile(before, now);
    if (same) return false;
    const to = join(this.#to, name);
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
    try {
      // Where the file system can, the copy shares its blocks and takes no time.
      copyFileSync(from, to, constants.COPYFILE_FICLONE);
      this.#seen.set(name, now);
      return true;
    } catch (error) {
      if (existsSync(from)) throw error;
      this.#drop(name);
      return false;
    }
  }

  #drop(name: string): void {
    rmSync(join(this.#to, name), { force: true });
    this.#seen.delete(name);
  }
}

/** The index into a write-ahead log is made again from the log. */
const belongs = (name: string): boolean => !name.endsWith("-shm");

function look(path: string): Seen | null {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (stat === undefined) return null;
  const { size, mtimeNs: modified, ino: inode } = stat;
  return { size, modified, inode, fresh: Date.now() - Number(stat.mtimeMs) < freshMs };
}

const sameFile = (one: Seen, other: Seen): boolean =>
  one.size === other.size && one.modified === other.modified && one.inode === other.inode;

/**
 * Brings copied databases to rest: what lies in a write-ahead log is put into its database, as the engine would at its next start,
 * and each is looked through. @throws StartError naming one that is damaged.
 */
export function settle(folder: string, tell: (done: number, all: number) => void): void {
  const databases = filesBelow(folder).filter((name) => name.endsWith(".sqlite"));
  for (const [index, name] of databases.entries()) {
    const database = new DatabaseSync(join(folder, name));
    try {
      // Without a log of its own, so that a mere look at it later leaves no file beside it. The engine takes it as it is.
      database.exec("PRAGMA journal_mode = DELETE");
      const [found] = database.prepare("PRAGMA quick_check(1)").all();
      const said = Object.values(found ?? {})[0];
      if (said !== "ok") throw new Error(String(said));
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new StartError(`${name} is damaged (${why}). Nothing was backed up; the original is as it was.`);
    } finally {
      database.close();
    }
    tell(index + 1, databases.length);
  }
}
