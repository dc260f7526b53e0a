import * as v from "valibot";
import { PrivateJwk } from "../../../schemas/signing-key.ts";
import { jsonOf, rowOf, rowsOf } from "./read.ts";

/** The statements on `workspaces` and `signing_keys`. */

const Workspace = v.object({ name: v.string(), created_at: v.number() });
export type StoredWorkspace = v.InferOutput<typeof Workspace>;
const StoredJwk = v.object({ jwk: jsonOf(PrivateJwk) });

export function findWorkspace(sql: SqlStorage, name: string): StoredWorkspace | null {
  return rowOf(sql, Workspace, "SELECT name, created_at FROM workspaces WHERE name = ?", name);
}

export function listWorkspaces(sql: SqlStorage): StoredWorkspace[] {
  return rowsOf(sql, Workspace, "SELECT name, created_at FROM workspaces ORDER BY name");
}

export function insertWorkspace(sql: SqlStorage, { name, created_at }: StoredWorkspace): void {
  sql.exec("INSERT INTO workspaces (name, created_at) VALUES (?, ?)", name, created_at);
}

/** Newest first. */
export function listSigningKeys(sql: SqlStorage): PrivateJwk[] {
  return rowsOf(sql, StoredJwk, "SELECT jwk FROM signing_keys ORDER BY number DESC").map(({ jwk }) => jwk);
}

export function insertSigningKey(sql: SqlStorage, jwk: PrivateJwk, madeAt: number): void {
  sql.exec("INSERT INTO signing_keys (jwk, made_at) VALUES (?, ?)", JSON.stringify(jwk), madeAt);
}
