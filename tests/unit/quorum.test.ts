import fc from "fast-check";
import { describe, test } from "vitest";
import { evaluateRule, matches, seatsOf, type Voter } from "../../core/quorum.ts";
import type { Rule, Seat } from "../../schemas/policy.ts";
import { proven } from "../support/proof.ts";
import { allRosters, fillsAll, mostFilled, reducedRosters } from "../support/rosters.ts";
import { rosterOf, ruleOf, seat, voter } from "../support/rules.ts";

/** `all` of seats s0, s1, …, each filled from a group of its own name. */
const rules = Array.from({ length: 7 }, (_, seats): Rule => ({
  all: Array.from({ length: seats }, (_each, index) => seat(`s${index}`)),
}));
/** voters[person][mask]: made once, because the sweep below looks at hundreds of thousands of rosters. */
const voters = Array.from({ length: 6 }, (_, person) =>
  Array.from({ length: 64 }, (_each, mask) => {
    const groups = [0, 1, 2, 3, 4, 5]
      .filter((index) => (mask & (1 << index)) !== 0)
      .map((index) => `s${index}`);
    return voter(`p${person}`, ...groups);
  }),
);
const votersOf = (rows: readonly number[]): Voter[] => rows.map((row, person) => voters[person]![row]!);

/** The first few rosters on which the product and the definition disagree, and how many were looked at. */
function disagreements(
  rosters: Iterable<readonly number[]>,
  seats: number,
  judge: (
    rule: Rule,
    voters: readonly Voter[],
  ) => { satisfied: boolean; filled: readonly number[] } = evaluateRule,
): { looked: number; wrong: string[] } {
  const wrong: string[] = [];
  let looked = 0;
  for (const rows of rosters) {
    looked++;
    const { satisfied, filled } = judge(rules[seats]!, votersOf(rows));
    const total = filled.reduce((sum, units) => sum + units, 0);
    const right = satisfied === fillsAll(rows, seats) && total === mostFilled(rows, seats);
    if (!right && wrong.length < 5) wrong.push(JSON.stringify({ rows, satisfied, total }));
  }
  return { looked, wrong };
}

describe("quorum equals brute force", () => {
  test("on every roster of up to 4 people and 4 seats, in every order", ({ expect }) => {
    let looked = 0;
    for (let people = 0; people <= 4; people++) {
      for (let seats = 1; seats <= 4; seats++) {
        const found = disagreements(allRosters(people, seats), seats);
        expect(found.wrong).toEqual([]);
        looked += found.looked;
      }
    }
    // 2^(people · seats) each, for 0 to 4 people and 1 to 4 seats.
    expect(looked).toBe(74_958);
    proven({ part: "quorum", trials: looked });
  });

  test(
    "on every roster of up to 6 people and 6 seats, up to the order of people and of seats",
    { timeout: 900_000 },
    ({ expect }) => {
      const looked = [1, 2, 3, 4, 5, 6].map((seats) => {
        const found = disagreements(reducedRosters(6, seats), seats);
        expect(found.wrong).toEqual([]);
        return found.looked;
      });
      // Among the 321,233 are all 251,610 classes of 6 × 6 binary matrices, as Burnside's lemma counts them.
      expect(looked).toEqual([7, 52, 424, 3_763, 34_787, 321_233]);
      proven({ part: "quorum", trials: looked.reduce((sum, each) => sum + each, 0) });
    },
  );

  /** Ways to fill seats that come to mind first. */
  const simpler: Record<string, (free: Set<Voter>, from: readonly string[]) => boolean> = {
    "takes the first who fits, and never thinks again": (free, from) => {
      const one = [...free].find(({ selectors }) => from.some((each) => selectors.includes(each)));
      return one !== undefined && free.delete(one);
    },
    "counts heads, and lets one person sit twice": (free, from) =>
      [...free].some(({ selectors }) => from.some((each) => selectors.includes(each))),
  };
  test.for(Object.entries(simpler))("which notices a matcher that %s", ([, fills], { expect }) => {
    const { wrong } = disagreements(allRosters(3, 3), 3, (rule, people) => {
      const free = new Set(people);
      const filled = seatsOf(rule).map(({ from }) => (fills(free, from) ? 1 : 0));
      return { satisfied: filled.every((units) => units > 0), filled };
    });
    expect(wrong.length).toBeGreaterThan(0);
    proven({ part: "quorum", controls: { found: 1, of: 1 } });
  });

  test("and the reduced rosters leave no class out: 317 of 4 × 4, 5,624 of 5 × 5", ({ expect }) => {
    const classes = (size: number): number =>
      new Set([...reducedRosters(size, size)].map((rows) => classOf(rows, size).join())).size;
    expect([classes(4), classes(5)]).toEqual([317, 5_624]);
  });

  test("with n units in a seat as with n seats of one", ({ expect }) => {
    // A seat that takes 2 of a group is a column twice over: hold [2, 1, 1] against four columns, the first two alike.
    const rule: Rule = { all: [{ ...seat("s0"), n: 2 }, seat("s1"), seat("s2")] };
    const wrong: string[] = [];
    for (const rows of allRosters(5, 3)) {
      const doubled = rows.map((row) => (row << 1) | (row & 1));
      const { satisfied, filled } = evaluateRule(rule, votersOf(rows));
      const total = filled.reduce((sum, units) => sum + units, 0);
      if (satisfied !== fillsAll(doubled, 4) || total !== mostFilled(doubled, 4)) wrong.push(rows.join());
    }
    expect(wrong).toEqual([]);
  });

  test("on rules that nest all and any, by trying every choice of branches", ({ expect }) => {
    fc.assert(
      fc.property(ruleOf(4), rosterOf(5), (rule, people) => {
        const expected = choicesOf(rule).some((chosen) => {
          const units = chosen.flatMap(({ from, n }) => Array.from({ length: n }, () => from));
          const rows = people.map(({ selectors }) =>
            units.reduce(
              (mask, from, unit) => mask | (from.some((each) => selectors.includes(each)) ? 1 << unit : 0),
              0,
            ),
          );
          return units.length <= people.length && fillsAll(rows, units.length);
        });
        expect(evaluateRule(rule, people).satisfied).toBe(expected);
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("one person, one seat", () => {
  const both: Rule = { all: [seat("security"), seat("dba")] };

  test("P24 one person in two hats is not a quorum", ({ expect }) => {
    const alone = evaluateRule(both, [voter("alice", "security", "dba")]);
    expect(alone.satisfied).toBe(false);
    expect(alone.filled.reduce((sum, units) => sum + units, 0)).toBe(1);
    expect(evaluateRule(both, [voter("alice", "security", "dba"), voter("bob", "dba")])).toEqual({
      satisfied: true,
      filled: [1, 1],
    });
  });

  test("P24 the same person twice is still one", ({ expect }) => {
    const two: Rule = { ...seat("dba"), n: 2 };
    expect(evaluateRule(two, [voter("alice", "dba"), voter("alice", "dba")])).toEqual({
      satisfied: false,
      filled: [1],
    });
  });

  test("P24 one person cannot fill two seats of nested parts of a rule", ({ expect }) => {
    const rule: Rule = {
      all: [
        { any: [seat("dba"), seat("owner")] },
        { all: [{ any: [seat("security"), seat("dba2", "group:dba")] }] },
      ],
    };
    expect(evaluateRule(rule, [voter("alice", "dba", "owner", "security")]).satisfied).toBe(false);
    expect(evaluateRule(rule, [voter("alice", "dba", "security"), voter("bob", "dba")]).satisfied).toBe(true);
  });

  test("delegator and delegate are one person, who may take a seat of either", ({ expect }) => {
    const alice = { ...voter("alice", "security"), identity: "person:alice" };
    const asAlice = { ...voter("bob", "dba"), identity: "person:alice" };
    expect(evaluateRule(both, [alice, asAlice])).toMatchObject({ satisfied: false });
    expect(evaluateRule(both, [alice, asAlice, voter("carol", "security")]).satisfied).toBe(true);
  });

  test("an earlier choice is undone when a later seat needs the person", ({ expect }) => {
    // Both may be the dba, only alice may be security: whoever comes first, alice ends up there.
    const people = [voter("alice", "dba", "security"), voter("bob", "dba")];
    for (const order of [people, people.toReversed()]) {
      expect(evaluateRule({ all: [seat("dba"), seat("security")] }, order).satisfied).toBe(true);
      expect(evaluateRule({ all: [seat("security"), seat("dba")] }, order).satisfied).toBe(true);
    }
  });
});

describe("what is shown", () => {
  test("seats come flat, left to right", ({ expect }) => {
    const rule: Rule = { all: [seat("a"), { any: [seat("b"), { all: [seat("c"), seat("d")] }] }] };
    expect(seatsOf(rule).map(({ seat: name }) => name)).toEqual(["a", "b", "c", "d"]);
  });

  test("filled counts the alternative that is nearest to being satisfied", ({ expect }) => {
    const rule: Rule = { any: [{ all: [seat("a"), seat("b"), seat("c")] }, { all: [seat("d"), seat("e")] }] };
    expect(evaluateRule(rule, [voter("x", "d")]).filled).toEqual([0, 0, 0, 1, 0]);
    expect(evaluateRule(rule, []).filled).toEqual([0, 0, 0, 0, 0]);
    expect(evaluateRule(rule, [voter("x", "a"), voter("y", "b"), voter("z", "c")]).filled).toEqual([
      1, 1, 1, 0, 0,
    ]);
  });
});

describe("what can never be satisfied", () => {
  const crowd = Array.from({ length: 20 }, (_, index) => voter(`p${index}`, "a"));
  const many = (n: number): Rule[] => Array.from({ length: n }, (_, index) => seat(`s${index}`, "group:a"));
  const cases: [string, Rule][] = [
    ["an empty all", { all: [] }],
    ["an empty any", { any: [] }],
    ["an empty all inside an all that is satisfied", { all: [seat("a"), { all: [] }] }],
    ["a seat for nobody", { seat: "a", n: 0, from: ["group:a"] }],
    ["a seat for half a person", { seat: "a", n: 0.5, from: ["group:a"] }],
    ["more seats than may be published", { any: many(17) }],
    [
      "more people than may be asked for",
      {
        all: [
          { seat: "a", n: 9, from: ["group:a"] },
          { seat: "b", n: 8, from: ["group:a"] },
        ],
      },
    ],
  ];
  test.for(cases)("%s", ([, rule], { expect }) => {
    expect(evaluateRule(rule, crowd).satisfied).toBe(false);
  });

  test("the widest rule that may be published is decided at once", ({ expect }) => {
    // 3·3·3·3·4 = 324 alternatives of five seats, none of which can be filled by four people.
    const group = (name: string, size: number): Rule => ({
      any: Array.from({ length: size }, (_, index) => seat(`${name}${index}`, "group:a")),
    });
    const widest: Rule = { all: [group("a", 3), group("b", 3), group("c", 3), group("d", 3), group("e", 4)] };
    const started = performance.now();
    expect(evaluateRule(widest, crowd.slice(0, 4)).satisfied).toBe(false);
    expect(evaluateRule(widest, crowd).satisfied).toBe(true);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});

describe("selectors", () => {
  const nowhere = { ownerOfTarget: null, managerOfRequester: null, oncall: {} };
  const alice = { id: "person:alice", groups: ["dba"] };

  test("name people by group, by id, and by what was looked up", ({ expect }) => {
    expect(matches("group:dba", alice, nowhere)).toBe(true);
    expect(matches("group:oncall", alice, nowhere)).toBe(false);
    expect(matches("person:alice", alice, nowhere)).toBe(true);
    expect(matches("person:bob", alice, nowhere)).toBe(false);
    expect(matches("owner-of-target", alice, { ...nowhere, ownerOfTarget: "person:alice" })).toBe(true);
    expect(matches("manager-of-requester", alice, { ...nowhere, managerOfRequester: "person:alice" })).toBe(
      true,
    );
    expect(matches("oncall:primary", alice, { ...nowhere, oncall: { primary: ["person:alice"] } })).toBe(
      true,
    );
  });

  test("what is not known names nobody", ({ expect }) => {
    for (const selector of [
      "owner-of-target",
      "manager-of-requester",
      "oncall:primary",
      "oncall:constructor",
      "nonsense",
      "",
    ]) {
      expect(matches(selector, alice, nowhere)).toBe(false);
    }
  });
});

/** The smallest form of a roster under reorderings of its seats. */
function classOf(rows: readonly number[], seats: number): number[] {
  const orders = (left: number[]): number[][] =>
    left.length === 0
      ? [[]]
      : left.flatMap((first) =>
          orders(left.filter((each) => each !== first)).map((rest) => [first, ...rest]),
        );
  const moved = orders(Array.from({ length: seats }, (_, index) => index)).map((order) =>
    rows
      .map((row) => order.reduce((mask, to, from) => mask | (((row >> from) & 1) << to), 0))
      .toSorted((a, b) => a - b),
  );
  const before = (a: number[], b: number[]): boolean => {
    const at = a.findIndex((row, index) => row !== b[index]);
    return at !== -1 && a[at]! < b[at]!;
  };
  return moved.reduce((least, each) => (before(each, least) ? each : least));
}

/** The seats of each choice of one branch per `any`, straight from the definition. */
function choicesOf(rule: Rule): Seat[][] {
  if ("any" in rule) return rule.any.flatMap(choicesOf);
  if (!("all" in rule)) return [[rule]];
  return rule.all.reduce<Seat[][]>(
    (chosen, part) => chosen.flatMap((left) => choicesOf(part).map((right) => [...left, ...right])),
    [[]],
  );
}
