import type { Event, EventType } from "../schemas/event.ts";
import type { ChannelNotice } from "../schemas/channel.ts";
import { noticeTypes, type NoticeType } from "../schemas/webhook.ts";

/** Which events others are told of, and as what. What is not here concerns nobody outside. */
const notices: Partial<Record<EventType, ChannelNotice>> = {
  requested: "action.pending",
  voted: "action.voted",
  reminded: "action.reminded",
  approved: "action.approved",
  denied: "action.denied",
  expired: "action.expired",
  cancelled: "action.cancelled",
  claimed: "action.executing",
  executed: "action.executed",
  failed: "action.failed",
  rollback_started: "action.rolling_back",
  rolled_back: "action.rolled_back",
  rollback_failed: "action.rollback_failed",
  escalated: "action.escalated",
  broke_glass: "action.broke_glass",
  reviewed: "action.reviewed",
  review_overdue: "action.review_overdue",
};

/** The notice of an event; null for one that nobody is told of. */
export function noticeOf(event: Event): ChannelNotice | null {
  return notices[event.type] ?? null;
}

/** Whether webhooks may hear of it: a vote or a reminder changes a card, and nothing that a machine waits for. */
export function isPublic(type: ChannelNotice): type is NoticeType {
  return noticeTypes.some((known) => known === type);
}
