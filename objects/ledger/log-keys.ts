import { Buffer } from "node:buffer";
import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import * as v from "valibot";
import { vkeyOf, type Signer } from "../../core/evidence/note.ts";
import { sshPublicKey } from "../../core/evidence/sshsig.ts";
import type { LogKey } from "../../schemas/ledger.ts";
import { isStaleKey, unwrapKey, wrapKey } from "../at-rest.ts";
import { sha256 } from "./log.ts";

/** The keys of one log. None is ever removed: old checkpoints are verified with old keys. */

/** How long the key before signs beside a new one, so that whoever checks has time to learn of it. */
export const keyOverlapMs = 7 * 86_400_000;

export const lostLogKey =
  "its key is sealed with a HOLDPOINT_SEAL_KEY that this engine does not have; give it back, or begin a new key with `holdpoint ledger rotate`";

/** Who a key belongs to: what its secret is sealed for, and the name that it signs under. */
export type Owner = { readonly env: unknown; readonly workspace: string; readonly origin: string };

type Row = {
  number: number;
  public: string;
  secret: string;
  since: number;
  former_until: number | null;
  line: number;
};

const Pair = v.object({ x: v.string(), d: v.string() });
/** A new key; `stored` is its secret as it may lie in a row. */
export type NewKey = { readonly publicKey: Uint8Array; readonly secret: string };

export function makeKey(): NewKey {
  const { privateKey } = generateKeyPairSync("ed25519");
  const { x, d } = v.parse(Pair, privateKey.export({ format: "jwk" }));
  return { publicKey: bytesOf(x), secret: d };
}

export const vkeyIn = (origin: string, publicKey: Uint8Array): string => vkeyOf(origin, publicKey, sha256);

/** @param line the line of the log that names it; `formerUntil` (epoch ms) is how long the key before signs too. */
export function insertKey(
  sql: SqlStorage,
  { env, workspace }: Owner,
  key: NewKey,
  { since, line, formerUntil }: { since: number; line: number; formerUntil: number | null },
): void {
  const number = readRows(sql).length + 1;
  sql.exec(
    "INSERT INTO keys (number, public, secret, since, former_until, line) VALUES (?, ?, ?, ?, ?, ?)",
    number,
    Buffer.from(key.publicKey).toString("base64url"),
    wrapKey(env, aboutOf(workspace, number), key.secret),
    since,
    formerUntil,
    line,
  );
}

/** Oldest first. `until` is null for the newest. */
export function listKeys(sql: SqlStorage, origin: string): LogKey[] {
  return withEnds(readRows(sql)).map(({ row, until }) => {
    const publicKey = bytesOf(row.public);
    return { vkey: vkeyIn(origin, publicKey), ssh: sshPublicKey(publicKey), since: row.since, until };
  });
}

/** The lines by which keys after the first came in. */
export const keyLines = (sql: SqlStorage): number[] =>
  readRows(sql)
    .slice(1)
    .map(({ line }) => line);

/**
 * Whoever signs at `now`: the newest key, and before it those whose time is not over. Without the newest nobody does; a former one
 * that cannot be opened is left out, because whoever checks is on the way off it.
 * @returns the signers, newest first, or why there are none
 */
export function signersOf(sql: SqlStorage, owner: Owner, now: number): Signer[] | { fault: string } {
  const inForce = withEnds(readRows(sql)).filter(({ until }) => until === null || until > now);
  const signers: Signer[] = [];
  for (const { row, until } of inForce.toReversed()) {
    const signer = openKey(sql, owner, row);
    if (signer !== null) signers.push(signer);
    else if (until === null) return { fault: lostLogKey };
  }
  return signers;
}

/** Null where no key of the environment opens it. One sealed under a key that is on its way out is sealed anew. */
function openKey(sql: SqlStorage, { env, workspace, origin }: Owner, row: Row): Signer | null {
  const about = aboutOf(workspace, row.number);
  const secret = unwrapKey(env, about, row.secret);
  if (secret === null) return null;
  if (isStaleKey(env, row.secret)) {
    sql.exec("UPDATE keys SET secret = ? WHERE number = ?", wrapKey(env, about, secret), row.number);
  }
  const jwk = { kty: "OKP", crv: "Ed25519", x: row.public, d: secret };
  const key: KeyObject = createPrivateKey({ key: jwk, format: "jwk" });
  return {
    origin,
    publicKey: bytesOf(row.public),
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}

const aboutOf = (workspace: string, number: number): string => `${workspace}/log key ${number}`;
const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64url"));

function readRows(sql: SqlStorage): Row[] {
  return sql
    .exec<Row>("SELECT number, public, secret, since, former_until, line FROM keys ORDER BY number")
    .toArray();
}

/** How long a key signs is written down with the one after it. */
const withEnds = (rows: readonly Row[]): { row: Row; until: number | null }[] =>
  rows.map((row, nth) => ({ row, until: rows[nth + 1]?.former_until ?? null }));
