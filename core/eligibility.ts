import type { Requester, Target } from "../schemas/action.ts";
import type { Directory } from "../schemas/directory.ts";
import type { Contract, Seat, Selector } from "../schemas/policy.ts";
import { aliasesOf, aliasLinks, closure } from "./identity.ts";
import { agentChain, globMatches } from "./scope.ts";
import { canFill, matches, seatsOf } from "./quorum.ts";
import type { PersonFacts, SelectorContext, Voter } from "./quorum.ts";
import { refuse } from "./result.ts";
import type { Result } from "./result.ts";
import { everybodyOf, onCallNow } from "./schedule.ts";

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
  readonly target: Target;
  /** Epoch ms; a delegation is over at `now >= until`. */
  readonly now: number;
  /** People who wrote the payload or the one it superseded, or who hold the lease. */
  readonly payloadAuthors: readonly string[];
  /**
   * The selectors that named them when they voted, for a vote that is judged again. A turn on call that has ended by the clock
   * takes no vote back; being taken out of the schedule does.
   */
  readonly namedThen?: readonly Selector[] | undefined;
  /** Whether the `where` of a seat holds for this person. Left out, no seat with a `where` can be filled. */
  readonly holds?: (where: string, person: PersonFacts) => Result<boolean, string>;
};

/** Why somebody does not count whom no selector names. */
export const unnamed = "no seat of this rule names this person";

/** Everyone who counts as one with somebody who may not decide here, whatever the contract says of the agent's owner. */
export function keptOut(facts: Omit<EligibilityFacts, "digestOk">): Set<string> {
  const contract = { ...facts.contract, separationOfDuties: { owner: true } };
  const excluded = exclusions({ ...facts, contract, digestOk: true });
  return new Set([...excluded.keys()].map((person) => identityOf(person, facts.directory, facts.now)));
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
  const seats = seatsOf(contract.rule);
  const named: readonly Selector[] = [
    ...new Set([...seats.flatMap(({ from }) => from), ...contract.deny.veto]),
  ];
  const context = selectorContext(directory, requester, facts.target, named, facts.now);
  const matching = named.filter(
    (selector) => matches(selector, { id: person, groups }, context) || hadTurn(facts, selector),
  );
  if (matching.length === 0) return no(unnamed);
  const { meets, refused } = conditionsMet(facts, seats, matching, groups);
  // A selector of a seat whose condition does not hold names nobody, unless another seat or the veto names them by it.
  const open = seats.filter(({ seat, where }) => where === undefined || meets.includes(seat));
  const selectors = matching.filter(
    (selector) => contract.deny.veto.includes(selector) || open.some(({ from }) => from.includes(selector)),
  );
  if (selectors.length === 0) return no(refused ?? unnamed);

  const identity = identityOf(person, directory, facts.now);
  const voter: Voter = { person, identity, selectors, ...(meets.length > 0 && { meets }) };
  return {
    eligible: true,
    voter,
    seats: seats.filter((seat) => canFill(voter, seat)).map(({ seat }) => seat),
    veto: contract.deny.veto.some((selector) => selectors.includes(selector)),
  };
}

/** The seats that name this person, whether or not they may fill them; `holds` and who is excluded do not come into it. */
export function seatsNaming(facts: EligibilityFacts): string[] {
  const { person, directory, contract, requester, target, now } = facts;
  const seats = seatsOf(contract.rule);
  const named = [...new Set(seats.flatMap(({ from }) => from))];
  const context = selectorContext(directory, requester, target, named, now);
  const one = { id: person, groups: groupsOf(facts, new Set(exclusions(facts).keys())) };
  return seats
    .filter(({ from }) => from.some((selector) => matches(selector, one, context)))
    .map(({ seat }) => seat);
}

/** The seats that name this person and whose `where` holds for them, and why the first of the others is closed. */
function conditionsMet(
  { person, holds }: EligibilityFacts,
  seats: readonly Seat[],
  selectors: readonly Selector[],
  groups: readonly string[],
): { meets: string[]; refused: string | null } {
  const meets: string[] = [];
  let refused: string | null = null;
  for (const { seat, where, from } of seats) {
    if (where === undefined || !from.some((selector) => selectors.includes(selector))) continue;
    const held = holds?.(where, { id: person, groups }) ?? refuse("nothing here reads conditions");
    if (held.ok && held.value) meets.push(seat);
    else if (held.ok) refused ??= `the condition of seat "${seat}" does not hold`;
    else refused ??= `the condition of seat "${seat}" could not be evaluated: ${held.error}`;
  }
  return { meets, refused };
}

/** Whether separation of duties keeps the agent's owner out: always for critical, else as the contract says (peer failure P27). */
export function ownerExcluded(contract: Pick<Contract, "risk" | "separationOfDuties">): boolean {
  return contract.risk === "critical" || contract.separationOfDuties.owner;
}

/**
 * One name for all people who count as one: whoever is linked by delegations in force or declared the same human, however many
 * steps away. It is the first of them in code point order, so it depends on the directory alone and not on who voted.
 */
export function identityOf(
  person: string,
  { delegations, people }: Pick<Directory, "delegations" | "people">,
  now: number,
): string {
  const inForce = delegations.filter((delegation) => now < delegation.until);
  const lent = inForce.map(({ from, to }): [string, string] => [from, to]);
  const linked = closure(person, [...lent, ...aliasLinks(people)]);
  return [...linked].reduce((first, one) => (one < first ? one : first));
}

/** What these selectors look up, as the directory answers it now (epoch ms). What it does not know names nobody. */
export function selectorContext(
  directory: Directory,
  requester: Requester,
  target: Target,
  selectors: readonly Selector[],
  now: number,
): SelectorContext {
  const owner = Object.hasOwn(directory.people, requester.owner)
    ? directory.people[requester.owner]
    : undefined;
  return {
    ownerOfTarget: ownerOf(directory, target),
    managerOfRequester: owner?.manager ?? null,
    oncall: Object.fromEntries(
      selectors
        .filter((selector) => selector.startsWith("oncall:"))
        .map((selector) => selector.slice("oncall:".length))
        .map((name) => [name, onCallNow(directory, name, now)]),
    ),
  };
}

/** `person:…` or `group:…`, whoever answers for the target; null where nobody does. The first entry that matches says. */
export function ownerOf({ owners = [] }: Pick<Directory, "owners">, { resource }: Target): string | null {
  const found = owners.find(({ targets }) => targets.some((glob) => globMatches(glob, resource)));
  return found?.owner ?? null;
}

/**
 * Whether an on-call selector named them when they voted, and whoever keeps the schedule has not taken them out since. Where
 * another system says who is on call the end of a turn is all there is to see, and that takes nothing back.
 */
function hadTurn({ namedThen = [], directory, person }: EligibilityFacts, selector: Selector): boolean {
  if (!selector.startsWith("oncall:") || !namedThen.includes(selector)) return false;
  const { schedules = {}, onCall = {} } = directory;
  const name = selector.slice("oncall:".length);
  if (Object.hasOwn(onCall, name)) return true;
  const schedule = Object.hasOwn(schedules, name) ? schedules[name] : undefined;
  return schedule !== undefined && everybodyOf(schedule).includes(person);
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
  if (requester.kind !== "agent") excluded.set(requester.id, "asks for it");
  else if (ownerExcluded(contract)) {
    // The owner at the request and the owner now: handing the agent to someone else does not make its owner a second person.
    excluded.set(requester.owner, "owns the agent that asks");
    for (const { owner } of agentChain(requester.id, directory.agents).agents) {
      if (!excluded.has(owner)) excluded.set(owner, "owns the agent that asks or one that it acts for");
    }
  }
  if (requester.onBehalfOf !== undefined) {
    excluded.set(requester.onBehalfOf, "is the person the agent acts for");
  }
  // Under another of their ids they are the same human.
  for (const [person, because] of excluded) {
    for (const alias of aliasesOf(person, directory.people)) {
      if (!excluded.has(alias)) excluded.set(alias, `is the same person as ${person}, who ${because}`);
    }
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
