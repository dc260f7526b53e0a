import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, test, vi } from "vitest";
import type { Ledger } from "../../objects/ledger/ledger.ts";
import { isProven } from "../support/log.ts";
import { actionNamed, linesOf, newLedger, overOf, seenOf, tamper } from "./ledger-lines.ts";

/** What lies in storage, to the byte. */
const stored = async (ledger: DurableObjectStub<Ledger>): Promise<unknown> =>
  Promise.all(
    ["lines", "tiles", "head", "actions", "checkpoints", "keys"].map((name) =>
      tamper(ledger, `SELECT * FROM ${name}`),
    ),
  );

type Exec = SqlStorage["exec"];

/** Runs `work` with a storage that fails at the `nth` statement that writes. @returns whether it has failed. */
async function failing(
  ledger: DurableObjectStub<Ledger>,
  nth: number,
  work: (woken: Ledger) => unknown,
): Promise<boolean> {
  return runInDurableObject(ledger, (woken: Ledger, { storage }) => {
    const { sql } = storage;
    const real: Exec = sql.exec.bind(sql);
    let writes = 0;
    const exec = ((statement: string, ...values: unknown[]) => {
      if (/^\s*(?:INSERT|UPDATE)/u.test(statement) && writes++ === nth) throw new Error("the disk is full");
      return real(statement, ...values);
    }) as Exec;
    Object.defineProperty(sql, "exec", { value: exec, configurable: true });
    try {
      work(woken);
      return false;
    } catch (error) {
      if (error instanceof Error && error.message === "the disk is full") return true;
      throw error;
    } finally {
      Reflect.deleteProperty(sql, "exec");
    }
  });
}

/** What is signed, what of it is outside, and when the next is due. While an alarm is at work, there is none either. */
const attended = (ledger: DurableObjectStub<Ledger>): Promise<unknown[]> =>
  runInDurableObject(ledger, (_, { storage }) => {
    const { body } = storage.sql.exec<{ body: string }>("SELECT body FROM head").one();
    const { signed, published, alarmAt } = JSON.parse(body);
    return [signed, published, alarmAt];
  });

const by = { kind: "engine", id: "engine" } as const;
const read = { by, route: "GET /v1/evidence", action: null, asked: null, outcome: "allowed" } as const;
/** 255 lines are there already: with any of these a tile is full. */
const commands: Record<string, (ledger: Ledger, now: number) => unknown> = {
  "a batch of new and finished actions": (ledger, now) =>
    ledger.record([seenOf(actionNamed("x"), 1), overOf(actionNamed("y"), 4), overOf(actionNamed(3), 9)], now),
  "a contradiction": (ledger, now) => ledger.record([overOf(actionNamed(0), 1, {}, "other")], now),
  "a read": (ledger, now) => ledger.access(read, now),
  "an erasure": (ledger, now) =>
    ledger.mayErase(
      {
        action: actionNamed(1),
        evidence: false,
        class: "ephemeral",
        dueAt: 1,
        seen: overOf(actionNamed(1), 3),
        by,
      },
      now,
    ),
  "a new key": (ledger, now) => ledger.rotateKey(by, now),
};

describe("a storage that fails half-way", () => {
  for (const [name, command] of Object.entries(commands)) {
    test(`${name}: nothing of it is there, and the same again is whole`, async ({ expect }) => {
      const { ledger } = newLedger();
      const now = Date.now();
      await ledger.record(
        Array.from({ length: 254 }, (_, nth) => seenOf(actionNamed(nth), 1)),
        now,
      );
      // So many are signed at once; what writes meanwhile is not to be the alarm.
      await vi.waitFor(async () => expect(await attended(ledger)).toEqual([255, 255, null]));
      const before = await stored(ledger);
      let nth = 0;
      for (; await failing(ledger, nth, (woken) => command(woken, now + nth)); nth += 1) {
        expect(await stored(ledger), `after the ${nth}th write`).toEqual(before);
      }
      // The control: there was something to tear.
      expect(nth).toBeGreaterThan(2);
      expect(await stored(ledger)).not.toEqual(before);

      const awake = await linesOf(ledger);
      await evictDurableObject(ledger);
      expect(await linesOf(ledger)).toEqual(awake);
      const numbers = awake.flatMap((line) => (line.kind === "opened" ? [line.number] : []));
      expect(numbers).toEqual(numbers.map((_, at) => at + 1));
      const proof = await ledger.prove(actionNamed(0), null, 1, now + 1_000);
      expect(isProven(proof!.opened, proof!.checkpoint)).toBe(true);
    });
  }

  test("the very first line: no half-made log is left, and no key that signs for none", async ({
    expect,
  }) => {
    const { ledger } = newLedger();
    const command = (woken: Ledger): unknown => woken.record([seenOf(actionNamed("a"), 1)], Date.now());
    // The tables themselves are made in a transaction of their own.
    let nth = 0;
    while (await failing(ledger, nth, command)) {
      expect(await ledger.leaves(0, 10, 10)).toEqual([]);
      expect(await ledger.logKeys(0)).toEqual([]);
      expect(await ledger.checkpoint(true, 0)).toBeNull();
      nth += 1;
    }
    expect(nth).toBeGreaterThan(2);
    expect((await linesOf(ledger)).map(({ kind }) => kind)).toEqual(["log", "opened"]);
    expect(await ledger.logKeys(0)).toHaveLength(1);
  });
});

describe("rows written", () => {
  /** What a call has written, by the storage's own count. */
  const written = (ledger: DurableObjectStub<Ledger>, work: (woken: Ledger) => unknown): Promise<number> =>
    runInDurableObject(ledger, (woken: Ledger, { storage }) => {
      const { sql } = storage;
      const real: Exec = sql.exec.bind(sql);
      const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
      const exec = ((statement: string, ...values: unknown[]) => {
        const cursor = real(statement, ...values);
        cursors.push(cursor);
        return cursor;
      }) as Exec;
      Object.defineProperty(sql, "exec", { value: exec, configurable: true });
      try {
        work(woken);
        return cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0);
      } finally {
        Reflect.deleteProperty(sql, "exec");
      }
    });

  test("are four for a new action and four for a finished one by themselves, and fewer in a batch", async ({
    expect,
  }) => {
    const { ledger } = newLedger();
    const now = Date.now();
    const due = [{ class: "operational" as const, dueAt: now + 1, bytes: 10 }];
    await ledger.record([seenOf(actionNamed("first"), 1)], now);
    const alone = actionNamed("alone");
    // One for the lines, one for the head, one for the action, one for its name.
    expect(await written(ledger, (woken) => woken.record([seenOf(alone, 1)], now))).toBe(4);
    // One for the lines, one for the head, one for the action, one for when it is due, one for the copy (a bucket is bound here).
    expect(await written(ledger, (woken) => woken.record([overOf(alone, 4, { holds: due })], now))).toBe(5);
    expect(await written(ledger, (woken) => woken.record([overOf(alone, 4, { holds: due })], now))).toBe(0);
    const batch = Array.from({ length: 20 }, (_, nth) => seenOf(actionNamed(nth), 1));
    expect(await written(ledger, (woken) => woken.record(batch, now))).toBe(2 + 2 * 20);
    const over = Array.from({ length: 20 }, (_, nth) => overOf(actionNamed(nth), 4, { holds: due }));
    expect(await written(ledger, (woken) => woken.record(over, now))).toBe(2 + 3 * 20);
    // The checkpoint and the head.
    expect(await written(ledger, (woken) => void woken.checkpoint(true, now))).toBe(2);
  });
});
