import { createHmac } from "node:crypto";
import type { Measure } from "../../core/policy/windows.ts";
import { readMeta } from "./rows/meta.ts";
import {
  deleteAmounts,
  deleteEnded,
  findAmount,
  insertAmount,
  sumOthers,
  updateAmount,
} from "./rows/windows.ts";

/**
 * Sums over a window of time (threat T10): what each action asks for is added to the sums its contract looks at, in the transaction
 * that reads them, so that of fragments asked for at one moment each sees those before it.
 */
export type MeasureInput = {
  readonly action: string;
  readonly measures: readonly Measure[];
  /** The action that this one replaces, which will not run and counts no longer. */
  readonly instead: string | null;
  readonly now: number;
};

/** More than this in one window is not added up: the sum is not measured, and the condition is an error. */
const maxEntries = 50_000;
const prunedAtOnce = 1_000;

/**
 * Adds an action to its sums and answers each with the action in it: whole numbers as decimal text, by key. Asked again for the same
 * action it counts once, with the greater amount, so that a repeat with another body cannot take back what was counted.
 */
export function measure(
  sql: SqlStorage,
  { action, measures, instead, now }: MeasureInput,
): Record<string, string> {
  deleteEnded(sql, now, prunedAtOnce);
  if (instead !== null) deleteAmounts(sql, instead);
  const sums: Record<string, string> = {};
  const hashed = hashIn(sql);
  for (const { key, by: plain, amount, windowMs } of measures) {
    const by = hashed(plain);
    const before = findAmount(sql, { key, by, plain, action });
    const counted = Math.max(before ?? 0, amount);
    const entry = { key, by, plain, action, amount: counted };
    if (before === null) insertAmount(sql, entry, now + windowMs);
    else if (counted > before) updateAmount(sql, entry);
    const { entries, high, low } = sumOthers(sql, entry, now, maxEntries);
    if (entries > maxEntries) continue;
    sums[key] = String((BigInt(high) << 26n) + BigInt(low) + BigInt(counted));
  }
  return sums;
}

/** What each sum would be with a request in it that nobody makes: as `measure`, and nothing is added. */
export function expectedSums(
  sql: SqlStorage,
  { measures, now }: Pick<MeasureInput, "measures" | "now">,
): Record<string, string> {
  const sums: Record<string, string> = {};
  const hashed = hashIn(sql);
  for (const { key, by: plain, amount } of measures) {
    const { entries, high, low } = sumOthers(
      sql,
      { key, by: hashed(plain), plain, action: "" },
      now,
      maxEntries,
    );
    if (entries <= maxEntries) sums[key] = String((BigInt(high) << 26n) + BigInt(low) + BigInt(amount));
  }
  return sums;
}

/** What keeps a sum apart may be a target, which is not to lie here for as long as the window is: a hash keyed with the salt does as well. */
function hashIn(sql: SqlStorage): (plain: string) => string {
  const salt = readMeta(sql, "salt") ?? "";
  return (plain) => createHmac("sha256", salt).update(plain).digest("base64url");
}

/** Takes an action out of every sum: policy refused it, so it asks for nothing. */
export function withdraw(sql: SqlStorage, action: string): void {
  deleteAmounts(sql, action);
}
