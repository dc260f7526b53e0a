import * as v from "valibot";
import { Endpoint } from "../../../schemas/webhook.ts";
import { jsonOf, rowOf, rowsOf } from "./read.ts";

/** The statements on `endpoints` and `secrets`. */

const StoredEndpoint = v.object({ value: jsonOf(Endpoint) });
const StoredSecret = v.object({
  number: v.number(),
  id: v.string(),
  /** Sealed (`objects/at-rest`), or as it is where the engine has no key for that. */
  secret: v.string(),
  made_at: v.number(),
  /** Null for the current one; a former one signs until then. */
  ends_at: v.nullable(v.number()),
});
export type StoredSecret = v.InferOutput<typeof StoredSecret>;

export function findEndpoint(sql: SqlStorage, id: string): Endpoint | null {
  return rowOf(sql, StoredEndpoint, "SELECT value FROM endpoints WHERE id = ?", id)?.value ?? null;
}

export function listEndpoints(sql: SqlStorage): Endpoint[] {
  return rowsOf(sql, StoredEndpoint, "SELECT value FROM endpoints ORDER BY id").map(({ value }) => value);
}

export function writeEndpoint(sql: SqlStorage, endpoint: Endpoint): void {
  const statement =
    "INSERT INTO endpoints (id, value) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value";
  sql.exec(statement, endpoint.id, JSON.stringify(endpoint));
}

export function deleteEndpoint(sql: SqlStorage, id: string): void {
  sql.exec("DELETE FROM endpoints WHERE id = ?", id);
}

/** Current and former secrets of one id, newest first. */
export function findSecrets(sql: SqlStorage, id: string): StoredSecret[] {
  const statement =
    "SELECT number, id, secret, made_at, ends_at FROM secrets WHERE id = ? ORDER BY number DESC";
  return rowsOf(sql, StoredSecret, statement, id);
}

/** Newest first. */
export function listSecrets(sql: SqlStorage): StoredSecret[] {
  return rowsOf(
    sql,
    StoredSecret,
    "SELECT number, id, secret, made_at, ends_at FROM secrets ORDER BY number DESC",
  );
}

export function insertSecret(sql: SqlStorage, row: Omit<StoredSecret, "ends_at" | "number">): void {
  sql.exec("INSERT INTO secrets (id, secret, made_at) VALUES (?, ?, ?)", row.id, row.secret, row.made_at);
}

export function deleteSecrets(sql: SqlStorage, id: string): void {
  sql.exec("DELETE FROM secrets WHERE id = ?", id);
}

/** The same secret in another form; unless the row holds something else by now. */
export function writeSecret(sql: SqlStorage, number: number, was: string, stored: string): void {
  sql.exec("UPDATE secrets SET secret = ? WHERE number = ? AND secret = ?", stored, number, was);
}

/** The current secret of this id becomes a former one. */
export function retireSecret(sql: SqlStorage, id: string, endsAt: number): void {
  sql.exec("UPDATE secrets SET ends_at = ? WHERE id = ? AND ends_at IS NULL", endsAt, id);
}

/** Secrets whose overlap is over are deleted, not only skipped. */
export function deleteEndedSecrets(sql: SqlStorage, now: number): void {
  sql.exec("DELETE FROM secrets WHERE ends_at <= ?", now);
}
