import type { SeatView } from "../../schemas/action.ts";
import type { Contract } from "../../schemas/policy.ts";
import { eligibility, identityOf, keptOut, unnamed } from "../eligibility.ts";
import type { Situation } from "./command.ts";
import { count, factsOf, mayDecide, versionsOf, whoCouldFill } from "./counting.ts";

/** Who may approve alone in an emergency, and who looks at it afterwards (semantics §8). */

/** `because` may be shown to whoever asks. */
export type Right = { readonly allowed: true } | { readonly allowed: false; readonly because: string };

const yes: Right = { allowed: true };
const no = (because: string): Right => ({ allowed: false, because });

/**
 * Whether a person may break the glass, by every version that must agree: each names them in `breakGlass.by`, and they are
 * not, nor count as one with, anybody who is kept from deciding. The agent's owner always is, whatever the contract says.
 */
export function glassRight(situation: Situation, person: string): Right {
  const verdicts = versionsOf(situation).map((contract) => rightUnder(situation, contract, person));
  return verdicts.find(({ allowed }) => !allowed) ?? yes;
}

function rightUnder(situation: Situation, contract: Contract, person: string): Right {
  const { breakGlass } = contract;
  if (breakGlass === undefined) return no("the policy lets nobody break it for this type");
  const facts = factsOf(situation, contract, person);
  const verdict = eligibility({
    ...facts,
    contract: {
      risk: contract.risk,
      rule: { seat: "break-glass", n: 1, from: breakGlass.by },
      deny: { denials: 1, veto: [] },
      separationOfDuties: { owner: true },
    },
  });
  if (!verdict.eligible) {
    return no(verdict.because === unnamed ? "the policy gives you no right to" : verdict.because);
  }
  return keptOut(facts).has(verdict.voter.identity)
    ? no("you count as one with somebody who may not decide here")
    : yes;
}

/**
 * Whether whoever gives the command may review what was done: a person who could have voted, or an operator, and never who
 * broke the glass or is kept out, nor anybody who counts as one with them, then or now.
 */
export function reviewRight(situation: Situation): Right {
  const { payload, state, facts, now, command } = situation;
  const { kind, id: person } = command.actor;
  const { breakGlass } = state;
  if (kind !== "person") return no("only people review");
  if (breakGlass === null) return no("nobody has broken the glass here");
  const { directory, operator } = facts;
  const { people } = directory;
  if (!Object.hasOwn(people, person) || people[person]?.active !== true) {
    return no("you are no active person of this workspace's directory");
  }
  const identity = identityOf(person, directory, now);
  const theirs = [breakGlass.identity, identityOf(breakGlass.person, directory, now)];
  if (theirs.includes(identity)) {
    return no("somebody else than who broke the glass reviews it");
  }
  if (keptOut(factsOf(situation, payload.contract, person)).has(identity)) {
    return no("you asked for it, own the agent that did, or count as one with somebody who does");
  }
  const able = operator || mayDecide(situation, person).eligible;
  return able ? yes : no("it is for those who could have voted, and operators");
}

/** The seats that go unfilled if this person goes round them, and everybody else who could have filled one: they are told. */
export function skippedBy(situation: Situation, person: string): { skipped: SeatView[]; told: string[] } {
  const { seats } = count(situation, situation.state.votes);
  const open = seats.filter(({ n, filled }) => filled < n);
  // Where only a second human is missing, every seat's people were passed over.
  const skipped = open.length > 0 ? open : seats;
  return { skipped, told: whoCouldFill(situation, skipped).filter((one) => one !== person) };
}
