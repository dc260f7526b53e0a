import * as v from "valibot";
import type { Counted } from "../../core/counters.ts";
import type { RatedAction } from "../../core/rates.ts";
import { State } from "../../schemas/action.ts";
import { Totals } from "../../schemas/counters.ts";
import type { ActionChanged, Sends } from "../../schemas/message.ts";
import { Risk } from "../../schemas/policy.ts";
import { Timings } from "../../schemas/timings.ts";
import type { Place } from "./actions.ts";

/** The statements on the timing columns of `actions`, and on `totals`, one function each. */

const Seen = v.record(v.string(), v.number());
const Row = v.object({
  row: v.number(),
  open: v.number(),
  type: v.string(),
  class: v.string(),
  agent: v.string(),
  risk: Risk,
  state: State,
  groups: v.pipe(v.string(), v.parseJson(), v.array(v.string())),
  timings: v.nullable(v.pipe(v.string(), v.parseJson(), Timings)),
  seen: v.nullable(v.pipe(v.string(), v.parseJson(), Seen)),
  notified_at: v.nullable(v.number()),
  delivered: v.number(),
  failed: v.number(),
  would: v.nullable(v.picklist(["allow", "gate", "deny"])),
});

/** One row with what the figures need. `counted` is null for a row from before there were timings. */
export type TimedRow = {
  readonly row: number;
  readonly open: boolean;
  readonly counted: TimedCounted | null;
};
/** Whatever any of the figures needs of one action. */
export type TimedCounted = Counted & RatedAction;

const columns = `row, open, summary ->> '$.type' AS type, summary ->> '$.risk' AS risk,
  summary ->> '$.class' AS class, summary ->> '$.requester.id' AS agent,
  summary ->> '$.state' AS state, summary ->> '$.groups' AS groups, timings, seen, notified_at, delivered, failed,
  summary ->> '$.would' AS would`;

function timedRow(value: Record<string, SqlStorageValue>): TimedRow {
  const parsed = v.parse(Row, value);
  const { row, open, timings, seen, notified_at: notifiedAt, delivered, failed, would, ...rest } = parsed;
  if (timings === null) return { row, open: open === 1, counted: null };
  const deliveries = { delivered, failed };
  const watched = would === null ? {} : { would };
  const counted = { ...rest, ...timings, ...watched, notifiedAt, seen: seen ?? {}, deliveries };
  return { row, open: open === 1, counted };
}

/** Every action that can still change by itself. */
export function openRows(sql: SqlStorage): TimedRow[] {
  return sql.exec(`SELECT ${columns} FROM actions WHERE open = 1`).toArray().map(timedRow);
}

/** The row of that number, where there is one. */
export function rowsAt(sql: SqlStorage, row: number): TimedRow[] {
  return sql.exec(`SELECT ${columns} FROM actions WHERE row = ?`, row).toArray().map(timedRow);
}

/** Those after a row whose last wait ended at `from` (epoch ms) or later. */
export function endedRows(sql: SqlStorage, afterRow: number, from: number): TimedRow[] {
  return sql
    .exec(
      `SELECT ${columns} FROM actions WHERE row > ? AND open = 0 AND ended_at >= ? ORDER BY row`,
      afterRow,
      from,
    )
    .toArray()
    .map(timedRow);
}

/** The rows that `totals` does not hold, oldest first, at most `limit` of those it has never met. */
export function uncountedRows(sql: SqlStorage, { upToRow, open }: Totals, limit: number): TimedRow[] {
  const known = `SELECT ${columns} FROM actions WHERE row IN (SELECT value FROM json_each(?)) ORDER BY row`;
  const fresh = `SELECT ${columns} FROM actions WHERE row > ? ORDER BY row LIMIT ?`;
  const before = open.length === 0 ? [] : sql.exec(known, JSON.stringify(open)).toArray();
  return [...before, ...sql.exec(fresh, upToRow, limit).toArray()].map(timedRow);
}

/** Of these changes the one of each action that brings its decision: the row does not have it yet. */
export function newlyDecided(sql: SqlStorage, changes: readonly ActionChanged[]): ActionChanged[] {
  const decided = new Map<string, ActionChanged>();
  const known = "SELECT 1 FROM actions WHERE id = ? AND timings ->> '$.decidedAt' IS NOT NULL";
  for (const change of changes) {
    const { action, timings } = change;
    if (timings === undefined || timings.decidedAt === null) continue;
    if (sql.exec(known, action).toArray().length === 0) decided.set(action, change);
  }
  return [...decided.values()];
}

/** When a row's action was asked for (epoch ms); null where there is no such row, or nothing is known. */
export function createdAt(sql: SqlStorage, row: number): number | null {
  const [found] = sql
    .exec<{ at: number | null }>("SELECT timings ->> '$.createdAt' AS at FROM actions WHERE row = ?", row)
    .toArray();
  return found?.at ?? null;
}

export function countDeadLetters(sql: SqlStorage): number {
  return sql.exec<{ count: number }>("SELECT count(*) AS count FROM dead_letters").one().count;
}

/** Who has opened a pending action and when; null where the Board has no such action or it waits for nobody. */
export function readSeen(sql: SqlStorage, id: string): Record<string, number> | null {
  const [row] = sql
    .exec<{ seen: string | null }>(
      "SELECT seen FROM actions WHERE id = ? AND summary ->> '$.state' = 'pending'",
      id,
    )
    .toArray();
  return row === undefined ? null : v.parse(Seen, JSON.parse(row.seen ?? "{}"));
}

export function writeSeen(sql: SqlStorage, id: string, seen: Record<string, number>): void {
  sql.exec("UPDATE actions SET seen = ? WHERE id = ?", JSON.stringify(seen), id);
}

/** What came of sending an action's notices, as far as a row and a message know: it only grows, whichever came first. */
export function latestSends(before: Place | null, sends: Sends | undefined): Sends {
  const { delivered = 0, failed = 0, notified_at: notifiedAt = null } = before ?? {};
  return {
    delivered: Math.max(delivered, sends?.delivered ?? 0),
    failed: Math.max(failed, sends?.failed ?? 0),
    notifiedAt: notifiedAt ?? sends?.notifiedAt ?? null,
  };
}

const StoredTotals = v.pipe(v.string(), v.parseJson(), Totals);

/** Null before anything was summed up. */
export function readTotals(sql: SqlStorage): Totals | null {
  const [row] = sql.exec<{ body: string }>("SELECT body FROM totals").toArray();
  return row === undefined ? null : v.parse(StoredTotals, row.body);
}

export function writeTotals(sql: SqlStorage, totals: Totals): void {
  const put =
    "INSERT INTO totals (id, body) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body";
  sql.exec(put, JSON.stringify(totals));
}
