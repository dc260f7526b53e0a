import { createHash } from "node:crypto";
import { parseKeyText } from "../core/key-text.ts";
import { principalKind, type Principal, type Scope } from "../schemas/principal.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import { ProblemError } from "./http/problem.ts";
import { identify } from "./known.ts";

/** SHA-256 of UTF-8 text as lower-case hex. */
export const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The bearer token of a request, or null. */
export function bearerOf(request: Request): string | null {
  const match = /^Bearer ([\x21-\x7e]{1,512})$/iu.exec(request.headers.get("authorization") ?? "");
  return match?.[1] ?? null;
}

export type Authenticated = { principal: Principal; snapshot: Snapshot };

/**
 * Who is calling.
 * 1. A bearer token of our form with a right checksum, else 401 (no object is asked).
 * 2. A key the workspace's Registry knows by its SHA-256, neither expired nor revoked, else 401.
 * 3. A principal that is still active in the directory, else 401.
 * Every failure is the same answer, so that a caller cannot tell which step failed.
 */
export async function authenticate(request: Request, env: Env, now: number): Promise<Authenticated> {
  const text = bearerOf(request);
  const parsed = text === null ? null : parseKeyText(text);
  if (text === null || parsed === null || parsed.workspace === "engine") throw unauthenticated();
  const found = await identify(env, { ...parsed, hash: sha256Hex(text) }, now);
  if (found === null) throw unauthenticated();
  const { record, snapshot } = found;
  const kind = principalKind(record.principal);
  if (!isActive(record.principal, kind, snapshot)) throw unauthenticated();
  const principal = {
    workspace: record.workspace,
    kind,
    id: record.principal,
    scopes: record.scopes,
    keyId: record.id,
  };
  return { principal, snapshot };
}

function isActive(id: string, kind: Principal["kind"], snapshot: Snapshot): boolean {
  if (kind === "service") return true;
  const book = kind === "agent" ? snapshot.directory.agents : snapshot.directory.people;
  return Object.hasOwn(book, id) && book[id]?.active === true;
}

/** 401, the same for every reason. */
export function unauthenticated(): ProblemError {
  const detail = "Send `Authorization: Bearer hp_…` with a key that is neither expired nor revoked.";
  return new ProblemError("unauthenticated", { detail }, { "www-authenticate": 'Bearer realm="holdpoint"' });
}

/** Whether a principal holds a scope; `admin` holds them all. */
export function holds(principal: Principal, scope: Scope): boolean {
  return principal.scopes.includes("admin") || principal.scopes.includes(scope);
}
