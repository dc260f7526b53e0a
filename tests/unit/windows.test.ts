import { describe, test } from "vitest";
import { measuresOf, sumKey, takeWindows, windowsOf } from "../../core/policy/windows.ts";
import type { JsonObject } from "../../schemas/json.ts";

const hour = 3_600_000;
const take = (text: string): { source: string; keys: string[] } => {
  const taken = takeWindows(text);
  if (!taken.ok) throw new Error(taken.error.detail);
  return { source: taken.value.source, keys: [...taken.value.windows.values()].map(({ key }) => key) };
};

describe("a sum in a condition", () => {
  test("becomes a variable of the same length, so that places stay where they were", ({ expect }) => {
    const text = "sum(args.amount) by agent\n  over 24h > 10 && count() by target over 1h > 3 // sum(";
    const { source, keys } = take(text);
    expect(source).toMatch(/^__0 {22}\n {10} > 10 && __1 +> 3 \/\/ sum\($/u);
    expect(source).toHaveLength(text.length);
    expect(source.indexOf("10")).toBe(text.indexOf("10 "));
    expect(keys).toEqual(["sum(args.amount) by agent over 86400000ms", "count() by target over 3600000ms"]);
  });

  test("is one sum however it is written", ({ expect }) => {
    const one = take("sum( args . amount )by type,agent over 1d > 1").keys;
    expect(take("sum(args.amount) by agent, type over 24h > 1").keys).toEqual(one);
    expect(take("sum(args.amount) by agent, agent, type over 1440m > 1").keys).toEqual(one);
  });

  test("is none inside a text, a comment or behind a dot", ({ expect }) => {
    for (const text of [
      "args.a == 'sum(args.n) by agent over 1h'",
      "args.sum(1)",
      'r"""count("""',
      "sum == 1",
    ]) {
      expect(take(text)).toEqual({ source: text, keys: [] });
    }
  });

  test("of a contract is listed once, over all its entries", ({ expect }) => {
    const when = "count() by agent over 1h > 3";
    const entries = [
      { when, then: "deny" as const },
      { when: `${when}0`, then: "gate" as const },
    ];
    expect(windowsOf({ decide: [...entries, { then: "allow" }] })).toEqual([
      { key: "count() by agent over 3600000ms", path: null, by: ["agent"], windowMs: hour },
    ]);
  });
});

describe("what a request adds to a sum", () => {
  const measure = (by: string, args: JsonObject = { amount: 5 }, change: object = {}) => {
    const windows = windowsOf({ decide: [{ when: `sum(args.amount) by ${by} over 1h > 1`, then: "gate" }] });
    const requester = { kind: "agent", id: "agent:demo", owner: "person:omar", ...change } as const;
    const target = { resource: "orders-db", environment: "production" };
    return measuresOf(windows, { type: "pay", args, target, requester })[0] ?? null;
  };

  test("is kept apart by who asks, for whom, for what and of which type", ({ expect }) => {
    expect(measure("agent")).toMatchObject({ by: '["agent:demo"]', amount: 5, windowMs: hour });
    expect(measure("requester")).toMatchObject({ by: '["person:omar"]' });
    expect(measure("requester", { amount: 5 }, { onBehalfOf: "person:bob" })).toMatchObject({
      by: '["person:bob"]',
    });
    // The resource alone: another environment named beside it starts no sum of its own.
    expect(measure("target, type")).toMatchObject({ by: '["orders-db","pay"]' });
  });

  const cases: [amount: unknown, counted: number | null][] = [
    [0, 0],
    [2 ** 53 - 1, 2 ** 53 - 1],
    [2 ** 53, null],
    [-1, null],
    [0.5, null],
    ["5", null],
    [null, null],
    [[5], null],
    [undefined, null],
  ];
  test.for(cases)("%j counts as %j", ([amount, counted], { expect }) => {
    const args = amount === undefined ? {} : (JSON.parse(JSON.stringify({ amount })) as JsonObject);
    expect(measure("agent", args)?.amount ?? null).toBe(counted);
  });

  test("reaches no prototype (T19)", ({ expect }) => {
    const windows = windowsOf({ decide: [{ when: "sum(args.length) by agent over 1h > 1", then: "gate" }] });
    const requester = { kind: "agent", id: "agent:demo", owner: "person:omar" } as const;
    const asked = { type: "pay", target: { resource: "x" }, requester };
    expect(measuresOf(windows, { ...asked, args: {} })).toEqual([]);
  });
});

describe("what is nearly a sum", () => {
  const fault = (text: string): string | null => {
    const taken = takeWindows(text);
    return taken.ok ? null : taken.error.detail;
  };
  const form = "a sum is written sum(args.amount) by agent over 24h, or count() by agent over 1h";

  test.for<[text: string, says: string]>([
    ["sum(args) by agent over 1h", `${form}: it adds up one field of args`],
    ["sum(target.resource) by agent over 1h", `${form}: it adds up one field of args`],
    ["sum(args.1) by agent over 1h", `${form}: it adds up one field of args`],
    ["sum(args.", `${form}: it adds up one field of args`],
    ["sum()", `${form}: it adds up one field of args`],
    ["sum(args.amount", form],
    ["count(args.amount) by agent over 1h", form],
    ["count() per agent over 1h", form],
    ["count()", form],
    ["count() by person over 1h", `${form}: by takes agent, requester, target, type`],
    ["count() by agent, over 1h", `${form}: by takes agent, requester, target, type`],
    ["count() by agent", form],
    ["count() by agent within 1h", form],
    ["count() by agent over", `${form}: over takes a duration from 1m to 30d`],
    ["count() by agent over soon", `${form}: over takes a duration from 1m to 30d`],
    ["count() by agent over 59s", `${form}: over takes a duration from 1m to 30d`],
    ["count() by agent over 31d", `${form}: over takes a duration from 1m to 30d`],
    ["__0 > 1", "__0 is not a variable"],
  ])("is refused and shown how it is written: %s", ([text, says], { expect }) => {
    expect(fault(text)).toContain(says);
  });

  test("is taken at the ends of what it may be", ({ expect }) => {
    expect(take("count() by agent over 60s > 1").keys).toEqual(["count() by agent over 60000ms"]);
    expect(take("count() by agent over 30d > 1").keys).toEqual(["count() by agent over 2592000000ms"]);
    expect(take("sum(args.order.total) by agent,type over 1h > 1").keys).toEqual([
      "sum(args.order.total) by agent,type over 3600000ms",
    ]);
    expect(take("args.a == sum").keys).toEqual([]);
    // A name that only ends as the engine's own do is somebody's own.
    expect(take("args.a__ == 1 && a__ == 1").keys).toEqual([]);
  });
});

describe("a sum by its name", () => {
  test("has one spelling, and nothing else has one", ({ expect }) => {
    expect(sumKey(" count() by agent over 1h ")).toBe("count() by agent over 3600000ms");
    for (const text of [
      "count() by agent over 1h > 3",
      "count() by agent over 1h + count() by type over 1h",
      "count() by person over 1h",
      "args.amount",
      "",
    ]) {
      expect(sumKey(text), text).toBeNull();
    }
  });

  test("is not looked for in a condition that does not publish", ({ expect }) => {
    const decide = [{ when: "count() by person over 1h > 1", then: "deny" as const }];
    expect(windowsOf({ decide })).toEqual([]);
  });
});

describe("the field that is added up", () => {
  const amounts = (args: JsonObject): number[] => {
    const windows = windowsOf({ decide: [{ when: "sum(args.a.b) by agent over 1h > 1", then: "gate" }] });
    const requester = { kind: "agent", id: "agent:demo", owner: "person:omar" } as const;
    return measuresOf(windows, { type: "pay", target: { resource: "x" }, requester, args }).map(
      ({ amount }) => amount,
    );
  };

  test("may lie deeper, and is not measured where the way to it is none", ({ expect }) => {
    expect(amounts({ a: { b: 3 } })).toEqual([3]);
    for (const a of ["text", null, [{ b: 3 }], 3, true, {}]) {
      expect(amounts({ a }), JSON.stringify(a)).toEqual([]);
    }
    expect(amounts({})).toEqual([]);
  });

  test("is a field, and not how long a text or a list is", ({ expect }) => {
    const windows = windowsOf({
      decide: [{ when: "sum(args.a.length) by agent over 1h > 1", then: "gate" }],
    });
    const requester = { kind: "agent", id: "agent:demo", owner: "person:omar" } as const;
    const asked = { type: "pay", target: { resource: "x" }, requester };
    for (const a of ["text", [1, 2]]) expect(measuresOf(windows, { ...asked, args: { a } })).toEqual([]);
    expect(measuresOf(windows, { ...asked, args: { a: { length: 2 } } })).toMatchObject([{ amount: 2 }]);
  });

  test("counts one where only requests are counted", ({ expect }) => {
    const windows = windowsOf({ decide: [{ when: "count() by type over 1h > 1", then: "gate" }] });
    const requester = { kind: "agent", id: "agent:demo", owner: "person:omar" } as const;
    const asked = { type: "pay", target: { resource: "x" }, requester, args: {} };
    expect(measuresOf(windows, asked)).toEqual([
      { key: "count() by type over 3600000ms", windowMs: hour, by: '["pay"]', amount: 1 },
    ]);
  });
});
