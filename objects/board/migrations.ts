import type { Migration } from "../migrate.ts";

/**
 * `actions` is the index of the workspace's actions. `row` grows with the first insertion and never changes, so that
 * newest first is one descending walk and a cursor is one number. Rows written are billed and an index is a row, so
 * there are two: the unique id, and the open ones, which is what is asked for all day (the queue, the sweep). An open
 * row enters and leaves that index once in its life, whatever its deadlines do; `due_at` is therefore not in it.
 */
export const migrations = [
  {
    id: "001_actions",
    sql: `
      CREATE TABLE actions (
        row INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        seq INTEGER NOT NULL,
        open INTEGER NOT NULL,
        due_at INTEGER,
        summary TEXT NOT NULL
      );
      CREATE INDEX open_actions ON actions (open) WHERE open = 1;`,
  },
  {
    id: "002_dead_letters",
    spare: true,
    sql: `
      CREATE TABLE dead_letters (
        row INTEGER PRIMARY KEY,
        action TEXT NOT NULL,
        seq INTEGER NOT NULL,
        sink TEXT NOT NULL,
        letter TEXT NOT NULL,
        UNIQUE (action, seq, sink)
      );`,
  },
  {
    // What the figures are made of is in the action's own row, because a row of its own would be billed with every event.
    // `totals` is one row: the counters of what is over, summed up.
    id: "003_timings",
    spare: true,
    sql: `
      ALTER TABLE actions ADD COLUMN timings TEXT;
      ALTER TABLE actions ADD COLUMN seen TEXT;
      ALTER TABLE actions ADD COLUMN notified_at INTEGER;
      ALTER TABLE actions ADD COLUMN ended_at INTEGER;
      ALTER TABLE actions ADD COLUMN delivered INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE actions ADD COLUMN failed INTEGER NOT NULL DEFAULT 0;
      CREATE TABLE totals (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL);`,
  },
  {
    // What people are sent. The key of `notices` begins with the recipient and what makes requests the same, which is how each
    // of its questions is asked, so that it needs no index. `tallies` are the numbers shown to people, '' being their digest.
    id: "004_notices",
    spare: true,
    sql: `
      CREATE TABLE notices (
        sink TEXT NOT NULL, key TEXT NOT NULL, action TEXT NOT NULL, seq INTEGER NOT NULL,
        at INTEGER NOT NULL, verdict TEXT NOT NULL, risk TEXT NOT NULL, leader TEXT,
        PRIMARY KEY (sink, key, action, seq)
      ) WITHOUT ROWID;
      CREATE TABLE budgets (sink TEXT PRIMARY KEY, taken TEXT NOT NULL) WITHOUT ROWID;
      CREATE TABLE tallies (
        sink TEXT NOT NULL, action TEXT NOT NULL, due INTEGER, told_at INTEGER, body TEXT NOT NULL,
        PRIMARY KEY (sink, action)
      ) WITHOUT ROWID;
      CREATE TABLE suppressed (reason TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;`,
  },
  {
    // Actions that a person or a service follows over a WebSocket.
    id: "005_streams",
    spare: true,
    sql: `CREATE TABLE streams (action TEXT PRIMARY KEY) WITHOUT ROWID;`,
  },
  {
    // Effects that no claim stands behind, as other systems have reported them.
    id: "006_bypasses",
    spare: true,
    sql: `
      CREATE TABLE bypasses (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        type TEXT NOT NULL,
        class TEXT NOT NULL,
        at INTEGER NOT NULL,
        value TEXT NOT NULL
      );`,
  },
  {
    // When the whole workspace was forgotten.
    id: "007_purged",
    sql: `CREATE TABLE purged (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL);`,
  },
  {
    // Actions from before values had a time to go at: each is woken once, so that it knows its own. Rows that come later have
    // `woken` from the start, and are in no further index.
    id: "008_woken",
    spare: true,
    sql: `
      ALTER TABLE actions ADD COLUMN woken INTEGER;
      CREATE INDEX sleeping_actions ON actions (row) WHERE woken IS NULL;`,
  },
] as const satisfies readonly Migration[];
