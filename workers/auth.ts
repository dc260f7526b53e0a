import { createHash } from "node:crypto";
import { parseKeyText } from "../core/key-text.ts";
import { workspaceOfPass } from "../core/pass-text.ts";
import { sessionScopes } from "../core/session.ts";
import { principalKind, type Principal, type Scope } from "../schemas/principal.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import type { Standing } from "../schemas/standing.ts";
import { ProblemError } from "./http/problem.ts";
import { accessPerson } from "./access.ts";
import { sessionCookieOf } from "./cookie.ts";
import { identify, identifySession } from "./known.ts";
import { byWorkload, workloadTokenOf } from "./workload.ts";
import { demandOwnOrigin, demandOwnPage } from "./origin.ts";

/** SHA-256 of UTF-8 text as lower-case hex. */
export const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The bearer token of a request, or null. */
export function bearerOf(request: Request): string | null {
  const match = /^Bearer ([\x21-\x7e]{1,512})$/iu.exec(request.headers.get("authorization") ?? "");
  return match?.[1] ?? null;
}

/** `standing`: what proved it, for whatever stays open after the call. */
export type Authenticated = { principal: Principal; snapshot: Snapshot; standing: Standing };

/**
 * Who is calling: by a key or a workload's token where one is sent, else by what the browser shows of a person who is signed in.
 * Every failure is the same 401, so that a caller cannot tell which step failed; only of a token, which others make, it is said.
 */
export async function authenticate(request: Request, env: Env, now: number): Promise<Authenticated> {
  const token = workloadTokenOf(request);
  if (token !== null) return byWorkload(token, request, env, now);
  const found = request.headers.has("authorization")
    ? await byKey(request, env, now)
    : await byBrowser(request, env, now);
  if (found === null || !isActive(found.principal, found.snapshot)) throw unauthenticated();
  return found;
}

/**
 * 1. A bearer token of our form with a right checksum (no object is asked otherwise).
 * 2. A key the workspace's Registry knows by its SHA-256, neither expired nor revoked.
 */
async function byKey(request: Request, env: Env, now: number): Promise<Authenticated | null> {
  const text = bearerOf(request);
  const key = text === null ? null : namedBy(text);
  if (key === null || key.workspace === "engine") return null;
  const found = await identify(env, key, now);
  if (found === null) return null;
  const { record, snapshot, epoch } = found;
  const { workspace, principal: id, scopes, id: keyId, expiresAt: endsAt } = record;
  const principal = { workspace, kind: principalKind(id), id, scopes, keyId };
  return { principal, snapshot, standing: { holder: { kind: "key", id: keyId }, epoch, endsAt } };
}

type NamedKey = { workspace: string; id: string; hash: string };

/** What key texts say, so that the checksum and the hash of one are worked out once. It says nothing of whether a key holds. */
const named = new Map<string, NamedKey>();
/** About 300 bytes a key: 3 MB an isolate at most; past it the map starts over. */
const maxNamed = 10_000;

/** Which key a text names, with the SHA-256 that proves it; null for a text that is no key of ours. */
function namedBy(text: string): NamedKey | null {
  const known = named.get(text);
  if (known !== undefined) return known;
  const parsed = parseKeyText(text);
  if (parsed === null) return null;
  const key = { workspace: parsed.workspace, id: parsed.id, hash: sha256Hex(text) };
  if (named.size >= maxNamed) named.clear();
  named.set(text, key);
  return key;
}

/**
 * 1. Cloudflare Access's token, where Access is configured and sent one: it alone counts then.
 * 2. Else the session's cookie.
 * 3. What changes something, or opens a WebSocket, comes from our own page (403): a browser sends both to us for any site.
 */
async function byBrowser(request: Request, env: Env, now: number): Promise<Authenticated | null> {
  const signedIn = (await accessOf(request, env)) ?? (await sessionOf(request, env, now));
  if (signedIn === null || signedIn === "refused") return null;
  const url = new URL(request.url);
  if (request.headers.get("upgrade") !== null) demandOwnOrigin(request, url);
  else if (request.method !== "GET" && request.method !== "HEAD") demandOwnPage(request, url);
  const { workspace, person: id, keyId, signedInAt, snapshot, standing } = signedIn;
  const scopes = sessionScopes(snapshot.directory, id);
  return { principal: { workspace, kind: "person", id, scopes, keyId, signedInAt }, snapshot, standing };
}

type SignedIn = Omit<Authenticated, "principal"> & {
  workspace: string;
  person: string;
  keyId: string;
  signedInAt: number;
};

async function accessOf(request: Request, env: Env): Promise<SignedIn | "refused" | null> {
  const found = await accessPerson(request, env);
  if (found === undefined) return null;
  if (found === null) return "refused";
  const { person, epoch, endsAt } = found;
  const standing: Standing = { holder: { kind: "access", person }, epoch, endsAt };
  return { ...found, keyId: `access:${person}`, standing };
}

async function sessionOf(request: Request, env: Env, now: number): Promise<SignedIn | null> {
  const text = sessionCookieOf(request, env, new URL(request.url));
  const workspace = text === null ? null : workspaceOfPass(text);
  if (text === null || workspace === null || workspace === "engine") return null;
  const hash = sha256Hex(text);
  const found = await identifySession(env, { workspace, hash }, now);
  if (found === null) return null;
  const { id: keyId, person, signedInAt, endsAt } = found.session;
  const standing: Standing = { holder: { kind: "session", hash }, epoch: found.epoch, endsAt };
  return { workspace, person, keyId, signedInAt, snapshot: found.snapshot, standing };
}

/** Services are in no directory. */
function isActive({ id, kind }: Principal, snapshot: Snapshot): boolean {
  if (kind === "service") return true;
  const book = kind === "agent" ? snapshot.directory.agents : snapshot.directory.people;
  return Object.hasOwn(book, id) && book[id]?.active === true;
}

/** 401, the same for every reason. */
export function unauthenticated(): ProblemError {
  const detail =
    "Send `Authorization: Bearer hp_…` with a key that is neither expired nor revoked, or sign in on the page.";
  return new ProblemError("unauthenticated", { detail });
}

/** Whether a principal holds a scope; `admin` holds them all. */
export function holds(principal: Principal, scope: Scope): boolean {
  return principal.scopes.includes("admin") || principal.scopes.includes(scope);
}
