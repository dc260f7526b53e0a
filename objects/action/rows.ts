import type { EntryRow } from "./loaded.ts";

/**
 * The tables of one action, one function a statement. Few tables and no index, because each is a row written for
 * every action there will ever be. The log is append-only by triggers; the one on INSERT is there because a
 * replacing insert would pass the other two. What the texts hold is for `sealing` to say.
 */
const log = `
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY, body TEXT NOT NULL, opened TEXT, actor TEXT NOT NULL, key TEXT, fingerprint TEXT
  );
  CREATE TRIGGER events_in_order BEFORE INSERT ON events
    WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM events) BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
  CREATE TRIGGER events_unchanged BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
  CREATE TRIGGER events_kept BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
`;
const schema = `
  CREATE TABLE docs (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
  CREATE TABLE outbox (
    seq INTEGER NOT NULL, sink TEXT NOT NULL, type TEXT NOT NULL, at INTEGER NOT NULL,
    tries INTEGER NOT NULL, due INTEGER, status TEXT NOT NULL, error TEXT,
    sends INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0, noted INTEGER, PRIMARY KEY (seq, sink)
  ) WITHOUT ROWID;
  ${log}
`;

const docIds = { payload: 1, state: 2 } as const;
type Doc = keyof typeof docIds;

/** Whether there is an action here. Reads only: asking for an id that does not exist must not make one. */
export function exists(sql: SqlStorage): boolean {
  return sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'docs'").toArray().length > 0;
}

/** The tables: what every action starts with. */
export function createTables(sql: SqlStorage): void {
  sql.exec(schema);
}

export function writeDoc(sql: SqlStorage, doc: Doc, body: string): void {
  sql.exec(
    "INSERT INTO docs (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
    docIds[doc],
    body,
  );
}

export function readDocs(sql: SqlStorage): Record<Doc, string> {
  return { payload: readDoc(sql, "payload"), state: readDoc(sql, "state") };
}

function readDoc(sql: SqlStorage, doc: Doc): string {
  return sql.exec<{ body: string }>("SELECT body FROM docs WHERE id = ?", docIds[doc]).one().body;
}

/** The same of an event that any command has made, also one without a key. */
export type Marked = {
  readonly actor: string;
  readonly key: string | null;
  readonly fingerprint: string | null;
};

export function insertEntry(sql: SqlStorage, { seq, body, opened }: EntryRow, mark: Marked): void {
  sql.exec(
    "INSERT INTO events (seq, body, opened, actor, key, fingerprint) VALUES (?, ?, ?, ?, ?, ?)",
    seq,
    body,
    opened,
    mark.actor,
    mark.key,
    mark.fingerprint,
  );
}

/** Entries after `afterSeq`, oldest first. */
export function readEntries(sql: SqlStorage, afterSeq: number): EntryRow[] {
  return sql
    .exec<EntryRow>("SELECT seq, body, opened FROM events WHERE seq > ? ORDER BY seq", afterSeq)
    .toArray();
}

/** The text of the last entry; null where there is none. */
export function lastEntry(sql: SqlStorage): string | null {
  const rows = sql.exec<{ body: string }>("SELECT body FROM events ORDER BY seq DESC LIMIT 1").toArray();
  return rows[0]?.body ?? null;
}

/** The command that this actor sent under one of two keys, by the seq it ended at. */
export function findMark(
  sql: SqlStorage,
  actor: string,
  keys: readonly [string, string],
): { seq: number; fingerprint: string } | null {
  const rows = sql.exec<{ seq: number; fingerprint: string }>(
    "SELECT seq, fingerprint FROM events WHERE actor = ? AND key IN (?, ?) LIMIT 1",
    actor,
    ...keys,
  );
  return rows.toArray()[0] ?? null;
}

/** Whether the log is one from before its entries were chained. */
export function isUnchained(sql: SqlStorage): boolean {
  const old = "SELECT 1 FROM sqlite_master WHERE name = 'events' AND sql NOT LIKE '%opened%'";
  return sql.exec(old).toArray().length > 0;
}

export type OldRow = Marked & { readonly seq: number; readonly body: string };

/** All of a log from before its entries were chained, oldest first. */
export function readUnchained(sql: SqlStorage): OldRow[] {
  return sql.exec<OldRow>("SELECT seq, body, actor, key, fingerprint FROM events ORDER BY seq").toArray();
}

/** An empty log in place of the old one, inside the caller's transaction: dropping the table drops its triggers. */
export function replaceLog(sql: SqlStorage): void {
  sql.exec(`DROP TABLE events; ${log}`);
}
