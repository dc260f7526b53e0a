import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { describe, test } from "vitest";
import type { Ledger } from "../../objects/ledger/ledger.ts";
import type { ExportFilter, Recorded, Settled } from "../../objects/ledger/messages.ts";
import type { Seen } from "../../schemas/ledger.ts";
import { isProven } from "../support/log.ts";
import { actionNamed, headOf, kindsOf, linesOf, newLedger, overOf, seenOf, tamper } from "./ledger-lines.ts";

/** Tells the ledger, and answers what it doubts as an action would that never told another story. */
async function tell(ledger: DurableObjectStub<Ledger>, items: Seen[], story = ""): Promise<Recorded[]> {
  const recorded = await ledger.record(items, 1_000);
  const doubts = recorded.flatMap((one) => one.doubts ?? []);
  if (doubts.length === 0) return recorded;
  const answers = doubts.map(({ seen, known }): Settled => ({
    seen,
    known,
    holds: known.head === headOf(seen.action, known.events, story),
  }));
  return ledger.settle(answers, 1_000);
}

describe("an action in the ledger", () => {
  test("gets its number when it is first seen, a line then, and another when it is over", async ({
    expect,
  }) => {
    const { workspace, ledger } = newLedger();
    const [a, b] = [actionNamed("a"), actionNamed("b")];
    expect(await ledger.record([seenOf(a, 2)], 1_000)).toEqual([{ action: a, number: 1, sealed: 0 }]);
    const both = await ledger.record([overOf(b, 3), overOf(a, 5)], 2_000);
    expect(both).toEqual([
      { action: b, number: 2, sealed: 3 },
      { action: a, number: 1, sealed: 5 },
    ]);
    const lines = await linesOf(ledger);
    expect(lines.map(({ kind }) => kind)).toEqual(["log", "opened", "opened", "sealed", "sealed"]);
    expect(lines[1]).toEqual({
      v: 1,
      workspace,
      at: 1_000,
      kind: "opened",
      number: 1,
      action: a,
      first: headOf(a, 1),
    });
    expect(lines[4]).toMatchObject({ number: 1, events: 5, head: headOf(a, 5), state: "executed" });
    expect(await ledger.count("sealed")).toBe(2);
  });

  test("that says the same again writes nothing at all", async ({ expect }) => {
    const { ledger } = newLedger();
    const a = actionNamed("a");
    // With the time of day: an alarm that is overdue would sign, and so write, meanwhile.
    await ledger.record([seenOf(a, 2), overOf(a, 4)], Date.now());
    const before = await tamper(ledger, "SELECT total_changes() AS changes");
    for (const seen of [overOf(a, 4), overOf(a, 4), seenOf(a, 1, { head: headOf(a, 1) })]) {
      expect(await ledger.record([seen], Date.now())).toEqual([{ action: a, number: 1, sealed: 4 }]);
    }
    expect(await tamper(ledger, "SELECT total_changes() AS changes")).toEqual(before);
  });

  test("that goes on after it was over is sealed again with more", async ({ expect }) => {
    const { ledger } = newLedger();
    const a = actionNamed("a");
    await ledger.record([overOf(a, 4)], 1_000);
    expect(await tell(ledger, [seenOf(a, 5, { state: "rolling_back" })])).toEqual([
      { action: a, number: 1, sealed: 4 },
    ]);
    expect(await tell(ledger, [overOf(a, 7, { state: "rolled_back" })])).toEqual([
      { action: a, number: 1, sealed: 7 },
    ]);
    expect(await kindsOf(ledger)).toEqual(["log", "opened", "sealed", "sealed"]);
    const proof = await ledger.prove(a, null, null, 2_000);
    expect(JSON.parse(proof!.sealed!.text)).toMatchObject({ events: 7, state: "rolled_back" });
    expect(isProven(proof!.sealed!, proof!.checkpoint)).toBe(true);
  });

  test("keeps what it holds and when that is due, as it last said", async ({ expect }) => {
    const { ledger } = newLedger();
    const a = actionNamed("a");
    const holds = [
      { class: "operational", dueAt: 9_000, bytes: 10 },
      { class: "ephemeral", dueAt: 4_000, bytes: 3 },
    ] as const;
    await ledger.record([overOf(a, 4, { holds: [...holds] })], 1_000);
    const due = "SELECT due_at, erased FROM actions";
    expect(await tamper(ledger, due)).toEqual([{ due_at: 4_000, erased: "[]" }]);
    const erased: Seen["erased"] = [{ class: "ephemeral", at: 4_100 }];
    await ledger.record([overOf(a, 4, { holds: [holds[0]], erased })], 4_200);
    expect(await tamper(ledger, due)).toEqual([{ due_at: 9_000, erased: JSON.stringify(erased) }]);
    // An older word that comes late does not bring back what is gone.
    await ledger.record([overOf(a, 4, { holds: [...holds] })], 4_300);
    expect(await tamper(ledger, due)).toEqual([{ due_at: 9_000, erased: JSON.stringify(erased) }]);
    expect(await kindsOf(ledger)).toEqual(["log", "opened", "sealed"]);
  });

  test("the ledger's clock does not go back with the caller's", async ({ expect }) => {
    const { ledger } = newLedger();
    await ledger.record([seenOf(actionNamed("a"), 1)], 5_000);
    await ledger.record([seenOf(actionNamed("b"), 1)], 1_000);
    await evictDurableObject(ledger);
    await ledger.record([seenOf(actionNamed("c"), 1)], 4_999);
    expect((await linesOf(ledger)).map(({ at }) => at)).toEqual([5_000, 5_000, 5_000, 5_000]);
  });
});

describe("what contradicts what was known", () => {
  const a = actionNamed("a");
  const cases: [string, Seen][] = [
    ["another first entry", overOf(a, 6, { first: headOf("another", 1) })],
    ["another head after as many events", overOf(a, 4, {}, "rewritten")],
  ];
  for (const [name, seen] of cases) {
    test(`${name} is put down at once, once, and changes nothing that was known`, async ({ expect }) => {
      const { ledger } = newLedger();
      await ledger.record([seenOf(a, 2), overOf(a, 4)], 1_000);
      for (let times = 0; times < 3; times += 1) {
        expect(await ledger.record([seen], 2_000)).toEqual([{ action: a, number: 1, sealed: 4 }]);
      }
      const lines = await linesOf(ledger);
      expect(lines.map(({ kind }) => kind)).toEqual(["log", "opened", "sealed", "conflict"]);
      expect(lines[3]).toMatchObject({
        events: seen.events,
        head: seen.head,
        knownEvents: 4,
        knownHead: headOf(a, 4),
      });
      const proof = await ledger.prove(a, null, null, 3_000);
      expect(proof?.conflicts.map((line) => isProven(line, proof.checkpoint))).toEqual([true]);
      expect(JSON.parse(proof!.sealed!.text)).toMatchObject({ events: 4, head: headOf(a, 4) });
    });
  }

  test("an object that was put back and goes on another way shows, however far it goes", async ({
    expect,
  }) => {
    const { ledger } = newLedger();
    await ledger.record([seenOf(a, 2), overOf(a, 5)], 1_000);
    // Put back to its second event, it tells another story from the third on.
    for (const events of [3, 4, 5, 6, 9]) {
      const told = await tell(ledger, [overOf(a, events, {}, "other")], "other");
      expect(told).toEqual([{ action: a, number: 1, sealed: 5 }]);
    }
    const lines = (await linesOf(ledger)).filter(({ kind }) => kind === "conflict");
    expect(lines.map((line) => (line.kind === "conflict" ? line.events : null))).toEqual([3, 4, 5, 6, 9]);
  });

  test("news that come late are no contradiction, and nothing is put down before somebody has looked", async ({
    expect,
  }) => {
    const { ledger } = newLedger();
    await ledger.record([overOf(a, 5)], 1_000);
    const [late] = await ledger.record([seenOf(a, 3)], 2_000);
    expect(late).toEqual({
      action: a,
      number: 1,
      sealed: 5,
      doubts: [{ seen: seenOf(a, 3), known: { events: 5, head: headOf(a, 5) } }],
    });
    expect(await kindsOf(ledger)).toEqual(["log", "opened", "sealed"]);
    const [doubt] = late!.doubts!;
    expect(await ledger.settle([{ ...doubt!, holds: true }], 3_000)).toEqual([
      { action: a, number: 1, sealed: 5 },
    ]);
    expect(await kindsOf(ledger)).toEqual(["log", "opened", "sealed"]);
  });
});

describe("whatever comes twice, late, in another order or in other batches", () => {
  /** Some actions' news, shuffled, some of them twice, cut into batches. */
  const deliveries = fc
    .record({
      actions: fc.integer({ min: 1, max: 6 }),
      again: fc.array(fc.nat({ max: 100 }), { maxLength: 8 }),
      cuts: fc.array(fc.nat({ max: 40 }), { maxLength: 8 }),
    })
    .chain(({ actions, again, cuts }) => {
      const told = Array.from({ length: actions }, (_, nth) => actionNamed(nth)).flatMap((action) => [
        seenOf(action, 2),
        overOf(action, 5),
        seenOf(action, 6, { state: "rolling_back" }),
        overOf(action, 8, { state: "rolled_back" }),
      ]);
      const items = [...told, ...again.map((at) => told[at % told.length]!)];
      return fc
        .shuffledSubarray(items, { minLength: items.length, maxLength: items.length })
        .map((shuffled) => ({ actions, shuffled, cuts: cuts.toSorted((one, other) => one - other) }));
    });

  function batches({ shuffled, cuts }: { shuffled: Seen[]; cuts: number[] }): Seen[][] {
    const edges = [0, ...cuts.filter((cut) => cut < shuffled.length), shuffled.length];
    return edges.slice(1).map((end, nth) => shuffled.slice(edges[nth], end));
  }

  async function play(given: { shuffled: Seen[]; cuts: number[] }): Promise<DurableObjectStub<Ledger>> {
    const { ledger } = newLedger();
    for (const batch of batches(given)) await tell(ledger, batch);
    return ledger;
  }

  test("numbers have no gap and are given once, no line is there twice, nothing is called a contradiction", async ({
    expect,
  }) => {
    const seed = Number(process.env["HOLDPOINT_SEED"] ?? 20_260_101);
    console.log(`seed ${seed}`);
    await fc.assert(
      fc.asyncProperty(deliveries, async (given) => {
        const lines = await linesOf(await play(given));
        const opened = lines.filter((line) => line.kind === "opened");
        const order = [...new Set(given.shuffled.map(({ action }) => action))];
        expect(opened.map(({ number }) => number)).toEqual(order.map((_, nth) => nth + 1));
        expect(opened.map(({ action }) => action)).toEqual(order);
        const sealed = lines.filter((line) => line.kind === "sealed");
        const said = sealed.map(({ action, events }) => `${action}/${events}`);
        expect(new Set(said).size).toBe(said.length);
        for (const action of order) {
          const own = sealed.filter((line) => line.action === action).map(({ events }) => events);
          expect(own.at(-1)).toBe(8);
          expect(own).toEqual(own.toSorted((one, other) => one - other));
        }
        expect(lines.filter(({ kind }) => kind === "conflict")).toEqual([]);
      }),
      { seed, numRuns: 60 },
    );
  });

  test("the control: an action that tells two stories is found in every order", async ({ expect }) => {
    const seed = Number(process.env["HOLDPOINT_SEED"] ?? 20_260_102);
    console.log(`seed ${seed}`);
    await fc.assert(
      fc.asyncProperty(deliveries, async (given) => {
        const liar = actionNamed("liar");
        const shuffled = [...given.shuffled, overOf(liar, 5), overOf(liar, 5, {}, "other")];
        const lines = await linesOf(await play({ ...given, shuffled }));
        const conflicts = lines.filter((line) => line.kind === "conflict");
        expect(conflicts.map(({ action }) => action)).toEqual([liar]);
      }),
      { seed, numRuns: 20 },
    );
  });
});

describe("before a class is let go of", () => {
  const a = actionNamed("a");
  const seen = overOf(a, 4);
  const by = { kind: "engine", id: "engine" } as const;

  test("the log says so, once for each class, with the last hash that is known", async ({ expect }) => {
    const { ledger } = newLedger();
    const ask = (name: "ephemeral" | "operational"): ReturnType<typeof ledger.mayErase> =>
      ledger.mayErase({ action: a, class: name, evidence: false, dueAt: 900, seen, by }, 1_000);
    expect(await ask("ephemeral")).toEqual({ allowed: true, index: 3 });
    expect(await ask("ephemeral")).toEqual({ allowed: true, index: 3 });
    expect(await ask("operational")).toEqual({ allowed: true, index: 4 });
    expect(await kindsOf(ledger)).toEqual(["log", "opened", "sealed", "erased", "erased"]);
    const proof = await ledger.prove(a, null, null, 2_000);
    expect(proof?.erased.map(({ text }) => JSON.parse(text))).toMatchObject([
      { class: "ephemeral", dueAt: 900, events: 4, head: headOf(a, 4), by },
      { class: "operational" },
    ]);
    expect(proof?.erased.every((line) => isProven(line, proof.checkpoint))).toBe(true);
  });
});

describe("what is exported", () => {
  test("is every action of a time and type, by number, a page at a time", async ({ expect }) => {
    const { ledger } = newLedger();
    for (let nth = 0; nth < 30; nth += 1) {
      const type = nth % 3 === 0 ? "host.shell" : "db.migrate";
      await ledger.record([seenOf(actionNamed(nth), 1, { type })], 1_000 + 10 * Math.floor(nth / 2));
    }
    const filter: ExportFilter = { since: null, until: null, type: null, after: 0, limit: 100 };
    const numbers = async (parts: Partial<ExportFilter>): Promise<number[]> =>
      (await ledger.exported({ ...filter, ...parts })).map(({ number }) => number);
    expect(await numbers({})).toEqual(Array.from({ length: 30 }, (_, nth) => nth + 1));
    expect(await numbers({ after: 27, limit: 2 })).toEqual([28, 29]);
    expect(await numbers({ since: 1_020, until: 1_040 })).toEqual([5, 6, 7, 8]);
    expect(await numbers({ since: 1_019, until: 1_021 })).toEqual([5, 6]);
    expect(await numbers({ since: 9_000, until: 10_000 })).toEqual([]);
    expect(await numbers({ type: "host.shell", limit: 3 })).toEqual([1, 4, 7]);
  });
});

describe("a ledger that nothing was ever written to", () => {
  test("answers with nothing and makes no tables", async ({ expect }) => {
    const { ledger } = newLedger();
    const a = actionNamed("a");
    expect(await ledger.checkpoint(true, 1)).toBeNull();
    expect(await ledger.prove(a, null, null, 1)).toBeNull();
    expect(await ledger.consistency(0, 0)).toBeNull();
    expect(await ledger.leaves(0, 10, 10)).toEqual([]);
    expect(await ledger.logKeys(1)).toEqual([]);
    expect(await ledger.count("opened")).toBe(0);
    expect(await ledger.uncopied(10)).toEqual([]);
    await ledger.poke(0, Date.now());
    expect(await ledger.status(1)).toMatchObject({ size: 0, checkpoint: null, fault: null });
    const tables = await runInDurableObject(ledger, (_, { storage }) =>
      storage.sql
        .exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
        .toArray(),
    );
    expect(tables).toEqual([]);
  });
});
