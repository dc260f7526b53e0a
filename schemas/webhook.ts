import * as v from "valibot";
import { Label } from "./text.ts";

/** Every webhook type; `action.` and what happened (api.md). */
export const noticeTypes = [
  "action.pending",
  "action.approved",
  "action.denied",
  "action.expired",
  "action.cancelled",
  "action.executing",
  "action.executed",
  "action.failed",
  "action.rolling_back",
  "action.rolled_back",
  "action.rollback_failed",
  "action.escalated",
  "action.broke_glass",
  "action.reviewed",
  "action.review_overdue",
] as const;
export const NoticeType = v.picklist(noticeTypes);
export type NoticeType = v.InferOutput<typeof NoticeType>;

/** Where signed notices go. `payload` lets the endpoint see arguments and reasons. */
export const Endpoint = v.strictObject({
  id: v.string(),
  url: v.string(),
  secretId: v.string(),
  /** Which types it wants; empty means all. */
  events: v.array(NoticeType),
  payload: v.boolean(),
  description: v.nullable(Label),
  active: v.boolean(),
  createdAt: v.number(),
});
export type Endpoint = v.InferOutput<typeof Endpoint>;

export const EndpointBody = v.strictObject({
  url: v.pipe(v.string(), v.maxLength(2_048)),
  secretId: v.optional(v.string()),
  events: v.optional(v.array(NoticeType), []),
  payload: v.optional(v.boolean(), false),
  description: v.optional(v.nullable(Label), null),
});

/** A signing secret as it is listed: the secret text is shown once, when it is made. */
export const SecretRecord = v.strictObject({
  id: v.string(),
  createdAt: v.number(),
  /** Until when (epoch ms) the secret before the last rotation still signs beside the new one. */
  overlapUntil: v.nullable(v.number()),
});
export type SecretRecord = v.InferOutput<typeof SecretRecord>;
