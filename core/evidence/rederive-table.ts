import type { State } from "../../schemas/action.ts";
import type { Event, EventType } from "../../schemas/event.ts";

/**
 * Where an event may lead, written down a second time (semantics §2) and not taken from the machine: a witness that copies what it
 * is asked about is none.
 */
const failures = ["failed{none}", "failed{partial}", "failed{unknown}"];
/** Reported it says no more; given up on by the clock nobody knows what it did. */
const undone = ["rollback_failed", "rollback_failed{unknown}"];

const moves: Readonly<Record<State, Partial<Record<EventType, readonly string[]>>>> = {
  pending: {
    voted: ["pending"],
    lapsed: ["pending"],
    reminded: ["pending"],
    escalated: ["pending"],
    broke_glass: ["pending"],
    approved: ["approved"],
    denied: ["denied"],
    cancelled: ["cancelled{requester}", "cancelled{superseded}", "cancelled{policy}"],
    expired: ["expired{pending}"],
  },
  approved: {
    claimed: ["executing"],
    cancelled: [
      "cancelled{requester}",
      "cancelled{superseded}",
      "cancelled{policy}",
      "cancelled{revoked}",
      "cancelled{drift}",
      "cancelled{quorum_lost}",
    ],
    expired: ["expired{approved}"],
  },
  executing: {
    claimed: ["executing"],
    heartbeat: ["executing"],
    lease_lost: ["executing"],
    executed: ["executed"],
    failed: failures,
  },
  executed: { rollback_started: ["rolling_back"] },
  failed: { executed: ["executed"], failed: failures, rollback_started: ["rolling_back"] },
  rolling_back: {
    rollback_claimed: ["rolling_back"],
    heartbeat: ["rolling_back"],
    rolled_back: ["rolled_back"],
    rollback_failed: undone,
  },
  denied: {},
  cancelled: {},
  expired: {},
  rolled_back: {},
  rollback_failed: {},
};

/** These say something and change nothing. */
const quiet: ReadonlySet<EventType> = new Set<EventType>([
  "feedback",
  "late_command",
  "fenced_report",
  "reviewed",
  "review_overdue",
]);

type Place = Pick<Event, "state" | "detail">;
const placeText = ({ state, detail }: Place): string => (detail === null ? state : `${state}{${detail}}`);

/** What is wrong with an event that comes in this place; null where it may. */
export function moveFault(from: Place, event: Event): string | null {
  const [before, after] = [placeText(from), placeText(event)];
  if (quiet.has(event.type)) {
    return before === after
      ? null
      : `"${event.type}" changes nothing, and here ${before} has become ${after}.`;
  }
  const allowed = moves[from.state][event.type];
  if (allowed === undefined) return `"${event.type}" cannot follow when it is ${before}.`;
  return allowed.includes(after) ? null : `"${event.type}" does not lead from ${before} to ${after}.`;
}
