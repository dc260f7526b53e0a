import * as v from "valibot";
import { maxSends, type Answers, type OutboxRow } from "../../core/outbox.ts";
import { ChannelNotice } from "../../schemas/channel.ts";
import type { DeadLetter } from "../../schemas/message.ts";

/**
 * The statements on `outbox`, one function each. `sends`: how often this try was handed over without an answer; `failed`:
 * attempts of which it is known that they did not arrive; `noted`: when (epoch ms) the last answer came.
 */

/** Gives the table of an action from before they were counted the columns that answers are counted in. */
export function readyOutbox(sql: SqlStorage): void {
  const old = "SELECT 1 FROM sqlite_master WHERE name = 'outbox' AND sql NOT LIKE '%noted%'";
  if (sql.exec(old).toArray().length === 0) return;
  sql.exec(`
    ALTER TABLE outbox ADD COLUMN sends INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox ADD COLUMN noted INTEGER;`);
}

export function insertOutbox(sql: SqlStorage, row: OutboxRow): void {
  sql.exec(
    "INSERT INTO outbox (seq, sink, type, at, tries, sends, due, status) VALUES (?, ?, ?, ?, ?, ?, ?, 'open')",
    row.seq,
    row.sink,
    row.type,
    row.at,
    row.tries,
    row.sends,
    row.due,
  );
}

/** What was sent as `tries`-th try and when it comes due again. */
export function leaseOutbox(sql: SqlStorage, row: OutboxRow): void {
  sql.exec(
    "UPDATE outbox SET tries = ?, sends = ?, due = ? WHERE seq = ? AND sink = ? AND status = 'open'",
    row.tries,
    row.sends,
    row.due,
    row.seq,
    row.sink,
  );
}

/** The try that was sent has failed, as was said at `now`; the next one is at `due` (both epoch ms). */
export function retryOutbox(
  sql: SqlStorage,
  { seq, sink, tries }: OutboxRow,
  due: number,
  now: number,
): void {
  sql.exec(
    `UPDATE outbox SET tries = ?, sends = 0, failed = failed + 1, due = ?, noted = ?
      WHERE seq = ? AND sink = ? AND status = 'open'`,
    tries + 1,
    due,
    now,
    seq,
    sink,
  );
}

const columns = "seq, sink, type, at, tries, sends, due";

function outboxRow(row: Record<string, SqlStorageValue>): OutboxRow {
  return v.parse(
    v.object({
      seq: v.number(),
      sink: v.string(),
      type: ChannelNotice,
      at: v.number(),
      tries: v.number(),
      sends: v.number(),
      due: v.number(),
    }),
    row,
  );
}

/** Open rows that are due, at most 100: a flush that meets more comes again. */
export function dueOutbox(sql: SqlStorage, now: number): OutboxRow[] {
  return sql
    .exec(`SELECT ${columns} FROM outbox WHERE status = 'open' AND due <= ? ORDER BY seq LIMIT 100`, now)
    .toArray()
    .map(outboxRow);
}

export function openOutbox(sql: SqlStorage, seq: number, sink: string): OutboxRow | null {
  const rows = sql
    .exec(`SELECT ${columns} FROM outbox WHERE status = 'open' AND seq = ? AND sink = ?`, seq, sink)
    .toArray();
  return rows.map(outboxRow)[0] ?? null;
}

/** Open rows that are due and were sent as often as one is, without a word about any of it. */
export function unconfirmedOutbox(sql: SqlStorage, now: number): OutboxRow[] {
  return sql
    .exec(
      `SELECT ${columns} FROM outbox WHERE status = 'open' AND due <= ? AND sends >= ? ORDER BY seq`,
      now,
      maxSends,
    )
    .toArray()
    .map(outboxRow);
}

const Sums = v.object({
  due: v.nullable(v.number()),
  open: v.number(),
  delivered: v.number(),
  failed: v.number(),
  notifiedAt: v.nullable(v.number()),
  lastAt: v.nullable(v.number()),
});

/** When the next open row comes due (epoch ms, null where none is open), and what came of all of them so far. */
export function sumOutbox(sql: SqlStorage): Answers & { readonly due: number | null } {
  const sums = `SELECT MIN(due) FILTER (WHERE status = 'open') AS due, COUNT(*) FILTER (WHERE status = 'open') AS open,
    COUNT(*) FILTER (WHERE status = 'delivered' AND type <> 'action.erased') AS delivered, COALESCE(SUM(failed), 0) AS failed,
    MIN(noted) FILTER (WHERE status = 'delivered' AND sink <> 'callback' AND type <> 'action.erased') AS notifiedAt, MAX(noted) AS lastAt
    FROM outbox`;
  return v.parse(Sums, sql.exec(sums).one());
}

/** @returns whether the row was open; an acknowledgement that comes twice changes nothing. */
export function closeOutbox(sql: SqlStorage, seq: number, sink: string, now: number): boolean {
  return (
    sql.exec(
      "UPDATE outbox SET status = 'delivered', due = NULL, noted = ? WHERE seq = ? AND sink = ? AND status = 'open'",
      now,
      seq,
      sink,
    ).rowsWritten > 0
  );
}

/** What a card that shows `seq` covers is delivered: everything but what is said beside the card. */
export function closeShown(sql: SqlStorage, sink: string, seq: number, now: number): void {
  sql.exec(
    `UPDATE outbox SET status = 'delivered', due = NULL, noted = ? WHERE sink = ? AND seq <= ? AND status = 'open'
      AND type NOT IN ('action.reminded', 'action.escalated', 'action.erased')`,
    now,
    sink,
    seq,
  );
}

/** A message that was not sent to people on purpose: settled, and neither delivered nor failed. */
export function suppressOutbox(sql: SqlStorage, seq: number, sink: string, reason: string): void {
  sql.exec(
    "UPDATE outbox SET status = 'suppressed', due = NULL, error = ? WHERE seq = ? AND sink = ? AND status = 'open'",
    reason,
    seq,
    sink,
  );
}

/** What is left for a recipient comes due now. @returns whether something was left. */
export function wakeOutbox(sql: SqlStorage, sink: string, now: number): boolean {
  return (
    sql.exec(
      "UPDATE outbox SET due = MIN(due, ?) WHERE sink = ? AND status = 'open' AND tries = 1",
      now,
      sink,
    ).rowsWritten > 0
  );
}

/**
 * When a row of the same recipient that has failed is tried again (epoch ms), if that is to come; else null. One that was handed
 * over again is under way and waits for nobody: of two that did, each would wait for the other.
 */
export function waitingUntil(sql: SqlStorage, { seq, sink }: OutboxRow, now: number): number | null {
  return sql
    .exec<{ due: number | null }>(
      "SELECT MIN(due) AS due FROM outbox WHERE sink = ? AND seq <> ? AND status = 'open' AND tries > 1 AND sends = 0 AND due > ?",
      sink,
      seq,
      now,
    )
    .one().due;
}

/** The last try has failed, as was said at `now` (epoch ms). */
export function buryOutbox(
  sql: SqlStorage,
  { seq, sink, tries }: OutboxRow,
  error: string,
  now: number,
): void {
  sql.exec(
    `UPDATE outbox SET status = 'dead', due = NULL, tries = ?, failed = failed + 1, noted = ?, error = ?
      WHERE seq = ? AND sink = ?`,
    tries,
    now,
    error,
    seq,
    sink,
  );
}

/** A dead row starts over. @returns whether it was dead. */
export function reviveOutbox(sql: SqlStorage, seq: number, sink: string, due: number): boolean {
  return (
    sql.exec(
      "UPDATE outbox SET status = 'open', due = ?, tries = 0, sends = 0 WHERE seq = ? AND sink = ? AND status = 'dead'",
      due,
      seq,
      sink,
    ).rowsWritten > 0
  );
}

export function readDeadLetters(sql: SqlStorage): DeadLetter[] {
  return sql
    .exec("SELECT seq, sink, type, tries, error, at FROM outbox WHERE status = 'dead' ORDER BY seq")
    .toArray()
    .map((row) =>
      v.parse(
        v.pipe(
          v.object({
            seq: v.number(),
            sink: v.string(),
            type: ChannelNotice,
            tries: v.number(),
            error: v.string(),
            at: v.number(),
          }),
          v.transform(({ error, ...rest }) => ({ ...rest, lastError: error })),
        ),
        row,
      ),
    );
}
