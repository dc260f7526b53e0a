import * as v from "valibot";
import { ActionType, Label, Prose } from "./text.ts";
import { JsonObject } from "./json.ts";

/**
 * What somebody has to say of an action afterwards. `needless_gate`: nobody need have been asked. `missed_gate`: people should have
 * been asked. `harm`: it did harm.
 */
export const feedbackLabels = ["needless_gate", "missed_gate", "harm"] as const;
export const FeedbackLabel = v.picklist(feedbackLabels, `is one of ${feedbackLabels.join(", ")}`);
export type FeedbackLabel = v.InferOutput<typeof FeedbackLabel>;

/** Body of `POST /v1/actions/:id/feedback`. `incident` is where the story is told, such as INC-7. */
export const FeedbackBody = v.strictObject({
  label: FeedbackLabel,
  incident: v.optional(v.nullable(Label), null),
  note: v.optional(v.nullable(Prose), null),
});
export type FeedbackBody = v.InferOutput<typeof FeedbackBody>;

const Instant = v.pipe(v.string(), v.isoTimestamp("is an RFC 3339 time such as 2026-01-31T12:00:00.000Z"));

/** Body of `POST /v1/bypasses`: an effect was seen at a target. `action` is the one it is said to belong to, where one is named. */
export const BypassBody = v.strictObject({
  type: ActionType,
  target: Label,
  at: Instant,
  evidence: v.optional(v.nullable(JsonObject), null),
  action: v.optional(v.nullable(v.string()), null),
});
export type BypassBody = v.InferOutput<typeof BypassBody>;

/** An effect that no claim stands behind. Times are epoch ms. */
export const Bypass = v.strictObject({
  /** The same report has the same id, so that it counts once. */
  id: v.string(),
  type: v.string(),
  class: v.string(),
  target: v.string(),
  at: v.number(),
  reportedAt: v.number(),
  reportedBy: v.string(),
  evidence: v.nullable(JsonObject),
  action: v.nullable(v.string()),
});
export type Bypass = v.InferOutput<typeof Bypass>;

export const BypassView = v.object({
  ...Bypass.entries,
  at: v.pipe(v.string(), v.isoTimestamp()),
  reportedAt: v.pipe(v.string(), v.isoTimestamp()),
});
export const Bypasses = v.object({ items: v.array(BypassView) });

/** `bypass` is false where the named action had been claimed at that time; `id` is null then, and nothing is counted. */
export const BypassAnswer = v.object({
  bypass: v.boolean(),
  because: v.string(),
  id: v.nullable(v.string()),
});
