import type { Seat, Selector, Rule } from "../schemas/policy.ts";
import { limits } from "../schemas/limits.ts";

/**
 * Is the rule satisfied by these people? One person fills one seat, in the whole rule (semantics §4): a maximum
 * bipartite matching between the units of the seats and the voters, and not a count of heads.
 */

/** What a selector is held against. `groups` holds memberships of one's own and those lent by a delegation in force. */
export type PersonFacts = { readonly id: string; readonly groups: readonly string[] };
/** Looked-up facts; null and a missing name mean that nobody matches, so an unknown never lets anyone in. */
export type SelectorContext = {
  /** `person:…`, or `group:…` for all of its members. */
  readonly ownerOfTarget: string | null;
  readonly managerOfRequester: string | null;
  readonly oncall: Readonly<Record<string, readonly string[]>>;
};

/**
 * One person whose vote counts. `identity` is the same text for people who count as one, such as delegator and
 * delegate; `selectors` are those of the rule (and of its veto) that this person matches.
 */
export type Voter = {
  readonly person: string;
  readonly identity: string;
  readonly selectors: readonly Selector[];
  /** The seats, by name, whose `where` holds for this person; one with a `where` that is not here they cannot fill. */
  readonly meets?: readonly string[];
};

/** `filled[i]`: how many units of `seatsOf(rule)[i]` are taken in a maximum matching of the best alternative. */
export type RuleVerdict = { readonly satisfied: boolean; readonly filled: readonly number[] };

/** Every seat of a rule, left to right, whatever `all` and `any` it stands under. */
export function seatsOf(rule: Rule): Seat[] {
  if ("all" in rule) return rule.all.flatMap(seatsOf);
  if ("any" in rule) return rule.any.flatMap(seatsOf);
  return [rule];
}

/** Whether `selector` names this person. */
export function matches(selector: Selector, person: PersonFacts, context: SelectorContext): boolean {
  if (selector === "owner-of-target") {
    const owner = context.ownerOfTarget;
    if (owner === null) return false;
    return owner.startsWith("group:") ? isMember(person, owner) : owner === person.id;
  }
  if (selector === "manager-of-requester") {
    return context.managerOfRequester === person.id;
  }
  if (selector.startsWith("person:")) return selector === person.id;
  if (selector.startsWith("group:")) return isMember(person, selector);
  if (!selector.startsWith("oncall:")) return false;
  const schedule = selector.slice("oncall:".length);
  return Object.hasOwn(context.oncall, schedule) && (context.oncall[schedule]?.includes(person.id) ?? false);
}

function isMember({ groups }: PersonFacts, selector: string): boolean {
  return groups.includes(selector.slice("group:".length));
}

/** Whether this voter may take a unit of this seat. */
export function canFill(voter: Voter, seat: Seat): boolean {
  if (seat.where !== undefined && voter.meets?.includes(seat.seat) !== true) return false;
  return seat.from.some((selector) => voter.selectors.includes(selector));
}

/** The number of distinct humans among these voters; people who count as one are one. */
export function humansOf(voters: readonly Voter[]): number {
  return new Set(voters.map((voter) => voter.identity)).size;
}

/** Holds the voters against the rule. More voters never make it less satisfied (invariant I7). */
export function evaluateRule(rule: Rule, voters: readonly Voter[]): RuleVerdict {
  const seats = seatsOf(rule);
  const none: RuleVerdict = { satisfied: false, filled: seats.map(() => 0) };
  // A rule past the publish-time limits cannot come from a published policy. It is never satisfied rather than searched at length.
  if (seats.length > limits.ruleSeats) return none;
  if (seats.some((seat) => !Number.isInteger(seat.n) || seat.n < 1)) return none;
  if (seats.reduce((sum, seat) => sum + seat.n, 0) > limits.ruleTotal) return none;

  const people = fillableByIdentity(seats, voters);
  let best: { missing: number; taken: number; filled: readonly number[] } | undefined;
  for (const alternative of alternativesOf(rule)) {
    const filled = matchSeats(alternative, seats, people);
    const wanted = alternative.reduce((sum, index) => sum + (seats[index]?.n ?? 0), 0);
    const taken = filled.reduce((sum, units) => sum + units, 0);
    const missing = wanted - taken;
    if (missing === 0) return { satisfied: true, filled };
    const closer =
      best === undefined || missing < best.missing || (missing === best.missing && taken > best.taken);
    if (closer) best = { missing, taken, filled };
  }
  return best === undefined ? none : { satisfied: false, filled: best.filled };
}

/** One node per human: the seats (by index) that any of the people who count as this human could fill. */
function fillableByIdentity(seats: readonly Seat[], voters: readonly Voter[]): ReadonlySet<number>[] {
  const byIdentity = new Map<string, Set<number>>();
  for (const voter of voters) {
    const fillable = byIdentity.get(voter.identity) ?? new Set<number>();
    for (const [index, seat] of seats.entries()) if (canFill(voter, seat)) fillable.add(index);
    byIdentity.set(voter.identity, fillable);
  }
  return [...byIdentity.values()];
}

/**
 * Every way of choosing one branch per `any`, as the seats (by index) that must then all be filled.
 * At most 324 of them: they multiply over the `any`s of an `all`, and the largest product of numbers that add up to the
 * 16 seats allowed is 3·3·3·3·4. An empty `all` or `any` gives none, so it is never satisfied.
 */
export function alternativesOf(rule: Rule): number[][] {
  let next = 0;
  const visit = (part: Rule): number[][] => {
    if ("any" in part) return part.any.flatMap(visit);
    if (!("all" in part)) return [[next++]];
    if (part.all.length === 0) return [];
    return part.all
      .map(visit)
      .reduce((chosen, branch) => chosen.flatMap((left) => branch.map((right) => [...left, ...right])));
  };
  return visit(rule);
}

/** Maximum matching by augmenting paths: each unit of each chosen seat looks for a human, moving earlier ones aside where that helps. */
function matchSeats(
  chosen: readonly number[],
  seats: readonly Seat[],
  people: readonly ReadonlySet<number>[],
): number[] {
  const units = chosen.flatMap((index) => Array.from({ length: seats[index]?.n ?? 0 }, () => index));
  /** person → the unit they hold */
  const held = new Map<number, number>();

  const place = (unit: number, tried: Set<number>): boolean => {
    const seat = units[unit];
    if (seat === undefined) return false;
    for (const [person, fillable] of people.entries()) {
      if (!fillable.has(seat) || tried.has(person)) continue;
      tried.add(person);
      const holds = held.get(person);
      if (holds === undefined || place(holds, tried)) {
        held.set(person, unit);
        return true;
      }
    }
    return false;
  };

  for (const unit of units.keys()) place(unit, new Set());
  const filled = seats.map(() => 0);
  for (const unit of held.values()) {
    const seat = units[unit];
    if (seat !== undefined) filled[seat] = (filled[seat] ?? 0) + 1;
  }
  return filled;
}
