import * as v from "valibot";
import { rowOf } from "./read.ts";

/** The statements on `answers`. */

const Stored = v.object({ fingerprint: v.string(), answer: v.string(), ends_at: v.number() });
export type StoredAnswer = v.InferOutput<typeof Stored>;

export function findAnswer(sql: SqlStorage, key: string): StoredAnswer | null {
  return rowOf(sql, Stored, "SELECT fingerprint, answer, ends_at FROM answers WHERE key = ?", key);
}

export function writeAnswer(
  sql: SqlStorage,
  key: string,
  { fingerprint, answer, ends_at }: StoredAnswer,
): void {
  const statement = "INSERT OR REPLACE INTO answers (key, fingerprint, answer, ends_at) VALUES (?, ?, ?, ?)";
  sql.exec(statement, key, fingerprint, answer, ends_at);
}

export function deleteAnswer(sql: SqlStorage, key: string): void {
  sql.exec("DELETE FROM answers WHERE key = ?", key);
}

export function deleteEndedAnswers(sql: SqlStorage, now: number): void {
  sql.exec("DELETE FROM answers WHERE ends_at <= ?", now);
}
