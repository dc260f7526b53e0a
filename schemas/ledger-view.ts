import * as v from "valibot";
import { Checkpoint, LogKey } from "./ledger.ts";

const Whole = v.pipe(v.number(), v.integer(), v.minValue(0));

/** How a workspace's log stands. */
export const LedgerView = v.object({
  /** Lines. */
  size: Whole,
  /** Actions that it has seen, and so the largest number that it has given. */
  actions: Whole,
  checkpoint: v.nullable(Checkpoint),
  keys: v.array(LogKey),
  /** Lines that no checkpoint covers yet, and for how long the oldest of them has waited. */
  unsigned: Whole,
  lagMs: Whole,
  /** Why nothing is signed, in words that an operator acts on; null where nothing is in the way. */
  fault: v.nullable(v.string()),
});
export type LedgerView = v.InferOutput<typeof LedgerView>;

export const LedgerLines = v.object({ items: v.array(v.object({ index: Whole, text: v.string() })) });
export type LedgerLines = v.InferOutput<typeof LedgerLines>;

/** Hashes in base64. */
export const LedgerProof = v.object({ from: Whole, to: Whole, proof: v.array(v.string()) });
export type LedgerProof = v.InferOutput<typeof LedgerProof>;
