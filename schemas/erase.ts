import * as v from "valibot";
import { RetentionClass } from "./retention.ts";
import { Prose } from "./text.ts";

/** What of an action is to be let go of before its time, and why. */
export const EraseBody = v.strictObject({ class: RetentionClass, reason: Prose });
export type EraseBody = v.InferOutput<typeof EraseBody>;

/** `gone`: the evidence went as well, and a tombstone is all that is left. */
export const EraseAnswer = v.object({
  id: v.string(),
  erased: v.array(v.object({ class: RetentionClass, at: v.pipe(v.string(), v.isoTimestamp()) })),
  gone: v.boolean(),
});
export type EraseAnswer = v.InferOutput<typeof EraseAnswer>;
