import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** A message for the person who typed the command; printed without a stack. */
export class StartError extends Error {}

/**
 * Takes a folder for this process alone, making it when it is not there; null where another process has it. It is let go of
 * by closing the lock, or by the end of the process.
 * @param flag the option that the folder was named by, for the message
 * @throws StartError where the folder cannot be used
 */
export function lockOf(folder: string, flag: string): DatabaseSync | null {
  let lock: DatabaseSync | null = null;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    lock = new DatabaseSync(join(folder, "lock"), { timeout: 0 });
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    if (isBusy(error)) return null;
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError(
      `${folder} cannot be written to: ${why}.\n` +
        `Give it to the user that runs this, or name another folder with ${flag}.`,
    );
  }
}

/** SQLITE_BUSY: another process has it. */
const isBusy = (error: unknown): boolean =>
  error instanceof Error && "errcode" in error && error.errcode === 5;
