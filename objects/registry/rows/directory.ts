import * as v from "valibot";
import { rowOf, rowsOf } from "./read.ts";

/** The statements on `directory`. */

export type EntryKind = "person" | "agent" | "group" | "delegation";
const Stored = v.object({
  kind: v.picklist(["person", "agent", "group", "delegation"]),
  id: v.string(),
  value: v.string(),
});
export type StoredEntry = v.InferOutput<typeof Stored>;
const Value = v.object({ value: v.string() });
const Count = v.object({ count: v.number() });

/** The entry's JSON text, or null. */
export function findEntry(sql: SqlStorage, kind: EntryKind, id: string): string | null {
  return rowOf(sql, Value, "SELECT value FROM directory WHERE kind = ? AND id = ?", kind, id)?.value ?? null;
}

export function listEntries(sql: SqlStorage): StoredEntry[] {
  return rowsOf(sql, Stored, "SELECT kind, id, value FROM directory ORDER BY kind, id");
}

export function countEntries(sql: SqlStorage, kind: EntryKind): number {
  return rowOf(sql, Count, "SELECT count(*) AS count FROM directory WHERE kind = ?", kind)?.count ?? 0;
}

export function writeEntry(sql: SqlStorage, kind: EntryKind, id: string, value: string): void {
  const statement =
    "INSERT INTO directory (kind, id, value) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value";
  sql.exec(statement, kind, id, value);
}

export function deleteEntry(sql: SqlStorage, kind: EntryKind, id: string): void {
  sql.exec("DELETE FROM directory WHERE kind = ? AND id = ?", kind, id);
}

const Named = v.object({ id: v.string(), value: v.string() });

/** The people whose e-mail address is this one in whatever case of ASCII; `lower` of SQLite knows no other letters. */
export function peopleWithEmail(sql: SqlStorage, email: string): { id: string; value: string }[] {
  const statement =
    "SELECT id, value FROM directory WHERE kind = 'person' AND lower(json_extract(value, '$.email')) = ?";
  return rowsOf(sql, Named, statement, email);
}
