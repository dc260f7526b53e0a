import { decodeBase64, encodeBase64 } from "../base64.ts";
import { concatBytes, sameBytes } from "../bytes.ts";
import { ok, refuse, type Result } from "../result.ts";
import type { Ed25519Verify, Signer } from "./note.ts";

/**
 * Signatures as `ssh-keygen -Y sign` makes them (OpenSSH's PROTOCOL.sshsig), of Ed25519 keys over SHA-512, because
 * `ssh-keygen` is on nearly every machine an auditor has. Of each form only OpenSSH's own spelling is read.
 */

/** SHA-512, synchronous; passed in, because `core/` has no cryptography of its own. */
export type Sha512 = (bytes: Uint8Array) => Uint8Array;

/** What keeps a signature over a checkpoint from being one over anything else that the key may ever sign. */
export const checkpointNamespace = "holdpoint-checkpoint";

export type SshSignature = {
  readonly publicKey: Uint8Array;
  readonly namespace: string;
  readonly signature: Uint8Array;
};

const keyType = "ssh-ed25519";
const hashName = "sha512";
const version = 1;
const keyBytes = 32;
const signatureBytes = 64;
const begin = "-----BEGIN SSH SIGNATURE-----";
const end = "-----END SSH SIGNATURE-----";
/** Ours have under 400. It bounds what a hostile file can make the reader do. */
const maxArmored = 4096;
/** OpenSSH breaks its lines here. */
const lineLength = 70;

/** `ssh-ed25519 AAAA…`, as in `authorized_keys` and `allowed_signers`. @throws RangeError unless it has 32 bytes. */
export function sshPublicKey(publicKey: Uint8Array): string {
  return `${keyType} ${encodeBase64(keyBlob(publicKey))}`;
}

/** Reads exactly what `sshPublicKey` writes: no options before it, no comment after. */
export function parseSshPublicKey(line: string): Result<Uint8Array, string> {
  const start = `${keyType} `;
  if (!line.startsWith(start)) return refuse(`the key does not start with ${keyType} and a space`);
  const blob = decodeBase64(line.slice(start.length));
  if (blob === null) return refuse("the key is not base64 in its one spelling, or something follows it");
  return keyOfBlob(blob);
}

/** The bytes that a key signs: not the message, but its hash under the namespace. */
export function sshsigBytes(
  message: Uint8Array,
  sha512: Sha512,
  namespace = checkpointNamespace,
): Uint8Array {
  return concatBytes(
    ascii("SSHSIG"),
    string(ascii(namespace)),
    string(ascii("")),
    string(ascii(hashName)),
    string(sha512(message)),
  );
}

/** The armored signature of a signer over a message. */
export function signSsh(message: Uint8Array, signer: Signer, sha512: Sha512): string {
  const signature = signer.sign(sshsigBytes(message, sha512));
  return armorSshsig({ publicKey: signer.publicKey, namespace: checkpointNamespace, signature });
}

/** As `ssh-keygen` writes it to a `.sig` file. @throws RangeError for a key or signature of the wrong length. */
export function armorSshsig({ publicKey, namespace, signature }: SshSignature): string {
  if (signature.length !== signatureBytes) throw new RangeError(`a signature has ${signatureBytes} bytes`);
  const blob = concatBytes(
    ascii("SSHSIG"),
    uint32(version),
    string(keyBlob(publicKey)),
    string(ascii(namespace)),
    string(ascii("")),
    string(ascii(hashName)),
    string(concatBytes(string(ascii(keyType)), string(signature))),
  );
  const lines = encodeBase64(blob).match(new RegExp(`.{1,${lineLength}}`, "gu")) ?? [];
  return [begin, ...lines, end, ""].join("\n");
}

/** Reads exactly what `armorSshsig` writes. */
export function parseSshsig(armored: string): Result<SshSignature, string> {
  if (armored.length > maxArmored) return refuse(`the signature is longer than ${maxArmored} characters`);
  const head = `${begin}\n`;
  const tail = `\n${end}\n`;
  if (!armored.startsWith(head)) return refuse(`the signature does not start with ${begin}`);
  if (!armored.endsWith(tail)) return refuse(`the signature does not end with ${end} and a line feed`);
  const blob = decodeBase64(armored.slice(head.length, -tail.length).replaceAll("\n", ""));
  if (blob === null) return refuse("the signature is not base64 in its one spelling");
  const parsed = signatureOfBlob(blob);
  if (!parsed.ok) return parsed;
  if (armorSshsig(parsed.value) !== armored) {
    return refuse(`the signature's lines are not ${lineLength} long`);
  }
  return parsed;
}

/**
 * Whether `publicKey` has made this armored signature over the message, as a checkpoint.
 * @returns null where it has, else what is wrong.
 */
export function sshsigFault(
  armored: string,
  message: Uint8Array,
  publicKey: Uint8Array,
  verify: Ed25519Verify,
  sha512: Sha512,
): string | null {
  const parsed = parseSshsig(armored);
  if (!parsed.ok) return parsed.error;
  const { value } = parsed;
  if (value.namespace !== checkpointNamespace) return `it is signed as ${JSON.stringify(value.namespace)}`;
  if (!sameBytes(value.publicKey, publicKey)) return "it is signed by another key";
  if (!verify(publicKey, sshsigBytes(message, sha512), value.signature)) return "it is not over this text";
  return null;
}

function signatureOfBlob(blob: Uint8Array): Result<SshSignature, string> {
  const magic = ascii("SSHSIG");
  if (!sameBytes(blob.subarray(0, magic.length), magic)) return refuse("it is no SSH signature");
  const reader = readerOf(blob.subarray(magic.length));
  if (reader.uint32() !== version) return refuse(`it is not of version ${version}`);
  const key = reader.string();
  const namespace = reader.string();
  const reserved = reader.string();
  const hash = reader.string();
  const signed = reader.string();
  if (key === null || namespace === null || reserved === null || hash === null || signed === null) {
    return refuse("it is cut short");
  }
  if (!reader.done()) return refuse("something follows the signature");
  const publicKey = keyOfBlob(key);
  if (!publicKey.ok) return publicKey;
  if (namespace.length === 0 || !namespace.every((byte) => byte > 0x20 && byte < 0x7f)) {
    return refuse("its namespace is not plain text");
  }
  if (reserved.length > 0) return refuse("its reserved part is not empty");
  if (!sameBytes(hash, ascii(hashName))) return refuse(`its hash is not ${hashName}`);
  const signature = typed(signed, signatureBytes);
  if (signature === null) return refuse(`it does not hold a signature of ${keyType}`);
  return ok({ publicKey: publicKey.value, namespace: String.fromCharCode(...namespace), signature });
}

function keyOfBlob(blob: Uint8Array): Result<Uint8Array, string> {
  const key = typed(blob, keyBytes);
  return key === null ? refuse(`the key is not one of ${keyType}`) : ok(key);
}

/** What follows the key type, where it has the length it must have and nothing follows it. */
function typed(blob: Uint8Array, length: number): Uint8Array | null {
  const reader = readerOf(blob);
  const name = reader.string();
  const bytes = reader.string();
  if (name === null || bytes === null || !reader.done()) return null;
  return sameBytes(name, ascii(keyType)) && bytes.length === length ? bytes : null;
}

/** Reads on from where it was; null once there are too few bytes left. */
function readerOf(bytes: Uint8Array): {
  uint32(): number | null;
  string(): Uint8Array | null;
  done(): boolean;
} {
  let at = 0;
  const take = (length: number): Uint8Array | null => {
    if (bytes.length - at < length) return null;
    at += length;
    return bytes.subarray(at - length, at);
  };
  const number = (): number | null => {
    const four = take(4);
    return four === null ? null : four.reduce((sum, byte) => sum * 256 + byte, 0);
  };
  return {
    uint32: number,
    string: () => {
      const length = number();
      return length === null ? null : take(length);
    },
    done: () => at === bytes.length,
  };
}

function keyBlob(publicKey: Uint8Array): Uint8Array {
  if (publicKey.length !== keyBytes) throw new RangeError(`an Ed25519 key has ${keyBytes} bytes`);
  return concatBytes(string(ascii(keyType)), string(publicKey));
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const string = (bytes: Uint8Array): Uint8Array => concatBytes(uint32(bytes.length), bytes);
const uint32 = (value: number): Uint8Array =>
  Uint8Array.of((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
