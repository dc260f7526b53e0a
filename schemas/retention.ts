import * as v from "valibot";
import { Duration } from "./duration.ts";

/** How long a value lives (semantics §9): each class has its own end, counted from the end of the action. */
export const retentionClasses = ["ephemeral", "operational", "compliance"] as const;
export const RetentionClass = v.picklist(retentionClasses);
export type RetentionClass = v.InferOutput<typeof RetentionClass>;

/**
 * A part of an action that can be given a class of its own: `/context` and `/args` whole, or one member of either
 * (`/args/diff`), `/target`, `/reason`, `/preconditions`, `/rollbackPlan`, `/callback`, `/words` (what people and
 * agents write later: reasons of votes, summaries of reports, notes) and `/report` (evidence that an executor hands in).
 */
export const FieldPointer = v.pipe(
  v.string(),
  v.regex(
    /^\/(?:(?:args|context)(?:\/[^/~]{1,128})?|target|reason|preconditions|rollbackPlan|callback|words|report)$/u,
    "is /args, /context, one member of either such as /args/diff, /target, /reason, /preconditions, /rollbackPlan, /callback, /words or /report",
  ),
);

/** What a contract says of the life of what its actions hold. Bounds of the times are in `core/retention`. */
export const Retention = v.strictObject({
  context: v.optional(RetentionClass, "ephemeral"),
  payload: v.optional(RetentionClass, "operational"),
  evidence: v.optional(RetentionClass, "compliance"),
  /** Parts that live otherwise than the three above say; at most 32. */
  fields: v.optional(
    v.pipe(
      v.record(FieldPointer, RetentionClass),
      v.check((fields) => Object.keys(fields).length <= 32, "names more than 32 fields"),
    ),
  ),
  /** How long after its end each class is kept; the defaults of semantics §9 where left out. */
  after: v.optional(
    v.strictObject({
      ephemeral: v.optional(Duration),
      operational: v.optional(Duration),
      compliance: v.optional(Duration),
    }),
  ),
  /** The most that the context of one action may hold, in bytes of canonical JSON. */
  contextBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(131_072))),
  /** What is recognised as a secret is never stored; e-mail addresses only where this asks for it. */
  redact: v.optional(v.strictObject({ emails: v.optional(v.boolean(), false) })),
});
export type Retention = v.InferOutput<typeof Retention>;

/** What was taken out of a request or a command before anything was stored, and why. Never a part of the value. */
export const Redaction = v.strictObject({ pointer: v.string(), kind: v.string() });
export type Redaction = v.InferOutput<typeof Redaction>;
