import { createHash, generateKeyPairSync, sign, verify, createPublicKey } from "node:crypto";
import type { Signer } from "../../core/evidence/note.ts";

export const sha256 = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.from(createHash("sha256").update(bytes).digest());
export const sha512 = (bytes: Uint8Array): Uint8Array =>
  Uint8Array.from(createHash("sha512").update(bytes).digest());

/** A signer with a new Ed25519 key. */
export function newSigner(origin: string): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  return {
    origin,
    publicKey: Uint8Array.from(raw),
    sign: (message) => Uint8Array.from(sign(null, message, privateKey)),
  };
}

/** Ed25519 by Node; false too for a key that is none. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), publicKey]);
  return verify(null, message, createPublicKey({ key: der, format: "der", type: "spki" }), signature);
}
