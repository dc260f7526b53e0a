import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as v from "valibot";
import { Event } from "../../schemas/event.ts";
import { Payload, StoredAction } from "../../schemas/stored.ts";

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
  const folder = join(stateDir, "storage", "v3", "do", "holdpoint-Action");
  const actions = new Map<string, DiskAction>();
  for (const name of readdirSync(folder)) {
    if (!name.endsWith(".sqlite") || name.startsWith("metadata")) continue;
    if (sinceMs > 0 && writtenAt(join(folder, name)) < sinceMs) continue;
    const action = read(join(folder, name));
    if (action !== null) actions.set(action.payload.id, action);
  }
  return actions;
}

/** When the database or its write-ahead log was last written to. */
function writtenAt(path: string): number {
  const files = [path, `${path}-wal`].map((file) => statSync(file, { throwIfNoEntry: false }));
  return Math.max(...files.map((file) => file?.mtimeMs ?? 0));
}

function read(path: string): DiskAction | null {
  try {
    return readFrom(path, true);
  } catch (error) {
    // What a kill left in the write-ahead log may have to be recovered first, which is done on a copy: the file is the engine's.
    if (!String(error).includes("readonly database")) throw error;
    const folder = mkdtempSync(join(tmpdir(), "holdpoint-copy-"));
    try {
      for (const end of ["", "-wal"]) {
        if (existsSync(`${path}${end}`)) copyFileSync(`${path}${end}`, join(folder, `copy${end}`));
      }
      return readFrom(join(folder, "copy"), false);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
}

function readFrom(path: string, readOnly: boolean): DiskAction | null {
  const database = new DatabaseSync(path, { readOnly, timeout: 2_000 });
  try {
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE name = 'docs'").all();
    if (tables.length === 0) return null;
    // One transaction, or a command could come between the reads.
    database.exec("BEGIN");
    const bodies = (query: string): unknown[] =>
      database
        .prepare(query)
        .all()
        .map(({ body }) => JSON.parse(String(body)) as unknown);
    const [payload, stored] = bodies("SELECT body FROM docs ORDER BY id");
    return {
      payload: v.parse(Payload, payload),
      stored: v.parse(StoredAction, stored),
      events: bodies("SELECT body FROM events ORDER BY seq").map((event) => v.parse(Event, event)),
      outbox: database
        .prepare("SELECT seq, sink, type, status, tries FROM outbox ORDER BY seq, sink")
        .all() as DiskOutboxRow[],
    };
  } finally {
    database.close();
  }
}
