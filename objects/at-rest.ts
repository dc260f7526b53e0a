import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from "node:crypto";
import { configOf, SealConfig } from "../schemas/config.ts";

/**
 * What lies in storage so that only its key opens it (threat T13): AES-256-GCM, at once, inside the transaction that writes it.
 * `about` says what a text belongs to, and opens it nowhere else. A data key is 32 bytes as base64url; it stands wrapped with
 * HOLDPOINT_SEAL_KEY, which only the engine's environment holds, or as it is where there is none.
 */

/** A key of the environment; its `id` stands before what it sealed, so that a wrong key is known as one. */
export type SealKey = { readonly id: string; readonly key: Uint8Array };
/** The keys in force: the first seals, all of them open. */
export type SealKeys = readonly [SealKey, ...SealKey[]];

const algorithm = "aes-256-gcm";
const ivBytes = 12;
const tagBytes = 16;

/** What is wrong with the key an engine was given; it is never taken for no key. */
export const badSealKey =
  "HOLDPOINT_SEAL_KEY is no 32 bytes of base64; make one with `openssl rand -base64 32`, or several with commas, the newest first.";

let kept: { text: string; keys: SealKeys } | null = null;

/** Null where the environment holds no key, and nothing is wrapped. @throws Error for a key that is none. */
export function sealKeysOf(env: unknown): SealKeys | null {
  const config = configOf(SealConfig, env);
  if (config === null) throw new Error(badSealKey);
  const text = config.HOLDPOINT_SEAL_KEY;
  if (text === undefined) return null;
  if (kept?.text !== text) kept = { text, keys: keysOf(text) };
  return kept.keys;
}

function keysOf(text: string): SealKeys {
  const [first, ...rest] = text.split(",").map((part): SealKey => {
    const key = new Uint8Array(Buffer.from(part.trim(), "base64"));
    const id = createHash("sha256").update("holdpoint seal key").update(key).digest("hex").slice(0, 16);
    return { id, key };
  });
  if (first === undefined) throw new Error(badSealKey);
  return [first, ...rest];
}

function encrypt(key: Uint8Array, about: string, text: string): string {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv(algorithm, key, iv);
  cipher.setAAD(Buffer.from(about, "utf8"));
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `${iv.toString("base64url")}:${sealed.toString("base64url")}`;
}

/** Null where this key does not open it, or not as this. */
function decrypt(key: Uint8Array, about: string, iv: string, sealed: string): string | null {
  const bytes = Buffer.from(sealed, "base64url");
  if (bytes.length < tagBytes) return null;
  try {
    const decipher = createDecipheriv(algorithm, key, Buffer.from(iv, "base64url"));
    decipher.setAAD(Buffer.from(about, "utf8"));
    decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
    const body = bytes.subarray(0, bytes.length - tagBytes);
    return Buffer.concat([decipher.update(body), decipher.final()]).toString("utf8");
  } catch {
    return null;
  }
}

const sealedForm = /^sealed:1:([0-9a-f]{16}):([A-Za-z0-9_-]{16}):([A-Za-z0-9_-]+)$/u;

/** `secret` as it is stored under the environment's newest key; as it is where there is no key. */
export function seal(keys: SealKeys | null, about: string, secret: string): string {
  if (keys === null) return secret;
  const [{ id, key }] = keys;
  return `sealed:1:${id}:${encrypt(key, about, secret)}`;
}

/** What `seal` made of a secret; one from before there was a key stands as it is. Null where no key here opens it. */
export function open(keys: SealKeys | null, about: string, stored: string): string | null {
  if (!stored.startsWith("sealed:")) return stored;
  const [, id, iv, sealed] = sealedForm.exec(stored) ?? [];
  const key = keys?.find((one) => one.id === id)?.key;
  if (key === undefined || iv === undefined || sealed === undefined) return null;
  return decrypt(key, about, iv, sealed);
}

/** Whether it is to be sealed anew: it is plain, or sealed with a key that is on its way out. */
export function isStale(keys: SealKeys | null, stored: string): boolean {
  return keys !== null && !stored.startsWith(`sealed:1:${keys[0].id}:`);
}

/** 256 random bits as base64url. */
export const newDataKey = (): string => randomBytes(32).toString("base64url");

const plain = "plain:";

/** A data key as it may be stored. @throws Error where the environment's key is none. */
export function wrapKey(env: unknown, about: string, key: string): string {
  return seal(sealKeysOf(env), about, `${plain}${key}`);
}

/** Null where no key here opens it: it was wrapped under a HOLDPOINT_SEAL_KEY that this engine does not have. */
export function unwrapKey(env: unknown, about: string, wrapped: string): string | null {
  const opened = open(sealKeysOf(env), about, wrapped);
  return opened?.startsWith(plain) === true ? opened.slice(plain.length) : null;
}

/** Whether a wrapped key is to be wrapped anew, see `isStale`. */
export const isStaleKey = (env: unknown, wrapped: string): boolean => isStale(sealKeysOf(env), wrapped);

const textForm = /^1:([A-Za-z0-9_-]{16}):([A-Za-z0-9_-]+)$/u;

/** A text as only this data key opens it. */
export function sealText(key: string, about: string, text: string): string {
  return `1:${encrypt(Buffer.from(key, "base64url"), about, text)}`;
}

/** Null where this key does not open it, or not as this. */
export function openText(key: string, about: string, sealed: string): string | null {
  const [, iv, text] = textForm.exec(sealed) ?? [];
  if (iv === undefined || text === undefined) return null;
  return decrypt(Buffer.from(key, "base64url"), about, iv, text);
}

/**
 * A data key that a whole workspace shares for one purpose, made from HOLDPOINT_SEAL_KEY (HKDF-SHA-256), the newest; null where
 * there is none. What was sealed under an older one is opened with `workspaceKeys`.
 */
export function workspaceKey(env: unknown, workspace: string, purpose: string): string | null {
  return workspaceKeys(env, workspace, purpose)[0] ?? null;
}

/** The same for every key in force, newest first; none where there is none. */
export function workspaceKeys(env: unknown, workspace: string, purpose: string): string[] {
  const about = JSON.stringify(["holdpoint workspace key", workspace, purpose]);
  return (sealKeysOf(env) ?? []).map(({ key }) =>
    Buffer.from(hkdfSync("sha256", key, new Uint8Array(0), about, 32)).toString("base64url"),
  );
}
