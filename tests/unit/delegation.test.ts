import fc from "fast-check";
import { describe, test } from "vitest";
import { eligibility, type EligibilityFacts } from "../../core/eligibility.ts";
import type { Delegation, Directory } from "../../schemas/directory.ts";

/** Who may sit where by delegation, worked out a second time and held against the product over random directories. */

const now = 1_000;
const names = ["a", "b", "c", "d", "e", "omar"].map((id) => `person:${id}`);
const groups = ["g0", "g1"];

type Case = { directory: Directory; person: string; onBehalfOf: string };
/** The groups whose seats a person may take; null where they count for nothing. */
type Judge = (given: Case) => string[] | null;

const cases: fc.Arbitrary<Case> = fc
  .record({
    members: fc.tuple(fc.subarray(names), fc.subarray(names)),
    inactive: fc.subarray(names, { maxLength: 2 }),
    delegations: fc.array(
      fc.record({
        // Also to oneself, in circles and in chains.
        from: fc.constantFrom(...names),
        to: fc.constantFrom(...names),
        groups: fc.subarray(groups, { minLength: 1 }),
        until: fc.constantFrom(now - 1, now, now + 1),
      }),
      { maxLength: 7 },
    ),
    person: fc.constantFrom(...names),
    onBehalfOf: fc.constantFrom(...names),
  })
  .map(({ members, inactive, delegations, person, onBehalfOf }) => ({
    person,
    onBehalfOf,
    directory: {
      version: 1,
      people: Object.fromEntries(
        names.map((id) => [id, { id, manager: null, active: !inactive.includes(id) }]),
      ),
      agents: {},
      groups: Object.fromEntries(groups.map((id, index) => [id, { id, members: members[index]! }])),
      delegations,
    },
  }));

const contract: EligibilityFacts["contract"] = {
  rule: { all: groups.map((id) => ({ seat: id, n: 1, from: [`group:${id}`] })) },
  deny: { denials: 1, veto: [] },
  risk: "high",
  separationOfDuties: { owner: true },
};

const product: Judge = ({ directory, person, onBehalfOf }) => {
  const answer = eligibility({
    person,
    requester: { kind: "agent", id: "agent:x", owner: "person:omar", onBehalfOf },
    digestOk: true,
    directory,
    contract,
    target: { resource: "orders-db" },
    now,
    payloadAuthors: [],
  });
  return answer.eligible ? [...answer.seats] : null;
};

type Defences = { end: boolean; depth: boolean; own: boolean; excluded: boolean; active: boolean };
const all: Defences = { end: true, depth: true, own: true, excluded: true, active: true };

/** From the definition, each defence by itself: without one of them it is what the product must not be. */
const byDefinition =
  (defences: Defences): Judge =>
  ({ directory, person, onBehalfOf }) => {
    const out = new Set(["person:omar", onBehalfOf]);
    const isActive = (id: string): boolean => directory.people[id]?.active === true;
    if (out.has(person) || !isActive(person)) return null;
    const lends = ({ from, until }: Delegation): boolean =>
      (!defences.end || until > now) &&
      (!defences.excluded || !out.has(from)) &&
      (!defences.active || isActive(from));
    const has = (id: string, group: string, seen: readonly string[]): boolean => {
      if (directory.groups[group]!.members.includes(id)) return true;
      if (seen.length > 0 && defences.depth) return false;
      return directory.delegations.some(
        (one) =>
          one.to === id &&
          !seen.includes(one.from) &&
          one.groups.includes(group) &&
          lends(one) &&
          (!defences.own || has(one.from, group, [...seen, id])),
      );
    };
    const seats = groups.filter((group) => has(person, group, []));
    return seats.length === 0 ? null : seats;
  };

const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 1_000_000_007);
const runs = 20_000;
const differences = (judge: Judge): number =>
  fc
    .sample(cases, { numRuns: runs, seed })
    .filter((given) => JSON.stringify(product(given)) !== JSON.stringify(judge(given))).length;

describe("T7 a delegation", () => {
  test(`lends what its giver has, once, for a while, and never for who is excluded: ${runs} directories`, ({
    expect,
  }) => {
    console.info(`delegations: seed ${seed}, ${runs} directories`);
    expect(differences(byDefinition(all)), `seed ${seed}`).toBe(0);
  });

  test.for([
    ["had no end", { end: false }],
    ["were passed on", { depth: false }],
    ["were of what one does not have", { own: false }],
    ["were of who is excluded", { excluded: false }],
    ["were of who has left", { active: false }],
  ] as const)("would be seen to lend too much if it %s", ([, missing], { expect }) => {
    expect(differences(byDefinition({ ...all, ...missing })), `seed ${seed}`).toBeGreaterThan(0);
  });
});
