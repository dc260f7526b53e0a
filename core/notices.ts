import type { Event, EventType } from "../schemas/event.ts";
import type { NoticeType } from "../schemas/webhook.ts";

/** Which events others are told of, and as what. What is not here concerns nobody outside. */
const notices: Partial<Record<EventType, NoticeType>> = {
  requested: "action.pending",
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
};

/** The notice of an event; null for one that nobody is told of. */
export function noticeOf(event: Event): NoticeType | null {
  return notices[event.type] ?? null;
}
