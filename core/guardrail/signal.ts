import type { Event } from "../../schemas/event.ts";
import type { FeedbackLabel } from "../../schemas/feedback.ts";
import type { Signal } from "../../schemas/guardrail.ts";
import type { ActionSignal } from "../../schemas/stored.ts";
import { isIncident } from "./learn.ts";

const saying: Readonly<Record<FeedbackLabel, Signal["kind"]>> = {
  harm: "harm",
  missed_gate: "missedGate",
  needless_gate: "needlessGate",
};

/** What an event says of the contract, whatever was said before; null where nothing. */
function kindOf(event: Event): Signal["kind"] | null {
  switch (event.type) {
    case "executed":
      return "clean";
    case "failed":
      return event.detail === "none" ? null : "unclearFailure";
    case "rolled_back":
    case "rollback_failed":
      return "rolledBack";
    case "feedback":
      return saying[event.data.label];
    default:
      return null;
  }
}

/**
 * The signal that an event adds to those of its action, or null. One action is one run: it is one incident, however often and by
 * however many that is said, and what was an incident is not clean as well.
 */
export function signalAfter(before: readonly ActionSignal[], event: Event): ActionSignal | null {
  const kind = kindOf(event);
  if (kind === null) return null;
  const incident = before.some(isIncident);
  const told = isIncident({ kind })
    ? incident
    : before.some((one) => one.kind === kind) || (kind === "clean" && incident);
  return told ? null : { kind, seq: event.seq, at: event.at };
}
