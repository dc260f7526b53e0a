import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as v from "valibot";
import { eventFrom, openAction } from "../../objects/action/sealing.ts";
import type { Event } from "../../schemas/event.ts";
import type { Payload, StoredAction } from "../../schemas/stored.ts";

const Doc = v.object({ body: v.string() });
const Entry = v.object({ seq: v.number(), body: v.string(), opened: v.nullable(v.string()) });

export type DiskOutboxRow = { seq: number; sink: string; type: string; status: string; tries: number };

/** One action as it lies on disk, read past the engine: the files of its object, through SQLite. */
export type DiskAction = {
  readonly payload: Payload;
  readonly stored: StoredAction;
  readonly events: Event[];
  readonly outbox: DiskOutboxRow[];
};

/**
 * Every action that an engine has stored, or those written to since `sinceMs`; works beside a running engine and after a
 * kill. Objects that were only asked are left out.
 */
export function actionsOnDisk(stateDir: string, sinceMs = 0): Map<string, DiskAction> {
  // As wrangler lays it out, or as plain workerd does.
  const wranglers = join(stateDir, "storage", "v3", "do", "holdpoint-Action");
  const folder = existsSync(wranglers) ? wranglers : join(stateDir, "storage", "Action");
  const keys = { HOLDPOINT_SEAL_KEY: readFileSync(join(stateDir, "seal-key"), "utf8").trim() };
  const actions = new Map<string, DiskAction>();
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".sqlite") || name.startsWith("metadata")) continue;
    if (sinceMs > 0 && writtenAt(join(folder, name)) < sinceMs) continue;
    const action = read(join(folder, name), keys);
    if (action !== null) actions.set(action.payload.id, action);
  }
  return actions;
}

/** When the database or its write-ahead log was last written to. */
function writtenAt(path: string): number {
  const files = [path, `${path}-wal`].map((file) => statSync(file, { throwIfNoEntry: false }));
  return Math.max(...files.map((file) => file?.mtimeMs ?? 0));
}

/** What the rows of an engine are sealed with. */
type Keys = { readonly HOLDPOINT_SEAL_KEY: string };

const read = (path: string, keys: Keys): DiskAction | null =>
  fromDatabase(path, (database) => readFrom(database, keys));

/** What `look` makes of the database of an object; beside a running engine, or after a kill. */
export function fromDatabase<Value>(path: string, look: (database: DatabaseSync) => Value): Value {
  try {
    return lookInto(path, true, look);
  } catch (error) {
    // What a kill left in the write-ahead log may have to be recovered first, which is done on a copy: the file is the engine's.
    if (!String(error).includes("readonly database")) throw error;
    const folder = mkdtempSync(join(tmpdir(), "holdpoint-copy-"));
    try {
      for (const end of ["", "-wal"]) {
        if (existsSync(`${path}${end}`)) copyFileSync(`${path}${end}`, join(folder, `copy${end}`));
      }
      return lookInto(join(folder, "copy"), false, look);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}

function lookInto<Value>(path: string, readOnly: boolean, look: (database: DatabaseSync) => Value): Value {
  // A writer that holds the lock may have to wait for a processor.
  const database = new DatabaseSync(path, { readOnly, timeout: 30_000 });
  try {
    return look(database);
  } finally {
    database.close();
  }
}

function readFrom(database: DatabaseSync, keys: Keys): DiskAction | null {
  const tables = database.prepare("SELECT name FROM sqlite_master WHERE name = 'docs'").all();
  if (tables.length === 0) return null;
  // One transaction, or a command could come between the reads.
  database.exec("BEGIN");
  const all = <Row>(row: v.GenericSchema<unknown, Row>, query: string): Row[] =>
    v.parse(v.array(row), database.prepare(query).all());
  const [payload, state] = all(Doc, "SELECT body FROM docs ORDER BY id").map(({ body }) => body);
  const there = openAction(keys, { payload: payload!, state: state! });
  if (there.fault !== null) throw new Error(`${there.payload.id}: ${there.fault}`);
  return {
    payload: there.payload,
    stored: there.stored,
    events: all(Entry, "SELECT seq, body, opened FROM events ORDER BY seq").map((row) =>
      eventFrom(there, row),
    ),
    outbox: database
      .prepare("SELECT seq, sink, type, status, tries FROM outbox ORDER BY seq, sink")
      .all() as DiskOutboxRow[],
  };
}
