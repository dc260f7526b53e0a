import { figuresOf, learn, proposalLifeMs, settled, wantedRuns } from "../../core/guardrail/learn.ts";
import { initialGuardrail } from "../../core/guardrail/level.ts";
import { looseningId } from "../../core/guardrail/loosening.ts";
import type {
  Guardrail,
  GuardrailEvent,
  GuardrailStanding,
  GuardrailState,
  Heard,
} from "../../schemas/guardrail.ts";
import type { Contract } from "../../schemas/policy.ts";
import { sha256Hex } from "./random.ts";
import {
  deleteSignals,
  findGuardrail,
  insertEvent,
  insertSignal,
  listEvents,
  putGuardrail,
} from "./rows/guardrails.ts";
import { recordChange } from "./rows/meta.ts";

/**
 * Where guardrails stand and what moves them. The engine only tightens; what loosens is people's word on an action (threat T23). Every
 * move is a row with the evidence it was made on.
 */

export type Guarded = Pick<Contract, "type" | "guardrail">;

/**
 * A signal this old is not taken in: what has been heard of is forgotten then, and one that came again would count twice. Signals are
 * as old as their message is late, which is minutes.
 */
const heardForMs = 30 * 24 * 60 * 60_000;
const forgottenAtOnce = 1_000;
/** Events shown with a guardrail; all of them are kept. */
export const shownEvents = 50;
const engine = "engine";

/** Whether a level has moved, and whether something looser is proposed for a type that was heard of. */
export type Learnt = { moved: boolean; proposed: boolean };

/**
 * Takes in what was learnt, each signal of an action's event once however often it comes. Types without a guardrail in the policy in
 * force learn nothing.
 */
export function learnAll(
  sql: SqlStorage,
  contracts: readonly Guarded[],
  signals: readonly Heard[],
  now: number,
): Learnt {
  const guardrails = new Map(contracts.map(({ type, guardrail }) => [type, guardrail]));
  const sum: Learnt = { moved: false, proposed: false };
  deleteSignals(sql, now - heardForMs, forgottenAtOnce);
  for (const [type, heard] of Map.groupBy(signals, (signal) => signal.type)) {
    const guardrail = guardrails.get(type);
    if (guardrail === undefined) continue;
    const fresh = heard.filter((signal) => signal.at >= now - heardForMs && insertSignal(sql, signal));
    if (fresh.length === 0) continue;
    const { moved, proposed } = learnOf(sql, type, guardrail, fresh, now);
    sum.moved ||= moved;
    sum.proposed ||= proposed;
  }
  return sum;
}

function learnOf(
  sql: SqlStorage,
  type: string,
  guardrail: Guardrail,
  signals: readonly Heard[],
  now: number,
): Learnt {
  let moved = false;
  let state = findGuardrail(sql, type) ?? initialGuardrail(guardrail);
  for (const { kind, action, at } of signals) {
    const before = state;
    const learnt = learn(guardrail, before, { kind, action, at }, now);
    state = learnt.state;
    const { change, proposal } = learnt;
    if (before.proposed !== null && state.proposed === null) note(sql, type, closed(guardrail, before, now));
    const move = change ?? proposal;
    if (move === null) continue;
    const { from, to, evidence } = move;
    const event = change === null ? "proposed" : "tightened";
    const because = change === null ? "clean" : change.because;
    if (change !== null) moved = true;
    // Only what is judged by makes every Worker load the snapshot again.
    note(
      sql,
      type,
      { at: now, event, from, to, by: engine, because, evidence: plain(evidence) },
      change !== null,
    );
  }
  putGuardrail(sql, type, state);
  return { moved, proposed: state.proposed !== null };
}

/** Every guardrail of the policy in force, as it stands. */
export function guardrailStandings(
  sql: SqlStorage,
  contracts: readonly Guarded[],
  now: number,
): GuardrailStanding[] {
  return contracts.flatMap(({ type, guardrail }) =>
    guardrail === undefined ? [] : [standing(sql, type, guardrail, now)],
  );
}

function standing(sql: SqlStorage, type: string, guardrail: Guardrail, now: number): GuardrailStanding {
  const state = settled(guardrail, findGuardrail(sql, type) ?? initialGuardrail(guardrail), now);
  const { floor, ceiling, start } = guardrail;
  const { level, changedAt, coolUntil, tally, proposed } = state;
  const evidence = plain(figuresOf(state));
  return {
    type,
    level,
    floor,
    ceiling,
    start,
    changedAt,
    coolUntil,
    tally,
    harm: evidence.harm,
    cleanRunsToGo: Math.max(0, wantedRuns(guardrail, state) - tally.clean),
    proposal:
      proposed === null
        ? null
        : {
            from: level,
            to: proposed.level,
            at: proposed.at,
            lapsesAt: proposed.at + proposalLifeMs,
            action: looseningId(type, proposed.at, sha256Hex),
            evidence,
          },
    history: listEvents(sql, type, shownEvents),
  };
}

/** An event with the figures as they stand. */
export function eventOf(
  event: GuardrailEvent["event"],
  state: GuardrailState,
  to: GuardrailEvent["to"],
  { actor, reason, now }: { actor: string; reason: string; now: number },
): GuardrailEvent {
  return {
    at: now,
    event,
    from: state.level,
    to,
    by: actor,
    because: reason,
    evidence: plain(figuresOf(state)),
  };
}

/** Nobody decided a proposal in time, operators moved its bounds, or an incident made its figures untrue. */
function closed(guardrail: Guardrail, state: GuardrailState, now: number): GuardrailEvent {
  const to = state.proposed?.level ?? state.level;
  const late = settled(guardrail, state, now).proposed === null;
  const reason = late ? "its time or its bounds" : "an incident";
  return eventOf(late ? "lapsed" : "withdrawn", state, to, { actor: engine, reason, now });
}

/** `moves`: the level that everything is judged by has changed. */
export function note(sql: SqlStorage, type: string, event: GuardrailEvent, moves = false): void {
  insertEvent(sql, type, event);
  recordChange(sql, { at: event.at, actor: event.by, kind: `guardrail.${event.event}`, id: type }, moves);
}

const plain = ({ tally, harm, actions }: ReturnType<typeof figuresOf>): GuardrailEvent["evidence"] => ({
  tally,
  harm: { ...harm },
  actions: [...actions],
});
