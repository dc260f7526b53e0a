import * as v from "valibot";
import { Policy } from "../../../schemas/policy.ts";
import { Digest } from "../../../schemas/text.ts";
import { jsonOf, rowOf, rowsOf } from "./read.ts";

/** The statements on `policies`. A version is never changed: it is named by its content. */

const Listed = v.object({
  version: Digest,
  published_at: v.number(),
  published_by: v.string(),
  note: v.nullable(v.string()),
});
const Stored = v.object({ ...Listed.entries, document: jsonOf(Policy) });
export type ListedPolicy = v.InferOutput<typeof Listed>;
export type StoredPolicy = v.InferOutput<typeof Stored>;

/** `document` is canonical JSON. */
export function insertPolicy(sql: SqlStorage, row: ListedPolicy & { readonly document: string }): void {
  sql.exec(
    "INSERT INTO policies (version, document, published_at, published_by, note) VALUES (?, ?, ?, ?, ?)",
    row.version,
    row.document,
    row.published_at,
    row.published_by,
    row.note,
  );
}

export function findPolicy(sql: SqlStorage, version: string): StoredPolicy | null {
  const statement =
    "SELECT version, document, published_at, published_by, note FROM policies WHERE version = ?";
  return rowOf(sql, Stored, statement, version);
}

/** Without documents, newest first. */
export function listPolicies(sql: SqlStorage): ListedPolicy[] {
  const statement = "SELECT version, published_at, published_by, note FROM policies ORDER BY rowid DESC";
  return rowsOf(sql, Listed, statement);
}
