import * as v from "valibot";
import type { Event } from "../../schemas/event.ts";
import { ActionState } from "../../schemas/stored.ts";
import { foldAll, unborn } from "../../core/machine/fold.ts";
import { cast } from "./cast.ts";
import { invariants, type InvariantName } from "./invariants.ts";
import type { History, Machine, Node, Taken } from "./node.ts";
import { sameData } from "./same-data.ts";
import { standpoint } from "./truth.ts";
import { firstMove, type Move, type World } from "./world.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
type Fault = { readonly name: InvariantName; readonly fault: string };

/** An invariant that does not hold, with the shortest way there that the search has. */
export class Violation extends Error {
  /** All that do not hold there. */
  readonly invariants: readonly InvariantName[];
  readonly trace: readonly string[];

  constructor(faults: readonly Fault[], world: World, trace: readonly string[]) {
    const said = faults.map(({ name, fault }) => `${name}: ${fault}`).join("\n");
    super(`${said}\nin the world "${world.name}" after\n${trace.map((line) => `  ${line}`).join("\n")}`);
    this.name = "Violation";
    this.invariants = faults.map(({ name }) => name);
    this.trace = trace;
  }
}

const nothing: History = {
  votes: {},
  claims: 0,
  undone: 0,
  fence: 0,
  lateReports: 0,
  executionEnds: null,
  glass: null,
  reviews: 0,
  over: null,
};

function eventsTaken(history: History, events: readonly Event[]): History {
  let after = history;
  for (const event of events) {
    switch (event.type) {
      case "claimed":
        after = {
          ...after,
          claims: after.claims + 1,
          fence: event.data.fence,
          executionEnds: after.executionEnds ?? event.data.executionEnds,
        };
        break;
      case "rollback_claimed":
        after = { ...after, fence: event.data.fence, executionEnds: event.data.executionEnds };
        break;
      case "executed":
      case "failed":
        after = { ...after, lateReports: after.lateReports + (event.data.late ? 1 : 0) };
        break;
      case "rolled_back":
        after = { ...after, undone: after.undone + 1 };
        break;
      case "denied":
      case "cancelled":
      case "expired":
        after = { ...after, over: event.type };
        break;
      default:
        break;
    }
  }
  return after;
}

/** What was done about the glass, by the commands that were accepted and not by what the machine made of them. */
function told(history: History, command: Move["command"]): History {
  if (command.type === "breakGlass") return { ...history, glass: command.actor.id };
  return command.type === "review" ? { ...history, reviews: history.reviews + 1 } : history;
}

function historyAfter(
  { payload }: World,
  { history, now }: Node,
  { command, env }: Move,
  taken: Taken["step"],
): History {
  const events = eventsTaken(history, taken.events);
  const after = taken.refusal === null ? told(events, command) : events;
  if (command.type !== "vote" || taken.refusal !== null) return after;
  const stood = standpoint(payload, payload.contract, env.directory, command.actor.id, now);
  return { ...after, votes: { ...after.votes, [command.actor.id]: { decision: command.decision, stood } } };
}

/** Where time alone leads, by the machine under test. */
function settle(world: World, machine: Machine, state: ActionState, now: number): ActionState {
  const [{ contract, directory }] = world.envs;
  if (state.seq === 0) return state;
  const facts = { contract, directory, operator: false, outOfScope: null, judge };
  return machine.step(world.payload, state, { type: "tick", actor: cast.engine }, facts, now).state;
}

/** Before the request. */
export function origin(world: World): Node {
  const state = unborn(world.payload);
  return {
    state,
    now: world.payload.createdAt,
    history: nothing,
    settled: state,
    from: null,
    label: "",
    events: [],
  };
}

/** Makes a move and asks every invariant about it. @throws Violation */
export function take(world: World, machine: Machine, node: Node, move: Move): Taken {
  const made = machine.step(world.payload, node.state, move.command, move.facts, node.now);
  const taken: Taken = {
    world,
    machine,
    node,
    move,
    step: made,
    after: historyAfter(world, node, move, made),
  };
  for (const name of invariantNames) {
    if (invariants[name](taken) !== null) {
      throw new Violation(faultsOf(taken), world, [...traceOf(node), `${move.label}${refusalText(taken)}`]);
    }
  }
  return taken;
}

function faultsOf(taken: Taken): Fault[] {
  return invariantNames.flatMap((name) => {
    const fault = invariants[name](taken);
    return fault === null ? [] : [{ name, fault }];
  });
}

const invariantNames = Object.keys(invariants) as InvariantName[];
const refusalText = ({ step: { refusal } }: Taken): string => (refusal === null ? "" : ` → ${refusal.code}`);

/** Where a move leads. */
export function next({ world, machine, node, move, step: { state, events }, after }: Taken): Node {
  return {
    state,
    now: node.now,
    history: after,
    settled: settle(world, machine, state, node.now),
    from: node,
    label: move.label,
    events,
  };
}

/** The same action at a later time, with nothing done. */
export function wait(world: World, machine: Machine, node: Node, until: number): Node {
  const label = `${until - node.now} ms pass`;
  return {
    ...node,
    now: until,
    settled: settle(world, machine, node.state, until),
    from: node,
    label,
    events: [],
  };
}

/** The request itself. */
export function start(world: World, machine: Machine): { node: Node; taken: Taken } {
  const taken = take(world, machine, origin(world), firstMove(world));
  return { node: next(taken), taken };
}

/** Every event on the way to a node, oldest first. */
export function logOf(node: Node): Event[] {
  const pieces: (readonly Event[])[] = [];
  for (let at: Node | null = node; at !== null; at = at.from) pieces.push(at.events);
  return pieces.toReversed().flat();
}

export function traceOf(node: Node): string[] {
  const lines: string[] = [];
  for (let at: Node | null = node; at !== null && at.label !== ""; at = at.from) {
    lines.push(`${at.label}: ${at.state.state}`);
  }
  return lines.toReversed();
}

/** The state is of its schema, and I4 holds of its whole log; every move is held to I4 one step at a time besides. @throws Violation */
export function checkPlace(world: World, node: Node): void {
  if (!v.is(ActionState, node.state)) {
    throw new Violation([{ name: "wellFormed", fault: "not a state" }], world, traceOf(node));
  }
  if (sameData(foldAll(world.payload, logOf(node)), node.state)) return;
  throw new Violation(
    [{ name: "I4", fault: "the fold of the whole log is not the live state" }],
    world,
    traceOf(node),
  );
}
