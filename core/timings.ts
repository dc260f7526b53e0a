import type { EventType } from "../schemas/event.ts";
import type { FeedbackLabel } from "../schemas/feedback.ts";
import type { ActionState, Payload } from "../schemas/stored.ts";
import type { Times, Timings } from "../schemas/timings.ts";

/** One event further, that became true at `at` (epoch ms): the first of its kind counts, except that a lost lease's second claim does not start it anew. */
export function timesAfter(times: Times, type: EventType, at: number): Times {
  switch (type) {
    case "voted":
      return { ...times, firstVoteAt: times.firstVoteAt ?? at };
    case "approved":
    case "denied":
      return { ...times, decidedAt: times.decidedAt ?? at };
    case "claimed":
      return { ...times, claimedAt: times.claimedAt ?? at };
    case "executed":
    case "failed":
      return { ...times, finishedAt: times.finishedAt ?? at };
    case "cancelled":
    case "expired":
      return { ...times, leftAt: times.leftAt ?? at };
    default:
      return times;
  }
}

/** How an action's time has gone so far. */
export function timingsOf(payload: Payload, state: ActionState): Timings {
  const decision = decisionOf(state);
  return {
    ...state.times,
    createdAt: payload.createdAt,
    decision,
    via: decision === null ? null : viaOf(state),
    votes: state.votes.map(({ person, at, via, ...vote }) => ({ person, decision: vote.decision, at, via })),
    escalations: state.escalations,
    missingContext: decision === "denied" && saysMissingContext(state),
    ...(state.feedback !== undefined && { labels: labelsOf(state.feedback.said) }),
  };
}

const labelsOf = (said: NonNullable<ActionState["feedback"]>["said"]): FeedbackLabel[] => [
  ...new Set(said.map(({ label }) => label)),
];

/** `via` of the state says what closed it; what came after does not change that. */
function decisionOf({ times, via, state }: ActionState): Timings["decision"] {
  if (times.decidedAt === null) return null;
  return via === "votes" || state === "denied" ? "denied" : "approved";
}

/** The last of the votes that decided it, or what did so without one. */
function viaOf({ via, decidedBy, votes }: ActionState): Timings["via"] {
  if (via === "policy" || via === "break_glass") return via;
  const closing = votes.filter(({ person }) => decidedBy.includes(person));
  return closing.toSorted((a, b) => b.at - a.at)[0]?.via ?? null;
}

/** What a denial's reason begins with when the request did not say enough. In any case and with any ending. */
export const missingContextPrefix = "missing context";

function saysMissingContext({ votes, decidedBy }: ActionState): boolean {
  return votes.some(
    ({ person, decision, reason }) =>
      decision === "deny" &&
      decidedBy.includes(person) &&
      reason?.trimStart().toLowerCase().startsWith(missingContextPrefix) === true,
  );
}
