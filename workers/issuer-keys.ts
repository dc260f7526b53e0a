import { createLocalJWKSet, errors, type JWTVerifyGetKey } from "jose";
import * as v from "valibot";
import { faultText } from "../core/fault.ts";
import { webhookUrlFault } from "../core/webhook-url.ts";
import type { Issuer } from "../schemas/issuer.ts";
import { isLocal } from "./local.ts";

/**
 * The public keys of trusted issuers, kept per isolate. What a token says can make us ask an issuer at most every half minute: a key
 * id that is unknown is worth one look, and the next unknown one is refused without.
 */
type KeySet = ReturnType<typeof createLocalJWKSet>;
type Entry = { keys: KeySet | null; loadedAt: number; nextLookAt: number; lookingUntil: number };

/** Keys are read again after this long, so that one the issuer has withdrawn is not believed for much longer. */
const maxAgeMs = 10 * 60_000;
/** Where the issuer does not answer, keys are still used for this long. */
const graceMs = 60 * 60_000;
const coolDownMs = 30_000;
const retryMs = 5_000;
const timeoutMs = 5_000;
const pollMs = 25;
/** A key set is a few kB; past this it is no key set. */
const maxBytes = 64 * 1024;
/** About 100 kB each at the very most. */
const maxEntries = 200;

const entries = new Map<string, Entry>();

/** The issuer's keys cannot be read at present: nothing can be said of the token. The message may be shown. */
export class KeysUnavailable extends Error {}

/** The key that a token's header names, for `jwtVerify`. @throws KeysUnavailable, or jose's JWKSNoMatchingKey */
export function keysOf(issuer: Issuer, env: Env): JWTVerifyGetKey {
  return async (header, token) => {
    const entry = entryOf(issuer);
    const isOld = Date.now() - entry.loadedAt >= maxAgeMs;
    if (isOld) await look(entry, issuer, env, 0);
    try {
      return await usable(entry)(header, token);
    } catch (error) {
      if (isOld || !(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await look(entry, issuer, env, coolDownMs);
      return await usable(entry)(header, token);
    }
  };
}

function entryOf({ issuer, jwksUrl }: Issuer): Entry {
  const name = JSON.stringify([issuer, jwksUrl]);
  const known = entries.get(name);
  if (known !== undefined) return known;
  if (entries.size >= maxEntries) entries.clear();
  const entry = { keys: null, loadedAt: -Infinity, nextLookAt: -Infinity, lookingUntil: -Infinity };
  entries.set(name, entry);
  return entry;
}

function usable({ keys, loadedAt }: Entry): KeySet {
  if (keys !== null && Date.now() - loadedAt < graceMs) return keys;
  throw new KeysUnavailable("the keys of the token's issuer cannot be read at present");
}

/**
 * Reads the keys, unless it is too soon, and not again for `pauseMs`. Of several calls one looks and the others wait for it: a
 * promise is not shared between them, because it would belong to the request of the first and end with it.
 */
async function look(entry: Entry, issuer: Issuer, env: Env, pauseMs: number): Promise<void> {
  const isLooking = (): boolean => Date.now() < entry.lookingUntil;
  const another = isLooking();
  while (isLooking()) await new Promise((resolve) => setTimeout(resolve, pollMs));
  if (another || Date.now() < entry.nextLookAt) return;
  entry.lookingUntil = Date.now() + 2 * timeoutMs;
  entry.nextLookAt = Date.now() + pauseMs;
  try {
    entry.keys = createLocalJWKSet(await readKeys(issuer, env));
    entry.loadedAt = Date.now();
  } catch (error) {
    console.warn("issuer", issuer.id, faultText(error));
    entry.nextLookAt = Date.now() + Math.max(pauseMs, retryMs);
  } finally {
    entry.lookingUntil = -Infinity;
  }
}

const Discovery = v.object({ issuer: v.string(), jwks_uri: v.string() });
/** Public keys of key pairs alone: a shared secret in the list is left out. */
const Jwk = v.looseObject({ kty: v.string() });
const Jwks = v.object({ keys: v.pipe(v.array(Jwk), v.maxLength(100)) });

async function readKeys(
  { issuer, jwksUrl }: Issuer,
  env: Env,
): Promise<{ keys: v.InferOutput<typeof Jwk>[] }> {
  const url = jwksUrl ?? (await discovered(issuer, env));
  const { keys } = v.parse(Jwks, await readJson(url, env));
  return { keys: keys.filter(({ kty }) => ["RSA", "EC", "OKP"].includes(kty)) };
}

/** The address of the keys, as the issuer says it: of itself, to the letter, or another could speak for it. */
async function discovered(issuer: string, env: Env): Promise<string> {
  const address = `${issuer.replace(/\/$/u, "")}/.well-known/openid-configuration`;
  const found = v.parse(Discovery, await readJson(address, env));
  if (found.issuer === issuer) return found.jwks_uri;
  throw new Error(`${address} speaks for another issuer`);
}

/** JSON from an address that passes the same rule as a webhook's (threat T12); a redirect is not followed. */
async function readJson(url: string, env: Env): Promise<unknown> {
  const fault = webhookUrlFault(url, { allowLoopback: isLocal(env) });
  if (fault !== null) throw new Error(`the address of the keys ${fault}`);
  const answer = await fetch(url, {
    redirect: "manual",
    headers: { accept: "application/json" },
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (answer.status !== 200 || answer.body === null) {
    await answer.body?.cancel();
    throw new Error(`${url} answered ${answer.status}`);
  }
  const text = new TextDecoder();
  let read = "";
  let size = 0;
  for await (const chunk of answer.body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new Error(`${url} answered more than ${maxBytes} bytes`);
    read += text.decode(chunk, { stream: true });
  }
  return JSON.parse(read);
}
