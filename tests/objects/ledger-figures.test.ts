import * as fc from "fast-check";
import { runInDurableObject } from "cloudflare:test";
import { describe, test } from "vitest";
import { retentionClasses } from "../../schemas/retention.ts";
import { contextOf, heldOf, History, omar, oneOfEach, recounted, start, step } from "./ledger-history.ts";
import { actionNamed, newLedger, overOf } from "./ledger-lines.ts";

/**
 * What the figures say is what somebody who remembers every single thing that happened would count. HOLDPOINT_SEED says which
 * histories, HOLDPOINT_LEDGERS how many.
 */

const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 2 ** 31);
const ledgers = Number(process.env["HOLDPOINT_LEDGERS"] ?? 25);
console.log(`ledger-figures: HOLDPOINT_SEED=${seed}`);

const byText = (rows: readonly unknown[]): string[] => rows.map((row) => JSON.stringify(row)).toSorted();

test("figures are what a recount of every single thing comes to", async ({ expect }) => {
  const sums = { values: 0, late: 0, held: 0, asked: 0, waiting: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 90 }), async (steps) => {
      const { ledger } = newLedger();
      const history = new History(ledger);
      for (const one of steps) await history.play(one);
      // Somebody is shown nothing of what was before.
      history.now += 60_000;
      const figures = await ledger.figures(history.now);
      for (const [index, name] of retentionClasses.entries()) {
        const { toleranceMs: _, ...said } = figures.retention[index]!;
        expect(said).toEqual(recounted(history, name));
        expect(said.early).toBe(0);
        sums.values += said.due;
        sums.late += said.late;
        sums.held += said.held;
        sums.asked += said.asked;
        sums.waiting += said.due - said.done - said.late - said.held > 0 ? 1 : 0;
      }
      expect(byText(figures.held)).toEqual(byText(heldOf(history)));
      expect(byText(figures.context)).toEqual(byText(contextOf(history)));
      expect(figures.log.actions).toBe(history.actions.length);
      const allowed = (rows: readonly { allowed: number }[]): number =>
        rows.reduce((sum, row) => sum + row.allowed, 0);
      expect(allowed(figures.reads)).toBe(history.reads.filter((read) => read.allowed).length);
      for (const { principal, route, ...counts } of figures.reads) {
        const own = history.reads.filter((read) => read.principal === principal && read.route === route);
        const yes = own.filter((read) => read.allowed).length;
        expect(counts).toMatchObject({ allowed: yes, refused: own.length - yes });
      }
    }),
    // Whatever the seed, one history has all of it in it.
    { seed, numRuns: ledgers, examples: [[[...oneOfEach]]] },
  );
  expect(Math.min(...Object.values(sums))).toBeGreaterThan(0);
});

describe("figures", () => {
  test("of a ledger that nothing was written to are all there and nought, and make no tables", async ({
    expect,
  }) => {
    const { ledger } = newLedger();
    const figures = await ledger.figures(start);
    expect(figures).toMatchObject({
      complete: true,
      checkpoint: { signed: 0, lagMs: 0, at: null },
      held: [],
    });
    expect(figures.retention.map(({ class: name, due, successRate }) => [name, due, successRate])).toEqual(
      retentionClasses.map((name) => [name, 0, null]),
    );
    const tables = await runInDurableObject(ledger, (_, state) =>
      state.storage.sql
        .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray(),
    );
    expect(tables).toEqual([]);
  });

  test("say how long the oldest line waits for its signature, and nothing once it has it", async ({
    expect,
  }) => {
    const { ledger } = newLedger();
    await ledger.record([overOf(actionNamed(1), 3)], start);
    expect((await ledger.figures(start + 5_000)).checkpoint).toMatchObject({
      signed: 0,
      unsigned: 3,
      lagMs: 5_000,
      at: null,
    });
    await ledger.checkpoint(true, start + 6_000);
    expect((await ledger.figures(start + 60_000)).checkpoint).toEqual({
      signed: 3,
      unsigned: 0,
      lagMs: 0,
      at: new Date(start + 6_000).toISOString(),
    });
  });

  test("are read anew every half minute, and after a hold at once", async ({ expect }) => {
    const { ledger } = newLedger();
    await ledger.record([overOf(actionNamed(1), 3)], start);
    expect((await ledger.figures(start)).log.actions).toBe(1);
    await ledger.record([overOf(actionNamed(2), 3)], start);
    expect((await ledger.figures(start + 29_999)).log.actions).toBe(1);
    expect((await ledger.figures(start + 30_000)).log.actions).toBe(2);
    await ledger.putHold(
      { id: "hold_AAAAAAAAAAAAAAAAAAAAAA", scope: "all", reason: "a case", by: omar, until: null },
      start + 30_000,
    );
    expect((await ledger.figures(start + 30_001)).log.holds).toBe(1);
  });
});
