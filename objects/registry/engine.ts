import { createHash } from "node:crypto";
import * as v from "valibot";
import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import { PrivateJwk, type PublicJwk } from "../../schemas/signing-key.ts";
import { WorkspaceName } from "../../schemas/text.ts";
import { findWorkspace, insertSigningKey, insertWorkspace, listSigningKeys } from "./rows/engine.ts";

/** What all workspaces share: their names, and the keys that grants are signed with. */

/** The engine's own Registry has a workspace's form of name, so no workspace may have its. */
export const engineName = "engine";

/** `current` signs; every one of `public` still verifies. */
export type SigningKeys = { current: PrivateJwk; public: PublicJwk[] };

/** Known from now on; asking again for the same name is no fault. */
export function ensureWorkspace(
  sql: SqlStorage,
  { name, now }: { name: string; now: number },
): Result<{ name: string; created: boolean }, Refusal> {
  const parsed = v.safeParse(WorkspaceName, name);
  if (!parsed.success || name === engineName) {
    const detail = parsed.success ? "is the engine's own name" : parsed.issues[0].message;
    return refusal("invalid_body", "Take another name for the workspace.", [{ pointer: "/name", detail }]);
  }
  if (findWorkspace(sql, name) !== null) return ok({ name, created: false });
  insertWorkspace(sql, { name, created_at: now });
  return ok({ name, created: true });
}

/** Null before the first key is made. */
export function readSigningKeys(sql: SqlStorage): SigningKeys | null {
  const keys = listSigningKeys(sql);
  const [current] = keys;
  return current === undefined ? null : { current, public: keys.map(publicHalf) };
}

/** Stores `made` unless there is a key by now: of two callers that both made one, the second gets the first one's. */
export function keepFirst(sql: SqlStorage, made: PrivateJwk, now: number): SigningKeys {
  const known = readSigningKeys(sql);
  if (known !== null) return known;
  insertSigningKey(sql, made, now);
  return { current: made, public: [publicHalf(made)] };
}

/** A new Ed25519 key pair. Web Crypto is asynchronous, so this runs before any transaction and never inside one. */
export async function newSigningKey(): Promise<PrivateJwk> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("privateKey" in pair)) throw new Error("Ed25519 gave one key and not a pair");
  const jwk = await crypto.subtle.exportKey("jwk", pair.privateKey);
  if (!("x" in jwk) || !("d" in jwk)) throw new Error("Ed25519 was not exported as a JWK");
  // RFC 7638: the required members in this order, without white space.
  const members = JSON.stringify({ crv: "Ed25519", kty: "OKP", x: jwk.x });
  const kid = createHash("sha256").update(members).digest("base64url");
  return v.parse(PrivateJwk, {
    kty: "OKP",
    crv: "Ed25519",
    x: jwk.x,
    d: jwk.d,
    kid,
    alg: "EdDSA",
    use: "sig",
  });
}

function publicHalf({ kty, crv, x, kid, alg, use }: PrivateJwk): PublicJwk {
  return { kty, crv, x, kid, alg, use };
}
