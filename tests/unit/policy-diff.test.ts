import { describe, test } from "vitest";
import { judgeCondition } from "../../core/policy/condition.ts";
import { decide } from "../../core/policy/decide.ts";
import { diffPolicies } from "../../core/policy/diff.ts";
import { validatePolicy } from "../../core/policy/validate.ts";
import type { Policy } from "../../schemas/policy.ts";
import { starterPolicy, type Spoilable } from "../support/starter.ts";
import { subjectWith } from "../support/subjects.ts";

function policy(change: (document: Spoilable) => unknown = () => null): Policy {
  const document = starterPolicy();
  change(document);
  const result = validatePolicy(document, null);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}
const nothing = {
  added: [],
  removed: [],
  changed: [],
  roles: { added: [], removed: [], changed: [] },
  budgets: [],
};

describe("what publishing would change", () => {
  test("nothing between equal policies, in whatever order their contracts are", ({ expect }) => {
    expect(
      diffPolicies(
        policy(),
        policy((d) => (d.contracts = d.contracts.toReversed())),
      ),
    ).toEqual(nothing);
  });

  test("how many messages people get, one number at a time", ({ expect }) => {
    const set = policy((d) => (d.notifications = { perReviewerPerHour: 5, perChannelPerHour: 50 }));
    const other = policy((d) => {
      d.notifications = { perReviewerPerHour: 1, perChannelPerHour: 50 };
      d.requests = { perAgentPerHour: 600 };
    });
    expect(diffPolicies(set, other)).toEqual({
      ...nothing,
      budgets: [
        { pointer: "/notifications/perReviewerPerHour", from: 5, to: 1 },
        { pointer: "/requests/perAgentPerHour", from: null, to: 600 },
      ],
    });
  });

  test("contracts and role classes that come and go", ({ expect }) => {
    const without = policy((d) => {
      d.contracts.splice(1, 1);
      delete d.roles["code-analysis"];
    });
    expect(diffPolicies(without, policy())).toEqual({
      ...nothing,
      added: ["db.migrate"],
      roles: { ...nothing.roles, added: ["code-analysis"] },
    });
    expect(diffPolicies(policy(), without)).toEqual({
      ...nothing,
      removed: ["db.migrate"],
      roles: { ...nothing.roles, removed: ["code-analysis"] },
    });
  });

  test("each value that differs, by pointer, and a list as a whole", ({ expect }) => {
    const changed = policy((d) => {
      d.contracts[0].clocks.pendingTtl = "2h";
      d.contracts[0].rollback = null;
      d.contracts[0].args.properties["a/b"] = { type: "string" };
      d.contracts[1].rule.all.pop();
      d.roles["code-analysis"].targets = ["repo-*"];
    });
    const { changed: contracts, roles } = diffPolicies(policy(), changed);
    expect(contracts).toEqual([
      {
        type: "host.shell",
        fields: [
          { pointer: "/args/properties/a~1b", from: null, to: { type: "string" } },
          { pointer: "/clocks/pendingTtl", from: "1h", to: "2h" },
          { pointer: "/rollback", from: { window: "30m", auto: "failed" }, to: null },
        ],
      },
      {
        type: "db.migrate",
        fields: [
          {
            pointer: "/rule/all",
            from: [
              { seat: "dba", n: 1, from: ["group:dba"] },
              { seat: "oncall", n: 1, from: ["group:oncall"] },
            ],
            to: [{ seat: "dba", n: 1, from: ["group:dba"] }],
          },
        ],
      },
    ]);
    expect(roles.changed).toEqual([
      { name: "code-analysis", fields: [{ pointer: "/targets", from: ["*"], to: ["repo-*"] }] },
    ]);
  });
});

describe("what the policy itself decides", () => {
  const contract = policy().contracts[0]!;
  const cases: [Partial<typeof contract>, ReturnType<typeof decide>][] = [
    [{}, { outcome: "gate", because: "rule host.shell", entry: null, errors: [] }],
    [{ decide: [{ then: "gate" }] }, { outcome: "gate", because: "rule host.shell", entry: 0, errors: [] }],
    [
      { decide: [{ then: "allow" }] },
      { outcome: "allow", because: "policy host.shell", entry: 0, errors: [] },
    ],
    [
      { decide: [{ then: "deny", because: "use the runner" }] },
      { outcome: "deny", because: "use the runner", entry: 0, errors: [] },
    ],
    [
      { mode: "disabled", decide: [{ then: "allow" }] },
      { outcome: "deny", because: "host.shell is disabled", entry: null, errors: [] },
    ],
  ];
  test.for(cases)("%j", ([change, decision], { expect }) => {
    expect(decide({ ...contract, ...change }, subjectWith(), judgeCondition)).toEqual(decision);
  });
});
