import * as fc from "fast-check";
import * as v from "valibot";
import { describe, test } from "vitest";
import { contractAt } from "../../core/guardrail/apply.ts";
import { learn } from "../../core/guardrail/learn.ts";
import { compareLevels, initialGuardrail, levelOf, levelWithin } from "../../core/guardrail/level.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import { decide } from "../../core/policy/decide.ts";
import { subjectOf } from "../../core/policy/subject.ts";
import { ruleFaults } from "../../core/policy/rule-check.ts";
import { evaluateRule, seatsOf, type Voter } from "../../core/quorum.ts";
import { levels, signalKinds, type Guardrail, type Level } from "../../schemas/guardrail.ts";
import { Contract, type Rule } from "../../schemas/policy.ts";
import { contractOf, payloadOf } from "../model/cast.ts";
import { staff } from "../model/play.ts";
const seed = Number(process.env["HOLDPOINT_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const strictness = { allow: 0, gate: 1, deny: 2 } as const;
const guardrail = { floor: "allow", ceiling: "deny" } as const;

const groups = ["group:dba", "group:security", "group:oncall"] as const;
let names = 0;
const seat = fc
  .record({
    n: fc.integer({ min: 1, max: 3 }),
    from: fc.uniqueArray(fc.constantFrom(...groups), { minLength: 1 }),
  })
  .map((parts): Rule => ({ seat: `s${(names += 1)}`, ...parts }));
const rules: fc.Arbitrary<Rule> = fc.oneof(
  seat,
  fc.array(seat, { minLength: 1, maxLength: 3 }).map((all): Rule => ({ all })),
  fc.array(seat, { minLength: 1, maxLength: 3 }).map((any): Rule => ({ any })),
);
const voters: fc.Arbitrary<Voter[]> = fc
  .array(fc.subarray([...groups]), { maxLength: 8 })
  .map((all) =>
    all.map((selectors, index) => ({ person: `person:p${index}`, identity: `person:p${index}`, selectors })),
  );
const lists = fc.array(
  fc.record({
    when: fc.constantFrom('args.x == "a"', 'args.x == "b"', "args.missing > 1"),
    then: fc.constantFrom("allow", "gate", "deny"),
  }),
  { maxLength: 4 },
);
const pairs: fc.Arbitrary<[Level, Level]> = fc
  .tuple(fc.nat(levels.length - 1), fc.nat(levels.length - 1))
  .map(([a, b]) => [levels[Math.min(a, b)]!, levels[Math.max(a, b)]!]);

describe("T23 a tighter level", () => {
  test("never lets through what a looser one asks people for, nor asks for what it denies", ({ expect }) => {
    console.log(`levels: seed ${seed}`);
    const outcomes = new Set<string>();
    fc.assert(
      fc.property(lists, fc.constantFrom("a", "b", "c"), pairs, (list, x, [looser, tighter]) => {
        const contract = contractOf({ decide: list, guardrail });
        const subject = subjectOf(payloadOf(contract, { args: { x } }), staff, 0);
        const [loose, tight] = [looser, tighter].map(
          (level) => decide(contractAt(contract, level), subject, judge).outcome,
        );
        outcomes.add(`${loose!} ${tight!}`);
        expect(strictness[tight!]).toBeGreaterThanOrEqual(strictness[loose!]);
        // The list is what operators wrote of single cases: what it refuses, or asks people for, no level lets through.
        const written = decide(contract, subject, judge);
        const least = written.entry === null ? "allow" : written.outcome;
        expect(strictness[loose!]).toBeGreaterThanOrEqual(strictness[least]);
      }),
      { numRuns: 2_000, seed },
    );
    expect([...outcomes]).toEqual(
      expect.arrayContaining(["allow gate", "gate deny", "allow deny", "gate gate"]),
    );
  });

  test("above the rule asks people for what the list lets through, and refuses what it refuses", ({
    expect,
  }) => {
    const contract = contractOf({
      decide: [{ when: 'args.x == "a"', then: "deny" }, { then: "allow" }],
      guardrail,
    });
    const outcome = (level: Level, x: string): string =>
      decide(contractAt(contract, level), subjectOf(payloadOf(contract, { args: { x } }), staff, 0), judge)
        .outcome;
    expect(levels.map((level) => outcome(level, "b"))).toEqual([
      "allow",
      "allow",
      "allow",
      "allow",
      "gate",
      "deny",
    ]);
    expect(levels.map((level) => outcome(level, "a"))).toEqual(levels.map(() => "deny"));
  });

  test("is never satisfied by people who would not satisfy a looser one", ({ expect }) => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(rules, voters, (rule, people) => {
        const contract = { ...contractOf({ guardrail }), rule };
        const [one, written, more] = (["one", "rule", "rulePlusOne"] as const).map(
          (level) => evaluateRule(contractAt(contract, level).rule, people).satisfied,
        );
        seen.add(`${one} ${written} ${more}`);
        if (more) expect(written).toBe(true);
        if (written) expect(one).toBe(true);
        if (one) expect(people.length).toBeGreaterThan(0);
      }),
      { numRuns: 2_000, seed },
    );
    expect([...seen].toSorted()).toEqual([
      "false false false",
      "true false false",
      "true true false",
      "true true true",
    ]);
  });

  test("asks for exactly one person more than the rule, of its own groups", ({ expect }) => {
    const rule = {
      all: [
        { seat: "one-more", n: 1, from: ["group:dba"] },
        { seat: "b", n: 2, from: ["group:security"] },
      ],
    };
    const { rule: more } = contractAt(contractOf({ rule, guardrail }), "rulePlusOne");
    const added = seatsOf(more).filter(({ seat: name }) => name !== "one-more" && name !== "b");
    expect(added).toMatchObject([{ n: 1, from: ["group:dba", "group:security"] }]);
    expect(new Set(seatsOf(more).map(({ seat: name }) => name)).size).toBe(3);
  });

  test("is a contract that can be stored, as large as one may be", ({ expect }) => {
    const from = Array.from({ length: 16 }, (_, index) => `group:g${index}`);
    const rule = { all: Array.from({ length: 15 }, (_, index) => ({ seat: `s${index}`, n: 1, from })) };
    const decideList = Array.from({ length: 31 }, () => ({ when: "args.x == 1", then: "deny" as const }));
    const contract = contractOf({ rule, decide: decideList, guardrail });
    for (const level of levels) {
      const at = contractAt(contract, level);
      expect(v.is(Contract, at), level).toBe(true);
      expect(ruleFaults(at.rule), level).toEqual([]);
    }
  });
});

describe("T23 what is learnt by itself", () => {
  /** Whatever comes, and whatever came before comes again, in any order and however often. */
  const history = fc.array(
    fc.record({ kind: fc.constantFrom(...signalKinds), action: fc.nat(5), afterMs: fc.nat(3 * 86_400_000) }),
    { maxLength: 80 },
  );
  const settings: Guardrail = {
    ...guardrail,
    start: "rule",
    coolOff: "1d",
    cleanRuns: 10,
    harmPerThousand: 500,
  };

  test("is monotone: nothing that is heard, and nothing heard again, ever loosens", ({ expect }) => {
    const seen = new Set<Level>();
    fc.assert(
      fc.property(history, fc.boolean(), (signals, twice) => {
        let now = 0;
        let state = initialGuardrail(settings);
        for (const { kind, action, afterMs } of twice ? [...signals, ...signals] : signals) {
          now += afterMs;
          const after = learn(settings, state, { kind, action: `act_${action}`, at: now }, now).state;
          expect(compareLevels(after.level, state.level)).toBeGreaterThanOrEqual(0);
          state = after;
          seen.add(state.level);
        }
      }),
      { numRuns: 1_000, seed },
    );
    expect([...seen].toSorted()).toEqual(["deny", "rule", "rulePlusOne"]);
  });

  test("goes on from the level that counts where operators have moved its bounds", ({ expect }) => {
    const loose = { ...initialGuardrail(settings), level: "allow" as const, changedAt: 0 };
    const narrow: Guardrail = { ...settings, floor: "rule" };
    expect(levelOf(narrow, "allow")).toBe("rule");
    expect(learn(narrow, loose, { kind: "harm", action: "act_1", at: 1 }, 1)).toMatchObject({
      state: { level: "rulePlusOne" },
      change: { from: "rule", to: "rulePlusOne" },
    });
    const proposed = { ...loose, level: "rule" as const, proposed: { level: "one" as const, at: 0 } };
    expect(learn(narrow, proposed, { kind: "clean", action: "act_1", at: 1 }, 1).state.proposed).toBeNull();
    expect(levelWithin("deny", { floor: "allow", ceiling: "rule" })).toBe("rule");
  });

  test("begins where the contract says until it has moved", ({ expect }) => {
    const state = initialGuardrail(settings);
    const moved: Guardrail = { ...settings, start: "one" };
    expect(learn(moved, state, { kind: "harm", action: "act_1", at: 1 }, 1).change).toMatchObject({
      from: "one",
      to: "rule",
    });
  });
});
