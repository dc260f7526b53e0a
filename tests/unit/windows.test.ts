import { describe, test } from "vitest";
import { measuresOf, takeWindows, windowsOf } from "../../core/policy/windows.ts";
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
