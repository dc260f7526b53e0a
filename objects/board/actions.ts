import * as v from "valibot";
import { ActionSummary } from "../../schemas/action.ts";
import type { ActionChanged } from "../../schemas/message.ts";
import { type Condition, isOpen } from "./filter.ts";

/** The statements on `actions`, one function each. Stored rows are parsed, never trusted. */

const StoredSummary = v.pipe(v.string(), v.parseJson(), ActionSummary);
const Listed = v.object({ row: v.number(), summary: StoredSummary });
type Listed = v.InferOutput<typeof Listed>;

const Place = v.object({
  seq: v.number(),
  open: v.number(),
  due_at: v.nullable(v.number()),
  summary: v.string(),
});
export type Place = v.InferOutput<typeof Place>;

const Id = v.object({ row: v.number(), id: v.string() });
const Count = v.object({ state: v.string(), count: v.number() });

/** What the Board has of one action, or null. */
export function findAction(sql: SqlStorage, id: string): Place | null {
  const [row] = sql.exec("SELECT seq, open, due_at, summary FROM actions WHERE id = ?", id).toArray();
  return row === undefined ? null : v.parse(Place, row);
}

export function insertAction(sql: SqlStorage, change: ActionChanged): void {
  const { action, seq, summary, dueAt } = change;
  const open = isOpen(summary.state) ? 1 : 0;
  const insert = "INSERT INTO actions (id, seq, open, due_at, summary) VALUES (?, ?, ?, ?, ?)";
  sql.exec(insert, action, seq, open, dueAt, JSON.stringify(summary));
}

/**
 * A newer summary in the same row. `open` is set only where it changes: SQLite writes the index entry of every column
 * that a statement names, changed or not, and each is a billed row.
 */
export function updateAction(sql: SqlStorage, change: ActionChanged, place: Place): void {
  const { action, seq, summary, dueAt } = change;
  const open = isOpen(summary.state) ? 1 : 0;
  const text = JSON.stringify(summary);
  if (open === place.open) {
    sql.exec("UPDATE actions SET seq = ?, due_at = ?, summary = ? WHERE id = ?", seq, dueAt, text, action);
    return;
  }
  sql.exec(
    "UPDATE actions SET seq = ?, due_at = ?, summary = ?, open = ? WHERE id = ?",
    seq,
    dueAt,
    text,
    open,
    action,
  );
}

/** Rows strictly between two; the whole table when both are left out. */
export type Window = { before?: number; after?: number };

/** Newest first, inside the window, at most `limit`. */
export function listActions(
  sql: SqlStorage,
  conditions: readonly Condition[],
  { before = Number.MAX_SAFE_INTEGER, after = 0 }: Window,
  limit: number,
): Listed[] {
  const terms = ["row < ?", "row > ?", ...conditions.map((condition) => condition.sql)];
  const bindings = [before, after, ...conditions.flatMap((condition) => condition.bindings)];
  const select = `SELECT row, summary FROM actions WHERE ${terms.join(" AND ")} ORDER BY row DESC LIMIT ?`;
  return sql
    .exec(select, ...bindings, limit)
    .toArray()
    .map((row) => v.parse(Listed, row));
}

/** The row that came last; 0 while there is none. */
export function lastRow(sql: SqlStorage): number {
  return sql.exec<{ row: number }>("SELECT coalesce(max(row), 0) AS row FROM actions").one().row;
}

/** Open actions whose deadline is at or before `now` (epoch ms), the longest overdue first. */
export function overdueActions(sql: SqlStorage, now: number, limit: number): string[] {
  return sql
    .exec("SELECT row, id FROM actions WHERE open = 1 AND due_at <= ? ORDER BY due_at LIMIT ?", now, limit)
    .toArray()
    .map((row) => v.parse(Id, row).id);
}

/** Open actions after a row, oldest first. */
export function openActions(sql: SqlStorage, afterRow: number, limit: number): { row: number; id: string }[] {
  return sql
    .exec("SELECT row, id FROM actions WHERE open = 1 AND row > ? ORDER BY row LIMIT ?", afterRow, limit)
    .toArray()
    .map((row) => v.parse(Id, row));
}

/** How many open actions there are in each state that has any. */
export function countOpen(sql: SqlStorage): Record<string, number> {
  const rows = sql.exec(
    "SELECT summary ->> '$.state' AS state, count(*) AS count FROM actions WHERE open = 1 GROUP BY 1",
  );
  const counts = rows.toArray().map((row) => v.parse(Count, row));
  return Object.fromEntries(counts.map(({ state, count }) => [state, count]));
}
