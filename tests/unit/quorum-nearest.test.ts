import { describe, test } from "vitest";
import { canFill, evaluateRule, matches, type SelectorContext } from "../../core/quorum.ts";
import type { Rule, Selector } from "../../schemas/policy.ts";
import { seat, voter } from "../support/rules.ts";

const unknown: SelectorContext = { ownerOfTarget: null, managerOfRequester: null, oncall: {} };
const alice = { id: "person:alice", groups: ["dba"] };

describe("whom a selector names", () => {
  const rows: [string, Selector, Partial<SelectorContext>, boolean][] = [
    ["the owner", "owner-of-target", { ownerOfTarget: "person:alice" }, true],
    ["another owner", "owner-of-target", { ownerOfTarget: "person:bob" }, false],
    ["a group of theirs that owns it", "owner-of-target", { ownerOfTarget: "group:dba" }, true],
    ["another group that owns it", "owner-of-target", { ownerOfTarget: "group:sre" }, false],
    ["the manager", "manager-of-requester", { managerOfRequester: "person:alice" }, true],
    ["another manager", "manager-of-requester", { managerOfRequester: "person:bob" }, false],
    ["no manager that is known", "manager-of-requester", {}, false],
    ["who is on call", "oncall:primary", { oncall: { primary: ["person:alice"] } }, true],
    ["who is not on call", "oncall:primary", { oncall: { primary: [] } }, false],
    ["a kind there is not", "onduty:primary", { oncall: { primary: ["person:alice"] } }, false],
  ];
  test.for(rows)("%s", ([, selector, context, expected], { expect }) => {
    expect(matches(selector, alice, { ...unknown, ...context })).toBe(expected);
  });
});

test("a seat with a condition is filled only by whom it holds for", ({ expect }) => {
  const held = { ...seat("s0"), where: "voter.senior" };
  const one = voter("alice", "s0");
  expect(canFill(one, seat("s0"))).toBe(true);
  expect(canFill(one, held)).toBe(false);
  expect(canFill({ ...one, meets: ["s1"] }, held)).toBe(false);
  expect(canFill({ ...one, meets: ["s0"] }, held)).toBe(true);
});

describe("the alternative that is shown as filled", () => {
  const [a, b, c, d] = [seat("a"), seat("b"), seat("c"), seat("d")];
  const rows: [string, Rule, readonly string[], readonly number[]][] = [
    ["misses least, however much another has", { any: [d, { all: [a, b, c] }] }, ["a"], [0, 0, 0, 0]],
    ["misses least, wherever it stands", { any: [{ all: [a, b, c] }, d] }, ["a"], [0, 0, 0, 0]],
    ["has most of those that miss as much", { any: [d, { all: [a, b] }] }, ["a"], [0, 1, 0]],
    ["has most, wherever it stands", { any: [{ all: [a, b] }, d] }, ["a"], [1, 0, 0]],
    [
      "is the first of two that are alike",
      { any: [{ all: [a, b] }, { all: [c, d] }] },
      ["a", "c"],
      [1, 0, 0, 0],
    ],
  ];
  test.for(rows)("%s", ([, rule, groups, filled], { expect }) => {
    expect(evaluateRule(rule, [voter("alice", ...groups)])).toEqual({ satisfied: false, filled });
  });

  test("is none where one seat of several is for nobody", ({ expect }) => {
    const rule: Rule = { all: [a, { ...b, n: 0 }] };
    expect(evaluateRule(rule, [voter("alice", "a")])).toEqual({ satisfied: false, filled: [0, 0] });
  });
});
