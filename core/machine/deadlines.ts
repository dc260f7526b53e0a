import type { EventOf } from "../../schemas/event.ts";
import type { ActionState, Payload } from "../../schemas/stored.ts";
import { clocksOf } from "../clocks.ts";
import { engine, type Draft } from "./emissions.ts";

/** Something that happens at a time by itself. `at` is epoch ms; the interval before it is half-open. */
export type Due = { readonly at: number; readonly draft: Draft };

/** Whether time alone changes nothing any more. A review may still be due: it changes no state, and nobody waits for it. */
export function isOver(payload: Payload, state: ActionState): boolean {
  return nextDue(payload, { ...state, breakGlass: null }) === null;
}

/**
 * What is due next in a state, earliest first where several are (semantics §6). A terminal clock that is due at
 * the same moment as a reminder wins, because nobody is to be reminded of what is over. No timeout ever approves.
 */
export function nextDue(payload: Payload, state: ActionState): Due | null {
  const ends = endings(payload, state);
  const notices = state.state === "pending" ? reminders(payload, state) : [];
  return [...ends, ...notices, ...reviews(state)].toSorted((a, b) => a.at - b.at)[0] ?? null;
}

function endings(payload: Payload, state: ActionState): Due[] {
  const { pending, approval, lease, execution, rollback } = state.deadlines;
  switch (state.state) {
    case "pending":
      return due(pending, (dueAt) => expired("pending", dueAt));
    case "approved":
      return due(approval, (dueAt) => expired("approved", dueAt));
    case "executing": {
      const again = mayTryAgain(payload, state);
      return [
        ...due(execution, () => lost(state, "failed", "the time for executing it was over")),
        ...due(lease, (dueAt) =>
          again ? leaseLost(state, dueAt) : lost(state, "failed", "the executor stopped renewing its lease"),
        ),
      ];
    }
    case "rolling_back":
      return [
        ...due(execution, () => lost(state, "rollback_failed", "the time for rolling it back was over")),
        ...due(lease, () => lost(state, "rollback_failed", "the executor stopped renewing its lease")),
        ...due(rollback, () => lost(state, "rollback_failed", "nobody claimed the rollback in time")),
      ];
    default:
      return [];
  }
}

const due = (at: number | null, draft: (dueAt: number) => Draft): Due[] =>
  at === null ? [] : [{ at, draft: draft(at) }];

function reminders(payload: Payload, state: ActionState): Due[] {
  const { remindAfterMs, escalateAfterMs } = clocksOf(payload.contract);
  const remindAt = payload.createdAt + remindAfterMs;
  const after = escalateAfterMs[state.escalations];
  const level = state.escalations + 1;
  const quiet = { state: "pending", detail: null, actor: engine, reason: null } as const;
  return [
    ...(state.reminded ? [] : due(remindAt, (dueAt) => ({ ...quiet, type: "reminded", data: { dueAt } }))),
    ...due(after === undefined ? null : payload.createdAt + after, (dueAt) => ({
      ...quiet,
      type: "escalated",
      data: { dueAt, level },
    })),
  ];
}

/** Said once, whatever the action has come to: it stays open until somebody reviews it. */
function reviews({ state, detail, breakGlass, deadlines }: ActionState): Due[] {
  if (breakGlass === null || breakGlass.overdue) return [];
  const { person, incident } = breakGlass;
  const reason = `nobody has reviewed yet why ${person} broke the glass for ${incident}`;
  return due(deadlines.review, (dueAt) => ({
    type: "review_overdue",
    state,
    detail,
    actor: engine,
    reason,
    data: { person, dueAt },
  }));
}

/** A lost lease is claimed again only where the contract says that twice is as good as once (semantics §7). */
function mayTryAgain({ contract }: Payload, { attempts }: ActionState): boolean {
  return contract.idempotent && attempts < contract.maxAttempts;
}

function expired(detail: "pending" | "approved", dueAt: number): Draft {
  const reason = detail === "pending" ? "nobody decided in time" : "nobody claimed it in time";
  return { type: "expired", state: "expired", detail, actor: engine, reason, data: { dueAt } };
}

function leaseLost({ fence }: ActionState, dueAt: number): Draft {
  const reason = "the executor stopped renewing its lease; it may be claimed again";
  return {
    type: "lease_lost",
    state: "executing",
    detail: null,
    actor: engine,
    reason,
    data: { fence, dueAt },
  };
}

function lost({ lease, fence }: ActionState, type: "failed" | "rollback_failed", reason: string): Draft {
  const data: EventOf<"failed">["data"] = {
    lease: lease?.id ?? "",
    fence,
    effect: "unknown",
    evidence: null,
    startupMs: null,
    reported: false,
    late: false,
  };
  return { type, state: type, detail: "unknown", actor: engine, reason, data };
}
