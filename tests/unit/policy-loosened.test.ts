import { describe, test } from "vitest";
import { loosened } from "../../core/policy/loosened.ts";
import { validatePolicy } from "../../core/policy/validate.ts";
import type { Contract, Policy, Rule, Seat } from "../../schemas/policy.ts";
import { type Spoilable, starterPolicy } from "../support/starter.ts";

/** Where a policy asks for less than the one in force, to the word, and where it does not. */

function policy(spoil: (document: Spoilable) => unknown = () => undefined): Policy {
  const document = starterPolicy();
  spoil(document);
  const valid = validatePolicy(document, null);
  if (!valid.ok) throw new Error(JSON.stringify(valid.error));
  return valid.value;
}
const starter = policy();
/** The starter with its first contract alone, changed. */
const one = (parts: Partial<Contract>): Policy => ({
  ...starter,
  contracts: [{ ...starter.contracts[0]!, ...parts }],
});
const said = (before: Policy, after: Policy): string[] =>
  loosened(before, after).map(({ pointer, detail }) => `${pointer}: ${detail}`);
/** What is said of the first contract when one part of it becomes another. */
const change = (before: Partial<Contract>, after: Partial<Contract>): string[] =>
  said(one(before), one(after)).map((line) => line.replace("/contracts/0", ""));
const bothWays = (loose: Partial<Contract>, strict: Partial<Contract>): [string[], string[]] => [
  change(strict, loose),
  change(loose, strict),
];

describe("the words of a contract", () => {
  test.for<[Partial<Contract>, Partial<Contract>, string]>([
    [{ mode: "shadow" }, { mode: "enforce" }, "/mode: is looser: shadow, and enforce is in force"],
    [{ mode: "warn" }, { mode: "enforce" }, "/mode: is looser: warn, and enforce is in force"],
    [{ mode: "enforce" }, { mode: "disabled" }, "/mode: is looser: enforce, and disabled is in force"],
    [
      { separationOfDuties: { owner: false } },
      { separationOfDuties: { owner: true } },
      "/separationOfDuties/owner: is looser: the owner of the agent that asks may decide",
    ],
    [
      { onChange: "pin" },
      { onChange: "tighten" },
      "/onChange: is looser: a stricter policy no longer counts for what was asked before it",
    ],
    [
      { deny: { denials: 3, veto: [] } },
      { deny: { denials: 2, veto: [] } },
      "/deny/denials: is looser: 3 denials, and 2 end it now",
    ],
    [
      { deny: { denials: 1, veto: ["group:a"] } },
      { deny: { denials: 1, veto: ["group:b", "group:a", "group:c"] } },
      "/deny/veto: is looser: no veto any more for group:b, group:c",
    ],
    [
      { roles: ["a", "b", "c"] },
      { roles: ["b"] },
      "/roles: is looser: the role class a, c may ask for it as well",
    ],
    [{ maxAttempts: 3 }, { maxAttempts: 2 }, "/maxAttempts: is looser: 3 runs for one approval"],
  ])("%j is looser than %j, and not the other way round", ([loose, strict, expected], { expect }) => {
    expect(bothWays(loose, strict)).toEqual([[expected], []]);
    expect(change(loose, loose)).toEqual([]);
  });

  test("mean nothing while it is disabled, before and after", ({ expect }) => {
    const off = { mode: "disabled" } as const;
    const pin = { onChange: "pin" } as const;
    expect(change({ ...off }, { ...off, ...pin })).toEqual([]);
    expect(change({}, { ...off, ...pin })).toHaveLength(1);
    expect(change(off, pin)).toHaveLength(2);
  });

  test("mean nothing of a contract that was not there, or is not there any more", ({ expect }) => {
    const none = { ...starter, contracts: [] };
    expect(said(none, one({ onChange: "pin" }))).toEqual([]);
    expect(said(one({}), none)).toEqual([]);
  });
});

describe("the guardrail", () => {
  const bounds = { floor: "rule", ceiling: "rule", start: "rule" } as const;
  const level = (parts: object): Partial<Contract> => ({ guardrail: { ...bounds, ...parts } as never });

  test("is looser by each of its bounds, from the rule where there was none", ({ expect }) => {
    expect(change({}, level({}))).toEqual([]);
    expect(change({}, level({ floor: "allow", start: "one" }))).toEqual([
      "/guardrail/floor: is looser: allow, and rule is in force",
      "/guardrail/start: is looser: one, and rule is in force",
    ]);
    expect(change({}, level({ floor: "one", start: "one", ceiling: "one" }))).toEqual([
      "/guardrail/floor: is looser: one, and rule is in force",
      "/guardrail/ceiling: is looser: one, and rule is in force",
      "/guardrail/start: is looser: one, and rule is in force",
    ]);
    expect(change(level({ ceiling: "deny" }), level({}))).toEqual([
      "/guardrail/ceiling: is looser: rule, and deny is in force",
    ]);
    expect(change(level({ floor: "one" }), level({ floor: "one", ceiling: "deny" }))).toEqual([]);
    expect(change(level({ floor: "one" }), {})).toEqual([]);
  });
});

describe("the list of a contract", () => {
  type List = Contract["decide"];
  const decide = (before: List, after: List): string[] => change({ decide: before }, { decide: after });
  const deny = { when: "args.rows > 9", then: "deny" } as const;
  const gate = { when: "args.rows > 5", then: "gate" } as const;
  const allow = { when: "args.rows > 1", then: "allow" } as const;
  const first = "may be looser: it comes before a stricter entry that it did not come before";

  test.for<[says: string, before: List, after: List, expected: string[]]>([
    ["the same is the same", [deny, allow], [deny, allow], []],
    ["but for its blanks", [deny], [{ ...deny, when: " args.rows > 9\n" }], []],
    [
      "a new entry that allows",
      [],
      [allow],
      ["/decide/0: may be looser: it allows, and is not in the version in force"],
    ],
    ["a new entry that gates", [], [gate], []],
    [
      "an entry that says less",
      [deny],
      [{ ...deny, then: "gate" }],
      ["/decide/0/then: is looser: gate, and deny is in force"],
    ],
    ["an entry that says more", [gate], [{ ...gate, then: "deny" }], []],
    ["an entry moved before a stricter one", [deny, gate], [gate, deny], [`/decide/0: ${first}`]],
    [
      "an entry moved before one as strict",
      [gate, { ...gate, when: "true" }],
      [{ ...gate, when: "true" }, gate],
      [],
    ],
    [
      "one condition twice, as it was",
      [gate, { ...gate, then: "deny" }],
      [gate, { ...gate, then: "deny" }],
      [],
    ],
    [
      "an entry that allows is gone, and another allows",
      [allow, { when: "true", then: "allow" }],
      [allow],
      [],
    ],
    ["an entry that came before it already", [gate, deny], [gate, deny], []],
    ["a new entry before a stricter one", [deny], [gate, deny], [`/decide/0: ${first}`]],
    ["a new entry before a new one", [], [gate, deny], []],
    [
      "the last entry without a condition moved ahead",
      [deny, { then: "gate" }],
      [{ then: "gate" }, deny],
      [`/decide/0: ${first}`],
    ],
    [
      "an entry that denies is gone",
      [deny],
      [],
      ['/decide: may be looser: the entry that begins with "args.rows > 9", which says deny, is gone'],
    ],
    ["an entry that gates is gone, and people are asked all the same", [gate], [], []],
    [
      "an entry that gates is gone, and one allows",
      [gate, allow],
      [allow],
      ['/decide: may be looser: the entry that begins with "args.rows > 5", which says gate, is gone'],
    ],
    ["an entry that allows is gone", [allow], [], []],
    ["an entry that denies is gone, and everything is denied", [deny], [{ then: "deny" }], []],
    [
      "an entry that denies is gone, and everything is gated",
      [deny],
      [{ then: "gate" }],
      ['/decide: may be looser: the entry that begins with "args.rows > 9", which says deny, is gone'],
    ],
    [
      "an entry that denies is gone, and another denies something",
      [deny],
      [{ when: "args.rows > 7", then: "deny" }],
      ['/decide: may be looser: the entry that begins with "args.rows > 9", which says deny, is gone'],
    ],
    [
      "the last entry is gone",
      [{ then: "deny" }],
      [],
      ["/decide: may be looser: the last entry, which says deny, is gone"],
    ],
    [
      "everything is denied where something is allowed first",
      [deny, allow],
      [allow, { then: "deny" }],
      ['/decide: may be looser: the entry that begins with "args.rows > 9", which says deny, is gone'],
    ],
  ])("%s", ([, before, after, expected], { expect }) => {
    expect(decide(before, after)).toEqual(expected);
  });

  test("is quoted on one line, and no further than sixty characters", ({ expect }) => {
    const sixty = `args.text == "${"x".repeat(45)}"`;
    const quoted = (when: string): string => decide([{ when, then: "deny" }], [])[0] ?? "";
    expect(sixty).toHaveLength(60);
    expect(quoted(`\n  ${sixty.replaceAll(" ", "  \n ")}  `)).toContain(`${JSON.stringify(sixty)}, which`);
    expect(quoted(`${sixty}y`)).toContain(`${JSON.stringify(`${sixty}…`)}, which`);
  });
});

describe("the rule of a contract", () => {
  const seat = (name: string, n: number, ...from: Seat["from"]): Seat => ({ seat: name, n, from });
  const looser = (
    before: Rule,
    after: Rule,
    risks: [Contract["risk"], Contract["risk"]] = ["high", "high"],
  ) => change({ rule: before, risk: risks[0] }, { rule: after, risk: risks[1] });
  const enough = (whom: string): string[] => [
    `/rule: is looser: ${whom} would be enough, and by the one in force is not`,
  ];
  const a = seat("a", 1, "group:a");

  test("names whoever would now be enough, counted by what names them", ({ expect }) => {
    expect(looser(seat("a", 3, "group:a"), seat("a", 2, "group:a"))).toEqual(enough("2 of group:a"));
    expect(looser({ all: [a, seat("b", 1, "group:b")] }, { any: [a, seat("b", 2, "group:b")] })).toEqual(
      enough("1 of group:a"),
    );
    expect(looser(a, seat("a", 1, "group:a", "group:b"))).toEqual(enough("1 of group:b"));
    expect(looser(seat("a", 1, "group:a", "group:b"), a)).toEqual([]);
    expect(looser(a, a)).toEqual([]);
    expect(looser(a, { any: [a] })).toEqual([]);
  });

  test("is looser without the second human that critical asks for", ({ expect }) => {
    expect(looser(a, a, ["critical", "high"])).toEqual(enough("1 of group:a"));
    expect(looser(a, a, ["high", "critical"])).toEqual([]);
    // And the second human is not asked for twice where the rule has two.
    const two = seat("a", 2, "group:a");
    expect(looser(seat("a", 3, "group:a"), two, ["critical", "critical"])).toEqual(enough("2 of group:a"));
  });

  test("asks for less where the condition of a seat is another or gone, and not for its blanks", ({
    expect,
  }) => {
    const senior = { ...a, where: "'senior' in person.groups" };
    expect(looser(senior, a)).toEqual(enough("1 of group:a"));
    expect(looser(a, senior)).toEqual([]);
    expect(looser(senior, { ...a, where: " 'senior' in person.groups\n" })).toEqual([]);
    expect(looser({ ...a, where: " 'senior' in person.groups" }, senior)).toEqual([]);
    expect(looser(senior, { ...a, where: "person.id != 'x'" })).toEqual(enough("1 of group:a"));
    expect(looser({ all: [senior, seat("b", 1, "group:b")] }, senior)).toEqual(enough("1 of group:a"));
    expect(looser({ any: [senior, seat("b", 1, "group:b")] }, senior)).toEqual([]);
  });

  test("is looked through as far as 4,096 ways, and less where many have changed", ({ expect }) => {
    const groups = (name: string, count: number): Seat["from"] =>
      Array.from({ length: count }, (_, index): Seat["from"][number] => `group:${name}${index}`);
    /** As many ways as these two have pairs. */
    const pairs = (x: number, y: number): Rule => ({
      all: [seat("x", 1, ...groups("x", x)), seat("y", 1, ...groups("y", y))],
    });
    const open = (rule: Rule): Rule => ({ any: [rule, seat("new", 1, "group:new")] });
    const found = enough("1 of group:new");
    expect(looser(pairs(63, 65), open(pairs(63, 65)))).toEqual(found);
    expect(looser(pairs(64, 64), open(pairs(64, 64)))).toEqual([]);

    const many = (count: number, name: string, rule: Rule): Contract[] =>
      Array.from({ length: count }, (_, index) => ({
        ...starter.contracts[0]!,
        type: `${name}.${index}`,
        rule,
      }));
    const beside = (rule: Rule, ...others: Contract[]): Policy => {
      const { contracts, ...rest } = one({ rule });
      return { ...rest, contracts: [...contracts, ...others] };
    };
    const stricter: Rule = { all: [a, seat("b", 1, "group:b")] };
    const [before, after] = [many(39, "other", a), many(39, "other", stricter)];
    // 40,000 ways for all that have changed together: a thousand for each of forty.
    expect(said(beside(pairs(27, 37), ...before), beside(open(pairs(27, 37)), ...after))).toHaveLength(1);
    expect(said(beside(pairs(25, 40), ...before), beside(open(pairs(25, 40)), ...after))).toEqual([]);
    // Those that have not changed, or were not there, take nothing away from it.
    const still = beside(pairs(25, 40), ...before);
    const added = many(39, "new", a);
    expect(said(still, beside(open(pairs(25, 40)), ...before, ...added))).toHaveLength(1);
  });
});

describe("what is no contract", () => {
  const role = (parts: object): Policy => ({
    ...starter,
    roles: { "code-analysis": { ...starter.roles["code-analysis"]!, ...parts } },
  });

  test("is looser by every list of a role class that was there, and by nothing that a star took in", ({
    expect,
  }) => {
    const lists = ["types", "tools", "segments", "targets"] as const;
    for (const list of lists) {
      expect(said(role({ [list]: ["a"] }), role({ [list]: ["b", "a", "c"] })), list).toEqual([
        `/roles/code-analysis/${list}: is looser: b, c as well`,
      ]);
      expect(said(role({ [list]: ["a", "b"] }), role({ [list]: ["a"] })), list).toEqual([]);
      expect(said(role({ [list]: ["*"] }), role({ [list]: ["*", "a"] })), list).toEqual([]);
    }
    // What is in no segment at all is not reached by a star.
    expect(said(role({ segments: ["*"] }), role({ segments: ["*", "(none)"] }))).toEqual([
      "/roles/code-analysis/segments: is looser: (none) as well",
    ]);
    expect(said({ ...starter, roles: {} }, starter)).toEqual([]);
  });

  test("is looser by a freeze that is gone, and not by one that is new", ({ expect }) => {
    const freeze = (name: string) => ({
      name,
      timeZone: "UTC",
      from: "2026-12-20T00:00",
      until: "2027-01-02T00:00",
      because: "quiet",
    });
    const freezing = (...names: string[]): Policy =>
      policy((document) => (document.freezes = names.map(freeze)));
    expect(said(freezing("a", "b"), freezing("b"))).toEqual(["/freezes: is looser: the freeze a is gone"]);
    expect(said(freezing("a"), starter)).toEqual(["/freezes: is looser: the freeze a is gone"]);
    expect(said(freezing("a"), freezing("a", "b"))).toEqual([]);
    expect(said(starter, freezing("a"))).toEqual([]);
  });
});
