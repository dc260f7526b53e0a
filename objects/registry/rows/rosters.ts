import * as v from "valibot";
import { rowOf, rowsOf } from "./read.ts";

/** The statements on `rosters`. */

const kinds = ["schedule", "oncall", "owners"] as const;
export type RosterKind = (typeof kinds)[number];
const Stored = v.object({ kind: v.picklist(kinds), id: v.string(), value: v.string() });
export type StoredRoster = v.InferOutput<typeof Stored>;
const Value = v.object({ value: v.string() });
const Count = v.object({ count: v.number() });

/** The entry's JSON text, or null. */
export function findRoster(sql: SqlStorage, kind: RosterKind, id: string): string | null {
  return rowOf(sql, Value, "SELECT value FROM rosters WHERE kind = ? AND id = ?", kind, id)?.value ?? null;
}

export function listRosters(sql: SqlStorage): StoredRoster[] {
  return rowsOf(sql, Stored, "SELECT kind, id, value FROM rosters ORDER BY kind, id");
}

export function countRosters(sql: SqlStorage, kind: RosterKind): number {
  return rowOf(sql, Count, "SELECT count(*) AS count FROM rosters WHERE kind = ?", kind)?.count ?? 0;
}

export function writeRoster(sql: SqlStorage, kind: RosterKind, id: string, value: string): void {
  const statement =
    "INSERT INTO rosters (kind, id, value) VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value";
  sql.exec(statement, kind, id, value);
}

export function deleteRoster(sql: SqlStorage, kind: RosterKind, id: string): void {
  sql.exec("DELETE FROM rosters WHERE kind = ? AND id = ?", kind, id);
}
