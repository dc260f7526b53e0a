import * as v from "valibot";
import { KeyRecord } from "../../../schemas/principal.ts";
import { jsonOf, rowOf, rowsOf } from "./read.ts";

/** The statements on `keys`. */

const Stored = v.object({ hash: v.string(), record: jsonOf(KeyRecord) });
export type StoredKey = v.InferOutput<typeof Stored>;

export function findKey(sql: SqlStorage, id: string): StoredKey | null {
  return rowOf(sql, Stored, "SELECT hash, record FROM keys WHERE id = ?", id);
}

export function listKeys(sql: SqlStorage): KeyRecord[] {
  return rowsOf(sql, Stored, "SELECT hash, record FROM keys ORDER BY id").map(({ record }) => record);
}

/** `hash` is the SHA-256 (hex) of the whole key text. One of the same id is replaced: its call was killed, and nobody has its text. */
export function insertKey(sql: SqlStorage, hash: string, record: KeyRecord): void {
  sql.exec(
    "INSERT OR REPLACE INTO keys (id, hash, record) VALUES (?, ?, ?)",
    record.id,
    hash,
    JSON.stringify(record),
  );
}

export function updateKey(sql: SqlStorage, record: KeyRecord): void {
  sql.exec("UPDATE keys SET record = ? WHERE id = ?", JSON.stringify(record), record.id);
}
