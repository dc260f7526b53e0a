import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import { parseFields } from "../../schemas/parse.ts";
import { EndpointBody, type Endpoint, type SecretRecord } from "../../schemas/webhook.ts";
import type { Change } from "./directory.ts";
import { recordChange } from "./rows/meta.ts";
import {
  deleteEndedSecrets,
  deleteEndpoint,
  deleteSecrets,
  findEndpoint,
  findSecrets,
  insertSecret,
  listEndpoints,
  listSecrets,
  retireSecret,
  writeEndpoint,
  type StoredSecret,
} from "./rows/webhooks.ts";
import type { Made } from "./signing.ts";

/** A secret as it was made: `secret` is its text, which is shown this once. */
export type NewSecret = { record: SecretRecord; secret: string };
/** `secret` is null where the endpoint signs with a secret that was there before. */
export type NewEndpoint = { endpoint: Endpoint; secret: string | null };

/** Threat T13: whoever holds the old or the new secret accepts for a day. */
export const defaultOverlapMs = 86_400_000;
const maxOverlapMs = 7 * 86_400_000;
/** Every event of every action may go to each of them. */
const maxEndpoints = 100;

export function createSecret(
  sql: SqlStorage,
  { id, secret, stored }: Made,
  { actor, now }: Change,
): NewSecret {
  // There is one already where the call that made it was killed before it was answered: nobody has its text.
  deleteSecrets(sql, id);
  insertSecret(sql, { id, secret: stored, made_at: now });
  recordChange(sql, { at: now, actor, kind: "secret.created", id }, false);
  return { record: { id, createdAt: now, overlapUntil: null }, secret };
}

/** A new secret under the same id, `made.id`. The former ones go on signing beside it until their overlap ends. */
export function rotateSecret(
  sql: SqlStorage,
  { made, overlapMs }: { made: Made; overlapMs: number },
  { actor, now }: Change,
): Result<NewSecret, Refusal> {
  const { id, secret, stored } = made;
  if (!Number.isInteger(overlapMs) || overlapMs < 0 || overlapMs > maxOverlapMs) {
    const errors = [
      { pointer: "/overlapMs", detail: `is a whole number of milliseconds, 0 to ${maxOverlapMs}` },
    ];
    return refusal("invalid_body", "Mend the named fields and send it again.", errors);
  }
  if (findSecrets(sql, id).length === 0) return refusal("not_found", "There is no such secret here.");
  retireSecret(sql, id, now + overlapMs);
  deleteEndedSecrets(sql, now);
  insertSecret(sql, { id, secret: stored, made_at: now });
  recordChange(sql, { at: now, actor, kind: "secret.rotated", id }, false);
  return ok({ record: recordOf(id, findSecrets(sql, id), now), secret });
}

export function readSecrets(sql: SqlStorage, now: number): SecretRecord[] {
  const byId = Map.groupBy(listSecrets(sql), ({ id }) => id);
  return [...byId].map(([id, stored]) => recordOf(id, stored, now));
}

/** What a notice is signed with, newest first and as it is stored; empty for a secret that is not there. */
export function signingRows(sql: SqlStorage, secretId: string, now: number): StoredSecret[] {
  return findSecrets(sql, secretId).filter(({ ends_at }) => ends_at === null || now < ends_at);
}

/** Where the URL may lead is the caller's to judge, as it is at every send. Without a `secretId` the endpoint gets `own` as a secret of its own. */
export function createEndpoint(
  sql: SqlStorage,
  body: unknown,
  { id, own }: { id: string; own: Made },
  change: Change,
): Result<NewEndpoint, Refusal> {
  const parsed = parseFields(EndpointBody, body);
  if (!parsed.ok) return refusal("invalid_body", "Mend the named fields and send it again.", parsed.errors);
  const { secretId, url, events, payload, description } = parsed.value;
  if (secretId !== undefined && findSecrets(sql, secretId).length === 0) {
    const errors = [
      { pointer: "/secretId", detail: "is no secret of this workspace; leave it out to get a new one" },
    ];
    return refusal("invalid_body", "Mend the named fields and send it again.", errors);
  }
  if (listEndpoints(sql).filter((one) => one.id !== id).length >= maxEndpoints) {
    return refusal("conflict", `A workspace has at most ${maxEndpoints} endpoints. Remove one first.`);
  }
  const signing = secretId === undefined ? ownSecret(sql, own, change) : { id: secretId, secret: null };
  const endpoint: Endpoint = {
    id,
    url,
    secretId: signing.id,
    events: [...new Set(events)],
    payload,
    description,
    active: true,
    createdAt: change.now,
  };
  writeEndpoint(sql, endpoint);
  recordChange(sql, { at: change.now, actor: change.actor, kind: "endpoint.created", id: endpoint.id }, true);
  return ok({ endpoint, secret: signing.secret });
}

export function removeEndpoint(sql: SqlStorage, id: string, { actor, now }: Change): Result<null, Refusal> {
  if (findEndpoint(sql, id) === null) return refusal("not_found", "There is no such endpoint here.");
  deleteEndpoint(sql, id);
  recordChange(sql, { at: now, actor, kind: "endpoint.removed", id }, true);
  return ok(null);
}

/** Sends it nothing any more but keeps it listed, for a receiver that said it is gone. */
export function deactivateEndpoint(
  sql: SqlStorage,
  id: string,
  { actor, now }: Change,
): Result<Endpoint, Refusal> {
  const endpoint = findEndpoint(sql, id);
  if (endpoint === null) return refusal("not_found", "There is no such endpoint here.");
  if (!endpoint.active) return ok(endpoint);
  const off = { ...endpoint, active: false };
  writeEndpoint(sql, off);
  recordChange(sql, { at: now, actor, kind: "endpoint.deactivated", id }, true);
  return ok(off);
}

function ownSecret(sql: SqlStorage, made: Made, change: Change): { id: string; secret: string } {
  const { record, secret } = createSecret(sql, made, change);
  return { id: record.id, secret };
}

/** `stored` is the rows of `id`, newest first. */
function recordOf(id: string, stored: readonly StoredSecret[], now: number): SecretRecord {
  const ends = stored.flatMap(({ ends_at }) => (ends_at !== null && now < ends_at ? [ends_at] : []));
  return {
    id,
    createdAt: stored[0]?.made_at ?? now,
    overlapUntil: ends.length === 0 ? null : Math.max(...ends),
  };
}
