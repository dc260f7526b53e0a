import type { ActionState } from "../../schemas/stored.ts";
import { durationMs } from "../../schemas/duration.ts";
import { transitions } from "../../core/machine/transitions.ts";
import { sameData } from "./same-data.ts";
import type { Coverage } from "./coverage.ts";
import type { Machine, Node, Taken } from "./node.ts";
import { checkPlace, next, start, take, traceOf, wait } from "./walk.ts";
import { movesOf, worthTrying, type Move, type World } from "./world.ts";

export type Found = {
  readonly states: number;
  readonly transitions: number;
  readonly merged: number;
  readonly compared: number;
  readonly ms: number;
};

/**
 * What a state can still do, as text: two places with the same key are one place to the search.
 *
 * Times are relative to now, because nothing in the machine looks at an absolute one but through a difference; the age
 * is kept only while reminders, notBefore or a delegation hang on it. Votes are sorted, because no count looks at their
 * order (I8), and what a vote remembers of its caster is kept for denials only, which are all it is ever used for beside
 * turns on call, which nobody has here. Left
 * out is what no guard, deadline or fold reads but to show it: seq, at, seats, counted, reasons, outcomes, who started
 * a rollback, when a lease was claimed. `lateEvents` counts to 64 and then stops the noting of late commands, which
 * changes no other field, and so does what is said of an action: those limits have tests of their own. `compareTwins` checks all this on a sample.
 */
export function keyOf(world: World, state: ActionState, now: number): string {
  const since = (at: number | null): string => (at === null ? "-" : String(at - now));
  const { pending, approval, lease, execution, rollback } = state.deadlines;
  const isAged = state.state === "pending" || (state.state === "approved" && world.moments.length > 0);
  const votes = state.votes.map(({ person, decision, lapsed, selectors, identity }) =>
    decision === "deny"
      ? `${person}=deny(${selectors.join()};${identity})`
      : `${person}=${decision}${lapsed ? "!" : ""}`,
  );
  const cap = (held: ActionState["lease"]): string =>
    held === null ? "-" : `${held.id}/${held.fence}/${held.executor}/${held.purpose}`;
  return [
    state.state,
    state.detail,
    state.via,
    votes.toSorted().join(" "),
    state.decidedBy.toSorted().join(),
    [pending, approval, lease, execution, rollback].map(since).join(),
    isAged ? now - world.payload.createdAt : "",
    state.reminded ? "r" : "",
    state.escalations,
    cap(state.lease),
    cap(state.lastLease),
    state.reported === null ? "-" : `${state.reported.lease}/${state.reported.fence}`,
    state.resolved ? "resolved" : "",
    `${state.fence}/${state.attempts}`,
    state.rollback === null ? "" : "undoing",
    glassKey(state, now),
  ].join("|");
}

/** A review that is done is done; until then it matters who broke the glass and how long they still have. */
function glassKey({ breakGlass, deadlines }: ActionState, now: number): string {
  if (breakGlass === null) return "";
  const { person, identity, overdue, review } = breakGlass;
  const left = overdue || deadlines.review === null ? "" : deadlines.review - now;
  return `${person}(${identity})${review === null ? left : "reviewed"}${overdue ? " overdue" : ""}`;
}

/** Just before, at and just after the next time at which anything changes. */
export function laterTimes({ payload, moments }: World, { state, now }: Node): number[] {
  const { remindAfter, escalateAfter = [] } = payload.contract.clocks;
  const after = [remindAfter, ...escalateAfter].map(
    (text) => payload.createdAt + (durationMs(text ?? "") ?? 0),
  );
  const isOpen = state.state === "pending" || state.state === "approved";
  const times = [
    ...Object.values(state.deadlines),
    ...(state.state === "pending" ? after : []),
    ...(isOpen ? moments : []),
  ];
  const coming = times.filter((at): at is number => at !== null && at > now);
  if (coming.length === 0) return [];
  const at = Math.min(...coming);
  return [at - 1, at, at + 1].filter((time) => time > now);
}

/**
 * What is tried at a node: everything its place takes, and one of each that it does not. Where a deadline has passed
 * unnoticed only the first env is tried: the others are at the place that a tick leads to, and `late` says that a
 * command finds the same there.
 */
function movesAt(world: World, { state, settled }: Node): Move[] {
  const takes = new Set([
    ...Object.keys(transitions[state.state]),
    ...Object.keys(transitions[settled.state]),
    "tick",
  ]);
  const moves = worthTrying(movesOf(world, state), (type) => takes.has(type));
  return settled === state ? moves : moves.filter(({ env }) => env === world.envs[0]);
}

/**
 * Breadth first through every place that a world can reach, asking every invariant about every move. Each place is
 * entered once; each move is made from each place. @throws Violation, with a shortest way there
 * @param most places that are looked at; what lies behind them is left out.
 */
export function explore(
  world: World,
  machine: Machine,
  coverage: Coverage | null = null,
  most = Infinity,
): Found {
  const began = performance.now();
  const seen = new Map<string, Node>();
  const queue: Node[] = [];
  const count = { transitions: 1, merged: 0, compared: 0 };
  const enter = (state: ActionState, now: number, arrive: () => Node): void => {
    const key = keyOf(world, state, now);
    const twin = seen.get(key);
    if (twin === undefined) {
      const node = arrive();
      checkPlace(world, node);
      seen.set(key, node);
      queue.push(node);
      return;
    }
    if (twin.state === state) return;
    count.merged += 1;
    if (count.merged % 199 !== 0) return;
    count.compared += 1;
    compareTwins(world, machine, twin, arrive());
  };
  const { node: first, taken: request } = start(world, machine);
  coverage?.note(request);
  enter(first.state, first.now, () => first);
  for (let node = queue[0], index = 0; node !== undefined && index < most; node = queue[++index]) {
    for (const move of movesAt(world, node)) {
      const taken = take(world, machine, node, move);
      count.transitions += 1;
      coverage?.note(taken);
      if (moved(taken)) enter(taken.step.state, node.now, () => next(taken));
    }
    for (const time of laterTimes(world, node)) {
      count.transitions += 1;
      enter(node.state, time, () => wait(world, machine, node, time));
    }
  }
  return { states: seen.size, ...count, ms: performance.now() - began };
}

/** Something happened, and more than that a command was noted down (`invariants.refusals`: such a note changes nothing). */
const moved = ({ step: { events } }: Taken): boolean =>
  events.length > 1 || events.some(({ type }) => !noted.has(type));

const noted: ReadonlySet<string> = new Set(["late_command", "fenced_report", "feedback"]);

/** Two ways to one key must go on alike: the same answer and the same key after every move, and the same history. */
function compareTwins(world: World, machine: Machine, one: Node, other: Node): void {
  const going = (node: Node): unknown =>
    movesAt(world, node).map((move) => {
      const { step } = take(world, machine, node, move);
      const code = step.refusal === null ? "" : `${step.refusal.code} ${step.refusal.detail}`;
      return `${move.label} → ${code} ${keyOf(world, step.state, node.now)}`;
    });
  const { votes, executionEnds, ...counts } = one.history;
  const { votes: otherVotes, executionEnds: otherEnds, ...otherCounts } = other.history;
  const isSame =
    sameData(going(one), going(other)) &&
    sameData(counts, otherCounts) &&
    sameData(decisionsOf(votes), decisionsOf(otherVotes)) &&
    (one.state.lease === null || (executionEnds ?? 0) - one.now === (otherEnds ?? 0) - other.now);
  if (isSame) return;
  throw new Error(
    `the key hides a difference between\n${traceOf(one).join("\n")}\nand\n${traceOf(other).join("\n")}`,
  );
}

const decisionsOf = (votes: Node["history"]["votes"]): string[] =>
  Object.entries(votes)
    .map(([person, { decision }]) => `${person} ${decision}`)
    .toSorted();
