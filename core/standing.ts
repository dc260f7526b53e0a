import type { DenyRule, Risk, Rule } from "../schemas/policy.ts";
import { canFill, evaluateRule, humansOf, seatsOf } from "./quorum.ts";
import type { Voter } from "./quorum.ts";

/** One seat as it is shown: `filled` of `n` are taken. */
export type SeatStanding = { seat: string; n: number; filled: number; from: string[] };
/** How the votes stand. `denied` is looked at first: an action is never both. */
export type Verdict = { denied: boolean; approved: boolean; seats: SeatStanding[] };

/** What one version of the contract asks for, and who counts under it. */
export type Terms = {
  readonly rule: Rule;
  readonly risk: Risk;
  readonly deny: DenyRule;
  /** People eligible under this version whose latest vote is approve, or deny. */
  readonly approvals: readonly Voter[];
  readonly denials: readonly Voter[];
};

/** Risk `critical` takes two humans, whatever its rule says (semantics §4). */
export function requiresTwoHumans(risk: Risk): boolean {
  return risk === "critical";
}

/**
 * How the votes stand when every version given must agree (with `tighten` the pinned and the current one): any of them may
 * deny, all of them must be satisfied, each by its own matching. No version at all approves nothing.
 */
export function standingOf(versions: readonly Terms[]): Verdict {
  const denied = versions.some(isDenied);
  const approved = !denied && versions.length > 0 && versions.every(isApproved);
  return { denied, approved, seats: mergeSeats(versions.map(shownSeats)) };
}

/** Enough distinct humans with a seat here said no, or one whose no is a veto did. */
function isDenied({ rule, deny, denials }: Terms): boolean {
  const vetoed = denials.some((voter) => deny.veto.some((selector) => voter.selectors.includes(selector)));
  return vetoed || humansOf(seated(rule, denials)) >= deny.denials;
}

function isApproved({ rule, risk, approvals }: Terms): boolean {
  if (requiresTwoHumans(risk) && humansOf(seated(rule, approvals)) < 2) return false;
  return evaluateRule(rule, approvals).satisfied;
}

/** Those who may fill a seat of this rule. */
function seated(rule: Rule, voters: readonly Voter[]): Voter[] {
  const seats = seatsOf(rule);
  return voters.filter((voter) => seats.some((seat) => canFill(voter, seat)));
}

function shownSeats({ rule, approvals }: Terms): SeatStanding[] {
  const { filled } = evaluateRule(rule, approvals);
  return seatsOf(rule).map(({ seat, n, from }, index) => ({
    seat,
    n,
    filled: filled[index] ?? 0,
    from: [...from],
  }));
}

/** A seat that two versions share is shown once, as full as it is in the version where it is emptier. */
function mergeSeats(versions: readonly SeatStanding[][]): SeatStanding[] {
  const shown = new Map<string, SeatStanding>();
  for (const seat of versions.flat()) {
    const key = JSON.stringify([seat.seat, seat.n, seat.from]);
    const known = shown.get(key);
    shown.set(key, known === undefined ? seat : { ...known, filled: Math.min(known.filled, seat.filled) });
  }
  return [...shown.values()];
}
