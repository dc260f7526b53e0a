import fc from "fast-check";
import { describe, test } from "vitest";
import { judgeCondition } from "../../core/policy/condition.ts";
import { decide, type Decision, type Judge } from "../../core/policy/decide.ts";
import { subjectOf } from "../../core/policy/subject.ts";
import type { Contract } from "../../schemas/policy.ts";
import { starterDirectory } from "../support/starter.ts";
import { subjectWith } from "../support/subjects.ts";

type List = Contract["decide"];
const decided = (list: List, args = {}): Decision =>
  decide({ type: "payment.send", mode: "enforce", decide: list }, subjectWith(args), judgeCondition);

describe("the first entry whose condition holds decides", () => {
  const list: List = [
    { when: "args.amount > 100000", then: "deny", because: "more than anybody may send" },
    { when: "args.amount <= 500", then: "allow" },
    { when: "args.amount <= 10000", then: "gate", because: "four eyes" },
  ];
  const cases: [amount: number, outcome: string, because: string, entry: number | null][] = [
    [100_001, "deny", "more than anybody may send", 0],
    [500, "allow", "policy payment.send", 1],
    [501, "gate", "four eyes", 2],
    [10_001, "gate", "rule payment.send", null],
  ];
  test.for(cases)("%d is %s", ([amount, outcome, because, entry], { expect }) => {
    expect(decided(list, { amount })).toEqual({ outcome, because, entry, errors: [] });
  });
});

describe("a condition that cannot be evaluated is the stricter answer, and is reported", () => {
  const broken = "args.missing > 1";
  const cases: [name: string, list: List, outcome: string, entry: number | null][] = [
    ["an entry that denies denies", [{ when: broken, then: "deny" }, { then: "allow" }], "deny", 0],
    ["an entry that gates gates", [{ when: broken, then: "gate" }, { then: "allow" }], "gate", 0],
    ["unless a later one denies", [{ when: broken, then: "gate" }, { then: "deny" }], "deny", 1],
    ["an entry that allows allows nothing", [{ when: broken, then: "allow" }], "gate", 0],
    ["nor does a later one allow", [{ when: broken, then: "allow" }, { then: "allow" }], "gate", 0],
    ["a later one may still deny", [{ when: broken, then: "allow" }, { then: "deny" }], "deny", 1],
    [
      "and one before it may allow",
      [
        { when: "true", then: "allow" },
        { when: broken, then: "deny" },
      ],
      "allow",
      0,
    ],
  ];
  test.for(cases)("%s", ([, list, outcome, entry], { expect }) => {
    const decision = decided(list);
    expect(decision).toMatchObject({ outcome, entry });
    if (outcome !== "allow") {
      expect(decision.errors).toEqual([{ entry: 0, detail: "line 1, column 5: field not found: missing" }]);
    }
  });

  test("in whatever list: an error never answers less strictly than either true or false would", ({
    expect,
  }) => {
    const strictness = { allow: 0, gate: 1, deny: 2 };
    const entry = fc.record({
      then: fc.constantFrom("allow" as const, "gate" as const, "deny" as const),
      when: fc.constantFrom("yes", "no", "error"),
    });
    const judging =
      (error: boolean | null): Judge =>
      (when) =>
        when === "error" && error === null
          ? { ok: false, error: "it is an error" }
          : { ok: true, value: when === "error" ? error === true : when === "yes" };
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 6 }), (list) => {
        const answer = (error: boolean | null): number =>
          strictness[
            decide({ type: "t", mode: "enforce", decide: list }, subjectWith(), judging(error)).outcome
          ];
        expect(answer(null)).toBeGreaterThanOrEqual(Math.max(answer(true), answer(false)));
      }),
      { numRuns: 5_000, seed: 20_261_123 },
    );
  });
});

describe("the subject of an action", () => {
  test("has the agent as the directory has it, and none where that has none", ({ expect }) => {
    const requester = { kind: "agent", id: "agent:demo", owner: "person:bob" } as const;
    const asked = { args: {}, target: { resource: "orders-db" }, requester };
    const directory = starterDirectory();
    const { owner, roles, segments } = directory.agents["agent:demo"]!;
    const subject = {
      ...asked,
      agent: { id: "agent:demo", owner, roles, segments },
      requester: { id: "agent:demo", owner: "person:bob", onBehalfOf: null },
      now: 5,
      sums: {},
    };
    expect(subjectOf(asked, directory, 5)).toEqual(subject);
    expect(subjectOf(asked, { agents: {} }, 5)).toEqual({ ...subject, agent: null });
    const inherited = { ...asked, requester: { ...requester, id: "toString" } };
    expect(subjectOf(inherited, { agents: {} }, 5).agent).toBeNull();
  });
});

describe("a decision says in words", () => {
  const says = (mode: Contract["mode"], list: List): string =>
    decide({ type: "payment.send", mode, decide: list }, subjectWith(), judgeCondition).because;
  const unsure: List = [
    { when: "false", then: "deny" },
    { when: "args.missing > 1", then: "allow" },
  ];

  test("which condition could not be evaluated, counted from one", ({ expect }) => {
    const expected =
      "condition 2 of payment.send could not be evaluated, which counts as the stricter answer";
    expect(says("enforce", unsure)).toBe(expected);
    expect(says("enforce", [...unsure, { then: "gate" }])).toBe(expected);
    expect(says("enforce", [unsure[0]!, { when: "args.missing > 1", then: "deny" }])).toBe(expected);
  });

  test("what a contract that only watches would have done", ({ expect }) => {
    expect(says("shadow", [])).toBe("payment.send is in shadow mode, which asks nobody and refuses nothing");
    expect(says("warn", [{ then: "allow", because: "small" }])).toBe("small");
    expect(says("warn", [])).toBe(
      "payment.send only warns; enforced, people would have to agree: rule payment.send",
    );
    expect(says("warn", [{ then: "deny", because: "never" }])).toBe(
      "payment.send only warns; enforced, it would be denied: never",
    );
    expect(says("disabled", [{ then: "allow" }])).toBe("payment.send is disabled");
  });

  test("that it goes by the rule or the policy of its type where its entry says nothing", ({ expect }) => {
    expect(says("enforce", [{ then: "gate" }])).toBe("rule payment.send");
    expect(says("enforce", [{ then: "deny" }])).toBe("policy payment.send");
    expect(says("enforce", [])).toBe("rule payment.send");
    const disabled = { type: "payment.send", mode: "disabled", decide: [{ then: "allow" }] } as const;
    expect(decide({ ...disabled, decide: [...disabled.decide] }, subjectWith(), judgeCondition)).toEqual({
      outcome: "deny",
      because: "payment.send is disabled",
      entry: null,
      errors: [],
    });
  });
});
