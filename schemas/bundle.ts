import * as v from "valibot";
import { Hash, Openings } from "./evidence.ts";
import { JsonObject } from "./json.ts";
import { Checkpoint, LogKey, Proven } from "./ledger.ts";
import { Redaction, RetentionClass } from "./retention.ts";

const Whole = v.pipe(v.number(), v.integer(), v.minValue(0));

/** What `GET /v1/actions/:id/evidence` answers: all that is needed to check one action offline. */
export const Bundle = v.strictObject({
  format: v.literal("holdpoint-evidence/1"),
  /** Epoch ms. */
  exportedAt: Whole,
  workspace: v.string(),
  action: v.string(),
  /** Its number in the workspace. */
  number: Whole,
  /** The entries as they were hashed, oldest first; empty once the evidence itself is gone. `openings` are those that are still there. */
  entries: v.array(v.strictObject({ text: v.string(), openings: Openings })),
  /** The contract it was judged by, whole, whose digest stands in the first entry; null once the evidence is gone. */
  contract: v.nullable(JsonObject),
  /** The policy that the contract is of. `document` is null where the engine does not keep that version any more. */
  policy: v.nullable(v.strictObject({ version: Hash, document: v.nullable(JsonObject) })),
  /** What each voter was shown, made again from the payload; null where it was made by another renderer, or its values are gone. */
  shown: v.array(v.strictObject({ seq: Whole, card: v.nullable(JsonObject) })),
  redactions: v.array(Redaction),
  erased: v.array(v.strictObject({ class: RetentionClass, at: Whole })),
  log: v.strictObject({
    checkpoint: Checkpoint,
    keys: v.array(LogKey),
    opened: Proven,
    /** The last time it was sealed; null while it is not over. */
    sealed: v.nullable(Proven),
    /** Each class that was let go of, and what contradicts the rest, where anything does. */
    erased: v.array(Proven),
    conflicts: v.array(Proven),
    /** Lines by which keys after the first came in. */
    keyed: v.array(Proven),
    /** From a smaller checkpoint of the asker's (`?since=SIZE`) to this one: RFC 9162 §2.1.4, hashes in base64. */
    consistency: v.nullable(v.strictObject({ since: Whole, proof: v.array(v.string()) })),
  }),
});
export type Bundle = v.InferOutput<typeof Bundle>;
