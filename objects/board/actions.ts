import * as v from "valibot";
import type { ActionSummary } from "../../schemas/action.ts";
import { canonicalJson } from "../../core/canonical.ts";
import { plainObject } from "../../core/plain-json.ts";
import type { ActionChanged, Sends } from "../../schemas/message.ts";
import { Timings } from "../../schemas/timings.ts";
import { type Condition, isOpen } from "./filter.ts";
import { isErased, type RowSeal } from "./sealed.ts";

/** The statements on `actions`, one function each. Stored rows are parsed, never trusted. */

const Row = v.object({ row: v.number(), summary: v.string() });
type Listed = { readonly row: number; readonly summary: ActionSummary };

const Place = v.object({
  row: v.number(),
  seq: v.number(),
  open: v.number(),
  due_at: v.nullable(v.number()),
  summary: v.string(),
  timings: v.nullable(v.string()),
  delivered: v.number(),
  failed: v.number(),
  notified_at: v.nullable(v.number()),
});
export type Place = v.InferOutput<typeof Place>;

const Id = v.object({ row: v.number(), id: v.string() });
const Typed = v.object({ row: v.number(), id: v.string(), type: v.string() });
const Count = v.object({ state: v.string(), count: v.number() });

const placeColumns = "row, seq, open, due_at, summary, timings, delivered, failed, notified_at";

/** What the Board has of one action, or null. */
export function findAction(sql: SqlStorage, id: string): Place | null {
  const [row] = sql.exec(`SELECT ${placeColumns} FROM actions WHERE id = ?`, id).toArray();
  return row === undefined ? null : v.parse(Place, row);
}

export function insertAction(sql: SqlStorage, seal: RowSeal, change: ActionChanged, sends: Sends): void {
  const { action, seq, summary, dueAt } = change;
  const open = isOpen(summary.state) ? 1 : 0;
  const { timings, endedAt } = timingColumns(change);
  const { delivered, failed, notifiedAt } = sends;
  const insert = `INSERT INTO actions
    (id, seq, open, due_at, summary, timings, ended_at, delivered, failed, notified_at, woken)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)`;
  const values = [action, seq, open, dueAt, seal.summary(summary), timings, endedAt];
  sql.exec(insert, ...values, delivered, failed, notifiedAt);
}

/**
 * A newer summary in the same row. `open` is set only where it changes: SQLite writes the index entry of every column
 * that a statement names, changed or not, and each is a billed row.
 */
export function updateAction(
  sql: SqlStorage,
  seal: RowSeal,
  change: ActionChanged,
  place: Place,
  sends: Sends,
): void {
  const { action, seq, summary, dueAt } = change;
  const open = isOpen(summary.state) ? 1 : 0;
  const text = seal.summary(summary);
  const { timings, endedAt } = timingColumns(remembered(change, place));
  const set = `seq = ?, due_at = ?, summary = ?, timings = coalesce(?, timings), ended_at = ?,
    delivered = ?, failed = ?, notified_at = ?`;
  const { delivered, failed, notifiedAt } = sends;
  const values = [seq, dueAt, text, timings, endedAt, delivered, failed, notifiedAt];
  if (open === place.open) sql.exec(`UPDATE actions SET ${set} WHERE id = ?`, ...values, action);
  else sql.exec(`UPDATE actions SET ${set}, open = ? WHERE id = ?`, ...values, open, action);
}

/** The same row with nothing new but what came of sending. */
export function updateSends(sql: SqlStorage, { row }: Place, { delivered, failed, notifiedAt }: Sends): void {
  const set = "UPDATE actions SET delivered = ?, failed = ?, notified_at = ? WHERE row = ?";
  sql.exec(set, delivered, failed, notifiedAt, row);
}

/** Whether a row says what the action says, as far as the figures and the lists go. */
export function isSame(seal: RowSeal, place: Place, change: ActionChanged): boolean {
  const { timings } = timingColumns(remembered(change, place));
  return same(seal.readSummary(place.summary), change.summary) && place.timings === timings;
}

const same = (one: ActionSummary, other: ActionSummary): boolean =>
  canonicalJson(plainObject(one)) === canonicalJson(plainObject(other));

/** What figures are made of outlives the words that it was read from. */
function remembered(change: ActionChanged, { timings: before }: Place): ActionChanged {
  const { timings, summary } = change;
  if (timings === undefined || before === null || !isErased(summary)) return change;
  const { missingContext } = v.parse(v.pipe(v.string(), v.parseJson(), Timings), before);
  return { ...change, timings: { ...timings, missingContext: missingContext || timings.missingContext } };
}

/** `timings` as it is stored, and when (epoch ms) the last wait of the action was over. */
function timingColumns({ timings, summary }: ActionChanged): {
  timings: string | null;
  endedAt: number | null;
} {
  if (timings === undefined) return { timings: null, endedAt: null };
  const over = isOpen(summary.state)
    ? null
    : Math.max(timings.finishedAt ?? 0, timings.leftAt ?? 0, timings.decidedAt ?? 0);
  return { timings: JSON.stringify(timings), endedAt: over };
}

/** Rows strictly between two; the whole table when both are left out. */
export type Window = { before?: number; after?: number };

/** Newest first, inside the window, at most `limit`. */
export function listActions(
  sql: SqlStorage,
  seal: RowSeal,
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
    .map((row) => listed(seal, row));
}

function listed(seal: RowSeal, value: Record<string, SqlStorageValue>): Listed {
  const { row, summary } = v.parse(Row, value);
  return { row, summary: seal.readSummary(summary) };
}

const riskOrder =
  "CASE summary ->> '$.risk' WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END";

/** The most dangerous first, of those the one that ends first, at most `limit`. */
export function mostUrgent(
  sql: SqlStorage,
  seal: RowSeal,
  conditions: readonly Condition[],
  limit: number,
): ActionSummary[] {
  const terms = conditions.map((condition) => condition.sql).join(" AND ");
  const deadline = "coalesce(summary ->> '$.deadline', '9')";
  const select = `SELECT row, summary FROM actions WHERE ${terms} ORDER BY ${riskOrder}, ${deadline}, row LIMIT ?`;
  return sql
    .exec(select, ...conditions.flatMap(({ bindings }) => bindings), limit)
    .toArray()
    .map((row) => listed(seal, row).summary);
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

/** Open actions after a row that have not begun to run, with their types, oldest first. */
export function waitingActions(
  sql: SqlStorage,
  afterRow: number,
  limit: number,
): { row: number; id: string; type: string }[] {
  const select = `SELECT row, id, summary ->> '$.type' AS type FROM actions
    WHERE open = 1 AND row > ? AND summary ->> '$.state' IN ('pending', 'approved') ORDER BY row LIMIT ?`;
  return sql
    .exec(select, afterRow, limit)
    .toArray()
    .map((row) => v.parse(Typed, row));
}

/** Actions before a row that were asked for at or after a time (RFC 3339), newest first, of at most `most` rows looked at. */
export function actionsSince(
  sql: SqlStorage,
  { since, before, most }: { since: string; before: number; most: number },
  limit: number,
): { row: number; id: string }[] {
  const select = `SELECT row, id FROM actions
    WHERE row < ? AND row >= ? AND summary ->> '$.createdAt' >= ? ORDER BY row DESC LIMIT ?`;
  return sql
    .exec(select, before, before - most, since, limit)
    .toArray()
    .map((row) => v.parse(Id, row));
}

/** Actions that have slept since before their values had a time to go at, oldest first. */
export function sleepingActions(sql: SqlStorage, limit: number): string[] {
  return sql
    .exec("SELECT row, id FROM actions WHERE woken IS NULL ORDER BY row LIMIT ?", limit)
    .toArray()
    .map((row) => v.parse(Id, row).id);
}

export function noteWoken(sql: SqlStorage, ids: readonly string[]): void {
  for (const id of ids) sql.exec("UPDATE actions SET woken = 1 WHERE id = ?", id);
}

/** How many open actions there are in each state that has any. */
export function countOpen(sql: SqlStorage): Record<string, number> {
  const rows = sql.exec(
    "SELECT summary ->> '$.state' AS state, count(*) AS count FROM actions WHERE open = 1 GROUP BY 1",
  );
  const counts = rows.toArray().map((row) => v.parse(Count, row));
  return Object.fromEntries(counts.map(({ state, count }) => [state, count]));
}
