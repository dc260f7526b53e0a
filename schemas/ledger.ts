import * as v from "valibot";
import { State } from "./action.ts";
import { Hash } from "./evidence.ts";
import { RetentionClass } from "./retention.ts";

const Whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const Base = { v: v.literal(1), workspace: v.string(), at: Whole };
const Numbered = { ...Base, number: Whole, action: v.string() };
const By = v.strictObject({ kind: v.picklist(["agent", "person", "service", "engine"]), id: v.string() });

/** Who has read evidence, by which route, and of what. Written before anything is answered (threat T16, T26). */
export const Access = v.strictObject({
  by: By,
  /** The route as the table has it, such as `GET /v1/actions/:id/evidence`. */
  route: v.string(),
  /** The action that was asked for; null where it is no single one. */
  action: v.nullable(v.string()),
  /** What else the question said, such as the query of an export. */
  asked: v.nullable(v.string()),
  /** `refused`: no answer was given, because the caller may not read this, or asked wrongly. */
  outcome: v.picklist(["allowed", "refused"]),
});
export type Access = v.InferOutput<typeof Access>;

/** What a hold covers: everything of the workspace, one action, one action type or one requester. */
export const HoldScope = v.pipe(
  v.string(),
  v.regex(
    /^(?:all|action:act_[A-Za-z0-9_-]{22}|type:[a-z][a-z0-9._-]{0,127}|requester:(?:agent|person|service):[a-z0-9][a-z0-9._-]{0,62})$/u,
    "is all, action:act_…, type:NAME or requester:agent:NAME",
  ),
);
export type HoldScope = v.InferOutput<typeof HoldScope>;

/**
 * One line of a workspace's log. Its RFC 8785 text is the leaf: hashed as SHA-256(0x00 || text), and so up to the root
 * (RFC 9162). `at` is epoch ms by the ledger's clock, which never goes back.
 */
export const LedgerEntry = v.variant("kind", [
  /** The first line: whose log it is and the key it is signed with at first. */
  v.strictObject({ ...Base, kind: v.literal("log"), origin: v.string(), key: v.string() }),
  /** An action was seen for the first time and got its number: 1, 2, 3 … without a gap. `first` is the hash of its first entry. */
  v.strictObject({ ...Numbered, kind: v.literal("opened"), first: Hash }),
  /** It is over: `head` is the hash of its last entry, the `events`-th. An action that goes on is sealed again with more. */
  v.strictObject({ ...Numbered, kind: v.literal("sealed"), events: Whole, head: Hash, state: State }),
  /** It has said something that does not go on from what it had said before: it was put back, or somebody has written in it. */
  v.strictObject({
    ...Numbered,
    kind: v.literal("conflict"),
    events: Whole,
    head: Hash,
    knownEvents: Whole,
    knownHead: Hash,
  }),
  v.strictObject({ ...Base, kind: v.literal("access"), ...Access.entries }),
  /** Values of a class are let go of, from here on. `head` is the last hash known of it: what a tombstone is held against. */
  v.strictObject({
    ...Numbered,
    kind: v.literal("erased"),
    class: RetentionClass,
    /** The evidence itself goes with it, so that nothing but a tombstone is left. Left out where it does not. */
    evidence: v.optional(v.literal(true)),
    /** Epoch ms at which it was due; null where somebody asked for it before its time. */
    dueAt: v.nullable(Whole),
    events: Whole,
    head: Hash,
    by: By,
  }),
  v.strictObject({ ...Base, kind: v.literal("held"), hold: v.string(), scope: HoldScope, by: By }),
  v.strictObject({ ...Base, kind: v.literal("released"), hold: v.string(), scope: HoldScope, by: By }),
  /** From here on checkpoints carry a signature of this key too; `until` (epoch ms) is how long the one before goes on. */
  v.strictObject({ ...Base, kind: v.literal("key"), key: v.string(), until: Whole, by: By }),
  /** The whole workspace is to be forgotten. */
  v.strictObject({ ...Base, kind: v.literal("purging"), by: By }),
]);
export type LedgerEntry = v.InferOutput<typeof LedgerEntry>;
export type LedgerEntryKind = LedgerEntry["kind"];
/** @throws ValiError where the text is no line of a log. */
export const parseLine = (text: string): LedgerEntry => v.parse(LedgerEntry, JSON.parse(text));

/** What an action tells the ledger of itself, with its news to the Board. A field that a later version adds is dropped. */
export const Seen = v.object({
  action: v.string(),
  type: v.string(),
  requester: v.string(),
  /** The hash of its first entry. */
  first: Hash,
  events: Whole,
  head: Hash,
  state: State,
  /** Nothing is due in it any more but its retention. */
  over: v.boolean(),
  /** What is held, and when it is due (epoch ms; null while nobody can say) and how much it is, by class. */
  holds: v.array(v.strictObject({ class: RetentionClass, dueAt: v.nullable(Whole), bytes: Whole })),
  /** How much of that is context, whatever its class; left out by an action of before. */
  context: v.optional(Whole),
  /** What is gone, and when it went. */
  erased: v.array(v.strictObject({ class: RetentionClass, at: Whole })),
});
export type Seen = v.InferOutput<typeof Seen>;

/** A leaf with its proof (RFC 9162 §2.1.3) in the tree of a checkpoint: hashes from the leaf up, in base64. */
export const Proven = v.strictObject({ index: Whole, text: v.string(), proof: v.array(v.string()) });
export type Proven = v.InferOutput<typeof Proven>;

/** A signed checkpoint. */
export const Checkpoint = v.strictObject({
  origin: v.string(),
  size: Whole,
  /** SHA-256 root in base64. */
  root: v.string(),
  at: Whole,
  /** C2SP tlog-checkpoint: a signed note, one signature line a key in force. */
  note: v.string(),
  /** The same text, without signatures, signed as `ssh-keygen -Y sign -n holdpoint-checkpoint` does; armored, one a key. */
  ssh: v.array(v.string()),
});
export type Checkpoint = v.InferOutput<typeof Checkpoint>;

/** A key of the log, as verifiers want it. Times are epoch ms; `until` is null for the newest. */
export const LogKey = v.strictObject({
  /** C2SP signed-note verifier key: `<origin>+<key id>+<base64>`. */
  vkey: v.string(),
  /** `ssh-ed25519 AAAA…`. */
  ssh: v.string(),
  since: Whole,
  until: v.nullable(Whole),
});
export type LogKey = v.InferOutput<typeof LogKey>;
