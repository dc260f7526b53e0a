import type { Requester } from "../../schemas/action.ts";
import type { Agent, Delegation, Directory, Person } from "../../schemas/directory.ts";
import type { Contract, Rule, Seat, Selector } from "../../schemas/policy.ts";

/** A directory, somebody's request and a ballot, made at random: who may not decide, who counts as one, who lends what to whom. */
export type Graph = {
  readonly directory: Directory;
  readonly requester: Requester;
  readonly payloadAuthors: readonly string[];
  readonly contract: Pick<Contract, "rule" | "deny" | "risk" | "separationOfDuties">;
  /** Everybody here approves. */
  readonly ballot: readonly string[];
};

export const now = 1_000_000;

/** mulberry32: small, fast, and the same on every machine. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Ids that sort, and look, unlike each other; some are of objects' own properties. */
const names = ["alice", "bob", "carol", "constructor", "dave", "eve", "prototype", "zoe"].map(
  (id) => `person:${id}`,
);
const groupIds = ["dba", "oncall", "valueof"];
const agentIds = ["agent:asker", "agent:parent", "agent:root"];

class Dice {
  readonly #random: () => number;
  constructor(random: () => number) {
    this.#random = random;
  }
  below(end: number): number {
    return Math.floor(this.#random() * end);
  }
  chance(of: number): boolean {
    return this.#random() < of;
  }
  pick<Item>(from: readonly Item[]): Item {
    return from[this.below(from.length)]!;
  }
  some<Item>(from: readonly Item[], each: number): Item[] {
    return from.filter(() => this.chance(each));
  }
  times<Item>(count: number, make: () => Item): Item[] {
    return Array.from({ length: count }, make);
  }
}

export function graphOf(random: () => number): Graph {
  const dice = new Dice(random);
  const ids = names.slice(0, 2 + dice.below(names.length - 1));
  const known = [...ids, "person:ghost"];
  const people = Object.fromEntries(ids.map((id): [string, Person] => [id, personOf(dice, id, known)]));
  const agents = Object.fromEntries(agentIds.map((id): [string, Agent] => [id, agentOf(dice, id, ids)]));
  const groups = Object.fromEntries(
    groupIds.map((id) => [id, { id, members: dice.some(known, 0.45) }] as const),
  );
  const directory: Directory = {
    version: 1,
    people,
    agents,
    groups,
    delegations: dice.times(dice.below(5), () => delegationOf(dice, known)),
  };
  const asker = agents["agent:asker"]!;
  return {
    directory,
    requester: {
      kind: "agent",
      id: asker.id,
      owner: dice.chance(0.7) ? asker.owner : dice.pick(ids),
      ...(dice.chance(0.4) && { onBehalfOf: dice.pick(known) }),
    },
    payloadAuthors: dice.some(ids, 0.08),
    contract: {
      rule: ruleOf(dice, ids, 2),
      deny: { denials: 1, veto: [] },
      risk: dice.chance(0.25) ? "critical" : "high",
      separationOfDuties: { owner: dice.chance(0.8) },
    },
    ballot: dice.some(known, 0.75),
  };
}

function personOf(dice: Dice, id: string, known: readonly string[]): Person {
  return {
    id,
    manager: dice.chance(0.4) ? dice.pick(known) : null,
    active: dice.chance(0.9),
    ...(dice.chance(0.15) && { sameAs: dice.times(1 + dice.below(2), () => dice.pick(known)) }),
  };
}

function agentOf(dice: Dice, id: string, ids: readonly string[]): Agent {
  return {
    id,
    owner: dice.pick(ids),
    roles: [],
    segments: [],
    active: true,
    ...(dice.chance(0.4) && { actsFor: dice.pick(agentIds) }),
  };
}

function delegationOf(dice: Dice, known: readonly string[]): Delegation {
  const until = dice.pick([now - 1, now, now + 1, now + 1_000]);
  const groups = dice.some(groupIds, 0.6);
  return {
    from: dice.pick(known),
    to: dice.pick(known),
    groups: groups.length > 0 ? groups : ["dba"],
    until,
  };
}

function ruleOf(dice: Dice, ids: readonly string[], depth: number): Rule {
  if (depth === 0 || dice.chance(0.45)) return seatOf(dice, ids);
  const parts = dice.times(1 + dice.below(2), () => ruleOf(dice, ids, depth - 1));
  const rules = [...parts, seatOf(dice, ids)];
  return dice.chance(0.6) ? { all: rules } : { any: rules };
}

function seatOf(dice: Dice, ids: readonly string[]): Seat {
  const one = (): Selector =>
    dice.chance(0.75)
      ? `group:${dice.pick(groupIds)}`
      : dice.chance(0.7)
        ? dice.pick(ids)
        : "manager-of-requester";
  return {
    seat: `s${dice.below(1_000_000)}`,
    n: dice.chance(0.8) ? 1 : 2,
    from: dice.times(1 + dice.below(2), one),
  };
}

/**
 * What is true of a graph, worked out from the words of the rules and with none of the product's code: classes by merging labels,
 * the quorum by trying every way of seating people.
 */
export class Truth {
  readonly #graph: Graph;
  readonly #human: ReadonlyMap<string, string>;
  readonly #voice: ReadonlyMap<string, string>;
  readonly #barred: ReadonlySet<string>;

  constructor(graph: Graph) {
    this.#graph = graph;
    const { people, delegations } = graph.directory;
    const same = Object.values(people).flatMap(({ id, sameAs = [] }) =>
      sameAs.map((other) => [id, other] as const),
    );
    const lent = delegations.filter(({ until }) => until > now).map(({ from, to }) => [from, to] as const);
    const everybody = [...names, "person:ghost"];
    this.#human = merged(everybody, same);
    this.#voice = merged(everybody, [...same, ...lent]);
    this.#barred = new Set(barredBy(graph).map((one) => this.#human.get(one)!));
  }

  /** Whether this id is a human who may not decide here under any name. */
  isBarred(person: string): boolean {
    return this.#barred.has(this.#human.get(person)!);
  }

  /** Whether these people together fill the rule, with enough distinct voices where it is critical. */
  isQuorum(ballot: readonly string[]): boolean {
    const { rule, risk } = this.#graph.contract;
    const able = ballot.filter((person) => everySeat(rule).some((seat) => this.mayFill(person, seat)));
    const voices = new Set(able.map((person) => this.#voice.get(person)!));
    if (risk === "critical" && voices.size < 2) return false;
    return choices(rule).some((seats) => {
      const units = seats.flatMap((seat) => Array.from({ length: seat.n }, () => seat));
      return this.#seated(units, able, new Set());
    });
  }

  mayFill(person: string, { from }: Seat): boolean {
    const { people } = this.#graph.directory;
    const votes = Object.keys(people).includes(person) && people[person]!.active && !this.isBarred(person);
    return votes && from.some((selector) => this.#named(person, selector));
  }

  #seated(units: readonly Seat[], able: readonly string[], taken: ReadonlySet<string>): boolean {
    const [seat, ...rest] = units;
    if (seat === undefined) return true;
    return able.some((person) => {
      const voice = this.#voice.get(person)!;
      if (taken.has(voice) || !this.mayFill(person, seat)) return false;
      return this.#seated(rest, able, new Set([...taken, voice]));
    });
  }

  #named(person: string, selector: Selector): boolean {
    const { directory, requester } = this.#graph;
    if (selector.startsWith("person:")) return selector === person;
    if (selector === "manager-of-requester") return directory.people[requester.owner]?.manager === person;
    const group = selector.slice("group:".length);
    const members = directory.groups[group]?.members ?? [];
    const lenders = directory.delegations
      .filter(({ to, until, groups }) => to === person && until > now && groups.includes(group))
      .map(({ from }) => from)
      .filter((from) => Object.keys(directory.people).includes(from) && directory.people[from]!.active)
      .filter((from) => !this.isBarred(from));
    return members.some((member) => member === person || lenders.includes(member));
  }
}

function barredBy({ directory, requester, payloadAuthors, contract }: Graph): string[] {
  const barred = [...payloadAuthors];
  if (requester.onBehalfOf !== undefined) barred.push(requester.onBehalfOf);
  if (contract.risk !== "critical" && !contract.separationOfDuties.owner) return barred;
  barred.push(requester.owner);
  const met = new Set<string>();
  let at: string | undefined = requester.id;
  while (at !== undefined && !met.has(at)) {
    met.add(at);
    barred.push(directory.agents[at]!.owner);
    at = directory.agents[at]!.actsFor;
  }
  return barred;
}

/** Everybody with a label of their own, then of every pair one label for both, until nothing changes. */
function merged(
  everybody: readonly string[],
  pairs: readonly (readonly [string, string])[],
): Map<string, string> {
  const label = new Map(everybody.map((one) => [one, one]));
  for (let again = true; again;) {
    again = false;
    for (const [a, b] of pairs) {
      const [left, right] = [label.get(a)!, label.get(b)!];
      if (left === right) continue;
      again = true;
      for (const [one, own] of label) if (own === right) label.set(one, left);
    }
  }
  return label;
}

function everySeat(rule: Rule): Seat[] {
  if ("all" in rule) return rule.all.flatMap(everySeat);
  return "any" in rule ? rule.any.flatMap(everySeat) : [rule];
}

/** Every way of choosing a branch of each `any`. */
function choices(rule: Rule): Seat[][] {
  if ("any" in rule) return rule.any.flatMap(choices);
  if (!("all" in rule)) return [[rule]];
  let ways: Seat[][] = [[]];
  for (const part of rule.all) {
    const next: Seat[][] = [];
    for (const way of ways) for (const more of choices(part)) next.push([...way, ...more]);
    ways = next;
  }
  return ways;
}
