import type { Actor, Event } from "../../schemas/event.ts";
import {
  isCommitment,
  parseEvent,
  type Commitment,
  type Entry,
  type Hash,
  type Openings,
} from "../../schemas/evidence.ts";
import type { Json, JsonObject } from "../../schemas/json.ts";
import type { RetentionClass } from "../../schemas/retention.ts";
import type { Payload } from "../../schemas/stored.ts";
import { canonicalJson } from "../canonical.ts";
import type { Sha256Hex } from "../digest.ts";
import { plainObject } from "../plain-json.ts";
import { commit, type NewSalt } from "./commitment.ts";
import { classOf, payloadEntry, type Commitments, type OpeningsByClass } from "./payload.ts";

/**
 * One link of an action's chain: its text, whose SHA-256 is its hash, and what opens its commitments, by class. `lease`: the id of
 * the lease that it is about, which is its executor's secret and is never handed out with the openings.
 */
export type Link = {
  readonly text: string;
  readonly hash: Hash;
  readonly openings: OpeningsByClass;
  readonly lease: string | null;
};

/** What all entries of one action have in common. */
export type Chained = { readonly payload: Payload; readonly commitments: Commitments };

/** The link of an event. `prev` is the hash of the one before it, null for the first. */
export function linkOf(
  { payload, commitments }: Chained,
  event: Event,
  prev: Hash | null,
  newSalt: NewSalt,
  sha256Hex: Sha256Hex,
): Link {
  const openings: Partial<Record<RetentionClass, Openings>> = {};
  const put = (pointer: string, part: "/words" | "/report", value: Json): JsonObject => {
    const opening = { salt: newSalt(), value };
    (openings[classOf(payload.contract, part)] ??= {})[pointer] = opening;
    return plainObject(commit(opening, sha256Hex));
  };
  const { workspace, id } = payload;
  const { seq, at, type, state, detail, actor } = event;
  const data = plainObject(event.data);
  if (event.type === "requested") data["payload"] = payloadEntry(payload, commitments);
  const { evidence } = data;
  if (evidence !== undefined && evidence !== null) {
    data["evidence"] = put("/data/evidence", "/report", evidence);
  }
  const lease = typeof data["lease"] === "string" && data["lease"] !== "" ? data["lease"] : null;
  if (lease !== null) data["lease"] = plainObject(leaseHash(lease, sha256Hex));
  const target = commitments["/target"];
  if (target === undefined) throw new Error("a payload without a target");
  const text = canonicalJson({
    v: 1,
    workspace,
    action: id,
    seq,
    at,
    type,
    state,
    detail,
    actor: plainObject(actor),
    target: plainObject(target),
    reason: reasonOf(event, commitments, put),
    outcome: detail === null ? state : `${state}{${detail}}`,
    data,
    prev,
  });
  return { text, hash: entryHash(text, sha256Hex), openings, lease };
}

/**
 * What stands in the record in place of a lease's id: SHA-256 of the id itself. It needs no salt, because an id is random; and so
 * the same lease looks the same in every entry, which shows that a report is of the lease that was claimed.
 */
function leaseHash(lease: string, sha256Hex: Sha256Hex): Commitment {
  return { sha256: sha256Hex(lease) };
}

/** The request's reason is committed with the request; what the engine itself says is nobody's secret. */
function reasonOf(
  { type, actor, reason }: Event,
  commitments: Commitments,
  put: (pointer: string, part: "/words", value: Json) => JsonObject,
): Json {
  if (reason === null) return null;
  if (type === "requested") return plainObject(commitments["/reason"] ?? {});
  return isEngine(actor) && !repeats.has(type) ? reason : put("/reason", "/words", reason);
}

const isEngine = ({ kind }: Actor): boolean => kind === "engine";
/** In these the engine may say again what somebody has told it. */
const repeats: ReadonlySet<Event["type"]> = new Set<Event["type"]>(["cancelled"]);

/** The hash of an entry's text. */
export function entryHash(text: string, sha256Hex: Sha256Hex): Hash {
  return `sha256:${sha256Hex(text)}`;
}

/**
 * The event of an entry, with what can still be opened of it: a reason or a piece of evidence that is gone is null, and in place
 * of a lease's id that is not given stands its hash. `reason` is that of the request, for its first event.
 */
export function eventOf(
  entry: Entry,
  openings: Openings,
  reason: string,
  lease: string | null = null,
): Event {
  const { seq, at, type, state, detail, actor } = entry;
  const { payload: _, ...data } = entry.data;
  const { evidence } = data;
  if (isCommitment(evidence)) data["evidence"] = openings["/data/evidence"]?.value ?? null;
  if (isCommitment(data["lease"])) data["lease"] = lease ?? data["lease"].sha256;
  return parseEvent({
    seq,
    at,
    type,
    state,
    detail,
    actor,
    reason: wordsOf(entry, openings, reason),
    data,
  });
}

function wordsOf({ type, reason }: Entry, openings: Openings, asked: string): string | null {
  if (reason === null || typeof reason === "string") return reason;
  if (type === "requested") return asked;
  const value = openings["/reason"]?.value;
  return typeof value === "string" ? value : null;
}
