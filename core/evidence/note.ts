import { decodeBase64, encodeBase64 } from "../base64.ts";
import { concatBytes } from "../bytes.ts";
import { ok, refuse, type Result } from "../result.ts";
import { hashBytes, type Sha256 } from "./merkle.ts";

/**
 * Checkpoints of a log as C2SP tlog-checkpoint has them: three lines of text in a C2SP signed note. Every form has one
 * spelling here; another is refused with words that say which part is wrong, for a person who holds the file to read.
 */

/** What may sign. `sign` is Ed25519 over the bytes as they are; `publicKey` its 32 bytes. */
export type Signer = {
  readonly origin: string;
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Uint8Array;
};

/** Ed25519; passed in, because `core/` has no cryptography of its own. */
export type Ed25519Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

export type CheckpointLines = { readonly origin: string; readonly size: number; readonly root: Uint8Array };
export type Vkey = { readonly origin: string; readonly id: string; readonly publicKey: Uint8Array };
/** A note that at least one of the given keys has signed. `signedBy` are those, as they were given. */
export type OpenedNote = { readonly text: string; readonly signedBy: string[] };

/** The C2SP type byte of Ed25519. */
const ed25519Type = 1;
const keyBytes = 32;
const signatureBytes = 64;
const idBytes = 4;
/** As many as Go's `note` reads, so that what opens here opens there. */
const maxSignatures = 100;
const maxNoteLength = 1_000_000;
const signaturePrefix = "\u2014 ";

/** @throws RangeError for what no checkpoint can hold: see `originFault`; a size is whole, a root has 32 bytes. */
export function checkpointText(origin: string, size: number, root: Uint8Array): string {
  const fault = originFault(origin);
  if (fault !== null) throw new RangeError(fault);
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`${size} is no size of a log`);
  if (root.length !== hashBytes) throw new RangeError(`a root has ${hashBytes} bytes, not ${root.length}`);
  return `${origin}\n${size}\n${encodeBase64(root)}\n`;
}

/** Reads exactly what `checkpointText` writes. */
export function parseCheckpoint(text: string): Result<CheckpointLines, string> {
  const lines = text.split("\n");
  const [origin = "", size = "", root = "", end, ...more] = lines;
  if (end === undefined) return refuse("a checkpoint has three lines, each ended by a line feed");
  if (end !== "" || more.length > 0) return refuse("a checkpoint ends after its third line");
  const fault = originFault(origin);
  if (fault !== null) return refuse(fault);
  if (!/^(?:0|[1-9][0-9]*)$/u.test(size)) return refuse("the size is not a whole number in plain digits");
  if (!Number.isSafeInteger(Number(size))) return refuse("the size is over 2^53 - 1");
  const hash = decodeBase64(root);
  if (hash === null) return refuse("the root is not base64 in its one spelling");
  if (hash.length !== hashBytes) return refuse(`the root has ${hash.length} bytes instead of ${hashBytes}`);
  return ok({ origin, size: Number(size), root: hash });
}

/** What stops a text from naming a log; null where it may. A `+` would end it within a verifier key. */
export function originFault(origin: string): string | null {
  if (origin === "") return "the origin is empty";
  if (!origin.isWellFormed()) return "the origin has no UTF-8 form";
  if (/[\s\p{Cc}]/u.test(origin)) return "the origin holds white space or a control character";
  if (origin.includes("+")) return "the origin holds a +";
  return null;
}

/** Eight hex digits by which a signature names its key: the first four bytes of SHA-256(origin || 0x0A || 0x01 || key). */
export function keyId(origin: string, publicKey: Uint8Array, sha256: Sha256): string {
  const named = concatBytes(new TextEncoder().encode(`${origin}\n`), Uint8Array.of(ed25519Type), publicKey);
  return hex(sha256(named).subarray(0, idBytes));
}

/** The key as verifiers want it: `<origin>+<key id>+<base64 of 0x01 and the key>`. @throws RangeError, see `originFault`. */
export function vkeyOf(origin: string, publicKey: Uint8Array, sha256: Sha256): string {
  const fault = originFault(origin);
  if (fault !== null) throw new RangeError(fault);
  if (publicKey.length !== keyBytes) throw new RangeError(`an Ed25519 key has ${keyBytes} bytes`);
  const typed = encodeBase64(concatBytes(Uint8Array.of(ed25519Type), publicKey));
  return `${origin}+${keyId(origin, publicKey, sha256)}+${typed}`;
}

/** Reads exactly what `vkeyOf` writes. */
export function parseVkey(vkey: string, sha256: Sha256): Result<Vkey, string> {
  // The base64 of a key may hold a + of its own, an origin never does.
  const [, origin, id, typed] = /^([^+]*)\+([^+]*)\+(.*)$/su.exec(vkey) ?? [];
  if (origin === undefined || id === undefined || typed === undefined) {
    return refuse("a verifier key is <origin>+<key id>+<key>");
  }
  const fault = originFault(origin);
  if (fault !== null) return refuse(fault);
  if (!/^[0-9a-f]{8}$/u.test(id)) return refuse("the key id is not eight hex digits in lower case");
  const bytes = decodeBase64(typed);
  if (bytes === null) return refuse("the key is not base64 in its one spelling");
  if (bytes[0] !== ed25519Type) return refuse("the key is not of the type Ed25519");
  const publicKey = bytes.subarray(1);
  if (publicKey.length !== keyBytes) {
    return refuse(`the key has ${publicKey.length} bytes instead of ${keyBytes}`);
  }
  if (keyId(origin, publicKey, sha256) !== id) return refuse("the key id is not that of this origin and key");
  return ok({ origin, id, publicKey });
}

/**
 * The note: the text, an empty line, one signature line a signer. The text ends with a line feed; signers sign all of it.
 * @throws RangeError for a text that does not, and for nobody to sign it.
 */
export function signNote(text: string, signers: readonly Signer[], sha256: Sha256): string {
  if (!text.endsWith("\n") || !text.isWellFormed()) throw new RangeError("a note ends with a line feed");
  if (signers.length === 0) throw new RangeError("a note has at least one signature");
  const message = new TextEncoder().encode(text);
  const lines = signers.map((signer) => {
    const fault = originFault(signer.origin);
    if (fault !== null) throw new RangeError(fault);
    const id = bytesOfHex(keyId(signer.origin, signer.publicKey, sha256));
    return `${signaturePrefix}${signer.origin} ${encodeBase64(concatBytes(id, signer.sign(message)))}\n`;
  });
  return `${text}\n${lines.join("")}`;
}

type SignatureLine = { readonly origin: string; readonly id: string; readonly signature: Uint8Array };

/** The text of a note and its signature lines, of which nothing is proven yet. */
export function splitNote(note: string): Result<{ text: string; signatures: SignatureLine[] }, string> {
  if (note.length > maxNoteLength) return refuse(`the note is longer than ${maxNoteLength} characters`);
  if (!note.isWellFormed()) return refuse("the note has no UTF-8 form");
  if (/[^\P{Cc}\n]/u.test(note)) {
    return refuse("the note holds a control character, such as a carriage return");
  }
  const blank = note.lastIndexOf("\n\n");
  if (blank === -1) return refuse("the note has no empty line before its signatures");
  const lines = note.slice(blank + 2).split("\n");
  if (lines.pop() !== "") return refuse("the note does not end with a line feed");
  if (lines.length === 0) return refuse("the note has no signature");
  if (lines.length > maxSignatures) return refuse(`the note has more than ${maxSignatures} signatures`);
  const signatures: SignatureLine[] = [];
  for (const line of lines) {
    const read = signatureLine(line);
    if (!read.ok) return read;
    signatures.push(read.value);
  }
  return ok({ text: note.slice(0, blank + 1), signatures });
}

function signatureLine(line: string): Result<SignatureLine, string> {
  const [, origin, encoded] = /^\u2014 ([^ ]*) ([^ ]*)$/u.exec(line) ?? [];
  if (origin === undefined || encoded === undefined) {
    return refuse("a signature line is \u2014 <origin> <base64>");
  }
  const fault = originFault(origin);
  if (fault !== null) return refuse(fault);
  const bytes = decodeBase64(encoded);
  if (bytes === null) return refuse("a signature is not base64 in its one spelling");
  // Keys of other types have signatures of other lengths; a witness may have signed with one.
  if (bytes.length <= idBytes) return refuse("a signature is too short to have a key id");
  return ok({ origin, id: hex(bytes.subarray(0, idBytes)), signature: bytes.subarray(idBytes) });
}

/**
 * Opens a note with the keys that the reader trusts. Signatures of other keys say nothing to this reader and are passed
 * over, as a new key's are by who holds only the old one; one of a trusted key that does not verify refuses the note.
 */
export function openNote(
  note: string,
  vkeys: readonly string[],
  verify: Ed25519Verify,
  sha256: Sha256,
): Result<OpenedNote, string> {
  const known = new Map<string, { vkey: string; publicKey: Uint8Array }>();
  for (const vkey of vkeys) {
    const key = parseVkey(vkey, sha256);
    if (!key.ok) return refuse(`a given key is no verifier key: ${key.error}`);
    const name = `${key.value.origin} ${key.value.id}`;
    // Two keys can share an id by chance or by design; which of them signed could then not be told.
    if (known.has(name) && known.get(name)?.vkey !== vkey) {
      return refuse(`two given keys share the id ${name}`);
    }
    known.set(name, { vkey, publicKey: key.value.publicKey });
  }
  const split = splitNote(note);
  if (!split.ok) return split;
  const { text, signatures } = split.value;
  const message = new TextEncoder().encode(text);
  const signedBy: string[] = [];
  for (const { origin, id, signature } of signatures) {
    const key = known.get(`${origin} ${id}`);
    if (key === undefined) continue;
    if (signedBy.includes(key.vkey)) return refuse(`the key ${id} of ${origin} has signed twice`);
    if (signature.length !== signatureBytes || !verify(key.publicKey, message, signature)) {
      return refuse(`the signature of the key ${id} of ${origin} is not over this text`);
    }
    signedBy.push(key.vkey);
  }
  if (signedBy.length === 0) return refuse("none of the given keys has signed this note");
  return ok({ text, signedBy });
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const bytesOfHex = (digits: string): Uint8Array =>
  Uint8Array.from(digits.match(/../gu) ?? [], (pair) => Number.parseInt(pair, 16));
