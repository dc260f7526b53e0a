import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "vitest";
import { workerdConfig } from "../../scripts/workerd/config.ts";
import { footprintOf } from "../../scripts/bench/footprint.ts";
import { Pool } from "../../scripts/bench/load.ts";
import { median, medianRound, percentile, ratioOf, summarise } from "../../scripts/bench/statistics.ts";
import { mostWaiters } from "../../scripts/bench/waiters.ts";
import { waitingPart } from "../../scripts/bench/print-many.ts";
import { table } from "../../scripts/bench/table.ts";

describe("statistics", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

  test("a percentile is a sample, by nearest rank, whatever the order", ({ expect }) => {
    expect([0.5, 0.95, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([50, 95, 99, 100]);
    expect(percentile([7], 0.01)).toBe(7);
    expect(percentile([10, 9, 100], 0.5)).toBe(10);
  });

  test("figures of nothing are not a number, so that they cannot be taken for one", ({ expect }) => {
    expect(percentile([], 0.5)).toBeNaN();
    expect(median([])).toBeNaN();
  });

  test("the median of an even number is the mean of the two in the middle", ({ expect }) => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([10, 9])).toBe(9.5);
  });

  test("throughput counts what was finished in the time it took", ({ expect }) => {
    expect(summarise([1, 2, 3, 4], 2_000)).toEqual({ count: 4, perSecond: 2, p50: 2, p95: 4, p99: 4 });
  });

  test("the median round is taken figure by figure, and one slow round changes nothing", ({ expect }) => {
    const round = (p50: number): ReturnType<typeof summarise> => summarise([p50], 1_000);
    expect(medianRound([round(2), round(90), round(3)])).toMatchObject({ count: 3, p50: 3, perSecond: 1 });
  });

  test("a ratio is made round by round, so a machine that slows down for both changes nothing", ({
    expect,
  }) => {
    expect(ratioOf([3, 30, 300], [2, 20, 200])).toEqual({ median: 1.5, low: 1.5, high: 1.5 });
    expect(ratioOf([2, 9, 4], [2, 3, 2])).toEqual({ median: 2, low: 1, high: 3 });
    expect(() => ratioOf([1], [])).toThrow(RangeError);
  });
});

describe("the load", () => {
  test("a pool gives each action away once", ({ expect }) => {
    const pool = new Pool();
    const ids = Array.from({ length: 50 }, (_, index) => `act_${index}`);
    for (const id of ids) pool.add({ id, digest: "", seq: 1 });
    const taken = ids.map(() => pool.take()?.id);
    expect(new Set(taken)).toEqual(new Set(ids));
    expect(pool.take()).toBeUndefined();
    expect(pool.size).toBe(0);
  });
});

describe("waiters", () => {
  test("as many as are wanted, or as the limit of open files leaves room for", ({ expect }) => {
    expect(mostWaiters(10_000, "workerd", 20_000)).toBe(10_000);
    expect(mostWaiters(10_000, "start", 20_000)).toBe(4_000);
    expect(mostWaiters(10_000, "workerd", 1_024)).toBe(0);
    expect(mostWaiters(10_000, "start", null)).toBe(10_000);
  });

  test("fewer than wanted are told together with the limit", ({ expect }) => {
    const told = summarise([1], 1_000);
    const line = { mode: "start", subject: "engine", memory: null, dropped: 0, told, untold: 0 } as const;
    const held = (count: number): string =>
      waitingPart([{ ...line, wanted: 10_000, held: count, descriptors: 20_000 }]);
    expect(held(4_000)).toContain("20000 files and connections");
    expect(held(10_000)).not.toContain("files and connections");
    expect(waitingPart([])).toBe("");
  });
});

describe("the footprint", () => {
  test("disk is what is allocated, of all files below", ({ expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "holdpoint-"));
    try {
      const before = footprintOf(0, folder).disk;
      writeFileSync(join(folder, "object.sqlite"), new Uint8Array(20_000));
      expect(footprintOf(0, folder).disk - before).toBeGreaterThanOrEqual(20_000);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("plain workerd", () => {
  test("its configuration keeps objects on disk in SQLite and escapes what it is given", ({ expect }) => {
    const bundle = {
      module: "index.js",
      compatibilityDate: "2026-10-20",
      compatibilityFlags: ["nodejs_compat"],
      objects: [{ binding: "ACTIONS", className: "Action" }],
    };
    const config = workerdConfig(bundle, "/a folder", { TOKEN: 'a "quoted" one' });
    expect(config).toContain('(className = "Action", uniqueKey = "Action", enableSql = true)');
    expect(config).toContain('disk = (path = "/a folder", writable = true)');
    expect(config).toContain('(name = "ACTIONS", durableObjectNamespace = "Action")');
    expect(config).toContain('(name = "TOKEN", text = "a \\"quoted\\" one")');
    expect(config).not.toMatch(/queue/iu);
  });
});

describe("tables", () => {
  test("columns are as wide as their widest cell, and no lines are no table", ({ expect }) => {
    expect(table(["", "n"], [])).toBe("");
    const [, ...lines] = table(
      ["", "n"],
      [
        ["long name", "1"],
        ["x", "12345"],
      ],
    ).split("\n");
    expect(lines).toEqual(["long name      1", "x          12345"]);
  });
});
