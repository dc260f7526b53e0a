import fc from "fast-check";
import { describe, test } from "vitest";
import { evaluateRule, type Voter } from "../../core/quorum.ts";
import { standingOf, type Terms } from "../../core/standing.ts";
import type { Rule } from "../../schemas/policy.ts";
import { rosterOf, ruleOf, seat, voter } from "../support/rules.ts";

describe("how the votes stand", () => {
  const rule: Rule = { all: [seat("dba"), seat("oncall")] };
  const terms = (given: Partial<Terms>): Terms => ({
    rule,
    risk: "high",
    deny: { denials: 1, veto: [] },
    approvals: [],
    denials: [],
    ...given,
  });
  const alice = voter("alice", "dba");
  const bob = voter("bob", "oncall");

  test("a denial by someone with a seat ends it, whatever was approved", ({ expect }) => {
    expect(standingOf([terms({ approvals: [alice, bob] })])).toMatchObject({ approved: true, denied: false });
    expect(standingOf([terms({ approvals: [alice, bob], denials: [bob] })])).toMatchObject({
      approved: false,
      denied: true,
    });
  });

  test("a denial by someone without a seat or veto ends nothing", ({ expect }) => {
    expect(standingOf([terms({ denials: [voter("carol", "security")] })]).denied).toBe(false);
  });

  test("as many denials as the contract asks for, of distinct people", ({ expect }) => {
    const deny = { denials: 2, veto: [] };
    expect(standingOf([terms({ deny, denials: [alice, alice] })]).denied).toBe(false);
    expect(standingOf([terms({ deny, denials: [alice, { ...bob, identity: alice.identity }] })]).denied).toBe(
      false,
    );
    expect(standingOf([terms({ deny, denials: [alice, bob] })]).denied).toBe(true);
  });

  test("one veto is enough", ({ expect }) => {
    const deny = { denials: 16, veto: ["group:security"] };
    expect(standingOf([terms({ deny, denials: [alice] })]).denied).toBe(false);
    expect(standingOf([terms({ deny, denials: [voter("carol", "security")] })]).denied).toBe(true);
  });

  test("risk critical takes two humans, whatever its rule says", ({ expect }) => {
    const one: Terms = terms({ rule: seat("dba"), risk: "critical" });
    expect(standingOf([{ ...one, approvals: [alice] }]).approved).toBe(false);
    expect(standingOf([{ ...one, approvals: [alice, bob] }]).approved).toBe(false);
    expect(
      standingOf([{ ...one, approvals: [alice, { ...voter("ann", "dba"), identity: alice.identity }] }])
        .approved,
    ).toBe(false);
    expect(standingOf([{ ...one, approvals: [alice, voter("ann", "dba")] }]).approved).toBe(true);
  });

  test("every version must be satisfied, and any of them may deny", ({ expect }) => {
    const loose = terms({ rule: seat("dba"), approvals: [alice] });
    const strict = terms({ rule, approvals: [alice] });
    expect(standingOf([loose]).approved).toBe(true);
    expect(standingOf([loose, strict]).approved).toBe(false);
    expect(standingOf([strict, loose]).approved).toBe(false);
    expect(
      standingOf([
        { ...loose, denials: [] },
        { ...loose, denials: [alice] },
      ]),
    ).toMatchObject({ approved: false, denied: true });
  });

  test("no version approves nothing", ({ expect }) => {
    expect(standingOf([])).toEqual({ denied: false, approved: false, seats: [] });
  });

  test("a seat that both versions have is shown once, at its emptier", ({ expect }) => {
    const shown = standingOf([
      terms({ approvals: [alice] }),
      terms({ rule: { all: [seat("dba"), seat("security")] } }),
    ]).seats;
    expect(shown.map(({ seat: name, filled }) => [name, filled])).toEqual([
      ["dba", 0],
      ["oncall", 0],
      ["security", 0],
    ]);
  });
});

describe("I7 votes only ever push one way", () => {
  const stand = (
    rule: Rule,
    risk: Terms["risk"],
    approvals: Voter[],
    denials: Voter[],
  ): ReturnType<typeof standingOf> =>
    standingOf([{ rule, risk, deny: { denials: 2, veto: ["group:g0"] }, approvals, denials }]);
  const risk = fc.constantFrom<Terms["risk"]>("low", "critical");

  test("adding an approval never unsatisfies", ({ expect }) => {
    let satisfied = 0;
    fc.assert(
      fc.property(ruleOf(4), risk, rosterOf(7), rosterOf(1), (rule, level, people, more) => {
        const before = stand(rule, level, people, []);
        const after = stand(rule, level, [...people, ...more], []);
        if (before.approved) satisfied++;
        expect(!before.approved || after.approved).toBe(true);
      }),
      { numRuns: 2_000 },
    );
    // Not vacuous: a good part of the rules was satisfied before the approval was added.
    expect(satisfied).toBeGreaterThan(100);
  });

  test("adding a denial never satisfies, and never undoes a denial", () => {
    fc.assert(
      fc.property(
        ruleOf(4),
        risk,
        rosterOf(5),
        rosterOf(3),
        rosterOf(1),
        (rule, level, approvals, denials, more) => {
          const before = stand(rule, level, approvals, denials);
          const after = stand(rule, level, approvals, [...denials, ...more]);
          return (
            (before.approved || !after.approved) &&
            (!before.denied || after.denied) &&
            !(after.approved && after.denied)
          );
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("I8 the order of votes changes nothing", () => {
    fc.assert(
      fc.property(
        ruleOf(4),
        rosterOf(6).chain((people) =>
          fc.tuple(fc.constant(people), fc.shuffledSubarray(people, { minLength: people.length })),
        ),
        (rule, [people, shuffled]) =>
          evaluateRule(rule, people).satisfied === evaluateRule(rule, shuffled).satisfied,
      ),
      { numRuns: 2_000 },
    );
  });
});
