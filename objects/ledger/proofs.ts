import { encodeBase64 } from "../../core/base64.ts";
import type { Checkpoint, LogKey, Proven } from "../../schemas/ledger.ts";
import { findAction, marksBefore } from "./action-rows.ts";
import type { Journal } from "./journal.ts";
import { keyLines } from "./log-keys.ts";
import type { ActionProof } from "./messages.ts";

export const base64Proof = (proof: readonly Uint8Array[]): string[] => proof.map(encodeBase64);

/** Everything the log says of one action, in the tree of one checkpoint. Null where it had not seen the action by then. */
export function proofOf(
  { log, sql }: Journal,
  asked: {
    readonly action: string;
    readonly since: number | null;
    readonly checkpoint: Checkpoint;
    readonly keys: LogKey[];
  },
): ActionProof | null {
  const { action, since, checkpoint, keys } = asked;
  const { size } = checkpoint;
  const known = findAction(sql, action);
  if (known === null) return null;
  const marks = marksBefore(known, size);
  if (marks.opened === null) return null;
  const proven = (index: number): Proven => ({
    index,
    text: log.text(index),
    proof: base64Proof(log.inclusion(index, size)),
  });
  const consistency = since === null ? null : log.consistency(since, size);
  return {
    number: known.number,
    checkpoint,
    keys,
    opened: proven(marks.opened),
    sealed: marks.sealed === null ? null : proven(marks.sealed),
    erased: marks.erased.map(proven),
    conflicts: marks.conflicts.map(proven),
    keyed: keyLines(sql)
      .filter((index) => index < size)
      .map(proven),
    consistency: since === null || consistency === null ? null : { since, proof: base64Proof(consistency) },
  };
}
