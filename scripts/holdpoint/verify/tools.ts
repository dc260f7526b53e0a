import { createHash, createPublicKey, verify } from "node:crypto";
import type { Tools } from "../../../core/evidence/verify.ts";

/** What stands before the 32 bytes of an Ed25519 key in DER. */
const derHead = Buffer.from("302a300506032b6570032100", "hex");

/** Node's own cryptography, for a verifier that has none. */
export const tools: Tools = {
  sha256: (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()),
  sha512: (bytes) => new Uint8Array(createHash("sha512").update(bytes).digest()),
  verify: (publicKey, message, signature) => {
    try {
      const key = createPublicKey({ key: Buffer.concat([derHead, publicKey]), format: "der", type: "spki" });
      return verify(null, message, key, signature);
    } catch {
      // Not every 32 bytes are a key.
      return false;
    }
  },
};
