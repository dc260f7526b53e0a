import * as v from "valibot";
import { Issuer } from "../../../schemas/issuer.ts";
import { jsonOf, rowOf, rowsOf } from "./read.ts";

/** The statements on `issuers`. */

const Stored = v.object({ value: jsonOf(Issuer) });

export function findIssuer(sql: SqlStorage, id: string): Issuer | null {
  return rowOf(sql, Stored, "SELECT value FROM issuers WHERE id = ?", id)?.value ?? null;
}

export function listIssuers(sql: SqlStorage): Issuer[] {
  return rowsOf(sql, Stored, "SELECT value FROM issuers ORDER BY id").map(({ value }) => value);
}

export function writeIssuer(sql: SqlStorage, issuer: Issuer): void {
  const statement =
    "INSERT INTO issuers (id, value) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET value = excluded.value";
  sql.exec(statement, issuer.id, JSON.stringify(issuer));
}

export function deleteIssuer(sql: SqlStorage, id: string): void {
  sql.exec("DELETE FROM issuers WHERE id = ?", id);
}
