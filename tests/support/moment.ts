import { readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as v from "valibot";
import { actionsOnDisk } from "./disk.ts";

const BoardRow = v.object({ id: v.string(), seq: v.number() });
const LedgerRow = v.object({ action: v.string(), events: v.number(), sealed_events: v.number() });

/**
 * Where the objects of a data folder are not of one moment. An action is the authority on itself, so at any moment the Board and the
 * log know at most what it has, and at least what it knows that they have.
 */
export function skews(folder: string): string[] {
  const actions = actionsOnDisk(folder);
  const board = new Map(rowsOf(folder, "Board", BoardRow).map((row) => [row.id, row]));
  const ledger = new Map(rowsOf(folder, "Ledger", LedgerRow).map((row) => [row.action, row]));
  const faults = [...board.keys(), ...ledger.keys()].flatMap((id) =>
    actions.has(id) ? [] : [`${id} is known, and is not there`],
  );
  for (const [id, { stored }] of actions) {
    const { seq } = stored.state;
    const shown = board.get(id)?.seq ?? 0;
    if (shown > seq) faults.push(`${id} is at ${seq}, and the Board has it at ${shown}`);
    if (shown < stored.boardSeq) {
      faults.push(`${id}: the Board has confirmed ${stored.boardSeq}, and has it at ${shown}`);
    }
    const { events = 0, sealed_events: sealed = 0 } = ledger.get(id) ?? {};
    if (events > seq) faults.push(`${id} has ${seq} events, and the log knows of ${events}`);
    const { sealed: said = 0 } = stored;
    if (sealed < said) faults.push(`${id}: the log has said that ${said} are sealed, and has ${sealed}`);
  }
  return faults;
}

/** The rows of `actions` of the one object of a class that has such a table. */
function rowsOf<Row>(folder: string, name: string, row: v.GenericSchema<unknown, Row>): Row[] {
  const place = join(folder, "storage", name);
  return readdirSync(place).flatMap((file) => {
    if (!file.endsWith(".sqlite") || file.startsWith("metadata")) return [];
    const database = new DatabaseSync(join(place, file), { readOnly: true });
    try {
      const tables = database.prepare("SELECT name FROM sqlite_master WHERE name = 'actions'").all();
      if (tables.length === 0) return [];
      return v.parse(v.array(row), database.prepare("SELECT * FROM actions").all());
    } finally {
      database.close();
    }
  });
}
