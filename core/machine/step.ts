import type { Event } from "../../schemas/event.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import type { ActionState, Payload } from "../../schemas/stored.ts";
import { limits } from "../../schemas/limits.ts";
import type { Refusal } from "../refusal.ts";
import type { Command, Facts, Situation } from "./command.ts";
import { nextDue } from "./deadlines.ts";
import { emit, place, type Draft } from "./emissions.ts";
import { fold } from "./fold.ts";
import { holds, type Guard } from "./guards.ts";
import { refusals } from "./refusals.ts";
import { transitions, type Edge } from "./transitions.ts";

/** What a command did: events to append (also when it was refused), the state they lead to, and the refusal. */
export type Step = {
  readonly events: readonly Event[];
  readonly state: ActionState;
  readonly refusal: Refusal | null;
  /** The answer is the action as it was at this seq, where a report was only repeated. */
  readonly answerSeq: number | null;
};

/** Grows a log in memory: drafts get the next seq and a time that never goes back (invariant I5). */
class Log {
  readonly events: Event[] = [];
  state: ActionState;
  readonly #payload: Payload;
  readonly #now: number;

  constructor(payload: Payload, state: ActionState, now: number) {
    this.#payload = payload;
    this.state = state;
    this.#now = Math.max(now, state.at);
  }

  get now(): number {
    return this.#now;
  }

  append(draft: Draft): void {
    const event = place(draft, this.state.seq + 1, this.#now);
    this.events.push(event);
    this.state = fold(this.#payload, this.state, event);
  }

  /**
   * Everything whose time has come, in its order: deadlines are true whether or not an alarm ran. An action has
   * none before its first event.
   */
  settle(): void {
    if (this.state.seq === 0) return;
    for (let due = nextDue(this.#payload, this.state); due !== null && due.at <= this.#now;) {
      this.append(due.draft);
      due = nextDue(this.#payload, this.state);
    }
  }
}

/**
 * One command on one action: (state, command, facts, now) → events and the new state, or a refusal.
 * 1. Settle every deadline that has passed. 2. Look the command up in the table; a missing cell is `wrong_state`.
 * 3. The first guard in `needs` that fails names the refusal. 4. The first edge that holds is taken.
 */
export function step(
  payload: Payload,
  before: ActionState,
  command: Command,
  facts: Facts,
  now: number,
): Step {
  const log = new Log(payload, before, now);
  log.settle();
  if (command.type === "tick") return done(log, null);
  const situation = (): Situation => ({ payload, state: log.state, command, facts, now: log.now });
  const cell = transitions[log.state.seq === 0 ? "new" : log.state.state][command.type];
  if (cell === undefined) return tooLate(log, command);
  const failed = cell.needs.find((guard) => !holds(guard, situation()));
  if (failed !== undefined) return refused(log, failed, situation());
  const edge = cell.edges.find(({ if: guards = [] }) => guards.every((guard) => holds(guard, situation())));
  if (edge === undefined) return { ...done(log, null), answerSeq: log.state.reported?.seq ?? null };
  take(log, edge, situation);
  return done(log, edge.refuse ?? null);
}

/** Where an action stands at `now`, with every deadline that has passed, for whoever only looks. */
export function nowOf(payload: Payload, state: ActionState, now: number): ActionState {
  const log = new Log(payload, state, now);
  log.settle();
  return log.state;
}

function take(log: Log, edge: Edge, situation: () => Situation): void {
  for (const emission of edge.emit) {
    for (const draft of emit(emission, situation())) {
      log.append(edge.detail === undefined ? draft : withDetail(draft, edge.detail));
    }
  }
  if (log.state.state !== edge.to) throw new Error(`the edge to ${edge.to} led to ${log.state.state}`);
}

/** An edge that names a detail gives it to its events; an event's own detail stands otherwise. */
function withDetail(draft: Draft, detail: NonNullable<Edge["detail"]>): Draft {
  return { ...draft, detail };
}

function done(log: Log, refusal: Refusal | null): Step {
  return { events: log.events, state: log.state, refusal, answerSeq: null };
}

/** What to do instead, by the state one came too late to. */
const instead: Readonly<Record<ActionState["state"], string>> = {
  pending: "It still waits for its approvers.",
  approved: "It is approved and not yet claimed; to stop it, revoke it.",
  denied: "It was denied; mend the request by the reason given and ask again.",
  cancelled: "It was cancelled and will never run; ask again.",
  expired: "Its time ran out; ask again.",
  executing: "It is being executed; what it did can be rolled back once it has ended, where that was agreed.",
  executed: "It has been executed; where that was agreed it can be rolled back.",
  failed: "It has failed; where that was agreed it can be rolled back.",
  rolling_back: "It is being rolled back.",
  rolled_back: "It has been rolled back.",
  rollback_failed: "Its rollback has failed; somebody must look at the target.",
};

function tooLate(log: Log, command: Command): Step {
  const { state } = log.state;
  if (log.state.seq > 0 && log.state.lateEvents < limits.lateEvents) {
    const decision = command.type === "vote" ? command.decision : null;
    const reason = "reason" in command ? command.reason : null;
    const data = { command: command.type, decision };
    log.append({ type: "late_command", state, detail: log.state.detail, actor: command.actor, reason, data });
  }
  const what =
    command.type === "vote" ? `${command.decision} came too late` : `${command.type} is not possible now`;
  return done(log, { code: "wrong_state", detail: `${what}: the action is ${state}. ${instead[state]}` });
}

function refused(log: Log, guard: Guard, situation: Situation): Step {
  const saying = refusals[guard];
  if (saying === undefined) throw new Error(`the guard ${guard} has no refusal`);
  keepReport(log, situation.command);
  const detail = typeof saying.detail === "string" ? saying.detail : saying.detail(situation);
  const errors: ProblemField[] = saying.pointer === undefined ? [] : [{ pointer: saying.pointer, detail }];
  const until = saying.until?.(situation) ?? null;
  return done(log, {
    code: saying.code,
    detail,
    ...(errors.length > 0 && { errors }),
    ...(until !== null && { until: new Date(until).toISOString() }),
  });
}

/** A report is only refused to a stale executor. It changes nothing, and is kept: it may be the only witness of what was done. */
function keepReport(log: Log, command: Command): void {
  if (command.type !== "report" || log.state.lateEvents >= limits.lateEvents) return;
  const { state, detail } = log.state;
  const { actor, summary, fence, outcome, effect, evidence } = command;
  const data = { fence, outcome, effect, evidence };
  log.append({ type: "fenced_report", state, detail, actor, reason: summary, data });
}
