import type { Requester, Target } from "../schemas/action.ts";
import type { Delegation, Directory } from "../schemas/directory.ts";
import type { Contract, Selector } from "../schemas/policy.ts";
import { canFill, matches, seatsOf } from "./quorum.ts";
import type { SelectorContext, Voter } from "./quorum.ts";

/**
 * Who counts (semantics §4): an active person of the directory, not excluded, named by a seat or a veto, who voted on this
 * digest. Judged at the vote and again at every re-check, with the directory of that moment. Anything that is not known
 * makes a person not countable.
 */
export type Eligibility =
  | {
      readonly eligible: true;
      /** Hand this to `evaluateRule`. Its identity is the same for delegator and delegate. */
      readonly voter: Voter;
      /** Names of the seats this person may fill; empty for someone who may only veto, and so may not approve. */
      readonly seats: readonly string[];
      /** Their denial alone ends it. */
      readonly veto: boolean;
    }
  | { readonly eligible: false; readonly because: string };

export type EligibilityFacts = {
  readonly person: string;
  readonly requester: Requester;
  /** The vote named this action's digest. */
  readonly digestOk: boolean;
  readonly directory: Directory;
  readonly contract: Pick<Contract, "rule" | "deny" | "risk" | "separationOfDuties">;
  /** Nothing says yet who owns a target, so `owner-of-target` names nobody. */
  readonly target: Target;
  /** Epoch ms; a delegation is over at `now >= until`. */
  readonly now: number;
  /** People who wrote the payload or the one it superseded, or who hold the lease. */
  readonly payloadAuthors: readonly string[];
};

/** Why somebody does not count whom no selector names. */
export const unnamed = "no seat of this rule names this person";

/** Everyone who counts as one with somebody who may not decide here, whatever the contract says of the agent's owner. */
export function keptOut(facts: Omit<EligibilityFacts, "digestOk">): Set<string> {
  const contract = { ...facts.contract, separationOfDuties: { owner: true } };
  const excluded = exclusions({ ...facts, contract, digestOk: true });
  const { delegations } = facts.directory;
  return new Set([...excluded.keys()].map((person) => identityOf(person, delegations, facts.now)));
}

/** Whether this person's vote counts, and for which seats. `because` may be shown to them. */
export function eligibility(facts: EligibilityFacts): Eligibility {
  const { person, directory, contract, requester } = facts;
  if (!person.startsWith("person:")) return no("only people decide");
  if (!isActive(directory, person)) return no("not an active person of this workspace's directory");
  if (!facts.digestOk) return no("voted on another digest");
  const excluded = exclusions(facts);
  const reason = excluded.get(person);
  if (reason !== undefined) return no(reason);

  const groups = groupsOf(facts, new Set(excluded.keys()));
  const context = selectorContext(directory, requester);
  const seats = seatsOf(contract.rule);
  const named: readonly Selector[] = [
    ...new Set([...seats.flatMap(({ from }) => from), ...contract.deny.veto]),
  ];
  const selectors = named.filter((selector) => matches(selector, { id: person, groups }, context));
  if (selectors.length === 0) return no(unnamed);

  const voter: Voter = { person, identity: identityOf(person, directory.delegations, facts.now), selectors };
  return {
    eligible: true,
    voter,
    seats: seats.filter((seat) => canFill(voter, seat)).map(({ seat }) => seat),
    veto: contract.deny.veto.some((selector) => selectors.includes(selector)),
  };
}

/** Whether separation of duties keeps the agent's owner out: always for critical, else as the contract says (peer failure P27). */
export function ownerExcluded(contract: Pick<Contract, "risk" | "separationOfDuties">): boolean {
  return contract.risk === "critical" || contract.separationOfDuties.owner;
}

/**
 * One name for all people who count as one: whoever is linked by delegations in force, however many steps away.
 * It is the first of them in code point order, so it depends on the directory alone and not on who voted.
 */
export function identityOf(person: string, delegations: readonly Delegation[], now: number): string {
  const inForce = delegations.filter((delegation) => now < delegation.until);
  const linked = new Set([person]);
  for (const one of linked) {
    // A Set is walked to its end even as it grows, so this reaches the whole class.
    for (const { from, to } of inForce) {
      if (from === one) linked.add(to);
      if (to === one) linked.add(from);
    }
  }
  return [...linked].reduce((first, one) => (one < first ? one : first));
}

/** The selectors' look-ups that the directory can answer. No on-call schedule and no owner of targets is known: they name nobody. */
export function selectorContext(directory: Directory, requester: Requester): SelectorContext {
  const owner = Object.hasOwn(directory.people, requester.owner)
    ? directory.people[requester.owner]
    : undefined;
  return { ownerOfTarget: null, managerOfRequester: owner?.manager ?? null, oncall: {} };
}

/** Everyone who may not decide here → why. */
function exclusions({
  requester,
  directory,
  contract,
  payloadAuthors,
}: EligibilityFacts): Map<string, string> {
  const excluded = new Map<string, string>();
  for (const author of payloadAuthors) {
    excluded.set(author, "wrote, superseded or holds what is decided here");
  }
  if (ownerExcluded(contract)) {
    // The owner at the request and the owner now: handing the agent to someone else does not make its owner a second person.
    excluded.set(requester.owner, "owns the agent that asks");
    const agent = Object.hasOwn(directory.agents, requester.id) ? directory.agents[requester.id] : undefined;
    if (agent !== undefined) excluded.set(agent.owner, "owns the agent that asks");
  }
  if (requester.onBehalfOf !== undefined) {
    excluded.set(requester.onBehalfOf, "is the person the agent acts for");
  }
  return excluded;
}

/**
 * Own memberships, and those lent by a delegation in force. Depth 1: only a direct member lends, and what is lent is not
 * lent on. An excluded or inactive person lends nothing, as their delegate would be voting in their stead.
 */
function groupsOf({ person, directory, now }: EligibilityFacts, excluded: ReadonlySet<string>): string[] {
  const lent = directory.delegations.filter(
    ({ from, to, until }) => to === person && now < until && !excluded.has(from) && isActive(directory, from),
  );
  return Object.values(directory.groups)
    .filter(
      ({ id, members }) =>
        members.includes(person) ||
        lent.some(({ from, groups }) => groups.includes(id) && members.includes(from)),
    )
    .map(({ id }) => id);
}

function isActive(directory: Directory, person: string): boolean {
  return Object.hasOwn(directory.people, person) && directory.people[person]?.active === true;
}

function no(because: string): Eligibility {
  return { eligible: false, because };
}
