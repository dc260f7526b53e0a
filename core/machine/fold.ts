import type { Event, EventOf } from "../../schemas/event.ts";
import type { ActionState, Lease, Outcome, Payload } from "../../schemas/stored.ts";
import { noTimes } from "../../schemas/timings.ts";
import { clocksOf } from "../clocks.ts";
import { erasedText } from "../evidence/payload.ts";
import { timesAfter } from "../timings.ts";
import { signalAfter } from "../guardrail/signal.ts";

const noDeadlines: ActionState["deadlines"] = {
  pending: null,
  approval: null,
  lease: null,
  execution: null,
  rollback: null,
  review: null,
};

/** A review stays due whatever becomes of the action, so it is the one clock that outlives a state. */
const onlyReview = ({ deadlines }: ActionState): ActionState["deadlines"] => ({
  ...noDeadlines,
  review: deadlines.review,
});

/** An action before its first event. */
export function unborn(payload: Payload): ActionState {
  return {
    state: "pending",
    detail: null,
    seq: 0,
    at: payload.createdAt,
    votes: [],
    seats: [],
    counted: [],
    decidedBy: [],
    via: null,
    deadlines: { ...noDeadlines },
    reminded: false,
    escalations: 0,
    fence: 0,
    attempts: 0,
    lease: null,
    lastLease: null,
    reported: null,
    outcome: null,
    resolved: false,
    rollback: null,
    breakGlass: null,
    lateEvents: 0,
    times: noTimes,
  };
}

/** The state a log leads to (invariant I4): nothing but the payload and the events is looked at. */
export function foldAll(payload: Payload, events: Iterable<Event>): ActionState {
  let state = unborn(payload);
  for (const event of events) state = fold(payload, state, event);
  return state;
}

/** One event further. */
export function fold(payload: Payload, state: ActionState, event: Event): ActionState {
  const { seq, at, detail } = event;
  const times = timesAfter(state.times, event.type, happenedAt(state, event));
  const signal = payload.contract.guardrail === undefined ? null : signalAfter(state.signals ?? [], event);
  const learnt = signal === null ? {} : { signals: [...(state.signals ?? []), signal] };
  return {
    ...state,
    seq,
    at,
    state: event.state,
    detail,
    times,
    ...changes(payload, state, event),
    ...learnt,
  };
}

function changes(payload: Payload, state: ActionState, event: Event): Partial<ActionState> {
  switch (event.type) {
    case "requested":
      return {
        seats: event.data.seats,
        deadlines: { ...noDeadlines, pending: pendingEnds(payload, event.at) },
      };
    case "voted":
      return votedChanges(state, event);
    case "lapsed":
      return lapsedChanges(state, event.data.person);
    case "approved":
      return {
        ...decided(event),
        deadlines: { ...onlyReview(state), approval: approvalEnds(payload, event.at) },
      };
    case "broke_glass":
      return glassBroken(state, event);
    case "reviewed":
      return reviewed(state, event);
    case "review_overdue":
      return { breakGlass: state.breakGlass === null ? null : { ...state.breakGlass, overdue: true } };
    case "denied":
      return { ...decided(event), deadlines: onlyReview(state) };
    case "cancelled":
    case "expired":
      return { deadlines: onlyReview(state) };
    case "reminded":
      return { reminded: true };
    case "escalated":
      return { escalations: event.data.level };
    case "claimed":
      return { ...claimedChanges(state, event, "execute"), attempts: state.attempts + 1 };
    case "rollback_claimed":
      return claimedChanges(state, event, "rollback");
    case "heartbeat":
      return renewed(state, event.data.expiresAt);
    case "lease_lost":
      return { lease: null, lastLease: state.lease, deadlines: { ...state.deadlines, lease: null } };
    case "executed":
    case "failed":
      return {
        ...ended(state, event),
        deadlines: { ...onlyReview(state), rollback: rollbackEnds(payload, endedAt(state, event)) },
      };
    case "rollback_started":
      return {
        rollback: { startedBy: event.actor.id, reason: event.reason ?? erasedText, outcome: null },
        deadlines: { ...onlyReview(state), rollback: rollbackEnds(payload, event.at) },
      };
    case "rolled_back":
    case "rollback_failed":
      return rollbackEnded(state, event);
    case "feedback":
      return { feedback: feedbackAfter(state, event) };
    case "late_command":
    case "fenced_report":
      return { lateEvents: state.lateEvents + 1 };
  }
}

const earliest = (ends: number, notAfter: string | null): number =>
  notAfter === null ? ends : Math.min(ends, Date.parse(notAfter));

function pendingEnds({ contract, notAfter }: Payload, at: number): number {
  return earliest(at + clocksOf(contract).pendingTtlMs, notAfter);
}

/** An approval given ahead of `notBefore` starts to age only then, or it could never be used. */
function approvalEnds({ contract, notBefore, notAfter }: Payload, at: number): number {
  const from = notBefore === null ? at : Math.max(at, Date.parse(notBefore));
  return earliest(from + clocksOf(contract).approvalTtlMs, notAfter);
}

function rollbackEnds({ contract, rollbackPlan }: Payload, at: number): number | null {
  const { rollbackWindowMs } = clocksOf(contract);
  return rollbackWindowMs === null || rollbackPlan === null ? null : at + rollbackWindowMs;
}

function votedChanges(state: ActionState, event: EventOf<"voted">): Partial<ActionState> {
  const { person, decision, via, selectors, identity, seats, counted } = event.data;
  const vote = {
    person,
    decision,
    reason: event.reason,
    at: event.at,
    via,
    selectors,
    identity,
    lapsed: false,
  };
  return { votes: [...state.votes.filter((one) => one.person !== person), vote], seats, counted };
}

function lapsedChanges(state: ActionState, person: string): Partial<ActionState> {
  return {
    votes: state.votes.map((vote) => (vote.person === person ? { ...vote, lapsed: true } : vote)),
    counted: state.counted.filter((one) => one !== person),
  };
}

function glassBroken(state: ActionState, event: EventOf<"broke_glass">): Partial<ActionState> {
  const { person, identity, use, incident, reviewDue } = event.data;
  const what = {
    person,
    identity,
    use,
    incident,
    reason: event.reason ?? erasedText,
    at: event.at,
    dueAt: reviewDue,
  };
  return {
    breakGlass: { ...what, overdue: false, review: null },
    deadlines: { ...state.deadlines, review: reviewDue },
  };
}

function reviewed(state: ActionState, event: EventOf<"reviewed">): Partial<ActionState> {
  if (state.breakGlass === null) return {};
  const { person: by, verdict } = event.data;
  const review = { by, verdict, note: event.reason ?? erasedText, at: event.at };
  return { breakGlass: { ...state.breakGlass, review }, deadlines: { ...state.deadlines, review: null } };
}

/** Somebody who says the same again says it better: their earlier word gives way. */
function feedbackAfter(
  { feedback = { count: 0, said: [] } }: ActionState,
  { actor, data: { label } }: EventOf<"feedback">,
): NonNullable<ActionState["feedback"]> {
  const others = feedback.said.filter((one) => one.by !== actor.id || one.label !== label);
  return { count: feedback.count + 1, said: [...others, { by: actor.id, label }] };
}

function decided(event: EventOf<"approved"> | EventOf<"denied">): Partial<ActionState> {
  return { decidedBy: event.data.by, via: event.data.via };
}

function claimedChanges(
  state: ActionState,
  event: EventOf<"claimed"> | EventOf<"rollback_claimed">,
  purpose: Lease["purpose"],
): Partial<ActionState> {
  const { lease, executor, fence, expiresAt, executionEnds } = event.data;
  return {
    fence,
    lease: { id: lease, executor, fence, purpose, claimedAt: event.at, expiresAt, executionEnds },
    deadlines: { ...onlyReview(state), lease: expiresAt, execution: executionEnds },
  };
}

function renewed(state: ActionState, expiresAt: number): Partial<ActionState> {
  if (state.lease === null) return {};
  return { lease: { ...state.lease, expiresAt }, deadlines: { ...state.deadlines, lease: expiresAt } };
}

type ReportEvent =
  | EventOf<"executed">
  | EventOf<"failed">
  | EventOf<"rolled_back">
  | EventOf<"rollback_failed">;

function outcomeOf(event: ReportEvent): Outcome {
  const { effect, evidence, startupMs } = event.data;
  const outcome = event.type === "executed" || event.type === "rolled_back" ? "succeeded" : "failed";
  return { outcome, effect, summary: event.reason ?? erasedText, evidence, startupMs, at: event.at };
}

function settled(state: ActionState, event: ReportEvent): Partial<ActionState> {
  const { lease, fence, reported } = event.data;
  return {
    lease: null,
    lastLease: state.lease ?? state.lastLease,
    reported: reported ? { lease, fence, seq: event.seq } : null,
  };
}

function ended(state: ActionState, event: EventOf<"executed"> | EventOf<"failed">): Partial<ActionState> {
  return { ...settled(state, event), outcome: outcomeOf(event), resolved: event.data.late };
}

/** When what an event says became true: what the clock ends, it ends at its deadline, however late that was noticed. */
function happenedAt(state: ActionState, event: Event): number {
  if (event.type === "expired") return Math.min(event.at, event.data.dueAt);
  return event.type === "failed" ? endedAt(state, event) : event.at;
}

/** A run that nobody reported ended at its deadline, however late that was noticed: a late alarm prolongs no window. A report comes before. */
function endedAt({ deadlines }: ActionState, { at }: EventOf<"executed"> | EventOf<"failed">): number {
  return Math.min(at, deadlines.lease ?? at, deadlines.execution ?? at);
}

function rollbackEnded(
  state: ActionState,
  event: EventOf<"rolled_back"> | EventOf<"rollback_failed">,
): Partial<ActionState> {
  const rollback = state.rollback === null ? null : { ...state.rollback, outcome: outcomeOf(event) };
  return { ...settled(state, event), rollback, deadlines: onlyReview(state) };
}
