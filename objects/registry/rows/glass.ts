import * as v from "valibot";
import { rowOf, rowsOf } from "./read.ts";

/** The statements on `glass_uses`. */

const StoredUse = v.object({
  number: v.number(),
  id: v.string(),
  person: v.string(),
  action: v.string(),
  incident: v.string(),
  at: v.number(),
  due_at: v.number(),
  /** How many calls may still make it take effect. */
  calls: v.number(),
  reviewed_at: v.nullable(v.number()),
  reviewed_by: v.nullable(v.string()),
  verdict: v.nullable(v.picklist(["justified", "unjustified", "dismissed"])),
});
export type StoredUse = v.InferOutput<typeof StoredUse>;
export type NewUse = Pick<StoredUse, "id" | "person" | "action" | "incident" | "at" | "due_at">;
export type Verdict = NonNullable<StoredUse["verdict"]>;

const all = "SELECT * FROM glass_uses";

export function findUse(sql: SqlStorage, id: string): StoredUse | null {
  return rowOf(sql, StoredUse, `${all} WHERE id = ?`, id);
}

export function insertUse(
  sql: SqlStorage,
  { id, person, action, incident, at, due_at: dueAt }: NewUse,
): void {
  sql.exec(
    "INSERT INTO glass_uses (id, person, action, incident, at, due_at, calls) VALUES (?, ?, ?, ?, ?, ?, 1)",
    id,
    person,
    action,
    incident,
    at,
    dueAt,
  );
}

export function addCalls(sql: SqlStorage, id: string, calls: number): void {
  sql.exec("UPDATE glass_uses SET calls = calls + ? WHERE id = ?", calls, id);
}

export function deleteUse(sql: SqlStorage, id: string): void {
  sql.exec("DELETE FROM glass_uses WHERE id = ?", id);
}

/** The first review stays. */
export function writeReview(
  sql: SqlStorage,
  id: string,
  { at, by, verdict }: { at: number; by: string; verdict: Verdict },
): void {
  const write =
    "UPDATE glass_uses SET reviewed_at = ?, reviewed_by = ?, verdict = ? WHERE id = ? AND reviewed_at IS NULL";
  sql.exec(write, at, by, verdict, id);
}

const theirs = "person IN (SELECT value FROM json_each(?))";

/** What one human, by all their ids, has used after `after` (epoch ms), oldest first. */
export function usesSince(sql: SqlStorage, ids: readonly string[], after: number): StoredUse[] {
  return rowsOf(sql, StoredUse, `${all} WHERE ${theirs} AND at > ? ORDER BY at`, JSON.stringify(ids), after);
}

/** What one human, by all their ids, has not been reviewed for although it is due, oldest first. */
export function overdueUses(sql: SqlStorage, ids: readonly string[], now: number): StoredUse[] {
  const where = `WHERE ${theirs} AND reviewed_at IS NULL AND due_at <= ? ORDER BY due_at`;
  return rowsOf(sql, StoredUse, `${all} ${where}`, JSON.stringify(ids), now);
}

/** What of one action nobody has reviewed. */
export function openUsesOf(sql: SqlStorage, action: string): StoredUse[] {
  return rowsOf(sql, StoredUse, `${all} WHERE action = ? AND reviewed_at IS NULL`, action);
}

const filters = {
  open: "reviewed_at IS NULL",
  overdue: "reviewed_at IS NULL AND due_at <= ?2",
  all: "TRUE",
} as const;
export type UseFilter = keyof typeof filters;

/** Newest first, older than row `before`. */
export function listUses(
  sql: SqlStorage,
  state: UseFilter,
  { before, now, limit }: { before: number; now: number; limit: number },
): StoredUse[] {
  const where = `WHERE number < ?1 AND ?2 = ?2 AND ${filters[state]} ORDER BY number DESC LIMIT ?3`;
  return rowsOf(sql, StoredUse, `${all} ${where}`, before, now, limit);
}
