import * as v from "valibot";
import { describe, test } from "vitest";
import { conditionFindings, type Finding } from "../../core/policy/condition-findings.ts";
import { Contract } from "../../schemas/policy.ts";
import type { JsonObject } from "../../schemas/json.ts";
import { faults } from "../support/starter.ts";

const args: JsonObject = {
  type: "object",
  properties: {
    amount: { type: "integer", minimum: 0, maximum: 100_000 },
    share: { type: "number" },
    currency: { enum: ["EUR", "USD"] },
    host: { type: "string" },
    tags: { type: "array", items: { type: "string" } },
    where: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    owner: { $ref: "#/$defs/owner" },
    note: { type: ["string", "null"] },
    free: {},
  },
  required: ["amount", "share", "currency", "host", "tags", "where", "owner", "note", "free"],
  $defs: {
    owner: {
      type: "object",
      properties: { name: { type: "string" } },
      required: ["name"],
      additionalProperties: false,
    },
  },
};

const contractWith = (parts: object): Contract =>
  v.parse(Contract, {
    type: "payment.send",
    class: "payment",
    risk: "high",
    args,
    roles: ["remediation"],
    rule: { seat: "s", n: 1, from: ["group:oncall"] },
    ...parts,
  });
const findings = (...decide: object[]): Finding[] => conditionFindings(contractWith({ decide }));
const of = (when: string): Finding[] => findings({ when, then: "deny" });

describe("what is wrong with a condition is said with its place", () => {
  const errors: [when: string, column: number, detail: string][] = [
    ["args.amout > 10", 5, "args has no field amout; it has amount, share"],
    ["target.host == 'a'", 7, "target has no field host"],
    ["args.owner.email == 'a'", 11, "args.owner has no field email; it has name"],
    ["args.host.name == 'a'", 10, "args.host is text and has no field name"],
    ["args.amount == '500'", 13, 'can never be true: args.amount is a whole number and "500" is text'],
    ["args.host != 5", 11, "is always true: args.host is text and 5 is a whole number"],
    ["args.host > 5", 11, "is always an error: args.host is text and 5 is a whole number"],
    ["args.currency == 'GBP'", 15, 'can never be true: args.currency is "EUR" or "USD"'],
    ["args.currency in ['GBP', 'CHF']", 15, 'can never be true: args.currency is "EUR" or "USD"'],
    ["7 in args.host", 3, "args.host is text; in takes a list or a map"],
    ["args.amount == 100001", 13, "can never be true: args.amount is from 0 to 100000"],
    ["args.tags.exists(t, t == 3)", 23, "can never be true"],
    ["args.amount + 1", 13, "gives a whole number, and a condition is true or false"],
    ["now == '2026-11-23'", 5, 'can never be true: now is a time and "2026-11-23" is text'],
    ["now.getHours('Europe/Berln') > 8", 4, '"Europe/Berln" is no time zone'],
    ["agent.id == requester.owner && agent.role == 'x'", 37, "agent has no field role"],
    ["1 == 2", 3, "can never be true"],
    ["foo(args.amount)", 4, "foo is not a function here"],
  ];
  test.for(errors)("%s", ([when, column, detail], { expect }) => {
    const found = of(when).filter(({ severity }) => severity === "error");
    expect(found.map((each) => each.detail).join("\n")).toContain(detail);
    expect(found[0]).toMatchObject({ pointer: "/decide/0/when", line: 1 });
    if (!when.startsWith("foo") && !when.startsWith("args.tags")) expect(found[0]?.column).toBe(column);
  });

  const warnings: [when: string, detail: string][] = [
    ["args.amount > 100000", "can never be true: args.amount is from 0 to 100000"],
    ["args.amount >= 0", "is always true: args.amount is from 0 to 100000"],
    ["target.segment == 'prod'", "target.segment may be left out"],
    ["args.amount == args.amount || true", "is always true; leave it out"],
  ];
  test.for(warnings)("%s is only a warning", ([when, detail], { expect }) => {
    const found = of(when);
    expect(found.map((each) => each.detail).join("\n")).toContain(detail);
    expect(found.map(({ severity }) => severity)).not.toContain("error");
  });

  const fine = [
    "args.amount > 10000 && args.currency == 'EUR'",
    "args.share > 1",
    "args.amount > 0.5",
    "args.note == null || args.note == 'x'",
    "args.free.anything.at.all == 3",
    "args.where.country == 'DE'",
    "args.owner.name == args.host",
    "has(target.segment) && target.segment == 'prod'",
    "args.tags.exists(t, t.startsWith('a')) && args.tags[0] == 'a'",
    "args.host in ['a', 'b'] && 'x' in args.tags",
    "now - duration('1h') < timestamp('2027-01-01T00:00:00Z')",
    "(args.amount > 5 ? args.host : args.currency) == 'a'",
    "sum(args.amount) by agent, type over 24h > 10000",
    "size(args.tags) > 2 && args.host.size() < 5",
  ];
  test.for(fine)("nothing is said of %s", (when, { expect }) => {
    expect(of(when)).toEqual([]);
  });
});

describe("entries that are never reached", () => {
  test("behind one without a condition are an error, behind one that is always true a warning", ({
    expect,
  }) => {
    expect(findings({ then: "gate" }, { when: "args.amount > 5", then: "deny" })).toEqual([
      expect.objectContaining({
        severity: "error",
        pointer: "/decide/1/when",
        detail: "is never reached: entry 1 always holds",
      }),
    ]);
    const found = findings({ when: "true", then: "gate" }, { then: "deny" });
    expect(found).toContainEqual(expect.objectContaining({ severity: "warning", pointer: "/decide/1" }));
  });

  test("or have the condition of an earlier one", ({ expect }) => {
    const when = "args.amount > 5";
    expect(findings({ when, then: "gate" }, { when: ` ${when}`, then: "allow" }, { then: "deny" })).toEqual([
      expect.objectContaining({ severity: "warning", pointer: "/decide/1/when" }),
    ]);
  });
});

describe("sums and seats", () => {
  test("a sum is of a field that is there and whole", ({ expect }) => {
    const details = (when: string): string[] =>
      of(when).map(({ severity, detail }) => `${severity}: ${detail}`);
    expect(details("sum(args.nothing) by agent over 1h > 1")[0]).toMatch(/^error: .*do not have$/u);
    expect(details("sum(args.host) by agent over 1h > 1")[0]).toMatch(/^error: .*never a whole number$/u);
    expect(details("sum(args.share) by agent over 1h > 1")[0]).toMatch(
      /^warning: .*type integer and minimum 0$/u,
    );
    const many = Array.from({ length: 9 }, (_, hours) => `count() by agent over ${hours + 1}h > 1`).join(
      " || ",
    );
    expect(details(many)).toEqual(["error: uses 9 different sums; at most 8"]);
  });

  test("the condition of a seat may look at the person, at no sum, and is not counted by the staffing check", ({
    expect,
  }) => {
    const seat = (where: string): Finding[] =>
      conditionFindings(contractWith({ rule: { all: [{ seat: "s", n: 1, from: ["group:dba"], where }] } }));
    expect(seat("'dba' in person.groups || args.amount < 5")).toEqual([
      expect.objectContaining({
        severity: "warning",
        pointer: "/rule/all/0/where",
        detail: expect.stringContaining("not checked"),
      }),
    ]);
    expect(seat("person.name == 'x'")[0]).toMatchObject({
      severity: "error",
      detail: "person has no field name; it has id, groups",
    });
    expect(seat("count() by agent over 1h > 3")[0]).toMatchObject({ severity: "error" });
  });
});

describe("publishing", () => {
  test("is refused for errors and not for warnings", ({ expect }) => {
    expect(faults((d) => (d.contracts[0].decide = [{ when: "nothing > 3", then: "deny" }]))).toEqual({
      "/contracts/0/decide/0/when": expect.stringContaining(
        "line 1, column 1: nothing is not a variable here",
      ),
    });
    expect(faults((d) => (d.contracts[0].decide = [{ when: "true", then: "gate" }]))).toEqual({});
  });

  test("takes 32 entries and conditions of 2,048 bytes, and a megabyte is refused without being read", ({
    expect,
  }) => {
    const entry = { when: `target.resource == '${"é".repeat(1_000)}'`, then: "deny" };
    expect(new TextEncoder().encode(entry.when).byteLength).toBe(2_021);
    const set = (count: number, when: string) =>
      faults((d) => (d.contracts[0].decide = Array.from({ length: count }, () => ({ ...entry, when }))));
    expect(set(32, entry.when)).toEqual({});
    expect(set(33, entry.when)).toHaveProperty(["/contracts/0/decide"]);
    expect(set(1, `target.resource == '${"é".repeat(1_014)}'`)).toMatchObject({
      "/contracts/0/decide/0/when": "is over 2048 bytes",
    });
    expect(set(1, "(".repeat(2 ** 20))).toMatchObject({ "/contracts/0/decide/0/when": "is over 2048 bytes" });
    expect(set(1, "  ")).toHaveProperty(["/contracts/0/decide/0/when"]);
  });

  test("takes 2,000 contracts and refuses 5,000 by that number", ({ expect }) => {
    const many = (count: number) => (d: { contracts: object[] }) => {
      const [first] = d.contracts;
      d.contracts = Array.from({ length: count }, (_, index) => ({
        ...first,
        type: `load.t${index}`,
        decide: [{ when: `target.resource == 'r${index}'`, then: "gate" }],
      }));
    };
    expect(faults(many(2_000))).toEqual({});
    expect(faults(many(5_000))["/contracts"]).toContain("2000");
  });
});
