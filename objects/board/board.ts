import { DurableObject } from "cloudflare:workers";
import { decodeCursor, encodeCursor } from "../../core/cursor.ts";
import type { ActionList, ActionSummary } from "../../schemas/action.ts";
import { limits } from "../../schemas/limits.ts";
import type { ActionChanged } from "../../schemas/message.ts";
import { migrate } from "../migrate.ts";
import {
  countOpen,
  findAction,
  insertAction,
  lastRow,
  listActions,
  openActions,
  overdueActions,
  updateAction,
} from "./actions.ts";
import { dropDeadLetters, listDeadLetters, putDeadLetters, type Lost } from "./dead-letters.ts";
import { conditionsOf, needsScan, type ListFilter, type WaitingFor } from "./filter.ts";
import { migrations } from "./migrations.ts";

/** A page of a list: at most `limit` items (100 and fewer), on from `cursor`. */
export type Page = { cursor?: string | undefined; limit: number };

/** What one reader has in front of them: what waits for them, then what else is pending, each newest first. */
export type Inbox = {
  waiting: ActionSummary[];
  pending: ActionSummary[];
  counts: { byState: Record<string, number> };
};

/**
 * The index of one workspace's actions. A projection: it lags, it can be built again from the actions it knows, and
 * nothing is ever authorised by it. Fed in batches by `(action, seq)`, in any order and any number of times.
 */
export class Board extends DurableObject<Env> {
  readonly #sql: SqlStorage;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    migrate(ctx.storage, migrations);
  }

  /** Takes in what changed, in one transaction. What it already has, or has newer, changes nothing. */
  apply(changes: ActionChanged[]): void {
    this.ctx.storage.transactionSync(() => {
      for (const change of changes) this.#take(change, false);
    });
  }

  /**
   * Takes in what the actions say of themselves at this moment: as `apply`, and a row of the same seq is put right.
   */
  restore(changes: ActionChanged[]): void {
    this.ctx.storage.transactionSync(() => {
      for (const change of changes) this.#take(change, true);
    });
  }

  /**
   * A dead letter changes no seq, so of two messages with one seq either may be the later. `apply` then only adds
   * letters: one that is listed although it was sent again is gone with the next seq or repair, while one that is not
   * listed would be sent by nobody.
   */
  #take(change: ActionChanged, exact: boolean): void {
    const place = findAction(this.#sql, change.action);
    const known = place?.seq ?? -1;
    if (change.seq < known) return;
    if (place === null) insertAction(this.#sql, change);
    else if (change.seq > known || (exact && place.summary !== JSON.stringify(change.summary))) {
      updateAction(this.#sql, change, place);
    }
    if (exact || change.seq > known) dropDeadLetters(this.#sql, change.action, change.deadLetters);
    putDeadLetters(this.#sql, change.action, change.deadLetters);
  }

  /**
   * Newest first. `nextCursor` is null at the end; where a filter fits few of very many, a page may be short, or empty, and
   * still have one. @throws RangeError for a cursor that is none of ours.
   */
  list({ cursor, limit, ...filter }: ListFilter & Page): ActionList {
    const size = pageSize(limit);
    const conditions = conditionsOf(filter);
    const before = positionOf(cursor) ?? lastRow(this.#sql) + 1;
    const after = needsScan(conditions) ? Math.max(before - 1 - scannedRows, 0) : 0;
    const rows = listActions(this.#sql, conditions, { before, after }, size + 1);
    const page = rows.slice(0, size);
    const further = after === 0 ? null : encodeCursor(after + 1);
    return { items: page.map(({ summary }) => summary), nextCursor: nextOf(rows, page) ?? further };
  }

  /** The queue as one reader sees it, `reader` null for a key that is nobody's. Not called `queue`: RPC keeps that name for itself. */
  inbox(reader: WaitingFor | null, limit: number): Inbox {
    const size = pageSize(limit);
    const pick = (filter: ListFilter): ActionSummary[] =>
      listActions(this.#sql, conditionsOf(filter), {}, size).map(({ summary }) => summary);
    const waiting = reader === null ? [] : pick({ waitingFor: reader });
    const mine = new Set(waiting.map(({ id }) => id));
    const others = pick({ state: "pending" }).filter(({ id }) => !mine.has(id));
    return { waiting, pending: others.slice(0, size - waiting.length), counts: this.counts() };
  }

  /** Ids of open actions whose earliest deadline is at or before `now` (epoch ms), the longest overdue first. */
  overdue(now: number, limit: number): string[] {
    return overdueActions(this.#sql, now, limit);
  }

  /** Ids of open actions after a row, oldest first; `nextRow` is where to go on, null at the end. */
  open(afterRow: number, limit: number): { ids: string[]; nextRow: number | null } {
    const size = pageSize(limit);
    const rows = openActions(this.#sql, afterRow, size + 1);
    const page = rows.slice(0, size);
    return {
      ids: page.map(({ id }) => id),
      nextRow: rows.length > page.length ? (page.at(-1)?.row ?? null) : null,
    };
  }

  /** Deliveries that used up their tries, newest first. @throws RangeError for a cursor that is none of ours. */
  deadLetters({ cursor, limit }: Page): { items: Lost[]; nextCursor: string | null } {
    const size = pageSize(limit);
    const before = positionOf(cursor) ?? Number.MAX_SAFE_INTEGER;
    const rows = listDeadLetters(this.#sql, before, size + 1);
    const page = rows.slice(0, size);
    return {
      items: page.map(({ action, letter }) => ({ ...letter, action })),
      nextCursor: nextOf(rows, page),
    };
  }

  /** Open actions by state. Finished ones are not counted: their number only grows, and so would the price of asking. */
  counts(): { byState: Record<string, number> } {
    return { byState: countOpen(this.#sql) };
  }
}

/**
 * Rows one call looks at for a filter that no index serves: some 50 ms of the one thread that every list and every event
 * of the workspace goes through.
 */
const scannedRows = 20_000;

const pageSize = (limit: number): number => Math.min(Math.max(Math.trunc(limit), 1), limits.listPage);

/** The row a cursor stands for, null without one. The routes have refused a bad one before. */
function positionOf(cursor: string | undefined): number | null {
  if (cursor === undefined) return null;
  const position = decodeCursor(cursor);
  if (position === null) throw new RangeError("no such cursor");
  return position;
}

function nextOf(rows: readonly { row: number }[], page: readonly { row: number }[]): string | null {
  const last = page.at(-1);
  return rows.length > page.length && last !== undefined ? encodeCursor(last.row) : null;
}
