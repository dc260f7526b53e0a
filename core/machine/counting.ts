import type { SeatView } from "../../schemas/action.ts";
import type { Contract, Selector } from "../../schemas/policy.ts";
import type { StoredVote } from "../../schemas/stored.ts";
import { eligibility, type Eligibility, type EligibilityFacts } from "../eligibility.ts";
import { subjectOf } from "../policy/subject.ts";
import { seatsOf, type Voter } from "../quorum.ts";
import { standingOf, type Terms } from "../standing.ts";
import type { Situation } from "./command.ts";

/** How the votes stand under every version that must agree. */
export type Count = {
  readonly denied: boolean;
  readonly approved: boolean;
  readonly seats: SeatView[];
  /** People whose latest vote counts, approvers and deniers. */
  readonly counted: string[];
  readonly approvers: string[];
  readonly deniers: string[];
  /** Approvers who no longer count: they lost the group, left, or became excluded. A denial never lapses. */
  readonly lapsing: string[];
};

/** A vote to be counted; one just being cast has nothing remembered of it yet. */
export type Ballot = Pick<StoredVote, "person" | "decision"> &
  Partial<Pick<StoredVote, "lapsed" | "selectors" | "identity">>;

/** The versions a decision must satisfy: the pinned one and, with `tighten`, the one in force (semantics §5). */
export function versionsOf({ payload, facts }: Situation): [pinned: Contract, ...others: Contract[]] {
  const { contract } = payload;
  if (contract.onChange === "pin" || facts.contract === null) return [contract];
  return [contract, facts.contract];
}

/**
 * The votes given, judged by the directory of this moment. Nothing remembered from the time of a vote makes a
 * person count now; only a recorded denial stands although its author has since left.
 */
export function count(situation: Situation, votes: readonly Ballot[]): Count {
  const versions = versionsOf(situation);
  const approvers = new Set<string>();
  const deniers = new Set<string>();
  const lapsing = new Set<string>();
  const terms = versions.map((contract): Terms => {
    const approvals: Voter[] = [];
    const denials: Voter[] = [];
    for (const vote of votes) {
      if (vote.decision === "withdraw") continue;
      const voter = voterNow(situation, contract, vote);
      if (voter === null) continue;
      (vote.decision === "approve" ? approvals : denials).push(voter);
      (vote.decision === "approve" ? approvers : deniers).add(vote.person);
    }
    return { rule: contract.rule, risk: contract.risk, deny: contract.deny, approvals, denials };
  });
  for (const { person, decision, lapsed } of votes) {
    if (decision === "approve" && lapsed !== true && !approvers.has(person)) lapsing.add(person);
  }
  const { denied, approved, seats } = standingOf(terms);
  return {
    denied,
    approved,
    seats,
    counted: [...new Set([...approvers, ...deniers])],
    approvers: [...approvers],
    deniers: [...deniers],
    lapsing: [...lapsing],
  };
}

/** Whether a person may decide here, under any version that must agree; the first reason where under none. */
export function mayDecide(situation: Situation, person: string): Eligibility {
  const [pinned, ...others] = versionsOf(situation);
  const verdict = judge(situation, pinned, person);
  const verdicts = [verdict, ...others.map((contract) => judge(situation, contract, person))];
  return verdicts.find(({ eligible }) => eligible) ?? verdict;
}

/** Who a vote counts as under one version; null where it does not. A denial counts as it did when it was cast. */
function voterNow(situation: Situation, contract: Contract, vote: Ballot): Voter | null {
  const verdict = judge(situation, contract, vote.person, vote.selectors);
  if (verdict.eligible) return verdict.voter;
  const { person, decision, selectors, identity } = vote;
  if (decision !== "deny" || contract !== situation.payload.contract) return null;
  if (selectors === undefined || identity === undefined) return null;
  const pinned = new Set([...seatsOf(contract.rule).flatMap(({ from }) => from), ...contract.deny.veto]);
  const named = selectors.filter((selector) => pinned.has(selector));
  // Named by the version in force alone, and no longer by that: it fills nothing here.
  // What a condition said of them at the vote is not kept: they filled some seat by these selectors, or had a veto.
  const meets = seatsOf(contract.rule).map(({ seat }) => seat);
  return named.length === 0 ? null : { person, identity, selectors: named, meets };
}

/**
 * What is remembered of a voter: who they count as, which selectors of the pinned rule named them, and which on-call ones of the
 * version in force, because a turn on call is judged as it was at the vote.
 */
export function voterOf(situation: Situation, person: string): Voter {
  const [pinned, ...others] = versionsOf(situation);
  const turns = others.flatMap((contract) => {
    const verdict = judge(situation, contract, person);
    return verdict.eligible ? verdict.voter.selectors.filter((one) => one.startsWith("oncall:")) : [];
  });
  const verdict = judge(situation, pinned, person);
  const voter = verdict.eligible ? verdict.voter : { person, identity: person, selectors: [] };
  return { ...voter, selectors: [...new Set([...voter.selectors, ...turns])] };
}

function judge(
  situation: Situation,
  contract: Contract,
  person: string,
  namedThen?: readonly Selector[],
): Eligibility {
  return eligibility({ ...factsOf(situation, contract, person), namedThen });
}

/** What a person is judged by under one version. */
export function factsOf(
  { payload, facts, now }: Situation,
  contract: Contract,
  person: string,
): EligibilityFacts & { readonly contract: Contract } {
  return {
    person,
    requester: payload.requester,
    digestOk: true,
    directory: facts.directory,
    contract,
    target: payload.target,
    now,
    payloadAuthors: payload.authors ?? [],
    holds: (where, one) => facts.judge(where, { ...subjectOf(payload, facts.directory, now), person: one }),
  };
}

/** Who could take one of these seats under any version that must agree. */
export function whoCouldFill(situation: Situation, seats: readonly SeatView[]): string[] {
  const names = new Set(seats.map(({ seat }) => seat));
  const versions = versionsOf(situation);
  return Object.keys(situation.facts.directory.people).filter((person) =>
    versions.some((contract) => {
      const verdict = judge(situation, contract, person);
      return verdict.eligible && verdict.seats.some((seat) => names.has(seat));
    }),
  );
}

/** The votes as they stand with one more: the latest of each person counts. */
export function withVote(votes: readonly StoredVote[], vote: Ballot): Ballot[] {
  return [...votes.filter(({ person }) => person !== vote.person), vote];
}
