import type { JsonObject } from "../../schemas/json.ts";
import type { ActionState, Outcome, StateLeases, StateReport, StateWords } from "../../schemas/stored.ts";
import type { Sha256Hex } from "../digest.ts";
import { erasedText } from "./payload.ts";

/**
 * The state of an action, cut into what stays and what may have to be forgotten: the words of people and agents, what executors
 * handed in, and the ids of leases. What is gone reads as the fold of a log reads that has lost it.
 */

/** What each part of a state is called where it is sealed. */
export const stateParts = ["words", "report", "leases"] as const;
export type StatePart = (typeof stateParts)[number];
export type StateValues = {
  readonly words?: StateWords | undefined;
  readonly report?: StateReport | undefined;
  readonly leases?: StateLeases | undefined;
};

/** The values of the parts that `live` names; a part that has none is left out. */
export function valuesOfState(state: ActionState, live: ReadonlySet<StatePart>): StateValues {
  const words = wordsOf(state);
  const report = reportOf(state);
  const leases = leasesOf(state);
  return {
    ...(live.has("words") && !isEmpty(words) && { words }),
    ...(live.has("report") && !isEmpty(report) && { report }),
    ...(live.has("leases") && !isEmpty(leases) && { leases }),
  };
}

const isEmpty = (value: object): boolean => Object.keys(value).length === 0;

function wordsOf({ votes, outcome, rollback, breakGlass }: ActionState): StateWords {
  const reasons = votes.flatMap(({ person, reason }) => (reason === null ? [] : [[person, reason] as const]));
  const review = breakGlass?.review ?? null;
  const undone = rollback?.outcome ?? null;
  return {
    ...(reasons.length > 0 && { votes: Object.fromEntries(reasons) }),
    ...(outcome !== null && { outcome: outcome.summary }),
    ...(rollback !== null && { rollback: rollback.reason }),
    ...(undone !== null && { rollbackOutcome: undone.summary }),
    ...(breakGlass !== null && { breakGlass: breakGlass.reason }),
    ...(review !== null && { review: review.note }),
  };
}

function reportOf({ outcome, rollback }: ActionState): StateReport {
  const done = outcome?.evidence ?? null;
  const undone = rollback?.outcome?.evidence ?? null;
  return { ...(done !== null && { outcome: done }), ...(undone !== null && { rollbackOutcome: undone }) };
}

/** A clock that gives up on a rollback nobody has claimed names no lease. */
function leasesOf({ lease, lastLease, reported }: ActionState): StateLeases {
  return {
    ...(lease !== null && { lease: lease.id }),
    ...(lastLease !== null && { lastLease: lastLease.id }),
    ...(reported !== null && reported.lease !== "" && { reported: reported.lease }),
  };
}

/** The state without the values of those parts; what stands in them already stays in all others. */
export function bareState(
  state: ActionState,
  live: ReadonlySet<StatePart>,
  sha256Hex: Sha256Hex,
): ActionState {
  const wordless = live.has("words") ? withWords(state, {}) : state;
  const reportless = live.has("report") ? withReport(wordless, {}) : wordless;
  return live.has("leases") ? withLeases(reportless, hashed(leasesOf(state), sha256Hex)) : reportless;
}

/** The other way round. A part that is left out stays as it stands. */
export function stateWith(bare: ActionState, { words, report, leases }: StateValues): ActionState {
  const worded = words === undefined ? bare : withWords(bare, words);
  const reported = report === undefined ? worded : withReport(worded, report);
  return leases === undefined ? reported : withLeases(reported, leases);
}

function withWords(state: ActionState, words: StateWords): ActionState {
  const { votes, outcome, rollback, breakGlass } = state;
  return {
    ...state,
    votes: votes.map((vote) => ({ ...vote, reason: words.votes?.[vote.person] ?? null })),
    outcome: outcome === null ? null : summed(outcome, words.outcome),
    rollback:
      rollback === null
        ? null
        : {
            ...rollback,
            reason: words.rollback ?? erasedText,
            outcome: rollback.outcome === null ? null : summed(rollback.outcome, words.rollbackOutcome),
          },
    breakGlass:
      breakGlass === null
        ? null
        : {
            ...breakGlass,
            reason: words.breakGlass ?? erasedText,
            review:
              breakGlass.review === null ? null : { ...breakGlass.review, note: words.review ?? erasedText },
          },
  };
}

const summed = (one: Outcome, summary = erasedText): Outcome => ({ ...one, summary });
const handed = (one: Outcome | null, evidence: JsonObject | null = null): Outcome | null =>
  one === null ? null : { ...one, evidence };

function withReport(state: ActionState, report: StateReport): ActionState {
  const { outcome, rollback } = state;
  return {
    ...state,
    outcome: handed(outcome, report.outcome),
    rollback:
      rollback === null ? null : { ...rollback, outcome: handed(rollback.outcome, report.rollbackOutcome) },
  };
}

function withLeases(state: ActionState, ids: StateLeases): ActionState {
  const { lease, lastLease, reported } = state;
  return {
    ...state,
    lease: lease === null ? null : { ...lease, id: ids.lease ?? lease.id },
    lastLease: lastLease === null ? null : { ...lastLease, id: ids.lastLease ?? lastLease.id },
    reported: reported === null ? null : { ...reported, lease: ids.reported ?? reported.lease },
  };
}

/** As in the log, where its hash stands in place of a lease's id. */
function hashed(ids: StateLeases, sha256Hex: Sha256Hex): StateLeases {
  return {
    ...(ids.lease !== undefined && { lease: sha256Hex(ids.lease) }),
    ...(ids.lastLease !== undefined && { lastLease: sha256Hex(ids.lastLease) }),
    ...(ids.reported !== undefined && { reported: sha256Hex(ids.reported) }),
  };
}
