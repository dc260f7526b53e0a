import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, test } from "vitest";
import type { Measure } from "../../core/policy/windows.ts";
import { day, fresh, now, type Stub } from "./registries.ts";

const key = "sum(args.amount) by agent over 86400000ms";
const of = (amount: number, by = '["agent:demo"]'): Measure => ({ key, windowMs: day, by, amount });
const measured = async (
  registry: Stub,
  action: string,
  measures: Measure[],
  at = now,
  instead: string | null = null,
): Promise<string | undefined> => (await registry.measure({ action, measures, instead, now: at }))[key];

/** So many more actions in the sum, each with this amount. */
const fill = (registry: Stub, count: number, amount: number): Promise<void> =>
  runInDurableObject(registry, (_, { storage }) => {
    storage.sql.exec(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO windows (key, by_value, ends_at, action, amount) SELECT ?, ?, ?, 'x' || i, ? FROM n`,
      count,
      key,
      '["agent:demo"]',
      now + day,
      amount,
    );
  });

describe("a sum over a window of time", () => {
  test("has the action itself in it, and those before it, each kept apart by its value", async ({
    expect,
  }) => {
    const { registry } = fresh();
    expect(await measured(registry, "a", [of(1_200)])).toBe("1200");
    expect(await measured(registry, "b", [of(1_200)], now + 1)).toBe("2400");
    expect(await measured(registry, "c", [of(7, '["agent:other"]')], now + 1)).toBe("7");
    await evictDurableObject(registry);
    expect(await measured(registry, "d", [of(0)], now + 2)).toBe("2400");
  });

  test("T10: of nine fragments asked for at one moment each sees those before it, so one crosses", async ({
    expect,
  }) => {
    const { registry } = fresh();
    const sums = await Promise.all(
      Array.from({ length: 9 }, (_, index) => measured(registry, `a${index}`, [of(1_200)])),
    );
    expect(sums.map(Number).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 9 }, (_, index) => 1_200 * (index + 1)),
    );
  });

  test("leaves the window to the millisecond, and its row with it", async ({ expect }) => {
    const { registry } = fresh();
    await measured(registry, "a", [of(100)]);
    expect(await measured(registry, "b", [of(1)], now + day - 1)).toBe("101");
    expect(await measured(registry, "c", [of(1)], now + day)).toBe("2");
    const rows = await runInDurableObject(registry, (_, state) =>
      state.storage.sql.exec("SELECT action FROM windows ORDER BY action").toArray(),
    );
    expect(rows).toEqual([{ action: "b" }, { action: "c" }]);
  });

  test("counts an action once, with the greater amount, and a repeat takes nothing back", async ({
    expect,
  }) => {
    const { registry } = fresh();
    expect(await measured(registry, "a", [of(1_200)])).toBe("1200");
    expect(await measured(registry, "a", [of(1_200)], now + 5)).toBe("1200");
    expect(await measured(registry, "a", [of(0)], now + 6)).toBe("1200");
    expect(await measured(registry, "b", [of(1)], now + 7)).toBe("1201");
    expect(await measured(registry, "a", [of(2_000)], now + 8)).toBe("2001");
  });

  test("loses what policy refused, and what was replaced", async ({ expect }) => {
    const { registry } = fresh();
    await registry.withdraw("never asked for");
    await measured(registry, "a", [of(1_200)]);
    await measured(registry, "b", [of(500)]);
    await registry.withdraw("a");
    expect(await measured(registry, "c", [of(1)])).toBe("501");
    expect(await measured(registry, "d", [of(3)], now, "b")).toBe("4");
  });

  test("is exact past 2^53, and past what SQLite itself adds up", async ({ expect }) => {
    const { registry } = fresh();
    const most = 2 ** 53 - 1;
    await measured(registry, "a", [of(most)]);
    await fill(registry, 1_098, most);
    const last = await measured(registry, "b", [of(most)]);
    expect(last).toBe(String(BigInt(most) * 1_100n));
    expect(BigInt(last ?? 0) > 2n ** 63n).toBe(true);
  });

  test("is not measured where more than 50,000 actions are in it", async ({ expect }) => {
    const { registry } = fresh();
    await measured(registry, "a", [of(1)]);
    await fill(registry, 49_999, 1);
    expect(await measured(registry, "b", [of(1)])).toBe("50001");
    expect(await measured(registry, "c", [of(1)])).toBeUndefined();
  });
});
