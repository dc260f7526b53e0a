import { describe, test } from "vitest";
import { validatePolicy } from "../../core/policy/validate.ts";
import { contractVersion, policyVersion } from "../../core/policy/version.ts";
import { faults, starterDirectory, starterPolicy, type Spoilable } from "../support/starter.ts";
import { createHash } from "node:crypto";

const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex");

const seat = (name: string, from: string, n = 1): object => ({ seat: name, n, from: [from] });
const nested = (depth: number): object =>
  depth === 0 ? seat("s", "group:oncall") : { all: [nested(depth - 1)] };
const seats = (count: number, n = 1): object[] =>
  Array.from({ length: count }, (_, index) => seat(`s${index}`, "group:oncall", n));

describe("the starter policy", () => {
  test("publishes clean against the starter directory, and without one", ({ expect }) => {
    expect(faults(() => null)).toEqual({});
    expect(faults(() => null, null)).toEqual({});
  });

  test("has the three role classes and the six contracts", ({ expect }) => {
    const result = validatePolicy(starterPolicy(), null);
    if (!result.ok) throw new Error("it does not publish");
    expect(Object.keys(result.value.roles)).toEqual([
      "read-only-incident-triage",
      "code-analysis",
      "controlled-remediation",
    ]);
    expect(result.value.contracts.map(({ type }) => type)).toEqual([
      "host.shell",
      "db.migrate",
      "deploy.production",
      "data.export",
      "payment.refund",
      "email.send",
    ]);
  });
});

describe("every fault is named where it is", () => {
  const cases: [name: string, spoil: (document: Spoilable) => unknown, pointer: string, detail: string][] = [
    ["an unknown field of the document", (d) => (d.extra = 1), "/extra", "not a known field"],
    [
      "an unknown field of a contract",
      (d) => (d.contracts[0].approvers = 2),
      "/contracts/0/approvers",
      "not a known field",
    ],
    ["a missing rule", (d) => delete d.contracts[0].rule, "/contracts/0/rule", "missing"],
    [
      "a misspelt type",
      (d) => (d.contracts[0].type = "Host Shell"),
      "/contracts/0/type",
      "dotted lower-case",
    ],
    [
      "the same type twice",
      (d) => (d.contracts[1].type = "host.shell"),
      "/contracts/1/type",
      "/contracts/0 already",
    ],
    [
      "a role class that is not there",
      (d) => d.contracts[0].roles.push("wizard"),
      "/contracts/0/roles/1",
      '"wizard"',
    ],
    [
      "a reserved name",
      (d) => (d.roles.constructor = { types: [], tools: [], segments: [], targets: [] }),
      "/roles/constructor",
      "reserved",
    ],
    [
      "a field named __proto__",
      (d) =>
        Object.defineProperty(d.contracts[0].args.properties, "__proto__", { value: {}, enumerable: true }),
      "/contracts/0/args/properties/__proto__",
      "reserved",
    ],
    ["half a character", (d) => (d.description = "\ud800"), "/description", "half of a character"],
    ["a rule five deep", (d) => (d.contracts[0].rule = nested(5)), "/contracts/0/rule", "5 deep; at most 4"],
    [
      "seventeen seats",
      (d) =>
        (d.contracts[0].rule = {
          any: [{ all: seats(9) }, { all: seats(8).map((s, i) => ({ ...s, seat: `t${i}` })) }],
        }),
      "/contracts/0/rule",
      "",
    ],
    [
      "seventeen people",
      (d) => (d.contracts[0].rule = { any: [seat("a", "group:oncall", 9), seat("b", "group:oncall", 8)] }),
      "/contracts/0/rule",
      "17 people over all its seats; at most 16",
    ],
    [
      "an empty all",
      (d) => (d.contracts[0].rule = { all: [] }),
      "/contracts/0/rule/all",
      "at least one rule",
    ],
    [
      "an empty any inside",
      (d) => (d.contracts[0].rule = { all: [seat("a", "group:oncall"), { any: [] }] }),
      "/contracts/0/rule/all/1/any",
      "at least one rule",
    ],
    [
      "a seat for nobody",
      (d) => (d.contracts[0].rule = seat("a", "group:oncall", 0)),
      "/contracts/0/rule/n",
      ">=1",
    ],
    [
      "a seat for part of a group",
      (d) => (d.contracts[0].rule = { seat: "a", n: "50%", from: ["group:oncall"] }),
      "/contracts/0/rule/n",
      "must be number",
    ],
    [
      "a rule that is both all and any",
      (d) => (d.contracts[0].rule = { all: seats(1), any: seats(1) }),
      "/contracts/0/rule/any",
      "not a known field",
    ],
    [
      "two seats of one name",
      (d) => (d.contracts[0].rule = { any: [seat("a", "group:oncall"), seat("a", "group:dba")] }),
      "/contracts/0/rule/any/1/seat",
      "/rule/any/0 already",
    ],
    [
      "a selector of no kind",
      (d) => (d.contracts[0].rule.from = ["team:x"]),
      "/contracts/0/rule/from/0",
      "group:NAME",
    ],
    [
      "a clock past its bounds",
      (d) => (d.contracts[0].clocks.leaseTtl = "11m"),
      "/contracts/0/clocks/leaseTtl",
      "10s to 10m",
    ],
    [
      "a clock that is no duration",
      (d) => (d.contracts[0].clocks.pendingTtl = "soon"),
      "/contracts/0/clocks/pendingTtl",
      "duration",
    ],
    [
      "an escalation past its bounds",
      (d) => (d.contracts[0].clocks.escalateAfter = ["10m", "5s"]),
      "/contracts/0/clocks/escalateAfter/1",
      "1m to 30d",
    ],
    [
      "a rollback window past its bounds",
      (d) => (d.contracts[0].rollback.window = "8d"),
      "/contracts/0/rollback/window",
      "1s to 7d",
    ],
    [
      "a critical action pending for two days",
      (d) => (d.contracts[4].clocks.pendingTtl = "2d"),
      "/contracts/4/clocks/pendingTtl",
      "for risk critical",
    ],
    ["pin for critical", (d) => (d.contracts[4].onChange = "pin"), "/contracts/4/onChange", "tighten"],
    [
      "P27 the owner let in for critical",
      (d) => (d.contracts[4].separationOfDuties = { owner: false }),
      "/contracts/4/separationOfDuties/owner",
      "true",
    ],
    [
      "a second attempt without idempotence",
      (d) => (d.contracts[0].maxAttempts = 2),
      "/contracts/0/maxAttempts",
      "idempotent",
    ],
    [
      "arguments that are no object",
      (d) => (d.contracts[0].args = { type: "array" }),
      "/contracts/0/args/type",
      '"object"',
    ],
    [
      "a misspelt keyword",
      (d) => (d.contracts[0].args.requierd = ["argv"]),
      "/contracts/0/args/requierd",
      "not a keyword",
    ],
    [
      "T17 a pattern that backtracks",
      (d) => (d.contracts[0].args.properties.cwd = { type: "string", pattern: "^(a+)+$" }),
      "/contracts/0/args/properties/cwd/pattern",
      "too long",
    ],
    [
      "a reference to elsewhere",
      (d) => (d.contracts[0].args.properties.cwd = { $ref: "https://example.com/schema.json" }),
      "/contracts/0/args/properties/cwd/$ref",
      "nothing is fetched",
    ],
  ];
  test.for(cases)("%s", ([, spoil, pointer, detail], { expect }) => {
    const found = faults(spoil);
    expect(Object.keys(found)).toContain(pointer);
    expect(found[pointer]).toContain(detail);
    // The same without a directory: none of these needs one.
    expect(Object.keys(faults(spoil, null))).toContain(pointer);
  });

  test("what is only just allowed publishes", ({ expect }) => {
    expect(faults((d) => (d.contracts[0].rule = nested(4)))).toEqual({});
    expect(faults((d) => (d.contracts[0].rule = { any: seats(16) }))).toEqual({});
    expect(
      faults(
        (d) => (d.contracts[0].rule = { any: [seat("a", "group:oncall"), seat("b", "group:oncall", 15)] }),
      ),
    ).toEqual({});
    expect(faults((d) => (d.contracts[4].clocks.pendingTtl = "24h"))).toEqual({});
    expect(faults((d) => Object.assign(d.contracts[0], { idempotent: true, maxAttempts: 3 }))).toEqual({});
    expect(
      faults((d) => Object.assign(d.contracts[0], { onChange: "pin", separationOfDuties: { owner: false } })),
    ).toEqual({});
  });

  test("several at once, in one contract that does not parse and one that does", ({ expect }) => {
    const found = faults((d) => {
      d.contracts[0].risk = "enormous";
      d.contracts[1].clocks.pendingTtl = "1s";
      d.contracts[1].roles = ["wizard"];
      d.contracts[2].args.properties.commit.pattern = "(";
    });
    expect(Object.keys(found).toSorted()).toEqual([
      "/contracts/0/risk",
      "/contracts/1/clocks/pendingTtl",
      "/contracts/1/roles/0",
      "/contracts/2/args/properties/commit/pattern",
    ]);
  });

  test.for([null, 1, "x", [], {}, { roles: null, contracts: null }, { roles: {}, contracts: [null, 1] }])(
    "%j is no policy, and throws nothing",
    (document, { expect }) => {
      expect(validatePolicy(document, starterDirectory()).ok).toBe(false);
    },
  );

  test("T18 a document nested a million deep is refused, not walked", ({ expect }) => {
    let deep: unknown = 1;
    for (let level = 0; level < 1_000_000; level++) deep = [deep];
    const result = validatePolicy({ roles: {}, contracts: [], x: deep }, null);
    expect(result.ok ? null : result.error[0]?.detail).toContain("nested deeper than 32");
  });
});

describe("versions", () => {
  const parsed = (spoil: (document: Spoilable) => unknown) => {
    const document = starterPolicy();
    spoil(document);
    const result = validatePolicy(document, null);
    if (!result.ok) throw new Error(JSON.stringify(result.error));
    return result.value;
  };

  test("one policy written in two ways is one version", ({ expect }) => {
    const plain = parsed(() => null);
    const other = parsed((d) => {
      // Defaults written out, and keys in another order.
      d.contracts[0] = Object.fromEntries(
        Object.entries({
          ...d.contracts[0],
          mode: "enforce",
          onChange: "tighten",
          decide: [],
          idempotent: false,
        }).toReversed(),
      );
    });
    expect(policyVersion(other, sha256Hex)).toBe(policyVersion(plain, sha256Hex));
    expect(policyVersion(plain, sha256Hex)).toMatch(/^sha256:[0-9a-f]{64}$/u);
  });

  test("a contract's version changes with that contract only", ({ expect }) => {
    const plain = parsed(() => null);
    const other = parsed((d) => (d.contracts[0].clocks.pendingTtl = "2h"));
    const version = (policy: typeof plain, index: number): string =>
      contractVersion(policy.contracts[index]!, sha256Hex);
    expect(version(other, 0)).not.toBe(version(plain, 0));
    expect(version(other, 1)).toBe(version(plain, 1));
    expect(policyVersion(other, sha256Hex)).not.toBe(policyVersion(plain, sha256Hex));
  });
});
