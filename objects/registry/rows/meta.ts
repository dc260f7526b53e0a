import * as v from "valibot";
import { RegistryChange } from "../../../schemas/snapshot.ts";
import { rowOf, rowsOf } from "./read.ts";

/** The statements on `meta` and `changes`. */

type MetaKey = "version" | "salt" | "policy";
const Meta = v.object({ value: v.string() });

export function readMeta(sql: SqlStorage, key: MetaKey): string | null {
  return rowOf(sql, Meta, "SELECT value FROM meta WHERE key = ?", key)?.value ?? null;
}

export function writeMeta(sql: SqlStorage, key: MetaKey, value: string): void {
  sql.exec(
    "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    key,
    value,
  );
}

/** What every cached snapshot is named by; 0 before the first change. */
export function readVersion(sql: SqlStorage): number {
  return Number(readMeta(sql, "version") ?? "0");
}

export type Change = {
  readonly at: number;
  readonly actor: string;
  readonly kind: string;
  readonly id: string;
};

/** An audit row. With `grows`, the change is part of the snapshot and gives it a new version. */
export function recordChange(sql: SqlStorage, { at, actor, kind, id }: Change, grows: boolean): number {
  const version = readVersion(sql) + (grows ? 1 : 0);
  if (grows) writeMeta(sql, "version", String(version));
  sql.exec(
    "INSERT INTO changes (version, at, actor, kind, id) VALUES (?, ?, ?, ?, ?)",
    version,
    at,
    actor,
    kind,
    id,
  );
  return version;
}

/** The audit rows, newest first. */
export function readChanges(sql: SqlStorage, limit: number): RegistryChange[] {
  const statement = "SELECT version, at, actor, kind, id FROM changes ORDER BY number DESC LIMIT ?";
  return rowsOf(sql, RegistryChange, statement, limit);
}
