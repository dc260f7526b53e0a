import type { ActionSummary, ActionView, EventView } from "../schemas/action.ts";
import type { Event } from "../schemas/event.ts";
import type { JsonObject } from "../schemas/json.ts";
import { retentionClasses } from "../schemas/retention.ts";
import type { ActionState, Outcome, Payload, StoredAction } from "../schemas/stored.ts";
import { ownerExcluded } from "./eligibility.ts";
import { plainObject } from "./plain-json.ts";
import { seatsOf } from "./quorum.ts";

/** Epoch ms as RFC 3339 UTC with milliseconds. */
const instant = (ms: number): string => new Date(ms).toISOString();
const optionalInstant = (ms: number | null): string | null => (ms === null ? null : instant(ms));

/** Where an action is reached; `origin` is the address the engine is called at, without a trailing slash. */
function linksOf(id: string, origin: string): ActionView["links"] {
  const self = `${origin}/v1/actions/${id}`;
  return {
    self,
    page: `${origin}/actions/${id}`,
    events: `${self}/events`,
    stream: `${self.replace(/^http/u, "ws")}/stream`,
  };
}

/** What of an action is neither in its payload nor in its state: what is gone of it. */
export type OnRecord = Pick<StoredAction, "erased"> & {
  /** Who had a class erased before its time, and why; for whoever may read words. */
  readonly asked?: StoredAction["erasedBy"];
};

/** The action as it is now (api.md): what every call on it answers. */
export function viewOf(
  payload: Payload,
  state: ActionState,
  origin: string,
  { erased = {}, asked = {} }: OnRecord = {},
): ActionView {
  const { redactions = [] } = payload;
  return {
    id: payload.id,
    workspace: payload.workspace,
    type: payload.type,
    class: payload.contract.class,
    risk: payload.contract.risk,
    state: state.state,
    detail: state.detail,
    seq: state.seq,
    digest: payload.digest,
    contractVersion: payload.contractVersion,
    decision: { ...payload.decision, by: "policy", policyVersion: payload.policyVersion },
    requester: payload.requester,
    target: payload.target,
    args: payload.args,
    reason: payload.reason,
    context: payload.context,
    preconditions: payload.preconditions,
    rollbackPlan: payload.rollbackPlan,
    notBefore: payload.notBefore,
    notAfter: payload.notAfter,
    supersedes: payload.supersedes,
    seats: state.seats,
    votes: state.votes.map(({ person, decision, reason, at, via }) => ({
      person,
      decision,
      reason,
      at: instant(at),
      via,
      counts: state.counted.includes(person),
    })),
    separationOfDuties: { owner: ownerExcluded(payload.contract) },
    deadlines: {
      pending: optionalInstant(state.deadlines.pending),
      approval: optionalInstant(state.deadlines.approval),
      lease: optionalInstant(state.deadlines.lease),
      execution: optionalInstant(state.deadlines.execution),
      rollback: optionalInstant(state.deadlines.rollback),
      review: optionalInstant(state.deadlines.review),
    },
    breakGlass: brokenGlassView(state),
    lease: leaseView(state),
    outcome: outcomeView(state.outcome),
    rollback: rollbackView(state),
    ...(Object.keys(erased).length > 0 && { erased: erasedView(erased, asked) }),
    ...(redactions.length > 0 && { redacted: redactions }),
    createdAt: instant(payload.createdAt),
    updatedAt: instant(state.at),
    links: linksOf(payload.id, origin),
  };
}

function erasedView(
  erased: NonNullable<OnRecord["erased"]>,
  asked: NonNullable<OnRecord["asked"]>,
): NonNullable<ActionView["erased"]> {
  return retentionClasses.flatMap((name) => {
    const at = erased[name];
    return at === undefined ? [] : [{ class: name, at: instant(at), ...asked[name] }];
  });
}

/** Without the lease's id: that is known to its executor only. */
function leaseView({ lease }: ActionState): ActionView["lease"] {
  if (lease === null) return null;
  const { executor, fence, purpose, expiresAt } = lease;
  return { executor, fence, purpose, expiresAt: instant(expiresAt) };
}

function brokenGlassView({ breakGlass }: ActionState): ActionView["breakGlass"] {
  if (breakGlass === null) return null;
  const { person: by, incident, reason, at, dueAt, overdue, review } = breakGlass;
  return {
    by,
    incident,
    reason,
    at: instant(at),
    reviewDue: instant(dueAt),
    overdue: overdue && review === null,
    review: review === null ? null : { ...review, at: instant(review.at) },
  };
}

function outcomeView(outcome: Outcome | null): ActionView["outcome"] {
  return outcome === null ? null : { ...outcome, at: instant(outcome.at) };
}

function rollbackView({ rollback }: ActionState): ActionView["rollback"] {
  return rollback === null ? null : { ...rollback, outcome: outcomeView(rollback.outcome) };
}

/** Fields that only those who may see the payload are sent: what will run, and everybody's own words. */
const payloadFields = ["args", "reason", "context", "preconditions", "rollbackPlan", "redacted"] as const;

/** The view for an endpoint that may not see the payload. */
export function withoutPayload(view: ActionView): JsonObject {
  const open = plainObject(view);
  for (const field of payloadFields) delete open[field];
  open["votes"] = view.votes.map((vote) => ({ ...vote, reason: null }));
  open["outcome"] =
    view.outcome === null
      ? null
      : { outcome: view.outcome.outcome, effect: view.outcome.effect, at: view.outcome.at };
  const { rollback, breakGlass } = view;
  open["breakGlass"] = breakGlass === null ? null : withoutWords(breakGlass);
  open["rollback"] =
    rollback === null ? null : { startedBy: rollback.startedBy, outcome: rollback.outcome?.outcome ?? null };
  return open;
}

function withoutWords(glass: NonNullable<ActionView["breakGlass"]>): JsonObject {
  const { by, incident, at, reviewDue, overdue, review } = glass;
  const verdict = review === null ? null : { by: review.by, verdict: review.verdict, at: review.at };
  return { by, incident, at, reviewDue, overdue, review: verdict };
}

/** One row of a list: what tells actions apart, without arguments or anybody's words. */
export function summaryOf(payload: Payload, state: ActionState): ActionSummary {
  return {
    id: payload.id,
    type: payload.type,
    class: payload.contract.class,
    risk: payload.contract.risk,
    state: state.state,
    detail: state.detail,
    seq: state.seq,
    digest: payload.digest,
    requester: payload.requester,
    target: payload.target,
    seats: state.seats,
    groups: groupsOf(payload),
    ...(payload.decision.would !== undefined && { would: payload.decision.would.outcome }),
    deadline: optionalInstant(endsAt(state)),
    createdAt: instant(payload.createdAt),
    updatedAt: instant(state.at),
  };
}

/** When the state it is in ends by itself; reminders are not an end. */
function endsAt({ state, deadlines }: ActionState): number | null {
  const { pending, approval, lease, execution, rollback } = deadlines;
  const open: Partial<Record<ActionState["state"], (number | null)[]>> = {
    pending: [pending],
    approved: [approval],
    executing: [lease, execution],
    rolling_back: [lease, execution, rollback],
  };
  const ends = (open[state] ?? []).filter((at) => at !== null);
  return ends.length === 0 ? null : Math.min(...ends);
}

function groupsOf({ contract }: Payload): string[] {
  const named = seatsOf(contract.rule).flatMap((seat) => seat.from);
  return [
    ...new Set(
      named
        .filter((selector) => selector.startsWith("group:"))
        .map((selector) => selector.slice("group:".length)),
    ),
  ];
}

/** A log entry with actor, target, reason and outcome. The lease's id stays out: an auditor is no executor. */
export function eventView(payload: Payload, event: Event): EventView {
  const { seq, at, type, state, detail, actor, reason } = event;
  const data = plainObject(event.data);
  delete data["lease"];
  const outcome = detail === null ? state : `${state}{${detail}}`;
  return {
    seq,
    at: instant(at),
    type,
    state,
    detail,
    actor,
    target: payload.target.resource,
    reason,
    outcome,
    data,
  };
}
