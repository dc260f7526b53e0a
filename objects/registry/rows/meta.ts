import * as v from "valibot";
import { RegistryChange } from "../../../schemas/snapshot.ts";
import { rowOf, rowsOf } from "./read.ts";

/** The statements on `meta` and `changes`. */

type MetaKey = "version" | "salt" | "policy" | "epoch";
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

/**
 * How many changes there were that may have ended somebody's access. Beside the version, because none of them has to make
 * every isolate load the directory again.
 */
export function readEpoch(sql: SqlStorage): number {
  return Number(readMeta(sql, "epoch") ?? "0");
}

/** The changes that may end somebody's access: whatever is open then is asked for again. */
const withdrawing: ReadonlySet<string> = new Set([
  "key.rotated",
  "key.revoked",
  "session.ended",
  "person.put",
  "person.removed",
  "agent.put",
  "agent.removed",
  "group.put",
  "group.removed",
  "issuer.put",
  "issuer.removed",
]);

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
  if (withdrawing.has(kind)) writeMeta(sql, "epoch", String(readEpoch(sql) + 1));
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
