import { Buffer } from "node:buffer";
import { createHash, createHmac, randomBytes } from "node:crypto";
import * as v from "valibot";
import { eventOf, type Link } from "../../core/evidence/entry.ts";
import { bareOf, classOf, commitPayload, withValues } from "../../core/evidence/payload.ts";
import {
  bareState,
  stateParts,
  stateWith,
  valuesOfState,
  type StatePart,
  type StateValues,
} from "../../core/evidence/state.ts";
import type { Event } from "../../schemas/event.ts";
import { Openings, parseEntry } from "../../schemas/evidence.ts";
import { retentionClasses, type RetentionClass } from "../../schemas/retention.ts";
import {
  KeptAction,
  StateLeases,
  StateReport,
  StateWords,
  StoredPayload,
  type Payload,
  type StoredAction,
} from "../../schemas/stored.ts";
import { isStaleKey, newDataKey, openText, sealText, unwrapKey, wrapKey } from "../at-rest.ts";
import type { EntryRow, Loaded, Mark } from "./loaded.ts";

/**
 * The rows of an action as texts, and the action they make. Nothing of a class that can be forgotten is ever written in clear:
 * SQLite keeps what it has overwritten in free pages and in its log. A class is forgotten by forgetting its key.
 */

/** SHA-256 of UTF-8 text as lower-case hex. */
export const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex");
/** 128 random bits as base64url. */
export const newSalt = (): string => randomBytes(16).toString("base64url");

export const lostSealKey =
  "what it holds is sealed with a HOLDPOINT_SEAL_KEY that this engine does not have; give it back, beside the new one where there is one";
export const unreadable =
  "what it holds does not open with its own key: its rows are not as they were written; put them back from a backup";

type Owner = Pick<Payload, "workspace" | "id">;
const aboutOf = ({ workspace, id }: Owner, ...of: (string | number)[]): string =>
  [workspace, id, ...of].join("/");

/** An action that is not stored yet: with keys of its own and a commitment to everything that was asked. */
export function conceive(payload: Payload, stored: StoredAction): Loaded {
  const keys = Object.fromEntries(retentionClasses.map((name) => [name, newDataKey()]));
  return {
    payload,
    stored,
    chained: commitPayload(payload, newSalt, sha256Hex),
    keys,
    stale: false,
    fault: null,
  };
}

/** The row of the payload. @throws Error where the environment's key is none. */
export function payloadRow(env: unknown, { payload, chained, keys }: Loaded): string {
  const row: StoredPayload = {
    schema: 2,
    payload: bareOf(payload),
    commitments: { ...chained.commitments },
    sealed: byClass((name) => sealWith(keys[name], payload, ["payload", name], chained.openings[name])),
    keys: byClass((name) => {
      const key = keys[name];
      return key === undefined ? undefined : wrapKey(env, aboutOf(payload, "key", name), key);
    }),
  };
  return JSON.stringify(row);
}

function byClass<Value>(
  of: (name: RetentionClass) => Value | undefined,
): Partial<Record<RetentionClass, Value>> {
  const all: Partial<Record<RetentionClass, Value>> = {};
  for (const name of retentionClasses) {
    const value = of(name);
    if (value !== undefined) all[name] = value;
  }
  return all;
}

/** Undefined where there is nothing to seal or no key any more: then it is not kept at all. */
function sealWith(
  key: string | undefined,
  owner: Owner,
  of: (string | number)[],
  value: object | undefined,
): string | undefined {
  return key === undefined || value === undefined
    ? undefined
    : sealText(key, aboutOf(owner, ...of), JSON.stringify(value));
}

/** The class that each part of the state is of. A lease's id is wanted for as long as the log is. */
const classOfPart: Readonly<Record<StatePart, (contract: Payload["contract"]) => RetentionClass>> = {
  words: (contract) => classOf(contract, "/words"),
  report: (contract) => classOf(contract, "/report"),
  leases: ({ retention }) => retention.evidence,
};

const livingParts = ({ payload: { contract }, keys }: Pick<Loaded, "payload" | "keys">): Set<StatePart> =>
  new Set(stateParts.filter((part) => keys[classOfPart[part](contract)] !== undefined));

/** The row of the state. */
export function stateRow({ payload, stored, keys }: Loaded): string {
  const living = livingParts({ payload, keys });
  const values = valuesOfState(stored.state, living);
  const sealed = (part: StatePart): string | undefined =>
    sealWith(keys[classOfPart[part](payload.contract)], payload, ["state", part], values[part]);
  const [words, report, leases] = [sealed("words"), sealed("report"), sealed("leases")];
  const row: KeptAction = {
    ...stored,
    state: bareState(stored.state, living, sha256Hex),
    values: {
      ...(words !== undefined && { words }),
      ...(report !== undefined && { report }),
      ...(leases !== undefined && { leases }),
    },
  };
  return JSON.stringify(row);
}

/** The action that two rows make. What cannot be opened, though it is not erased, reads as if it were, and is a fault. */
export function openAction(env: unknown, rows: { payload: string; state: string }): Loaded {
  const { payload: bare, commitments, sealed, keys: wrapped } = parsed(StoredPayload, rows.payload);
  const { values, ...kept } = parsed(KeptAction, rows.state);
  const { keys, stale, fault } = unwrapped(env, bare, wrapped);
  let broken = false;
  const opened = (name: RetentionClass, of: (string | number)[], text: string | undefined): unknown => {
    const key = keys[name];
    if (key === undefined || text === undefined) return undefined;
    const value = openText(key, aboutOf(bare, ...of), text);
    if (value === null) broken = true;
    return value === null ? undefined : JSON.parse(value);
  };
  const openings = byClass((name) =>
    v.parse(v.optional(Openings), opened(name, ["payload", name], sealed[name])),
  );
  const part = (name: StatePart): unknown =>
    opened(classOfPart[name](bare.contract), ["state", name], values[name]);
  const state = stateWith(
    kept.state,
    v.parse(StateParts, { words: part("words"), report: part("report"), leases: part("leases") }),
  );
  return {
    payload: withValues(bare, openings),
    stored: { ...kept, state },
    chained: { commitments, openings },
    keys,
    stale,
    fault: fault ?? (broken ? unreadable : null),
  };
}

const StateParts: v.GenericSchema<unknown, StateValues> = v.object({
  words: v.optional(StateWords),
  report: v.optional(StateReport),
  leases: v.optional(StateLeases),
});

function parsed<Schema extends v.GenericSchema>(schema: Schema, text: string): v.InferOutput<Schema> {
  return v.parse(schema, JSON.parse(text));
}

function unwrapped(
  env: unknown,
  owner: Owner,
  wrapped: StoredPayload["keys"],
): Pick<Loaded, "keys" | "stale" | "fault"> {
  try {
    const keys = byClass((name) => {
      const text = wrapped[name];
      return text === undefined
        ? undefined
        : (unwrapKey(env, aboutOf(owner, "key", name), text) ?? undefined);
    });
    const lost = retentionClasses.some((name) => wrapped[name] !== undefined && keys[name] === undefined);
    const stale = Object.values(wrapped).some((text) => isStaleKey(env, text));
    return { keys, stale, fault: lost ? lostSealKey : null };
  } catch (error) {
    return { keys: {}, stale: false, fault: error instanceof Error ? error.message : lostSealKey };
  }
}

/** Beside an entry: its openings, sealed by class, and the id of its lease. */
const OpenedRow = v.strictObject({
  ephemeral: v.optional(v.string()),
  operational: v.optional(v.string()),
  compliance: v.optional(v.string()),
  lease: v.optional(v.string()),
});

/** What is kept beside an entry; null where nothing is to be opened. Words of a class that is gone are not kept. */
export function openedRow({ payload, keys }: Loaded, seq: number, { openings, lease }: Link): string | null {
  const sealed = byClass((name) => sealWith(keys[name], payload, ["events", seq, name], openings[name]));
  const key = keys[classOfPart.leases(payload.contract)];
  const held =
    lease === null || key === undefined
      ? undefined
      : sealText(key, aboutOf(payload, "events", seq, "lease"), lease);
  const row = { ...sealed, ...(held !== undefined && { lease: held }) };
  return Object.keys(row).length === 0 ? null : JSON.stringify(row);
}

/**
 * What is kept of a command's Idempotency-Key and of the hash of its body: enough to know them again, and nothing to be read, or to
 * try guesses of what is gone against. The row of an entry is never written again, and whoever chose the key may have put anything
 * into it. Null where the evidence is gone, and with it all there was to repeat.
 */
export function markRow({ payload, keys }: Pick<Loaded, "payload" | "keys">, mark: Mark): Mark | null {
  const key = keys[classOfPart.leases(payload.contract)];
  if (key === undefined) return null;
  const hidden = (what: string, text: string): string =>
    createHmac("sha256", Buffer.from(key, "base64url"))
      .update(JSON.stringify([aboutOf(payload, what), mark.actor, text]))
      .digest("base64url");
  return {
    actor: mark.actor,
    key: hidden("key", mark.key),
    fingerprint: hidden("fingerprint", mark.fingerprint),
  };
}

/** What opens an entry, as far as there are keys for it. */
export function openEntry(
  { payload, keys }: Pick<Loaded, "payload" | "keys">,
  seq: number,
  opened: string | null,
): { openings: Openings; lease: string | null } {
  const { lease: held, ...sealed } = opened === null ? {} : parsed(OpenedRow, opened);
  const openings: Openings = {};
  for (const name of retentionClasses) {
    const [key, text] = [keys[name], sealed[name]];
    const value =
      key === undefined || text === undefined
        ? null
        : openText(key, aboutOf(payload, "events", seq, name), text);
    if (value !== null) Object.assign(openings, parsed(Openings, value));
  }
  const key = keys[classOfPart.leases(payload.contract)];
  const lease =
    key === undefined || held === undefined
      ? null
      : openText(key, aboutOf(payload, "events", seq, "lease"), held);
  return { openings, lease };
}

/** The event of one row. */
export function eventFrom(there: Pick<Loaded, "payload" | "keys">, { seq, body, opened }: EntryRow): Event {
  const { openings, lease } = openEntry(there, seq, opened);
  return eventOf(parseEntry(body), openings, there.payload.reason, lease);
}
