import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { CliError, exitCodes } from "../exit-code.ts";

/** Files that are there whole or not at all. */

/** Writes a file under another name, and gives it its own once it is on disk. */
export function writeWhole(path: string, text: string): void {
  const other = `${path}.tmp`;
  const file = openSync(other, "w", 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(other, path);
}

/** The lines of a file, one after the other. */
export async function* linesIn(path: string): AsyncGenerator<string> {
  const lines = createInterface({ input: createReadStream(path, "utf8"), crlfDelay: Infinity });
  for await (const line of lines) if (line !== "") yield line;
}

/** What marks a folder as an export that is done, and one that is not. */
export const doneMark = "summary.json";
export const progressMark = "progress.json";

/** A folder that may be written, or why not: nothing is ever overwritten that is no export. */
export function demandRoom(folder: string, force: boolean): void {
  if (!existsSync(folder)) return;
  if (!force) {
    throw new CliError(`${folder} is there already: name another one, or give --force.`, exitCodes.usage);
  }
  const isFolder = statSync(folder).isDirectory();
  const empty = isFolder && readdirSync(folder).length === 0;
  if (!empty && !(isFolder && existsSync(join(folder, doneMark)))) {
    throw new CliError(
      `${folder} is no export, and is not replaced by one: name another folder.`,
      exitCodes.usage,
    );
  }
}

/** Puts a finished folder in its place; one that stood there goes only once the new one stands. */
export function moveInto(from: string, to: string): void {
  const old = `${to}.replaced`;
  rmSync(old, { recursive: true, force: true });
  if (existsSync(to)) renameSync(to, old);
  renameSync(from, to);
  rmSync(old, { recursive: true, force: true });
}

/** SHA-256 of every file in a folder, by its path in it; but for those of these names. */
export function sumsOf(folder: string, but: readonly string[]): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).toSorted();
  const files = names.filter((name) => !but.includes(name) && statSync(join(folder, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, sumOf(join(folder, name))]));
}

/** A log may be larger than what fits into memory. */
function sumOf(path: string): string {
  const hash = createHash("sha256");
  const buffer = Buffer.alloc(1024 * 1024);
  const file = openSync(path, "r");
  try {
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer)) {
      hash.update(buffer.subarray(0, read));
    }
  } finally {
    closeSync(file);
  }
  return hash.digest("hex");
}
