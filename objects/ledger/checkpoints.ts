import { createHash } from "node:crypto";
import * as v from "valibot";
import { encodeBase64 } from "../../core/base64.ts";
import { checkpointText, signNote, type Signer } from "../../core/evidence/note.ts";
import { signSsh } from "../../core/evidence/sshsig.ts";
import type { Checkpoint } from "../../schemas/ledger.ts";
import { sha256 } from "./log.ts";

/** What was signed. A checkpoint is never taken back, so each stays. */

type Row = { size: number; root: string; at: number; note: string; ssh: string };
const Armored = v.array(v.string());

const checkpointIn = (origin: string, { ssh, ...row }: Row): Checkpoint => ({
  origin,
  ...row,
  ssh: v.parse(Armored, JSON.parse(ssh)),
});

export function latestCheckpoint(sql: SqlStorage, origin: string): Checkpoint | null {
  const rows = sql
    .exec<Row>("SELECT size, root, at, note, ssh FROM checkpoints ORDER BY size DESC LIMIT 1")
    .toArray();
  return rows.map((row) => checkpointIn(origin, row)).at(0) ?? null;
}

export function findCheckpoint(sql: SqlStorage, origin: string, size: number): Checkpoint | null {
  const rows = sql
    .exec<Row>("SELECT size, root, at, note, ssh FROM checkpoints WHERE size = ?", size)
    .toArray();
  return rows.map((row) => checkpointIn(origin, row)).at(0) ?? null;
}

/** Those larger than `size`, smallest first. */
export function checkpointsAfter(sql: SqlStorage, origin: string, size: number, limit: number): Checkpoint[] {
  return sql
    .exec<Row>(
      "SELECT size, root, at, note, ssh FROM checkpoints WHERE size > ? ORDER BY size LIMIT ?",
      size,
      limit,
    )
    .toArray()
    .map((row) => checkpointIn(origin, row));
}

export function insertCheckpoint(sql: SqlStorage, { size, root, at, note, ssh }: Checkpoint): void {
  sql.exec(
    "INSERT INTO checkpoints (size, root, at, note, ssh) VALUES (?, ?, ?, ?, ?)",
    size,
    root,
    at,
    note,
    JSON.stringify(ssh),
  );
}

/** Both forms over one text: the note carries a signature of every signer, and so do the SSH signatures, one each. */
export function signCheckpoint(
  log: { readonly origin: string; readonly size: number; readonly root: Uint8Array },
  signers: readonly Signer[],
  at: number,
): Checkpoint {
  const { origin, size, root } = log;
  const text = checkpointText(origin, size, root);
  const message = new TextEncoder().encode(text);
  const note = signNote(text, signers, sha256);
  const ssh = signers.map((signer) => signSsh(message, signer, sha512));
  return { origin, size, root: encodeBase64(root), at, note, ssh };
}

const sha512 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha512").update(bytes).digest());
