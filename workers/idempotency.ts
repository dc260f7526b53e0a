import { Buffer } from "node:buffer";
import * as v from "valibot";
import { callNameBytes, callNameOf } from "../core/call-name.ts";
import type { Reserved } from "../objects/registry/idempotency.ts";
import { bearerOf, sha256Hex } from "./auth.ts";
import { ProblemError } from "./http/problem.ts";
import type { Call } from "./http/route.ts";
import { holdsKey } from "./live.ts";
import { registryOf } from "./stubs.ts";

/** An answer that can be given again: JSON and a status. */
export type Repeatable = { status: number; body: unknown; headers?: Record<string, string> };

/** What is made under a call that is carried out once is called after. */
const makings = new WeakMap<object, string>();

/**
 * 22 letters and digits that what this call makes is to be called after: the same ones for a call that is carried out again because
 * the one before was killed, so that it makes nothing twice. Others where it has no Idempotency-Key.
 */
export const makesOf = (call: object): string =>
  makings.get(call) ?? callNameOf(crypto.getRandomValues(new Uint8Array(callNameBytes)));

const Stored = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    status: v.number(),
    body: v.unknown(),
    headers: v.exactOptional(v.record(v.string(), v.string())),
  }),
);

/**
 * Answers a POST once: a repeat with the same Idempotency-Key and body gets the very same answer, one with another body
 * is refused (semantics §11). For commands whose object does not keep the answer itself.
 *
 * The stored answer is sealed with a key that only the caller's own bearer token opens, because it may hold a secret that
 * is shown once; the store alone reveals nothing. A refusal is not kept: what was refused may be sent again.
 * Of two calls at the same moment one is carried out, and the other waits for its answer.
 * @throws ProblemError `idempotency_conflict`
 */
export async function once(call: Call<unknown>, make: () => Promise<Repeatable>): Promise<Repeatable> {
  const { idempotencyKey, env, principal, fingerprint, now } = call;
  if (idempotencyKey === null) return make();
  // Whoever comes without a key of ours is handed no secrets, so their answers need no secret to be sealed with; and what a
  // binding's caller sends as a bearer proves nothing.
  const token = holdsKey(principal) ? (bearerOf(call.request) ?? principal.keyId) : principal.keyId;
  const scope = [principal.id, call.request.method, call.url.pathname, idempotencyKey];
  const key = sha256Hex(JSON.stringify(scope));
  const earlier = await reserved(call, { key, fingerprint });
  if (earlier.hit === "conflict") throw conflict("another body");
  if (earlier.hit === "same" && earlier.answer !== null) {
    const text = await unseal(earlier.answer, token, key);
    if (text === null) throw conflict("another API key");
    return v.parse(Stored, text);
  }
  if (earlier.makes !== undefined) makings.set(call, earlier.makes);
  const answer = await make().catch(async (error: unknown) => {
    await registryOf(env, principal.workspace).release(key);
    throw error;
  });
  const sealed = await seal(JSON.stringify(answer), token, key);
  await registryOf(env, principal.workspace).remember({ key, fingerprint, answer: sealed, now });
  return answer;
}

/** How often one looks whether a call under way has its answer. */
const lookAgainMs = 100;

/** What the Registry says of the key, once nobody else is at it: a call that was killed gives its place up after some seconds. */
async function reserved(
  { env, principal }: Call<unknown>,
  asked: { key: string; fingerprint: string },
): Promise<Reserved> {
  for (;;) {
    const found = await registryOf(env, principal.workspace).reserve({ ...asked, now: Date.now() });
    if (found.hit !== "busy") return found;
    await new Promise((resolve) => setTimeout(resolve, lookAgainMs));
  }
}

function conflict(what: string): ProblemError {
  const detail = `This Idempotency-Key was used with ${what}; take a new one for a new call.`;
  return new ProblemError("idempotency_conflict", { detail });
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** AES-GCM under a key derived from the token, and bound to this one call by the salt. */
async function sealingKey(token: string, salt: string): Promise<CryptoKey> {
  const material = await crypto.subtle.importKey("raw", encode(token), "HKDF", false, ["deriveKey"]);
  const hkdf = {
    name: "HKDF",
    hash: "SHA-256",
    salt: encode(salt),
    info: encode("holdpoint idempotent answer"),
  };
  return crypto.subtle.deriveKey(hkdf, material, { name: "AES-GCM", length: 256 }, false, [
    "encrypt",
    "decrypt",
  ]);
}

const ivBytes = 12;

/** Text → base64 of a random nonce and the ciphertext. */
async function seal(text: string, token: string, salt: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(ivBytes));
  const key = await sealingKey(token, salt);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, encode(text));
  return Buffer.concat([iv, new Uint8Array(sealed)]).toString("base64");
}

/** The text again; null where another token sealed it. */
async function unseal(sealed: string, token: string, salt: string): Promise<string | null> {
  const bytes = Buffer.from(sealed, "base64");
  const key = await sealingKey(token, salt);
  const iv = bytes.subarray(0, ivBytes);
  try {
    const open = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, bytes.subarray(ivBytes));
    return new TextDecoder().decode(open);
  } catch {
    return null;
  }
}
