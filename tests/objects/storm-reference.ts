import type { Command, Facts } from "../../core/machine/command.ts";
import { nextDue } from "../../core/machine/deadlines.ts";
import { engine } from "../../core/machine/emissions.ts";
import { unborn } from "../../core/machine/fold.ts";
import { step } from "../../core/machine/step.ts";
import type { ActionState, Payload } from "../../schemas/stored.ts";

/**
 * What an action comes to where every deadline is met at the very millisecond it is due: the pure machine, folded over what was
 * accepted, without an alarm, a queue or a sweep. Late, early, doubled and missing alarms are to lead nowhere else.
 */
export class Reference {
  readonly payload: Payload;
  readonly #facts: Facts;
  state: ActionState;

  constructor(payload: Payload, facts: Facts) {
    this.payload = payload;
    this.#facts = facts;
    this.state = unborn(payload);
  }

  /** Meets everything that is due at or before `now` (epoch ms), each thing at its own time. */
  tick(now: number): this {
    if (this.state.seq === 0) return this;
    for (let due = nextDue(this.payload, this.state); due !== null && due.at <= now;) {
      this.state = step(this.payload, this.state, tick, this.#facts, due.at).state;
      due = nextDue(this.payload, this.state);
    }
    return this;
  }

  /** @returns the code of the refusal; null where there is none. */
  tell(command: Command, now: number): string | null {
    this.tick(now);
    const taken = step(this.payload, this.state, command, this.#facts, now);
    this.state = taken.state;
    return taken.refusal?.code ?? null;
  }

  /** When (epoch ms) time alone changes it next. */
  get dueAt(): number | null {
    return nextDue(this.payload, this.state)?.at ?? null;
  }
}

const tick: Command = { type: "tick", actor: engine };

/** What of a state must not depend on when somebody noticed that a deadline had passed. */
export function outcomeOf(state: ActionState): unknown {
  const { detail, seq, counted, decidedBy, via, fence, attempts, escalations, lateEvents, votes } = state;
  return {
    state: state.state,
    detail,
    seq,
    counted,
    decidedBy,
    via,
    fence,
    attempts,
    reminded: state.reminded,
    escalations,
    resolved: state.resolved,
    lateEvents,
    votes: votes.map(({ person, decision, lapsed }) => [person, decision, lapsed]),
    lease: state.lease?.id ?? null,
    outcome: state.outcome === null ? null : state.outcome.effect,
    deadlines: state.deadlines,
  };
}
