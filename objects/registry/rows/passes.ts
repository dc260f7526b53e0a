import { jsonOf, rowOf } from "./read.ts";
import * as v from "valibot";

/** The statements on `passes`. */

export type PassKind = "link" | "session" | "ticket";

/** The record of a pass that is in force, or null. */
export function findPass<Schema extends v.GenericSchema>(
  sql: SqlStorage,
  record: Schema,
  { kind, hash, now }: { kind: PassKind; hash: string; now: number },
): v.InferOutput<Schema> | null {
  const select = "SELECT record FROM passes WHERE hash = ? AND kind = ? AND ends_at > ?";
  const row = rowOf(sql, v.object({ record: jsonOf(record) }), select, hash, kind, now);
  return row === null ? null : row.record;
}

/** Drops what is over as well: passes are short-lived, so the table stays small by itself. */
export function insertPass(
  sql: SqlStorage,
  {
    kind,
    hash,
    endsAt,
    record,
    now,
  }: { kind: PassKind; hash: string; endsAt: number; record: unknown; now: number },
): void {
  sql.exec("DELETE FROM passes WHERE ends_at <= ?", now);
  const insert = "INSERT INTO passes (hash, kind, ends_at, record) VALUES (?, ?, ?, ?)";
  sql.exec(insert, hash, kind, endsAt, JSON.stringify(record));
}

export function deletePass(sql: SqlStorage, kind: PassKind, hash: string): void {
  sql.exec("DELETE FROM passes WHERE hash = ? AND kind = ?", hash, kind);
}
