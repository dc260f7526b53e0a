import * as v from "valibot";
import { rowOf } from "./read.ts";

/** The statements on `windows`: what each action added to a sum, until it has left the window. */

/** `by` is what keeps one sum apart, hashed: it may name a target. `plain` is the same as rows of before have it. */
export type Entry = { key: string; by: string; plain: string; action: string; amount: number };

const Amount = v.object({ amount: v.number() });
/** A sum in two halves, because SQLite's own ends at 2^63 and a JavaScript number is exact to 2^53 only. */
const Halves = v.object({ entries: v.number(), high: v.number(), low: v.number() });
export type Halves = v.InferOutput<typeof Halves>;

/** What the action has added to this sum before; null where nothing. */
export function findAmount(
  sql: SqlStorage,
  { key, by, plain, action }: Omit<Entry, "amount">,
): number | null {
  const statement = "SELECT amount FROM windows WHERE action = ? AND key = ? AND by_value IN (?, ?) LIMIT 1";
  return rowOf(sql, Amount, statement, action, key, by, plain)?.amount ?? null;
}

export function insertAmount(sql: SqlStorage, { key, by, action, amount }: Entry, endsAt: number): void {
  const statement = "INSERT INTO windows (key, by_value, ends_at, action, amount) VALUES (?, ?, ?, ?, ?)";
  sql.exec(statement, key, by, endsAt, action, amount);
}

export function updateAmount(sql: SqlStorage, { key, by, plain, action, amount }: Entry): void {
  sql.exec(
    "UPDATE windows SET amount = ? WHERE action = ? AND key = ? AND by_value IN (?, ?)",
    amount,
    action,
    key,
    by,
    plain,
  );
}

/** What all other actions have in the window, of the `most` + 1 oldest entries: `entries` says whether those were all. */
export function sumOthers(
  sql: SqlStorage,
  { key, by, plain, action }: Omit<Entry, "amount">,
  now: number,
  most: number,
): Halves {
  const statement = `SELECT COUNT(*) AS entries, COALESCE(SUM(amount >> 26), 0) AS high, COALESCE(SUM(amount & 67108863), 0) AS low
    FROM (SELECT amount FROM windows WHERE key = ? AND by_value IN (?, ?) AND ends_at > ? AND action <> ? LIMIT ?)`;
  return v.parse(Halves, sql.exec(statement, key, by, plain, now, action, most + 1).one());
}

export function deleteAmounts(sql: SqlStorage, action: string): void {
  sql.exec("DELETE FROM windows WHERE action = ?", action);
}

/** Deletes what has left its window, at most `most` rows: the next call takes the rest. */
export function deleteEnded(sql: SqlStorage, now: number, most: number): void {
  sql.exec(
    `DELETE FROM windows WHERE (key, by_value, ends_at, action) IN
      (SELECT key, by_value, ends_at, action FROM windows WHERE ends_at <= ? ORDER BY ends_at LIMIT ?)`,
    now,
    most,
  );
}
