import { isStale, open, seal, sealKeysOf, type SealKeys } from "../at-rest.ts";
import { newSigningSecret } from "./random.ts";
import type { StoredSecret } from "./rows/webhooks.ts";

/** A new secret with what is stored of it. */
export type Made = { readonly id: string; readonly secret: string; readonly stored: string };

/** What notices are signed with, newest first, or why they cannot be: for operators, and never with a secret in it. */
export type Signing = { secrets: string[]; fault: string | null };

/** A row whose secret is to be stored in another form; `was` is what it has to hold still. */
export type Resealed = { readonly number: number; readonly was: string; readonly stored: string };

export const lostSealKey =
  "its signing secret is sealed with a HOLDPOINT_SEAL_KEY that this engine does not have; give it back, or rotate the secret";

let warned = false;

/** @throws Error where the environment's key is none. */
export function makeSecret(env: unknown, workspace: string, id: string): Made {
  const keys = sealKeysOf(env);
  if (keys === null && !warned) {
    warned = true;
    console.warn("HOLDPOINT_SEAL_KEY is not set: webhook signing secrets are NOT sealed in storage");
  }
  const secret = newSigningSecret();
  return { id, secret, stored: seal(keys, `${workspace}/${id}`, secret) };
}

/**
 * Opens the rows of one secret, newest first. Without the newest nothing is signed; a former one that cannot be opened is left out,
 * because receivers are on their way off it. `stale` are the rows to be stored anew.
 */
export function openSecrets(
  env: unknown,
  workspace: string,
  rows: readonly StoredSecret[],
): Signing & { stale: Resealed[] } {
  const none = { secrets: [], stale: [] };
  let keys: SealKeys | null;
  try {
    keys = sealKeysOf(env);
  } catch (error) {
    return { ...none, fault: error instanceof Error ? error.message : "HOLDPOINT_SEAL_KEY cannot be read" };
  }
  const secrets: string[] = [];
  const stale: Resealed[] = [];
  for (const [index, { id, number, secret: was }] of rows.entries()) {
    const about = `${workspace}/${id}`;
    const secret = open(keys, about, was);
    if (secret === null && index === 0) return { ...none, fault: lostSealKey };
    if (secret === null) continue;
    secrets.push(secret);
    if (isStale(keys, was)) stale.push({ number, was, stored: seal(keys, about, secret) });
  }
  return { secrets, fault: null, stale };
}
