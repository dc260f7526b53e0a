import { createHash, createPublicKey, verify } from "node:crypto";
import { decodeBase64, encodeBase64 } from "../../core/base64.ts";
import { leafHash, verifyInclusion, type Sha256 } from "../../core/evidence/merkle.ts";
import { openNote, parseCheckpoint, parseVkey, type Ed25519Verify } from "../../core/evidence/note.ts";
import { sshsigFault } from "../../core/evidence/sshsig.ts";
import type { Checkpoint, LogKey, Proven } from "../../schemas/ledger.ts";

/** What somebody outside does with a log: opens its checkpoints with its keys, and checks what is proven in them. */

export const sha256: Sha256 = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());
const sha512 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha512").update(bytes).digest());

/** DER of an Ed25519 key, up to its 32 bytes. */
const spki = "302a300506032b6570032100";
export const verifyEd25519: Ed25519Verify = (publicKey, message, signature) => {
  const der = Buffer.concat([Buffer.from(spki, "hex"), publicKey]);
  return verify(null, message, createPublicKey({ key: der, format: "der", type: "spki" }), signature);
};

/** What a note says, and which of the keys have signed it. @throws Error for a note that none of them has. */
export function opened(
  note: string,
  keys: readonly Pick<LogKey, "vkey">[],
): { origin: string; size: number; root: string; signedBy: string[] } {
  const vkeys = keys.map(({ vkey }) => vkey);
  const open = openNote(note, vkeys, verifyEd25519, sha256);
  if (!open.ok) throw new Error(open.error);
  const parsed = parseCheckpoint(open.value.text);
  if (!parsed.ok) throw new Error(parsed.error);
  const { origin, size, root } = parsed.value;
  return { origin, size, root: encodeBase64(root), signedBy: open.value.signedBy };
}

/** The keys that signed a checkpoint. @throws Error where its note says something else than it does. */
export function signersOf(checkpoint: Checkpoint, keys: readonly Pick<LogKey, "vkey">[]): string[] {
  const { origin, size, root, signedBy } = opened(checkpoint.note, keys);
  const same = origin === checkpoint.origin && size === checkpoint.size && root === checkpoint.root;
  if (!same) throw new Error("another checkpoint");
  return signedBy;
}

/** Why none of the SSH signatures over a note's text is this key's; null where one is. */
export function sshFault(
  { note, ssh }: Pick<Checkpoint, "note" | "ssh">,
  { vkey }: Pick<LogKey, "vkey">,
): string | null {
  const key = parseVkey(vkey, sha256);
  if (!key.ok) return key.error;
  const text = new TextEncoder().encode(note.slice(0, note.indexOf("\n\n") + 1));
  const faults = ssh.map((one) => sshsigFault(one, text, key.value.publicKey, verifyEd25519, sha512));
  return faults.includes(null) ? null : (faults[0] ?? "no signature");
}

export function bytesOf(text: string): Uint8Array {
  const bytes = decodeBase64(text);
  if (bytes === null) throw new Error("no base64");
  return bytes;
}

/** Whether a line is in the tree of a checkpoint, by the proof that came with it. */
export const isProven = (
  { index, text, proof }: Proven,
  { size, root }: Pick<Checkpoint, "size" | "root">,
): boolean => verifyInclusion(index, size, leafHash(text, sha256), proof.map(bytesOf), bytesOf(root), sha256);
