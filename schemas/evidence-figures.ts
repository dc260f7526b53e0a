import * as v from "valibot";
import { RetentionClass } from "./retention.ts";

/** What is kept of evidence, what is let go of and when, and who reads it. Durations are milliseconds. */

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Ms = v.pipe(v.number(), v.minValue(0));

/** How long ago the log first saw an action; each is shorter than its name says and not shorter than the one before. */
export const ages = ["1h", "1d", "7d", "30d", "400d", "more"] as const;
export const Age = v.picklist(ages);
export type Age = v.InferOutput<typeof Age>;

/** Of one class, counted in values of actions since there is a log. */
export const RetentionFigures = v.object({
  class: RetentionClass,
  /** Its time has come. */
  due: Count,
  /** Of those: gone. */
  done: Count,
  /** Gone after more than is tolerated, or not gone although that has passed. */
  late: Count,
  /** Not gone because a hold keeps it. */
  held: Count,
  /** Gone before its time, without anybody's asking for it. There is no way to this: anything but 0 is a fault. */
  early: Count,
  /** Gone because somebody asked for it before its time. */
  asked: Count,
  toleranceMs: Ms,
  /** Of those that ought to be gone, the share that went within what is tolerated; null where none ought to be. */
  successRate: v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  /** Of what is not gone and not held; null where there is none. */
  oldestOverdueMs: v.nullable(Ms),
});
export type RetentionFigures = v.InferOutput<typeof RetentionFigures>;

export const HeldBytes = v.object({ class: RetentionClass, age: Age, bytes: Count, actions: Count });
export type HeldBytes = v.InferOutput<typeof HeldBytes>;

/** Of actions that still hold some context; `bytes` is of canonical JSON, `most` that of the largest. */
export const ContextBytes = v.object({ type: v.string(), actions: Count, bytes: Count, most: Count });
export type ContextBytes = v.InferOutput<typeof ContextBytes>;

export const ReadCounts = v.object({
  principal: v.string(),
  /** As the table of routes has it. */
  route: v.string(),
  allowed: Count,
  refused: Count,
  /** The first of them. */
  since: v.pipe(v.string(), v.isoTimestamp()),
});
export type ReadCounts = v.InferOutput<typeof ReadCounts>;

export const EvidenceFigures = v.object({
  at: v.pipe(v.string(), v.isoTimestamp()),
  /** False where there are more actions than were looked at for what is held; what is due is always all of it. */
  complete: v.boolean(),
  log: v.object({ lines: Count, actions: Count, conflicts: Count, holds: Count }),
  checkpoint: v.object({
    /** Lines of the log that the newest one covers; 0 where there is none. */
    signed: Count,
    unsigned: Count,
    at: v.nullable(v.pipe(v.string(), v.isoTimestamp())),
    /** How long the oldest line without a signature has waited for one. */
    lagMs: Ms,
  }),
  retention: v.array(RetentionFigures),
  held: v.array(HeldBytes),
  context: v.array(ContextBytes),
  reads: v.array(ReadCounts),
});
export type EvidenceFigures = v.InferOutput<typeof EvidenceFigures>;
