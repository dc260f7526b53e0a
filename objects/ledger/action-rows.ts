import * as v from "valibot";
import { Seen } from "../../schemas/ledger.ts";
import type { RetentionClass } from "../../schemas/retention.ts";
import { coveredAt } from "./holds.ts";
import type { Exported, ExportFilter } from "./messages.ts";

/** The rows of the actions that a ledger has seen. */

const Index = v.pipe(v.number(), v.integer());
/** What the log has of an action, by index; `conflict` is the last one, so that the same is not said twice in a row. */
const Marks = v.object({
  opened: Index,
  sealed: v.array(Index),
  erased: v.record(v.string(), Index),
  conflicts: v.array(Index),
  conflict: v.nullable(v.object({ events: Index, head: v.string() })),
});
export type Marks = v.InferOutput<typeof Marks>;

/** An action as the ledger knows it. `sealedEvents` is 0 and `sealedHead` null before it was over. */
export type Known = {
  readonly number: number;
  readonly action: string;
  readonly type: string;
  readonly requester: string;
  readonly first: string;
  readonly events: number;
  readonly head: string;
  readonly sealedEvents: number;
  readonly sealedHead: string | null;
  readonly marks: Marks;
  readonly holds: Seen["holds"];
  /** Bytes of context that it holds. */
  readonly context: number;
  readonly erased: Seen["erased"];
};

type Row = {
  number: number;
  action: string;
  type: string;
  requester: string;
  first: string;
  events: number;
  head: string;
  sealed_events: number;
  sealed_head: string | null;
  marks: string;
  holds: string;
  context: number;
  erased: string;
};
const columns =
  "number, action, type, requester, first, events, head, sealed_events, sealed_head, marks, holds, context, erased";

function knownIn({ sealed_events, sealed_head, marks, holds, erased, ...row }: Row): Known {
  return {
    ...row,
    sealedEvents: sealed_events,
    sealedHead: sealed_head,
    marks: v.parse(Marks, JSON.parse(marks)),
    holds: v.parse(Seen.entries.holds, JSON.parse(holds)),
    erased: v.parse(Seen.entries.erased, JSON.parse(erased)),
  };
}

export function findAction(sql: SqlStorage, action: string): Known | null {
  const rows = sql.exec<Row>(`SELECT ${columns} FROM actions WHERE action = ?`, action).toArray();
  return rows.map(knownIn).at(0) ?? null;
}

/** The largest number that was given; 0 before there was one. */
export function lastNumber(sql: SqlStorage): number {
  const [row] = sql.exec<{ last: number | null }>("SELECT max(number) AS last FROM actions").toArray();
  return row?.last ?? 0;
}

export function insertAction(sql: SqlStorage, known: Known, at: number, copies: boolean): void {
  sql.exec(
    `INSERT INTO actions (${columns}, at, due_at, uncopied) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    known.number,
    known.action,
    known.type,
    known.requester,
    known.first,
    known.events,
    known.head,
    known.sealedEvents,
    known.sealedHead,
    JSON.stringify(known.marks),
    JSON.stringify(known.holds),
    known.context,
    JSON.stringify(known.erased),
    at,
    earliestDue(known.holds),
    copies && known.sealedEvents > 0 ? known.sealedEvents : null,
  );
}

/** Writes what has become of it; `copies`: what is sealed now is to be copied out. */
export function updateAction(sql: SqlStorage, known: Known, copies: boolean): void {
  sql.exec(
    `UPDATE actions SET events = ?, head = ?, sealed_events = ?, sealed_head = ?, marks = ?, holds = ?, context = ?, erased = ?,
       due_at = ?, uncopied = coalesce(?, uncopied)
     WHERE number = ?`,
    known.events,
    known.head,
    known.sealedEvents,
    known.sealedHead,
    JSON.stringify(known.marks),
    JSON.stringify(known.holds),
    known.context,
    JSON.stringify(known.erased),
    earliestDue(known.holds),
    copies ? known.sealedEvents : null,
    known.number,
  );
}

/** Epoch ms; null where nobody can say of anything that is held. */
function earliestDue(holds: Seen["holds"]): number | null {
  const times = holds.flatMap(({ dueAt }) => (dueAt === null ? [] : [dueAt]));
  return times.length === 0 ? null : Math.min(...times);
}

/** An action whose evidence is to be copied out: what is to be copied has `events` entries. */
export type Uncopied = { readonly number: number; readonly action: string; readonly events: number };

export function uncopiedActions(sql: SqlStorage, limit: number): Uncopied[] {
  return sql
    .exec<Uncopied>(
      "SELECT number, action, uncopied AS events FROM actions WHERE uncopied IS NOT NULL ORDER BY number LIMIT ?",
      limit,
    )
    .toArray();
}

/** One that was sealed again since is still to be copied. */
export function markCopied(sql: SqlStorage, { number, events }: Pick<Uncopied, "number" | "events">): void {
  sql.exec("UPDATE actions SET uncopied = NULL WHERE number = ? AND uncopied <= ?", number, events);
}

/** Actions that hold something that was due by `before`, and that no hold in force then keeps, the longest overdue first. */
export function overdueActions(sql: SqlStorage, before: number, limit: number): string[] {
  return sql
    .exec<{ action: string }>(
      `SELECT action FROM actions AS a WHERE due_at <= ?1 AND NOT ${coveredAt("?1")} ORDER BY due_at LIMIT ?2`,
      before,
      limit,
    )
    .toArray()
    .map(({ action }) => action);
}

/** Numbers have no gap and times do not go back, so where a time begins is found by halving. */
function firstSince(sql: SqlStorage, at: number): number {
  let [low, high] = [1, lastNumber(sql) + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const [row] = sql.exec<{ at: number }>("SELECT at FROM actions WHERE number = ?", middle).toArray();
    if (row !== undefined && row.at < at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Oldest first. */
export function exportedActions(sql: SqlStorage, filter: ExportFilter): Exported[] {
  const { since, until, type, after, limit } = filter;
  const from = Math.max(after + 1, since === null ? 1 : firstSince(sql, since));
  const end = until === null ? lastNumber(sql) + 1 : firstSince(sql, until);
  return sql
    .exec<{ number: number; action: string; type: string }>(
      "SELECT number, action, type FROM actions WHERE number >= ? AND number < ? AND (? IS NULL OR type = ?) ORDER BY number LIMIT ?",
      from,
      end,
      type,
      type,
      limit,
    )
    .toArray();
}

/** The lines of one action before `size`, by what they say. */
export function marksBefore(
  { marks }: Known,
  size: number,
): {
  opened: number | null;
  sealed: number | null;
  erased: number[];
  conflicts: number[];
} {
  const within = (index: number): boolean => index < size;
  return {
    opened: within(marks.opened) ? marks.opened : null,
    sealed: marks.sealed.filter(within).at(-1) ?? null,
    erased: Object.values(marks.erased).filter(within).toSorted(ascending),
    conflicts: marks.conflicts.filter(within),
  };
}

const ascending = (one: number, other: number): number => one - other;

/** The line by which a class of it was let go of; null while it was not. */
export const erasureOf = ({ marks }: Known, name: RetentionClass): number | null =>
  marks.erased[name] ?? null;
