import type { Access, Checkpoint, LedgerEntryKind, LogKey, Proven, Seen } from "../../schemas/ledger.ts";
import type { Hash } from "../../schemas/evidence.ts";
import type { RetentionClass } from "../../schemas/retention.ts";

/** What the ledger answers over RPC. Sizes and indexes count leaves; times are epoch ms. */

/** What has become of an action in the log. `sealed`: how many events its last head covers; 0 before it was over. */
export type Recorded = {
  readonly action: string;
  readonly number: number;
  readonly sealed: number;
  /** What was not taken in, because the action is to be looked at first; left out where there is nothing. */
  readonly doubts?: Doubt[];
};

/** So many events of an action, and the hash of the last of them. */
export type Point = { readonly events: number; readonly head: Hash };
/** An action has said something that only goes on from what is known if it still holds this entry. */
export type Doubt = { readonly seen: Seen; readonly known: Point };
/** `holds`: the action was looked at, and does. */
export type Settled = Doubt & { readonly holds: boolean };

/** How the log stands. Times are epoch ms. */
export type LedgerStatus = {
  readonly size: number;
  readonly actions: number;
  readonly checkpoint: Checkpoint | null;
  /** Lines that no checkpoint covers, and since when there are such; null where there are none. */
  readonly unsigned: number;
  readonly unsignedSince: number | null;
  readonly keys: LogKey[];
  /** Why nothing is signed, in words that an operator acts on; null where nothing is in the way. */
  readonly fault: string | null;
};

/** An action asks before it lets go of a class. Asked twice it is told the same. */
export type ErasureRequest = {
  readonly action: string;
  readonly class: RetentionClass;
  /** Whether the evidence itself is of that class. */
  readonly evidence: boolean;
  /** Epoch ms; null where somebody asks for it before its time. */
  readonly dueAt: number | null;
  readonly seen: Seen;
  readonly by: { readonly kind: "person" | "service" | "engine"; readonly id: string };
};
export type ErasureAnswer =
  | { readonly allowed: true; readonly index: number }
  /** `hold`: the hold that keeps it. It is to ask again at `askAgainAt`; a release wakes it before. */
  | { readonly allowed: false; readonly hold: string; readonly because: string; readonly askAgainAt: number };

/** Everything a bundle says of the log, proven in one checkpoint. Null where the action was never seen. */
export type ActionProof = {
  readonly number: number;
  readonly checkpoint: Checkpoint;
  readonly keys: LogKey[];
  readonly opened: Proven;
  readonly sealed: Proven | null;
  readonly erased: Proven[];
  readonly conflicts: Proven[];
  readonly keyed: Proven[];
  readonly consistency: { readonly since: number; readonly proof: string[] } | null;
};

/** Which actions an export is of. Times are epoch ms of when the ledger first saw the action; `until` is not among them. */
export type ExportFilter = {
  readonly since: number | null;
  readonly until: number | null;
  readonly type: string | null;
  /** Only actions with a larger number. */
  readonly after: number;
  readonly limit: number;
};
export type Exported = { readonly number: number; readonly action: string; readonly type: string };

export type Leaf = { readonly index: number; readonly text: string };

/**
 * The calls of a workspace's ledger. `Ledger` (objects/ledger/ledger.ts) is a Durable Object with these as its methods;
 * none of them throws for anything but a bug or a storage that cannot be written.
 */
export interface LedgerCalls {
  /** Takes in what actions say of themselves; idempotent on (action, events). */
  record(items: Seen[], now: number): Recorded[];
  /** The answers to what `record` doubted. What does not hold is put down as a conflict. */
  settle(answers: Settled[], now: number): Recorded[];
  /** Puts a read down before it is answered. @returns the leaf's index. */
  access(read: Access, now: number): number;
  /** May a class go? Writes the `erased` line where it may. */
  mayErase(request: ErasureRequest, now: number): ErasureAnswer;
  /** The newest signed checkpoint; `fresh` signs one over everything there is first. Null before there is a line. */
  checkpoint(fresh: boolean, now: number): Promise<Checkpoint | null>;
  /**
   * Proofs for one action in the tree of `size` leaves (null: of everything, signed now). `since`: from which size on. Null also
   * where the log is smaller, had not seen the action by then, or cannot be signed so far.
   */
  prove(action: string, size: number | null, since: number | null, now: number): Promise<ActionProof | null>;
  /** RFC 9162 consistency proof in base64; null where there are no such sizes. */
  consistency(from: number, to: number): string[] | null;
  /** Lines from an index on, oldest first, below `size`. */
  leaves(from: number, size: number, limit: number): Leaf[];
  exported(filter: ExportFilter): Exported[];
  logKeys(now: number): Promise<LogKey[]>;
  count(kind: LedgerEntryKind): number;
  status(now: number): LedgerStatus;
  /** A new key signs from here on, and with it the one before for `overlapMs`. @returns the index of its line. */
  rotateKey(by: Access["by"], now: number, overlapMs?: number): number;
}
