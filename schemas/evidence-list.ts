import * as v from "valibot";
import { Access, Checkpoint } from "./ledger.ts";

const Whole = v.pipe(v.number(), v.integer(), v.minValue(0));

/** One action that an export is of. `number` is its own in the workspace: 1, 2, 3 … as the log first saw them. */
export const EvidenceItem = v.object({ number: Whole, action: v.string(), type: v.string() });
export type EvidenceItem = v.InferOutput<typeof EvidenceItem>;

/** What `GET /v1/evidence` answers. */
export const EvidenceList = v.object({
  items: v.array(EvidenceItem),
  /** Ask for what comes `after` this; null at the end. */
  nextAfter: v.nullable(Whole),
  /** Signed just now, over everything there is: bundles asked for `at` its size are all proven in one and the same tree. */
  checkpoint: Checkpoint,
});
export type EvidenceList = v.InferOutput<typeof EvidenceList>;

/** Somebody's read of evidence: the line of the log that says so. `at` is RFC 3339. */
export const AccessView = v.object({
  ...Access.entries,
  index: Whole,
  at: v.pipe(v.string(), v.isoTimestamp()),
});
export type AccessView = v.InferOutput<typeof AccessView>;

/** What `GET /v1/evidence/access` answers, oldest first. A page may be empty and still not the last. */
export const AccessList = v.object({ items: v.array(AccessView), nextCursor: v.nullable(v.string()) });
export type AccessList = v.InferOutput<typeof AccessList>;
