import * as v from "valibot";
import { rowOf } from "./read.ts";

/** The statements on `answers`. */

const Stored = v.object({ fingerprint: v.string(), answer: v.string(), ends_at: v.number() });
export type StoredAnswer = v.InferOutput<typeof Stored>;

export function findAnswer(sql: SqlStorage, key: string): StoredAnswer | null {
  return rowOf(sql, Stored, "SELECT fingerprint, answer, ends_at FROM answers WHERE key = ?", key);
}

/** Where the key has an answer already, that one stays. */
export function insertAnswer(
  sql: SqlStorage,
  key: string,
  { fingerprint, answer, ends_at }: StoredAnswer,
): void {
  const statement =
    "INSERT INTO answers (key, fingerprint, answer, ends_at) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO NOTHING";
  sql.exec(statement, key, fingerprint, answer, ends_at);
}

export function deleteEndedAnswers(sql: SqlStorage, now: number): void {
  sql.exec("DELETE FROM answers WHERE ends_at <= ?", now);
}
