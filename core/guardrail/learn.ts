import { durationMs } from "../../schemas/duration.ts";
import type { Guardrail, GuardrailState, Level, Signal, Tally } from "../../schemas/guardrail.ts";
import { wilson, type Share } from "../interval.ts";
import { neighbour, within } from "./level.ts";

/**
 * What a guardrail makes of one thing learnt. The engine tightens by itself and never loosens by itself: what clean history
 * brings about is a proposal, which is a gated action of its own that people decide on its figures.
 */

/** A move that has been made, with what it was made on. */
export type Change = {
  readonly from: Level;
  readonly to: Level;
  readonly because: Signal["kind"] | "agreed";
  readonly evidence: Evidence;
};
/**
 * `harm`: the share of incidents among the runs since the last change. A run that was counted clean and then turned out an incident
 * is in both, so the greater of the two is what there certainly were of runs: the share is never shown smaller than it is.
 */
export type Evidence = { readonly tally: Tally; readonly harm: Share; readonly actions: readonly string[] };
export type Proposal = { readonly from: Level; readonly to: Level; readonly evidence: Evidence };

export type Learnt = {
  readonly state: GuardrailState;
  readonly change: Change | null;
  readonly proposal: Proposal | null;
};

/**
 * The engine moves a level once a day at most. The first incident tightens at once; what follows on the same day only
 * lengthens the cooling off, or one bad afternoon would walk it to the ceiling. What people have loosened is not under
 * this: the first incident after it tightens again.
 */
const oneChangeMs = 24 * 60 * 60_000;
/** A proposal that nobody has decided by then counts as refused. */
export const proposalLifeMs = 7 * oneChangeMs;

const incidents: ReadonlySet<Signal["kind"]> = new Set<Signal["kind"]>([
  "harm",
  "missedGate",
  "rolledBack",
  "unclearFailure",
]);
/** Whether it is one of the signals that tighten. */
export const isIncident = ({ kind }: Pick<Signal, "kind">): boolean => incidents.has(kind);

/**
 * Takes one signal in. Signals of one contract are to come once each; their order matters only for what is proposed when. Where
 * operators have moved the bounds meanwhile, it begins from the level that counts under them.
 */
export function learn(guardrail: Guardrail, before: GuardrailState, signal: Signal, now: number): Learnt {
  const state = settled(guardrail, before, now);
  return isIncident(signal)
    ? afterIncident(guardrail, state, signal, now)
    : afterGoodNews(guardrail, state, signal, now);
}

/** The state as it is at a time: under the bounds of now, and without a proposal that has lapsed. */
export function settled(guardrail: Guardrail, before: GuardrailState, now: number): GuardrailState {
  const state = within(guardrail, before);
  return state.proposed !== null && now >= state.proposed.at + proposalLifeMs ? refused(state) : state;
}

/** People have agreed to a proposal. What it was argued with is spent: the next one needs evidence of its own. */
export function agreed(state: GuardrailState, to: Level, action: string, now: number): Learnt {
  const evidence = evidenceOf(state.tally, [action]);
  return {
    state: { ...moved(state, to, now), coolUntil: state.coolUntil },
    change: { from: state.level, to, because: "agreed", evidence },
    proposal: null,
  };
}

/** The figures as they stand, which is what a proposal is argued with. */
export const figuresOf = ({ tally }: GuardrailState): Evidence => evidenceOf(tally, []);

/** People have refused a proposal, or let it lapse: the next one needs twice the clean runs. */
export function refused(state: GuardrailState): GuardrailState {
  const tally = { ...state.tally, clean: 0, needless: 0 };
  return { ...state, proposed: null, refusals: state.refusals + 1, tally };
}

function afterIncident(guardrail: Guardrail, state: GuardrailState, signal: Signal, now: number): Learnt {
  const tally = { ...state.tally, incidents: state.tally.incidents + 1 };
  // An incident while people look at a proposal withdraws it: its figures are no longer true.
  const cooling = { ...state, tally, coolUntil: now + coolOffMs(guardrail), proposed: null };
  const next = neighbour(state.level, "tighter", guardrail);
  const tightenedToday = state.tightenedAt !== null && now < state.tightenedAt + oneChangeMs;
  if (next === null || tightenedToday) return { state: cooling, change: null, proposal: null };
  const change: Change = {
    from: state.level,
    to: next,
    because: signal.kind,
    evidence: evidenceOf(tally, [signal.action]),
  };
  return { state: { ...moved(cooling, next, now), tightenedAt: now }, change, proposal: null };
}

function afterGoodNews(guardrail: Guardrail, state: GuardrailState, signal: Signal, now: number): Learnt {
  const { clean, needless } = state.tally;
  const tally =
    signal.kind === "clean"
      ? { ...state.tally, clean: clean + 1 }
      : { ...state.tally, needless: needless + 1 };
  const heard = { ...state, tally };
  const next = neighbour(state.level, "looser", guardrail);
  if (next === null || !mayPropose(guardrail, heard, now)) {
    return { state: heard, change: null, proposal: null };
  }
  return {
    state: { ...heard, proposed: { level: next, at: now } },
    change: null,
    proposal: { from: state.level, to: next, evidence: evidenceOf(tally, [signal.action]) },
  };
}

/** Clean runs since the last change that a proposal takes. */
export function wantedRuns(
  { cleanRuns }: Pick<Guardrail, "cleanRuns">,
  { refusals }: GuardrailState,
): number {
  return cleanRuns * 2 ** Math.min(refusals, maxDoublings);
}

/** Whether the figures are good enough for something looser to be proposed, and neither cooling off nor another proposal is in the way. */
export function mayPropose(guardrail: Guardrail, state: GuardrailState, now: number): boolean {
  const { changedAt, coolUntil, proposed, tally } = state;
  if (coolUntil !== null && now < coolUntil) return false;
  if (changedAt !== null && now < changedAt + oneChangeMs) return false;
  if (proposed !== null) return false;
  if (tally.clean < wantedRuns(guardrail, state)) return false;
  return harmOf(tally).high * 1_000 <= guardrail.harmPerThousand;
}

/** Sixteen refusals ask for 65,536 times the runs, which is never; more would only lose the integer. */
const maxDoublings = 16;

function moved(state: GuardrailState, level: Level, now: number): GuardrailState {
  return {
    ...state,
    level,
    changedAt: now,
    tally: { clean: 0, incidents: 0, needless: 0 },
    proposed: null,
    refusals: 0,
  };
}

const harmOf = ({ clean, incidents: harmful }: Tally): Share => wilson(harmful, Math.max(clean, harmful));

function evidenceOf(tally: Tally, actions: readonly string[]): Evidence {
  return { tally, harm: harmOf(tally), actions };
}

const weekMs = 7 * oneChangeMs;
function coolOffMs({ coolOff }: Guardrail): number {
  return durationMs(coolOff) ?? weekMs;
}
