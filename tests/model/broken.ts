import type { Command, CommandType } from "../../core/machine/command.ts";
import { fold } from "../../core/machine/fold.ts";
import { step, type Step } from "../../core/machine/step.ts";
import { transitions, type Cell } from "../../core/machine/transitions.ts";
import { rowsFor } from "../../core/outbox.ts";
import { seatsOf } from "../../core/quorum.ts";
import type { Event } from "../../schemas/event.ts";
import type { Contract } from "../../schemas/policy.ts";
import type { ActionState, Payload } from "../../schemas/stored.ts";
import type { Machine } from "./node.ts";

/** Ways of breaking the real machine: its table, what it is shown, or what it tells. */

type StepOf = Machine["step"];
type Call = Parameters<StepOf>;

export const machine = (broken: StepOf): Machine => ({ step: broken, rowsFor });

/** The real machine with one cell of its table changed for as long as a step takes. */
export function withCell(
  place: keyof typeof transitions,
  command: CommandType,
  change: (cell: Cell) => Cell,
): Machine {
  const row = transitions[place] as Partial<Record<CommandType, Cell>>;
  const changed = change(row[command] ?? { needs: [], edges: [] });
  return machine((...call) => {
    const kept = row[command];
    row[command] = changed;
    try {
      return step(...call);
    } finally {
      if (kept === undefined) delete row[command];
      else row[command] = kept;
    }
  });
}

export const without =
  (guard: Cell["needs"][number]) =>
  (cell: Cell): Cell => ({
    ...cell,
    needs: cell.needs.filter((one) => one !== guard),
  });
export const cellOf = (place: keyof typeof transitions, command: CommandType): Cell =>
  transitions[place][command] ?? { needs: [], edges: [] };

/** The step with its events changed, folded anew from where it began. */
function retold(
  payload: Payload,
  before: ActionState,
  made: Step,
  change: (event: Event, state: ActionState) => Event,
): Step {
  let state = before;
  const events = made.events.map((event) => {
    const told = change(event, state);
    state = fold(payload, state, told);
    return told;
  });
  return { ...made, events, state };
}

/** The real machine with every event it gives changed. */
export const telling = (change: (event: Event, state: ActionState, payload: Payload) => Event): Machine =>
  machine((...call) => {
    const [payload, before] = call;
    return retold(payload, before, step(...call), (event, state) => change(event, state, payload));
  });

/** The real machine shown something else; what it does is told of the true state. */
export const shown = (look: (...call: Call) => Call): Machine =>
  machine((...call) => {
    const [payload, before] = call;
    const made = step(...look(...call));
    let { seq } = before;
    return retold(payload, before, made, (event) => ({
      ...event,
      seq: (seq += 1),
      at: Math.max(before.at, call[4]),
    }));
  });

export const only =
  (type: CommandType, look: (...call: Call) => Call) =>
  (...call: Call): Call =>
    call[2].type === type ? look(...call) : call;

export const underContracts =
  (change: (contract: Contract) => Contract) =>
  (...[payload, before, command, facts, now]: Call): Call => [
    { ...payload, contract: change(payload.contract) },
    before,
    command,
    { ...facts, contract: facts.contract && change(facts.contract) },
    now,
  ];

/** One step, and then another that it should not have led to. */
function followedBy(...[payload, before, command, facts, now]: Call) {
  return (wanted: (made: Step) => Command | null): Step => {
    const made = step(payload, before, command, facts, now);
    const more = made.refusal === null ? wanted(made) : null;
    if (more === null) return made;
    const then = step(payload, made.state, more, facts, now);
    return { ...then, events: [...made.events, ...then.events] };
  };
}

const isApproved = ({ state }: Step): boolean => state.state === "approved";

/** Each seat is looked at by itself, so one person may sit on all of them. */
export const headsCounted: StepOf = (...call) => {
  const made = step(...call);
  const [payload, before] = call;
  if (call[2].type !== "vote" || made.state.state !== "pending") return made;
  const each = seatsOf(payload.contract.rule).map((rule) =>
    step(...underContracts((contract) => ({ ...contract, rule }))(...call)),
  );
  return each.every(isApproved) && each[0] !== undefined
    ? retold(payload, before, each[0], (event) => event)
    : made;
};

export const approvalsFirst: StepOf = (...call) => {
  const made = step(...call);
  const { command } = { command: call[2] };
  if (command.type !== "vote" || command.decision !== "approve" || made.state.state !== "denied") return made;
  const undenied = step(
    ...underContracts((contract) => ({ ...contract, deny: { denials: 16, veto: [] } }))(...call),
  );
  return isApproved(undenied) ? undenied : made;
};

/** The vote of whoever has approved already is taken for said again. */
export const anyVoteCloses: StepOf = (...call) =>
  followedBy(...call)(({ state }) => {
    const [payload, , command] = call;
    const approver = state.votes.find(({ decision }) => decision === "approve");
    if (
      command.type !== "vote" ||
      command.decision === "approve" ||
      state.state !== "pending" ||
      approver === undefined
    ) {
      return null;
    }
    const actor = { kind: "person", id: approver.person } as const;
    return { type: "vote", actor, decision: "approve", digest: payload.digest, reason: null, via: "api" };
  });

/** An approval is written over by the next one. */
export const lastOnly: StepOf = (...call) => {
  const [payload, before, command] = call;
  const kept = { ...before, votes: before.votes.filter(({ decision }) => decision === "deny") };
  if (command.type !== "vote" || command.decision !== "approve" || before.votes.length === 0) {
    return step(...call);
  }
  return retold(
    payload,
    before,
    step(payload, kept, ...([command, call[3], call[4]] as const)),
    (event) => event,
  );
};
