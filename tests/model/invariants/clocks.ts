import type { State } from "../../../schemas/action.ts";
import type { EventType } from "../../../schemas/event.ts";
import type { ActionState } from "../../../schemas/stored.ts";
import type { Taken } from "../node.ts";
import { sameData } from "../same-data.ts";
import { eventOf, type Invariant } from "./invariant.ts";

/** What is promised about deadlines, alarms and windows. */

/** The events that the end of a state's time may give; one of them comes before anything else that is done there. */
const endings: Readonly<Partial<Record<State, readonly EventType[]>>> = {
  pending: ["expired"],
  approved: ["expired"],
  executing: ["failed", "lease_lost"],
  rolling_back: ["rollback_failed"],
};

const clockNotices: ReadonlySet<EventType> = new Set(["reminded", "escalated", "review_overdue"]);

/** At `now >= deadline` it is over, whether or not an alarm has run: no state keeps a deadline that has passed. */
export const halfOpen: Invariant = ({ node: { now, state: before }, step: { state, events } }) => {
  if (before.seq > 0 && deadlinePassed(before, now)) {
    const first = events.find(({ type }) => !clockNotices.has(type));
    const isEnd = first?.actor.kind === "engine" && endings[before.state]?.includes(first.type) === true;
    if (!isEnd) return `${before.state} past its deadline, and ${first?.type ?? "nothing"} came of it`;
  }
  return state.seq > 0 && deadlinePassed(state, now) ? `left ${state.state} past its deadline` : null;
};

function deadlinePassed(state: ActionState, now: number): boolean {
  const { pending, approval, lease, execution, rollback } = state.deadlines;
  const gone = (at: number | null): boolean => at !== null && now >= at;
  switch (state.state) {
    case "pending":
      return gone(pending);
    case "approved":
      return gone(approval);
    case "executing":
      return gone(lease) || gone(execution);
    case "rolling_back":
      return gone(lease) || gone(execution) || gone(rollback);
    default:
      return false;
  }
}

const startOf: Readonly<Partial<Record<State, readonly State[]>>> = { rolling_back: ["executed", "failed"] };

/** A rollback starts before the end of its window, by what the agreed contract and the plan say. */
export const windows: Invariant = (taken) => {
  const {
    world: { payload },
    node: { settled, now },
    move,
  } = taken;
  const started = eventOf(taken, "rollback_started");
  if (started === undefined || move.command.type !== "rollback") return null;
  if (payload.contract.rollback === null || payload.rollbackPlan === null) {
    return "rolled back although none was agreed";
  }
  if (!startOf.rolling_back?.includes(settled.state)) return `rolled back from ${settled.state}`;
  const { rollback } = settled.deadlines;
  return rollback === null || now >= rollback ? "rolled back after its window" : null;
};

/** A doubled alarm does nothing. */
export const ticksOnce: Invariant = ({ world, machine, node: { now }, move: { command, facts }, step }) => {
  if (command.type !== "tick") return null;
  return machine.step(world.payload, step.state, command, facts, now).events.length === 0
    ? null
    : "a second tick did something";
};

/** A missing alarm changes no outcome: ticking at each deadline in its turn leads where one late settling leads. */
export const lateAlarm: Invariant = ({
  world: { payload },
  machine,
  node,
  move: { command, facts },
  step,
}) => {
  if (command.type !== "tick" || step.events.length === 0) return null;
  let prompt = node.state;
  for (let at = firstDue(payload, prompt, node.now); at !== null; at = firstDue(payload, prompt, node.now)) {
    const before = prompt;
    prompt = machine.step(payload, prompt, command, facts, at).state;
    if (prompt === before) return `nothing happened at a deadline in ${before.state}`;
  }
  const what = (one: ActionState): unknown => ({
    ...one,
    at: 0,
    outcome: one.outcome && { ...one.outcome, at: 0 },
    rollback: null,
  });
  return sameData(what(prompt), what(step.state))
    ? null
    : `late: ${JSON.stringify(step.state.deadlines)}, in time: ${JSON.stringify(prompt.deadlines)}`;
};

/** A command meets a deadline that has passed as it would if the alarm had run. */
export const late: Invariant = ({ world: { payload }, machine, node, move: { command, facts }, step }) => {
  if (node.settled === node.state || command.type === "tick") return null;
  const ticked = machine.step(payload, node.settled, command, facts, node.now);
  const isSame =
    sameData(ticked.state, step.state) &&
    ticked.refusal?.code === step.refusal?.code &&
    ticked.answerSeq === step.answerSeq;
  return isSame
    ? null
    : `with a tick before it leads to ${ticked.state.state}, without to ${step.state.state}`;
};

/** The earliest deadline of a state that has come, straight from what the state and the contract say. */
function firstDue(
  { contract, createdAt }: Taken["world"]["payload"],
  state: ActionState,
  now: number,
): number | null {
  const { pending, approval, lease, execution, rollback } = state.deadlines;
  const reminders =
    state.state === "pending" ? remindersOf(contract.clocks, state).map((after) => createdAt + after) : [];
  const ends =
    state.state === "executed" || state.state === "failed"
      ? []
      : [pending, approval, lease, execution, rollback];
  const review = state.breakGlass === null || state.breakGlass.overdue ? [] : [state.deadlines.review];
  const due = [...ends, ...review, ...reminders].filter((at): at is number => at !== null && at <= now);
  return due.length === 0 ? null : Math.min(...due);
}

const minutes = (text: string | undefined): number => Number.parseInt(text ?? "", 10) * 60_000;

/** The model's contracts write their reminders in minutes. */
function remindersOf(
  { remindAfter, escalateAfter }: Taken["world"]["payload"]["contract"]["clocks"],
  state: ActionState,
): number[] {
  const escalation = escalateAfter?.[state.escalations];
  return [
    ...(state.reminded ? [] : [minutes(remindAfter)]),
    ...(escalation === undefined ? [] : [minutes(escalation)]),
  ];
}
