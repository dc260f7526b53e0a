import * as v from "valibot";
import { Callback, Detail, State, Target } from "./action.ts";
import { Actor, Event } from "./event.ts";
import { Json, JsonObject } from "./json.ts";
import { Digest } from "./text.ts";

/** `sha256:` and 64 hex digits. */
export const Hash = Digest;
export type Hash = v.InferOutput<typeof Hash>;

/**
 * What stands in an entry in place of a value that may have to be forgotten: SHA-256, in hex, over the RFC 8785 form of
 * `{"salt": …, "value": …}`. Who has salt and value can show that this is what was there; once both are gone, nobody can
 * find out what it was, by trying either.
 */
export const Commitment = v.strictObject({ sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u)) });
export type Commitment = v.InferOutput<typeof Commitment>;

/** What opens a commitment. `salt` is 128 random bits as base64url. */
export const Opening = v.strictObject({
  salt: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{22}$/u)),
  value: Json,
});
export type Opening = v.InferOutput<typeof Opening>;

/** The openings of one entry, by JSON Pointer into the entry. */
export const Openings = v.record(v.string(), Opening);
export type Openings = v.InferOutput<typeof Openings>;

const Whole = v.pipe(v.number(), v.integer(), v.minValue(0));

/**
 * One event as it is hashed: its RFC 8785 text, holding strings, booleans, null and whole numbers only. `prev` is the
 * hash of the entry before it, null in the first. The hash of an entry is SHA-256 over its text.
 */
export const Entry = v.strictObject({
  v: v.literal(1),
  workspace: v.string(),
  action: v.string(),
  seq: Whole,
  /** Epoch ms. */
  at: Whole,
  type: v.string(),
  state: State,
  detail: v.nullable(Detail),
  actor: Actor,
  target: Commitment,
  /** The engine's own words as they are; everybody else's committed. */
  reason: v.nullable(v.union([v.string(), Commitment])),
  /** The state with its detail, such as `failed{partial}`. */
  outcome: v.string(),
  /**
   * The event's data, its sensitive members committed. That of the first event, `requested`, also holds `payload`: what
   * was asked (see `core/evidence/payload`).
   */
  data: JsonObject,
  prev: v.nullable(Hash),
});
export type Entry = v.InferOutput<typeof Entry>;

/** @throws ValiError where the text is no entry. */
export const parseEntry = (text: string): Entry => v.parse(Entry, JSON.parse(text));
/** @throws ValiError where an entry's data are not those of its type. */
export const parseEvent = (value: Record<string, unknown>): Event => v.parse(Event, value);
export const isCommitment = (value: unknown): value is Commitment => v.is(Commitment, value);

/** The parts of a payload that have a class, as they come out of their openings. */
const Values = v.object({
  "/target": v.optional(Target),
  "/reason": v.optional(v.string()),
  "/callback": v.optional(Callback),
  "/sums": v.optional(v.record(v.string(), v.string())),
  "/errors": v.optional(v.array(v.strictObject({ entry: Whole, detail: v.string() }))),
});
/** @throws ValiError for values that were never a payload's. */
export const parseValues = (values: Record<string, unknown>): v.InferOutput<typeof Values> =>
  v.parse(Values, values);
