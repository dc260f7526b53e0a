import * as v from "valibot";
import { Event } from "../../schemas/event.ts";
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
    tries INTEGER NOT NULL, due INTEGER, status TEXT NOT NULL, error TEXT,
    sends INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, noted INTEGER, PRIMARY KEY (seq, sink)
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
