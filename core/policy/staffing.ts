import type { Directory } from "../../schemas/directory.ts";
import type { Evaluation } from "../../schemas/evaluation.ts";
import type { Contract } from "../../schemas/policy.ts";
import { eligibility, seatsNaming, type Eligibility, type EligibilityFacts } from "../eligibility.ts";
import { seatsOf, type Voter } from "../quorum.ts";
import { standingOf } from "../standing.ts";
import type { Judge } from "./decide.ts";
import { subjectOf, type Asked } from "./subject.ts";

type Named = { readonly person: string; readonly seats: readonly string[]; readonly verdict: Eligibility };

/** Who could fill each seat if this were asked now (epoch ms), who is named and could not, and whether that is enough. */
export function staffingOf(
  contract: Contract,
  asked: Asked,
  directory: Directory,
  now: number,
  judge: Judge,
): Pick<Evaluation, "seats" | "staffed"> {
  const subject = subjectOf(asked, directory, now);
  const named = Object.keys(directory.people).flatMap((person): Named[] => {
    const facts: EligibilityFacts = {
      person,
      requester: asked.requester,
      digestOk: true,
      directory,
      contract,
      target: asked.target,
      now,
      payloadAuthors: [],
      holds: (where, one) => judge(where, { ...subject, person: one }),
    };
    const seats = seatsNaming(facts);
    return seats.length === 0 ? [] : [{ person, seats, verdict: eligibility(facts) }];
  });
  const approvals = named.flatMap(({ verdict }): Voter[] => (verdict.eligible ? [verdict.voter] : []));
  const { rule, risk, deny } = contract;
  return {
    seats: seatsOf(rule).map(({ seat, n, from }) => ({
      seat,
      n,
      from: [...from],
      who: named.filter(({ verdict }) => mayFill(verdict, seat)).map(({ person }) => person),
      excluded: named
        .filter(({ seats, verdict }) => seats.includes(seat) && !mayFill(verdict, seat))
        .map(({ person, verdict }) => ({ person, because: reasonOf(verdict, seat) })),
    })),
    staffed: standingOf([{ rule, risk, deny, approvals, denials: [] }]).approved,
  };
}

const mayFill = (verdict: Eligibility, seat: string): boolean =>
  verdict.eligible && verdict.seats.includes(seat);

const reasonOf = (verdict: Eligibility, seat: string): string =>
  verdict.eligible ? `the condition of seat "${seat}" does not hold` : verdict.because;
