import type { Migration } from "../migrate.ts";
import { figuresMigration } from "./figures.ts";
import { holdsMigration } from "./holds.ts";
import { purgeMigration } from "./purge.ts";
import { readsMigration } from "./reads.ts";

/**
 * `lines` is the log: one row holds what one call has added, as a JSON array of texts, because rows written are billed. The
 * triggers keep it growing at its end only; they also look at what is inserted, because a replacing insert fires neither of the
 * others. `tiles` are the tree's full tiles, each made out of lines that are there for good (`core/evidence/tiles`).
 *
 * `actions` has one row an action, numbered as it was first seen. What the log has of it, by index, is in `marks`; `holds` and
 * `erased` are as it last told. `due_at` is the earliest time at which some class of it is due; only rows that have one are in
 * that index, and only rows that still have to be copied out are in the other.
 */
export const migrations = [
  {
    id: "001_ledger",
    sql: `
      CREATE TABLE lines (first INTEGER PRIMARY KEY, next INTEGER NOT NULL, texts TEXT NOT NULL);
      CREATE TRIGGER lines_are_not_changed BEFORE UPDATE ON lines
        BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
      CREATE TRIGGER lines_are_not_removed BEFORE DELETE ON lines
        BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
      CREATE TRIGGER lines_go_on BEFORE INSERT ON lines
        WHEN NEW.next <= NEW.first OR NEW.first <> coalesce((SELECT next FROM lines ORDER BY first DESC LIMIT 1), 0)
        BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

      CREATE TABLE tiles (
        level INTEGER NOT NULL, number INTEGER NOT NULL, root BLOB NOT NULL, hashes BLOB NOT NULL,
        PRIMARY KEY (level, number)
      ) WITHOUT ROWID;
      CREATE TRIGGER tiles_are_not_changed BEFORE UPDATE ON tiles
        BEGIN SELECT RAISE(ABORT, 'a full tile never changes'); END;
      CREATE TRIGGER tiles_are_not_removed BEFORE DELETE ON tiles
        BEGIN SELECT RAISE(ABORT, 'a full tile never changes'); END;
      CREATE TRIGGER tiles_go_on BEFORE INSERT ON tiles
        WHEN NEW.number <> coalesce((SELECT max(number) + 1 FROM tiles WHERE level = NEW.level), 0)
        BEGIN SELECT RAISE(ABORT, 'a full tile never changes'); END;

      CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL);

      CREATE TABLE actions (
        number INTEGER PRIMARY KEY,
        action TEXT NOT NULL UNIQUE,
        type TEXT NOT NULL,
        requester TEXT NOT NULL,
        at INTEGER NOT NULL,
        first TEXT NOT NULL,
        events INTEGER NOT NULL,
        head TEXT NOT NULL,
        sealed_events INTEGER NOT NULL DEFAULT 0,
        sealed_head TEXT,
        marks TEXT NOT NULL,
        holds TEXT NOT NULL,
        erased TEXT NOT NULL,
        due_at INTEGER,
        uncopied INTEGER
      );
      CREATE INDEX actions_due ON actions (due_at) WHERE due_at IS NOT NULL;
      CREATE INDEX actions_uncopied ON actions (number) WHERE uncopied IS NOT NULL;
      CREATE TRIGGER numbers_are_not_changed BEFORE UPDATE OF number, action, at, first ON actions
        BEGIN SELECT RAISE(ABORT, 'an action keeps its number'); END;
      CREATE TRIGGER numbers_are_not_removed BEFORE DELETE ON actions
        BEGIN SELECT RAISE(ABORT, 'an action keeps its number'); END;
      CREATE TRIGGER numbers_have_no_gap BEFORE INSERT ON actions
        WHEN NEW.number <> coalesce((SELECT max(number) FROM actions), 0) + 1
          OR EXISTS (SELECT 1 FROM actions WHERE action = NEW.action)
        BEGIN SELECT RAISE(ABORT, 'an action keeps its number'); END;

      CREATE TABLE checkpoints (
        size INTEGER PRIMARY KEY, root TEXT NOT NULL, at INTEGER NOT NULL, note TEXT NOT NULL, ssh TEXT NOT NULL
      );
      CREATE TRIGGER checkpoints_are_not_changed BEFORE UPDATE ON checkpoints
        BEGIN SELECT RAISE(ABORT, 'what was signed stands'); END;
      CREATE TRIGGER checkpoints_are_not_removed BEFORE DELETE ON checkpoints
        BEGIN SELECT RAISE(ABORT, 'what was signed stands'); END;
      CREATE TRIGGER checkpoints_go_on BEFORE INSERT ON checkpoints
        WHEN NEW.size <= coalesce((SELECT max(size) FROM checkpoints), 0)
        BEGIN SELECT RAISE(ABORT, 'what was signed stands'); END;

      CREATE TABLE keys (
        number INTEGER PRIMARY KEY,
        public TEXT NOT NULL,
        secret TEXT NOT NULL,
        since INTEGER NOT NULL,
        former_until INTEGER,
        line INTEGER NOT NULL
      );
      CREATE TRIGGER keys_are_not_changed BEFORE UPDATE OF number, public, since, former_until, line ON keys
        BEGIN SELECT RAISE(ABORT, 'a key stays listed'); END;
      CREATE TRIGGER keys_are_not_removed BEFORE DELETE ON keys
        BEGIN SELECT RAISE(ABORT, 'a key stays listed'); END;
      CREATE TRIGGER keys_go_on BEFORE INSERT ON keys
        WHEN NEW.number <> coalesce((SELECT max(number) FROM keys), 0) + 1
        BEGIN SELECT RAISE(ABORT, 'a key stays listed'); END;`,
  },
  holdsMigration,
  readsMigration,
  figuresMigration,
  purgeMigration,
] as const satisfies readonly Migration[];
