import type { Bundle } from "../../../schemas/bundle.ts";
import { isCommitment, parseEntry, type Entry, type Openings } from "../../../schemas/evidence.ts";
import type { Json, JsonObject } from "../../../schemas/json.ts";
import { pointerOf } from "../../../schemas/parse.ts";

/**
 * A bundle as an auditor reads it. Nothing is checked here, and nothing is left out: what a reader cannot be told any more
 * is said to be gone.
 */

export type Vote = {
  readonly seq: number;
  readonly at: string;
  readonly person: string;
  readonly decision: string;
  /** Where it was cast: on the page, in Slack, over the API. */
  readonly via: string;
  /** Who it counts as, and whether it counted when it was cast. */
  readonly identity: string;
  readonly counted: boolean;
  readonly reason: string | null;
  /** The digest of what they were shown, and that itself where it can be made again. */
  readonly shownDigest: string | null;
  readonly shown: JsonObject | null;
};

export type Step = {
  readonly seq: number;
  /** RFC 3339. */
  readonly at: string;
  readonly type: string;
  readonly outcome: string;
  readonly actor: string;
  readonly reason: string | null;
  /** What tells this event from others of its type, as `name: value`. */
  readonly particulars: readonly string[];
};

export type Account = {
  readonly number: number;
  readonly action: string;
  readonly type: string;
  readonly risk: string;
  readonly requester: string;
  readonly owner: string;
  readonly digest: string;
  readonly policyVersion: string;
  readonly decision: string;
  readonly outcome: string;
  /** The values of the request by their names; null where one is gone. */
  readonly values: readonly (readonly [name: string, value: Json])[];
  readonly steps: readonly Step[];
  readonly votes: readonly Vote[];
  readonly redactions: Bundle["redactions"];
  readonly erased: readonly { readonly class: string; readonly at: string }[];
  /** Where in the log it stands: indexes of its lines. */
  readonly lines: {
    readonly opened: number;
    readonly sealed: number | null;
    readonly conflicts: readonly number[];
  };
};

/** What stands in place of what can no longer be told. */
export const gone = "[erased]";

/** @throws ValiError where an entry is none: the bundle is then not an engine's. */
export function accountOf(bundle: Bundle): Account {
  const entries = bundle.entries.map(({ text, openings }) => ({ entry: parseEntry(text), openings }));
  const first = entries[0];
  const asked = objectIn(first?.entry.data["payload"] ?? null);
  const requester = objectIn(asked["requester"]);
  const decision = objectIn(asked["decision"]);
  const cards = new Map(bundle.shown.map(({ seq, card }) => [seq, card]));
  const { opened, sealed, conflicts } = bundle.log;
  return {
    number: bundle.number,
    action: bundle.action,
    type: textIn(asked["type"]),
    risk: textIn(asked["risk"]),
    requester: textIn(requester["id"]),
    owner: textIn(requester["owner"]),
    digest: textIn(asked["digest"]),
    policyVersion: textIn(asked["policyVersion"]),
    decision: first === undefined ? gone : `${textIn(decision["outcome"])}: ${textIn(decision["because"])}`,
    outcome: entries.at(-1)?.entry.outcome ?? gone,
    values: first === undefined ? [] : valuesOf(objectIn(asked["values"]), first.openings),
    steps: entries.map(({ entry, openings }) => stepOf(entry, openings)),
    votes: entries
      .filter(({ entry }) => entry.type === "voted")
      .map(({ entry, openings }) => voteOf(entry, openings, cards.get(entry.seq) ?? null)),
    redactions: bundle.redactions,
    erased: bundle.erased.map(({ class: name, at }) => ({ class: name, at: instant(at) })),
    lines: {
      opened: opened.index,
      sealed: sealed?.index ?? null,
      conflicts: conflicts.map(({ index }) => index),
    },
  };
}

export const instant = (at: number): string => new Date(at).toISOString();

/** What was asked, part by part. `/args/diff` stands beside `/args`, where the contract gives it a life of its own. */
function valuesOf(committed: JsonObject, openings: Openings): [string, Json][] {
  return Object.keys(committed).map((name) => [
    name.slice(1),
    (openings[name] ?? openings[pointerOf([name], "/data/payload/values")])?.value ?? gone,
  ]);
}

function stepOf(entry: Entry, openings: Openings): Step {
  const { seq, at, type, outcome, actor } = entry;
  return {
    seq,
    at: instant(at),
    type,
    outcome,
    actor: actor.id,
    reason: wordsOf(entry, openings),
    particulars: particularsOf(entry, openings),
  };
}

/** Somebody's words; null where they said none. The words of a request stand with its values. */
function wordsOf({ type, reason }: Entry, openings: Openings): string | null {
  if (reason === null || typeof reason === "string") return reason;
  if (type === "requested") return null;
  const value = openings["/reason"]?.value;
  return typeof value === "string" ? value : gone;
}

/** Told elsewhere, or long and of use to programs only. */
const untold = new Set(["payload", "seats", "digest", "policyVersion", "skipped", "told", "shown"]);
const times = new Set(["dueAt", "expiresAt", "executionEnds", "reviewDue"]);

function particularsOf({ data }: Entry, openings: Openings): string[] {
  return Object.entries(data).flatMap(([name, value]) => {
    if (untold.has(name) || value === null) return [];
    if (times.has(name) && typeof value === "number") return [`${name}: ${instant(value)}`];
    if (!isCommitment(value)) return [`${name}: ${plainly(value)}`];
    if (name !== "evidence") return [`${name}: sha256 ${value.sha256.slice(0, 16)}…`];
    return [`${name}: ${plainly(openings["/data/evidence"]?.value ?? gone)}`];
  });
}

export const plainly = (value: Json): string => (typeof value === "string" ? value : JSON.stringify(value));

function voteOf(entry: Entry, openings: Openings, shown: JsonObject | null): Vote {
  const { data, seq, at } = entry;
  const counted = data["counted"];
  const person = textIn(data["person"]);
  const digest = objectIn(data["shown"])["card"];
  return {
    seq,
    at: instant(at),
    person,
    decision: textIn(data["decision"]),
    via: textIn(data["via"]),
    identity: textIn(data["identity"]),
    counted: Array.isArray(counted) && counted.includes(person),
    reason: wordsOf(entry, openings),
    shownDigest: typeof digest === "string" ? digest : null,
    shown,
  };
}

const objectIn = (value: Json | undefined): JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value : {};
const textIn = (value: Json | undefined): string => (typeof value === "string" ? value : gone);
