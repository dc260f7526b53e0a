import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { callNameBytes, callNameOf } from "../../core/call-name.ts";
import { keyRandomBytes, keyTextOf } from "../../core/key-text.ts";

/** What is secret or must not be guessed, from the runtime's cryptographic generator. Ids are random too, so that none can be derived from another. */

/** SHA-256 of UTF-8 text as lower-case hex. Synchronous: an awaited hash would let another call in between reading and writing. */
export const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A new API key and its id, which is random too where none is given: 12 letters and digits. */
export function newKeyText(workspace: string, id?: string): { id: string; key: string } {
  for (;;) {
    const made = keyTextOf(workspace, randomBytes(keyRandomBytes), id);
    if (made !== null) return made;
  }
}

/** What the things that one call makes are called after: 22 letters and digits. */
export const newCallName = (): string => callNameOf(randomBytes(callNameBytes));

/** 32 random bytes in hex. */
export const newSalt = (): string => Buffer.from(randomBytes(32)).toString("hex");

/** A signing secret as Standard Webhooks writes it: `whsec_` and 32 random bytes in base64. */
export const newSigningSecret = (): string => `whsec_${Buffer.from(randomBytes(32)).toString("base64")}`;

/** 32 random bytes in 43 characters of base64url. */
export const newPassSecret = (): string => Buffer.from(randomBytes(32)).toString("base64url");

/** `prefix_` and 20 characters of base64url: 15 random bytes, or the first of what a call's things are called after. */
export const newId = (prefix: "whs" | "whe" | "ses", makes?: string): string =>
  `${prefix}_${makes?.slice(0, 20) ?? Buffer.from(randomBytes(15)).toString("base64url")}`;

/** Without letters that look like others. */
const codeAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/** A code that a person types: 50 random bits as `ABCDE-FGHJK`. */
export function newLinkCode(): string {
  const text = Array.from(randomBytes(10), (byte) => codeAlphabet.charAt(byte % codeAlphabet.length)).join(
    "",
  );
  return `${text.slice(0, 5)}-${text.slice(5)}`;
}

function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}
