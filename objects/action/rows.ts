import * as v from "valibot";
import type { OutboxRow } from "../../core/outbox.ts";
import { ChannelNotice } from "../../schemas/channel.ts";
import { Event } from "../../schemas/event.ts";
import type { DeadLetter } from "../../schemas/message.ts";
import { Payload, StoredAction } from "../../schemas/stored.ts";

/**
 * The tables of one action, one function a statement. Few tables and no index, because each is a row written for
 * every action there will ever be. The log is append-only by triggers; the one on INSERT is there because a
 * replacing insert would pass the other two.
 */
const schema = `
  CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
  CREATE TABLE events (seq INTEGER PRIMARY KEY, body TEXT NOT NULL, actor TEXT NOT NULL, key TEXT, fingerprint TEXT);
  CREATE TABLE outbox (
    seq INTEGER NOT NULL, sink TEXT NOT NULL, type TEXT NOT NULL, at INTEGER NOT NULL,
    tries INTEGER NOT NULL, due INTEGER, status TEXT NOT NULL, error TEXT, PRIMARY KEY (seq, sink)
  ) WITHOUT ROWID;
  CREATE TRIGGER events_in_order BEFORE INSERT ON events
    WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM events) BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
  CREATE TRIGGER events_unchanged BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
  CREATE TRIGGER events_kept BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
`;

const payloadId = 1;
const stateId = 2;

/** Whether there is an action here. Reads only: asking for an id that does not exist must not make one. */
export function exists(sql: SqlStorage): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'docs'").toArray().length > 0;
}

/** The tables and the payload: what every action starts with. */
export function createAction(sql: SqlStorage, payload: Payload): void {
  sql.exec(schema);
  sql.exec("INSERT INTO docs (id, body) VALUES (?, ?)", payloadId, JSON.stringify(payload));
}

export function readPayload(sql: SqlStorage): Payload {
  return v.parse(Payload, JSON.parse(readDoc(sql, payloadId)));
}

export function writeStored(sql: SqlStorage, stored: StoredAction): void {
  const body = JSON.stringify(stored);
  sql.exec(
    "INSERT INTO docs (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
    stateId,
    body,
  );
}

export function readStored(sql: SqlStorage): StoredAction {
  return v.parse(StoredAction, JSON.parse(readDoc(sql, stateId)));
}

function readDoc(sql: SqlStorage, id: number): string {
  return sql.exec<{ body: string }>("SELECT body FROM docs WHERE id = ?", id).one().body;
}

/** Who sent a command under which Idempotency-Key: kept with the last event that it made. */
export type Mark = { readonly actor: string; readonly key: string; readonly fingerprint: string };

export function insertEvent(sql: SqlStorage, event: Event, mark: Mark | null): void {
  sql.exec(
    "INSERT INTO events (seq, body, actor, key, fingerprint) VALUES (?, ?, ?, ?, ?)",
    event.seq,
    JSON.stringify(event),
    mark?.actor ?? event.actor.id,
    mark?.key ?? null,
    mark?.fingerprint ?? null,
  );
}

/** Events after `afterSeq`, oldest first. */
export function readEvents(sql: SqlStorage, afterSeq: number): Event[] {
  return sql
    .exec<{ body: string }>("SELECT body FROM events WHERE seq > ? ORDER BY seq", afterSeq)
    .toArray()
    .map(({ body }) => v.parse(Event, JSON.parse(body)));
}

/** The command that this actor sent under this key, by the seq it ended at. */
export function findMark(
  sql: SqlStorage,
  actor: string,
  key: string,
): { seq: number; fingerprint: string } | null {
  const rows = sql.exec<{ seq: number; fingerprint: string }>(
    "SELECT seq, fingerprint FROM events WHERE actor = ? AND key = ? LIMIT 1",
    actor,
    key,
  );
  return rows.toArray()[0] ?? null;
}

export function insertOutbox(sql: SqlStorage, row: OutboxRow): void {
  sql.exec(
    "INSERT INTO outbox (seq, sink, type, at, tries, due, status) VALUES (?, ?, ?, ?, ?, ?, 'open')",
    row.seq,
    row.sink,
    row.type,
    row.at,
    row.tries,
    row.due,
  );
}

/** What was sent as `tries`-th try and when it comes due again. */
export function leaseOutbox(sql: SqlStorage, row: OutboxRow): void {
  sql.exec(
    "UPDATE outbox SET tries = ?, due = ? WHERE seq = ? AND sink = ? AND status = 'open'",
    row.tries,
    row.due,
    row.seq,
    row.sink,
  );
}

const columns = "seq, sink, type, at, tries, due";

function outboxRow(row: Record<string, SqlStorageValue>): OutboxRow {
  return v.parse(
    v.object({
      seq: v.number(),
      sink: v.string(),
      type: ChannelNotice,
      at: v.number(),
      tries: v.number(),
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

/** When the next open row comes due (epoch ms); null where none is open. */
export function nextOutboxDue(sql: SqlStorage): number | null {
  return sql.exec<{ due: number | null }>("SELECT MIN(due) AS due FROM outbox WHERE status = 'open'").one()
    .due;
}

/** @returns whether the row was open; an acknowledgement that comes twice changes nothing. */
export function closeOutbox(sql: SqlStorage, seq: number, sink: string): boolean {
  return (
    sql.exec(
      "UPDATE outbox SET status = 'delivered', due = NULL WHERE seq = ? AND sink = ? AND status = 'open'",
      seq,
      sink,
    ).rowsWritten > 0
  );
}

/** What a card that shows `seq` covers is delivered: everything but what is said beside the card. */
export function closeShown(sql: SqlStorage, sink: string, seq: number): void {
  sql.exec(
    `UPDATE outbox SET status = 'delivered', due = NULL WHERE sink = ? AND seq <= ? AND status = 'open'
      AND type NOT IN ('action.reminded', 'action.escalated')`,
    sink,
    seq,
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

/** When a row of the same recipient that has failed is tried again (epoch ms), if that is to come; else null. */
export function waitingUntil(sql: SqlStorage, { seq, sink }: OutboxRow, now: number): number | null {
  return sql
    .exec<{ due: number | null }>(
      "SELECT MIN(due) AS due FROM outbox WHERE sink = ? AND seq <> ? AND status = 'open' AND tries > 1 AND due > ?",
      sink,
      seq,
      now,
    )
    .one().due;
}

export function buryOutbox(sql: SqlStorage, seq: number, sink: string, tries: number, error: string): void {
  sql.exec(
    "UPDATE outbox SET status = 'dead', due = NULL, tries = ?, error = ? WHERE seq = ? AND sink = ?",
    tries,
    error,
    seq,
    sink,
  );
}

/** A dead row starts over. @returns whether it was dead. */
export function reviveOutbox(sql: SqlStorage, seq: number, sink: string, due: number): boolean {
  return (
    sql.exec(
      "UPDATE outbox SET status = 'open', due = ?, tries = 0 WHERE seq = ? AND sink = ? AND status = 'dead'",
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
