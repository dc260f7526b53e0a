import type { Event, EventOf } from "../../schemas/event.ts";
import { earliest, limitOf, nothingEnds, type Course, type Step } from "./rederive-course.ts";

/**
 * The clocks (semantics §6): nothing is taken in at or after the end of the state it comes in, and nothing ends before its time.
 * Intervals are half-open. That the clock ended something may be noticed late, and is then written down late.
 */

/** Holds an event against the times of the state that it comes in. */
export function checkTime(course: Course, { event, says }: Step): void {
  const limit = limitOf(course);
  const dueAt = dueOf(course, event);
  if (dueAt === null) {
    if (limit !== null && event.at >= limit) {
      says(
        "clocks",
        `It came at ${instant(event.at)}, and "${course.state}" had ended at ${instant(limit)}.`,
      );
    }
    return;
  }
  if (event.at < dueAt) says("clocks", `It was due at ${instant(dueAt)}, and was written down before.`);
  const ends = endsState(event);
  if (ends && dueAt !== limit) says("clocks", `It ends at ${instant(dueAt)} what does not end then.`);
  if (!ends && limit !== null && dueAt >= limit) {
    says("clocks", `It was due at ${instant(dueAt)}, when "${course.state}" had ended at ${instant(limit)}.`);
  }
}

const endsState = ({ type }: Event): boolean =>
  type === "expired" || type === "lease_lost" || type === "failed" || type === "rollback_failed";

/** When something was due that only the clock does; null for what somebody did. */
function dueOf({ ends }: Course, event: Event): number | null {
  switch (event.type) {
    case "expired":
    case "reminded":
    case "escalated":
    case "review_overdue":
      return event.data.dueAt;
    case "lease_lost":
      // At the same moment the whole time for executing is over, and that ends it for good.
      return event.data.dueAt === ends.execution ? Number.NaN : event.data.dueAt;
    case "failed":
    case "rollback_failed": {
      if (event.data.reported) return null;
      const times = [ends.lease, ends.execution, event.type === "failed" ? null : ends.rollback];
      return Math.min(...times.filter((at) => at !== null));
    }
    default:
      return null;
  }
}

/** What the event does to the times. Called before the state moves on. */
export function moveTimes(course: Course, event: Event): void {
  const { ends, clocks, asked } = course;
  const set = (changes: Partial<Course["ends"]>): void => void Object.assign(ends, nothingEnds, changes);
  switch (event.type) {
    case "approved": {
      const from = asked.notBefore === null ? event.at : Math.max(event.at, Date.parse(asked.notBefore));
      return set({ approval: earliest(from + clocks.approvalTtlMs, asked.notAfter) });
    }
    case "denied":
    case "cancelled":
    case "expired":
      return set({});
    case "claimed":
    case "rollback_claimed":
      return set({ lease: event.data.expiresAt, execution: event.data.executionEnds });
    case "heartbeat":
      ends.lease = event.data.expiresAt;
      return;
    case "lease_lost":
      ends.lease = null;
      return;
    case "executed":
    case "failed":
      return set({ rollback: rollbackEnd(course, endedAt(course, event)) });
    case "rollback_started":
      return set({ rollback: rollbackEnd(course, event.at) });
    case "rolled_back":
    case "rollback_failed":
      return set({});
    default:
      return;
  }
}

/** A run that nobody reported ended at its deadline, however late that was noticed. */
function endedAt({ ends }: Course, { at, data }: EventOf<"executed"> | EventOf<"failed">): number {
  return data.reported ? at : Math.min(at, ends.lease ?? at, ends.execution ?? at);
}

function rollbackEnd({ clocks, asked }: Course, at: number): number | null {
  const { rollbackWindowMs } = clocks;
  return rollbackWindowMs === null || !Object.hasOwn(asked.values, "/rollbackPlan")
    ? null
    : at + rollbackWindowMs;
}

/** Reminders and escalations by the clock are counted from the request. */
export function escalate(course: Course, { event, says }: Step<EventOf<"escalated">>): void {
  if (event.data.level !== course.escalations + 1) says("transitions", "It skips a level of escalation.");
  course.escalations = event.data.level;
}

export const instant = (at: number): string =>
  Number.isSafeInteger(at) && Math.abs(at) <= 8.64e15 ? new Date(at).toISOString() : "no time at all";
