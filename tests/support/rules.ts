import fc from "fast-check";
import { seatsOf, type Voter } from "../../core/quorum.ts";
import type { Rule, Seat } from "../../schemas/policy.ts";

/** A seat for one, from the group of its own name if nothing else is given. */
export const seat = (name: string, ...from: string[]): Seat => ({
  seat: name,
  n: 1,
  from: from.length > 0 ? from : [`group:${name}`],
});
/** A person in these groups. */
export const voter = (person: string, ...groups: string[]): Voter => ({
  person: `person:${person}`,
  identity: `person:${person}`,
  selectors: groups.map((group) => `group:${group}`),
});

/** Rules over the groups g0 to g3, nested up to `depth`, within the publish-time limits. */
export function ruleOf(depth: number): fc.Arbitrary<Rule> {
  const group = fc.constantFrom("group:g0", "group:g1", "group:g2", "group:g3");
  const aSeat: fc.Arbitrary<Rule> = fc.record({
    seat: fc.constant("s"),
    n: fc.constantFrom(1, 1, 1, 2),
    from: fc.uniqueArray(group, { minLength: 1, maxLength: 2 }),
  });
  const { rule } = fc.letrec<{ rule: Rule }>((tie) => ({
    rule: fc.oneof(
      { maxDepth: depth, depthSize: "small" },
      aSeat,
      fc.array(tie("rule"), { minLength: 1, maxLength: 3 }).map((all): Rule => ({ all })),
      fc.array(tie("rule"), { minLength: 1, maxLength: 3 }).map((any): Rule => ({ any })),
    ),
  }));
  return rule.filter(
    (each) => seatsOf(each).length <= 16 && seatsOf(each).reduce((sum, { n }) => sum + n, 0) <= 16,
  );
}

/** Up to `most` people with some of the groups g0 to g3. */
export function rosterOf(most: number): fc.Arbitrary<Voter[]> {
  const groups = fc.uniqueArray(fc.constantFrom("g0", "g1", "g2", "g3"), { maxLength: 3 });
  return fc
    .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 30 }), groups), {
      maxLength: most,
      selector: ([name]) => name,
    })
    .map((people) => people.map(([name, theirs]) => voter(`p${name}`, ...theirs)));
}
