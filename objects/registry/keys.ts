import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import * as v from "valibot";
import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import { parseFields } from "../../schemas/parse.ts";
import { defaultScopes, principalKind, Scope, type KeyRecord } from "../../schemas/principal.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { Label, PrincipalId } from "../../schemas/text.ts";
import { newKeyText, sha256Hex } from "./random.ts";
import { findEntry } from "./rows/directory.ts";
import { findKey, insertKey, listKeys, updateKey } from "./rows/keys.ts";
import { recordChange } from "./rows/meta.ts";

/** A key as it is made: `key` is its text, which is shown this once and stored nowhere. */
export type NewKey = { record: KeyRecord; key: string };

export type KeyInput = {
  principal: string;
  /** Null: what that kind of principal gets by itself. */
  scopes: string[] | null;
  name: string | null;
  /** Epoch ms; null for a key that does not expire by itself. */
  expiresAt: number | null;
};

/** What the key is called after (`idempotency.Reserved`); any other where it is left out. */
type Called = { readonly makes?: string | undefined };

const Instant = v.pipe(v.number(), v.integer());
const KeyBody = v.strictObject({
  principal: PrincipalId,
  scopes: v.nullable(v.pipe(v.array(Scope), v.minLength(1, "names at least one scope"), v.maxLength(32))),
  name: v.nullable(Label),
  expiresAt: v.nullable(Instant),
});

/** Machines never decide, and do not change what they are judged by. */
const peopleAndServicesOnly: ReadonlySet<Scope> = new Set([
  "votes:write",
  "policy:write",
  "directory:write",
  "keys:write",
  "feedback:write",
  "effects:write",
  "admin",
]);
/** How long a rotated key may stay beside its successor. */
const maxOverlapMs = 30 * 86_400_000;

type Moment = { readonly workspace: string; readonly actor: string; readonly now: number };

/** The record behind a key that is in force, or null. With `hash` the key itself is proven, without it is only looked up. */
export function liveKey(sql: SqlStorage, id: string, hash: string | null, now: number): KeyRecord | null {
  const stored = findKey(sql, id);
  if (stored === null || (hash !== null && !sameText(stored.hash, hash))) return null;
  return isOver(stored.record, now) ? null : stored.record;
}

export function createKey(
  sql: SqlStorage,
  input: KeyInput,
  moment: Moment & Called,
): Result<NewKey, Refusal> {
  const parsed = parseFields(KeyBody, input);
  if (!parsed.ok) return refusal("invalid_body", "Mend the named fields and send it again.", parsed.errors);
  const { principal, name, expiresAt } = parsed.value;
  const kind = principalKind(principal);
  const scopes = [...new Set(parsed.value.scopes ?? defaultScopes[kind])];
  const faults = keyFaults(sql, { principal, scopes, expiresAt }, moment.now);
  if (faults.length > 0) return refusal("invalid_body", "Mend the named fields and send it again.", faults);
  return ok(mint(sql, { principal, scopes, name, expiresAt }, moment));
}

/**
 * A successor with the same rights, and the old key for `overlapMs` more (never longer than it had). A key with a lifetime hands
 * the same lifetime on.
 */
export function rotateKey(
  sql: SqlStorage,
  { id, overlapMs }: { id: string; overlapMs: number },
  moment: Moment & Called,
): Result<NewKey, Refusal> {
  if (!Number.isInteger(overlapMs) || overlapMs < 0 || overlapMs > maxOverlapMs) {
    const errors = [
      { pointer: "/overlapMs", detail: `is a whole number of milliseconds, 0 to ${maxOverlapMs}` },
    ];
    return refusal("invalid_body", "Mend the named fields and send it again.", errors);
  }
  const old = findKey(sql, id)?.record;
  if (old === undefined) return missing();
  const lost = lostSuccessor(sql, old, moment);
  if (lost === null && isOver(old, moment.now)) {
    return refusal("conflict", "This key is over already. Make a new one.");
  }
  if (lost === null && old.replacedBy !== null) {
    return refusal("conflict", `This key was rotated already, to ${old.replacedBy}. Rotate that one.`);
  }

  const { principal, scopes, name } = old;
  if (lost !== null) return ok(mint(sql, { principal, scopes, name, expiresAt: lost.expiresAt }, moment));
  const expiresAt = old.expiresAt === null ? null : moment.now + (old.expiresAt - old.createdAt);
  const made = mint(sql, { principal, scopes, name, expiresAt }, moment);
  const ends = Math.min(old.expiresAt ?? Infinity, moment.now + overlapMs);
  updateKey(sql, { ...old, expiresAt: ends, replacedBy: made.record.id });
  recordChange(sql, { at: moment.now, actor: moment.actor, kind: "key.rotated", id }, false);
  return ok(made);
}

/** The successor that this very call made before it was killed: nobody has its text, so that it gets another. Null where there is none. */
function lostSuccessor(
  sql: SqlStorage,
  { replacedBy }: KeyRecord,
  moment: Moment & Called,
): KeyRecord | null {
  if (replacedBy === null || replacedBy !== keyIdOf(moment)) return null;
  const made = findKey(sql, replacedBy)?.record;
  return made === undefined || isOver(made, moment.now) ? null : made;
}

/** At once and for good. Revoking twice keeps the first time. */
export function revokeKey(
  sql: SqlStorage,
  id: string,
  { actor, now }: Omit<Moment, "workspace">,
): Result<KeyRecord, Refusal> {
  const known = findKey(sql, id)?.record;
  if (known === undefined) return missing();
  if (known.revokedAt !== null) return ok(known);
  const revoked = { ...known, revokedAt: now };
  updateKey(sql, revoked);
  recordChange(sql, { at: now, actor, kind: "key.revoked", id }, false);
  return ok(revoked);
}

/** All keys of a principal that leaves the directory. */
export function revokeKeysOf(sql: SqlStorage, principal: string, moment: Omit<Moment, "workspace">): void {
  for (const { id, principal: holder } of listKeys(sql)) if (holder === principal) revokeKey(sql, id, moment);
}

/** A key for whoever sets the workspace up, before there is a directory to name anybody in. */
export function bootstrapKey(sql: SqlStorage, moment: Moment): NewKey {
  return mint(
    sql,
    { principal: "service:operator", scopes: ["admin"], name: "operator", expiresAt: null },
    moment,
  );
}

function mint(
  sql: SqlStorage,
  rights: Pick<KeyRecord, "principal" | "scopes" | "name" | "expiresAt">,
  { workspace, actor, now, makes }: Moment & Called,
): NewKey {
  const { id, key } = newKeyText(workspace, keyIdOf({ makes }));
  const record: KeyRecord = { id, workspace, ...rights, createdAt: now, revokedAt: null, replacedBy: null };
  insertKey(sql, sha256Hex(key), record);
  recordChange(sql, { at: now, actor, kind: "key.created", id }, false);
  return { record, key };
}

const keyIdOf = ({ makes }: Called): string | undefined => makes?.slice(0, 12);

function keyFaults(
  sql: SqlStorage,
  { principal, scopes, expiresAt }: Pick<KeyRecord, "principal" | "scopes" | "expiresAt">,
  now: number,
): ProblemField[] {
  const kind = principalKind(principal);
  const known = kind === "service" || findEntry(sql, kind, principal) !== null;
  const refused = kind === "agent" ? scopes.filter((scope) => peopleAndServicesOnly.has(scope)) : [];
  return [
    ...(known
      ? []
      : [
          {
            pointer: "/principal",
            detail: `is ${principal}, which is not in this directory; put it there first`,
          },
        ]),
    ...(refused.length > 0
      ? [{ pointer: "/scopes", detail: `has ${refused.join(", ")}, which no agent may hold` }]
      : []),
    ...(expiresAt !== null && expiresAt <= now ? [{ pointer: "/expiresAt", detail: "is over already" }] : []),
  ];
}

/** Half-open: at the very millisecond it expires, it is over. */
function isOver({ expiresAt, revokedAt }: KeyRecord, now: number): boolean {
  return revokedAt !== null || (expiresAt !== null && now >= expiresAt);
}

/** In constant time for texts of one length; `timingSafeEqual` throws on any other. */
function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.byteLength === right.byteLength && timingSafeEqual(left, right);
}

function missing(): Result<never, Refusal> {
  return refusal("not_found", "There is no such key here.");
}
