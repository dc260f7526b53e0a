import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { configOf, SealConfig } from "../../schemas/config.ts";

/**
 * Signing secrets at rest (threat T13): AES-256-GCM under a key that only the engine's environment holds, so that whoever reads the
 * storage reads none. Web Crypto is asynchronous: sealing comes before the transaction that writes, opening after the read.
 */

/** `key` seals and opens; its `id` stands before what it sealed, so that a wrong key is known as one. */
export type SealKey = { readonly id: string; readonly key: CryptoKey };
/** The keys in force: the first seals, all of them open. */
export type SealKeys = readonly [SealKey, ...SealKey[]];

const form = /^sealed:1:([0-9a-f]{16}):([A-Za-z0-9_-]{16}):([A-Za-z0-9_-]+)$/u;
const algorithm = { name: "AES-GCM" } as const;

/** What is wrong with the key an engine was given; it is never taken for no key. */
export const badSealKey =
  "HOLDPOINT_SEAL_KEY is no 32 bytes of base64; make one with `openssl rand -base64 32`, or several with commas, the newest first.";

let kept: { text: string; keys: Promise<SealKeys> } | null = null;

/** Null where the environment holds no key, and secrets are stored as they are. @throws Error for a key that is none. */
export async function sealKeysOf(env: unknown): Promise<SealKeys | null> {
  if (!configOf(SealConfig, env)) throw new Error(badSealKey);
  const text = configOf(SealConfig, env)?.HOLDPOINT_SEAL_KEY;
  if (text === undefined) return null;
  if (kept?.text !== text) kept = { text, keys: importAll(text) };
  return kept.keys;
}

async function importAll(text: string): Promise<SealKeys> {
  const [first, ...rest] = await Promise.all(
    text.split(",").map(async (part): Promise<SealKey> => {
      const bytes = new Uint8Array(Buffer.from(part.trim(), "base64"));
      const id = createHash("sha256").update("holdpoint seal key").update(bytes).digest("hex").slice(0, 16);
      const key = await crypto.subtle.importKey("raw", bytes, algorithm, false, ["encrypt", "decrypt"]);
      return { id, key };
    }),
  );
  if (first === undefined) throw new Error(badSealKey);
  return [first, ...rest];
}

/** `secret` as it is stored; as it is where there is no key. `about` is what it belongs to, and opens it nowhere else. */
export async function seal(keys: SealKeys | null, about: string, secret: string): Promise<string> {
  if (keys === null) return secret;
  const [{ id, key }] = keys;
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const additionalData = new TextEncoder().encode(about);
  const text = new TextEncoder().encode(secret);
  const sealed = await crypto.subtle.encrypt({ ...algorithm, iv, additionalData }, key, text);
  return `sealed:1:${id}:${Buffer.from(iv).toString("base64url")}:${Buffer.from(sealed).toString("base64url")}`;
}

/** What a row holds; a row from before there was a key holds it as it is. Null where no key here opens it. */
export async function open(keys: SealKeys | null, about: string, stored: string): Promise<string | null> {
  if (!stored.startsWith("sealed:")) return stored;
  const [, id, iv, sealed] = form.exec(stored) ?? [];
  const key = keys?.find((one) => one.id === id)?.key;
  if (key === undefined || iv === undefined || sealed === undefined) return null;
  const additionalData = new TextEncoder().encode(about);
  const how = { ...algorithm, iv: new Uint8Array(Buffer.from(iv, "base64url")), additionalData };
  try {
    const opened = await crypto.subtle.decrypt(how, key, new Uint8Array(Buffer.from(sealed, "base64url")));
    return new TextDecoder().decode(opened);
  } catch {
    return null;
  }
}

/** Whether a row is to be sealed anew: it is plain, or sealed with a key that is on its way out. */
export function isStale(keys: SealKeys | null, stored: string): boolean {
  return keys !== null && !stored.startsWith(`sealed:1:${keys[0].id}:`);
}
