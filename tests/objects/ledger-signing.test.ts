import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { randomBytes } from "node:crypto";
import { describe, test, vi } from "vitest";
import { Ledger } from "../../objects/ledger/ledger.ts";
import { keyOverlapMs, lostLogKey } from "../../objects/ledger/log-keys.ts";
import { signersOf, sshFault } from "../support/log.ts";
import { actionNamed, kindsOf, linesOf, newLedger, overOf, seenOf, tamper } from "./ledger-lines.ts";

const alarmOf = (ledger: DurableObjectStub<Ledger>): Promise<number | null> =>
  runInDurableObject(ledger, (_, { storage }) => storage.getAlarm());

const by = { kind: "person", id: "person:alice" } as const;
const day = 86_400_000;

/** The ledger as another process would wake it, with another environment. */
async function within<Value>(
  ledger: DurableObjectStub<Ledger>,
  parts: object,
  run: (woken: Ledger) => Value | Promise<Value>,
): Promise<Value> {
  try {
    return await runInDurableObject(ledger, (_, state) => run(new Ledger(state, { ...env, ...parts })));
  } finally {
    // What was awake beside it knows nothing of what it has written.
    await evictDurableObject(ledger);
  }
}

describe("a checkpoint", () => {
  test("is signed a minute after a line by the alarm, which is set for nothing else", async ({ expect }) => {
    const { ledger } = newLedger();
    const now = Date.now();
    await ledger.record([seenOf(actionNamed(1), 1)], now);
    expect(await alarmOf(ledger)).toBe(now + 60_000);
    await ledger.record([seenOf(actionNamed(2), 1)], now + 30_000);
    expect(await alarmOf(ledger)).toBe(now + 60_000);
    expect(await ledger.checkpoint(false, now)).toBeNull();
    expect(await runDurableObjectAlarm(ledger)).toBe(true);
    const checkpoint = await ledger.checkpoint(false, now);
    const keys = await ledger.logKeys(now);
    expect(checkpoint?.size).toBe(3);
    expect(signersOf(checkpoint!, keys)).toEqual([keys[0]!.vkey]);
    expect(sshFault(checkpoint!, keys[0]!)).toBeNull();
    expect(await alarmOf(ledger)).toBeNull();
    expect(await runDurableObjectAlarm(ledger)).toBe(false);
    expect(await ledger.status(now)).toMatchObject({ unsigned: 0, unsignedSince: null, actions: 2 });
  });

  test("is signed at once when a hundred lines wait", async ({ expect }) => {
    const { ledger } = newLedger();
    const now = Date.now();
    const items = Array.from({ length: 98 }, (_, nth) => seenOf(actionNamed(nth), 1));
    await ledger.record(items, now);
    expect(await alarmOf(ledger)).toBe(now + 60_000);
    await ledger.record([seenOf(actionNamed("last"), 1)], now);
    // It may have gone off by now: then it has signed.
    const at = await alarmOf(ledger);
    expect(at === null || at <= Date.now() + 1_000).toBe(true);
    await vi.waitFor(async () => expect((await ledger.checkpoint(false, now))?.size).toBe(100));
  });

  test("stands for all that there is where a fresh one is asked for, and the same one is not signed twice", async ({
    expect,
  }) => {
    const { ledger } = newLedger();
    await ledger.record([overOf(actionNamed(1), 3)], Date.now());
    const first = await ledger.checkpoint(true, 5_000);
    expect(first).toMatchObject({ size: 3 });
    expect(await ledger.checkpoint(true, 6_000)).toEqual(first);
    await ledger.access(
      { by, route: "GET /v1/evidence", action: null, asked: null, outcome: "allowed" },
      Date.now(),
    );
    expect((await ledger.checkpoint(false, 7_000))?.size).toBe(3);
    expect((await ledger.checkpoint(true, 7_000))?.size).toBe(4);
    expect((await linesOf(ledger)).at(-1)).toMatchObject({ kind: "access", route: "GET /v1/evidence", by });
  });

  test("of any earlier size is given where it is asked for, and none of a size that is not there", async ({
    expect,
  }) => {
    const { ledger } = newLedger();
    const [a, b] = [actionNamed("a"), actionNamed("b")];
    await ledger.record([seenOf(a, 1), seenOf(b, 1)], Date.now());
    await ledger.record([overOf(a, 3)], Date.now());
    const keys = await ledger.logKeys(0);
    for (const [size, sealed] of [
      [2, null],
      [3, null],
      [4, 3],
    ] as const) {
      const proof = await ledger.prove(a, size, null, 2_000);
      expect(signersOf(proof!.checkpoint, keys)).toEqual([keys[0]!.vkey]);
      expect(proof?.checkpoint.size).toBe(size);
      expect(proof?.sealed?.index ?? null).toBe(sealed);
    }
    expect(await ledger.prove(a, 1, null, 2_000)).toBeNull();
    expect(await ledger.prove(a, 5, null, 2_000)).toBeNull();
    expect(await ledger.prove(a, 0, null, 2_000)).toBeNull();
    expect(await ledger.prove(actionNamed("c"), null, null, 2_000)).toBeNull();
    expect((await ledger.prove(a, 4, 5, 2_000))?.consistency).toBeNull();
  });

  test("that the alarm has lost is signed when the sweep comes, and not before", async ({ expect }) => {
    const { ledger } = newLedger();
    const now = Date.now();
    await ledger.record([seenOf(actionNamed(1), 1)], now);
    await runInDurableObject(ledger, (_, { storage }) => storage.deleteAlarm());
    await ledger.poke(120_000, now + 119_999);
    expect(await ledger.checkpoint(false, now)).toBeNull();
    await ledger.poke(120_000, now + 120_000);
    expect((await ledger.checkpoint(false, now))?.size).toBe(2);
  });
});

describe("the name of a log", () => {
  test("is that of its first line, whatever is configured later", async ({ expect }) => {
    const { workspace, ledger } = newLedger();
    const named = { HOLDPOINT_LOG_ORIGIN: "holdpoint.example.com/eu" };
    await within(ledger, named, (woken) => woken.record([seenOf(actionNamed(1), 1)], 1_000));
    const checkpoint = await ledger.checkpoint(true, 2_000);
    expect(checkpoint?.origin).toBe(`holdpoint.example.com/eu/${workspace}`);
    expect(checkpoint?.note.split("\n")[0]).toBe(checkpoint?.origin);
    expect((await linesOf(ledger))[0]).toMatchObject({ kind: "log", origin: checkpoint?.origin });
  });

  test.for(["https://x.example", "a b", "a+b", "", "a/", "-a"])(
    "that is none, %j, is refused before anything is written",
    async (origin, { expect }) => {
      const { ledger } = newLedger();
      const record = within(ledger, { HOLDPOINT_LOG_ORIGIN: origin }, (woken) =>
        woken.record([seenOf(actionNamed(1), 1)], 1_000),
      );
      await expect(record).rejects.toThrow("HOLDPOINT_LOG_ORIGIN");
      expect(await kindsOf(ledger)).toEqual([]);
    },
  );
});

describe("the key of a log", () => {
  const sealKey = (): string => randomBytes(32).toString("base64");

  test("lies sealed in storage, and stays the same when the sealing key is changed", async ({ expect }) => {
    const { ledger } = newLedger();
    const [old, fresh] = [sealKey(), sealKey()];
    const record = (nth: number) => (woken: Ledger) =>
      woken.record([seenOf(actionNamed(nth), 1)], Date.now());
    await within(ledger, { HOLDPOINT_SEAL_KEY: old }, record(1));
    const secret = async (): Promise<string> =>
      String(((await tamper(ledger, "SELECT secret FROM keys")) as { secret: string }[])[0]?.secret);
    const before = await secret();
    expect(before).toMatch(/^sealed:1:/u);
    const keys = await ledger.logKeys(0);
    // Both keys for a while; what is signed meanwhile seals the log's key anew.
    await within(ledger, { HOLDPOINT_SEAL_KEY: `${fresh},${old}` }, (woken) => woken.checkpoint(true, 1_000));
    expect(await secret()).not.toBe(before);
    await within(ledger, { HOLDPOINT_SEAL_KEY: fresh }, async (woken) => {
      record(2)(woken);
      const checkpoint = await woken.checkpoint(true, 2_000);
      expect(checkpoint?.size).toBe(3);
      expect(signersOf(checkpoint!, keys)).toEqual([keys[0]!.vkey]);
    });
  });

  test("that cannot be opened signs nothing, and all else goes on until a new one is begun", async ({
    expect,
  }) => {
    const { ledger } = newLedger();
    const a = actionNamed("a");
    await within(ledger, { HOLDPOINT_SEAL_KEY: sealKey() }, async (woken) => {
      woken.record([seenOf(a, 1)], Date.now());
      await woken.checkpoint(true, Date.now());
    });
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await within(ledger, { HOLDPOINT_SEAL_KEY: sealKey() }, async (woken) => {
      const now = Date.now();
      expect(woken.record([overOf(a, 3)], now)).toEqual([{ action: a, number: 1, sealed: 3 }]);
      await woken.alarm();
      expect((await woken.checkpoint(true, now))?.size).toBe(2);
      expect(error.mock.calls.flat().join(" ")).toContain(lostLogKey);
      expect(woken.status(now)).toMatchObject({
        size: 3,
        unsigned: 1,
        unsignedSince: now,
        fault: lostLogKey,
      });
      // What was signed before still proves what it proved.
      expect(await woken.prove(a, null, null, now)).toMatchObject({ number: 1, sealed: null });
      expect(woken.leaves(2, 3, 1)).toHaveLength(1);
      // It is tried again by the alarm, and not with every line.
      woken.record([seenOf(actionNamed("b"), 1)], now);
      expect(await alarmIn(woken)).toBeGreaterThan(now + 30_000);

      woken.rotateKey(by, now);
      const checkpoint = await woken.checkpoint(false, now);
      const keys = await woken.logKeys(now);
      expect(checkpoint?.size).toBe(5);
      expect(signersOf(checkpoint!, keys)).toEqual([keys[1]!.vkey]);
      expect(woken.status(now).fault).toBeNull();
    });
    error.mockRestore();
  });

  const alarmIn = (woken: Ledger): Promise<number | null> =>
    (woken as unknown as { ctx: DurableObjectState }).ctx.storage.getAlarm();

  test("that a new one follows signs beside it for seven days, and stays listed", async ({ expect }) => {
    const { ledger } = newLedger();
    const start = Date.now();
    await ledger.record([overOf(actionNamed("a"), 3)], start);
    const before = await ledger.checkpoint(true, start);
    const line = await ledger.rotateKey(by, start + 1);
    expect(line).toBe(3);
    const keys = await ledger.logKeys(start);
    const until = start + 1 + keyOverlapMs;
    expect(keyOverlapMs).toBe(7 * day);
    expect(keys).toMatchObject([
      { since: start, until },
      { since: start + 1, until: null },
    ]);
    expect((await linesOf(ledger))[3]).toMatchObject({ kind: "key", key: keys[1]!.vkey, until, by });

    // Signed at once, by both; whoever has either of them can check it.
    const both = (await ledger.checkpoint(false, start + 2))!;
    expect(both.size).toBe(4);
    expect(signersOf(both, keys)).toEqual([keys[1]!.vkey, keys[0]!.vkey]);
    expect(signersOf(both, [keys[0]!])).toEqual([keys[0]!.vkey]);
    expect(keys.map((key) => sshFault(both, key))).toEqual([null, null]);

    await ledger.record([seenOf(actionNamed("b"), 1)], until - 1);
    expect(signersOf((await ledger.checkpoint(true, until - 1))!, keys)).toHaveLength(2);
    await ledger.record([seenOf(actionNamed("c"), 1)], until);
    const alone = (await ledger.checkpoint(true, until))!;
    expect(signersOf(alone, keys)).toEqual([keys[1]!.vkey]);
    expect(() => signersOf(alone, [keys[0]!])).toThrow("none of the given keys");
    // What was signed before is verified with the key of then.
    expect(signersOf(before!, keys)).toEqual([keys[0]!.vkey]);
    const proof = await ledger.prove(actionNamed("a"), null, null, until);
    expect(proof?.keyed.map(({ index }) => index)).toEqual([line]);
    expect(proof?.keys).toEqual(keys);
  });

  test("may be rotated before there is a line, and twice within the overlap", async ({ expect }) => {
    const { ledger } = newLedger();
    const now = Date.now();
    await ledger.rotateKey(by, now, 1_000);
    await ledger.rotateKey(by, now + 1, 2_000);
    expect(await kindsOf(ledger)).toEqual(["log", "key", "key"]);
    const keys = await ledger.logKeys(now);
    expect(keys.map(({ until }) => until)).toEqual([now + 1_000, now + 2_001, null]);
    expect(signersOf((await ledger.checkpoint(true, now + 2))!, keys)).toHaveLength(3);
    await ledger.record([seenOf(actionNamed("a"), 1)], now + 1_500);
    expect(signersOf((await ledger.checkpoint(true, now + 1_500))!, keys)).toEqual([
      keys[2]!.vkey,
      keys[1]!.vkey,
    ]);
  });
});

describe("checkpoints in a bucket", () => {
  const objects = async (workspace: string): Promise<string[]> =>
    (await bucket.list({ prefix: `checkpoints/${workspace}/` })).objects.map(({ key }) => key);
  const bucket = (env as unknown as { EVIDENCE: R2Bucket }).EVIDENCE;

  test("are put there once each, under their size, and never over another", async ({ expect }) => {
    const { workspace, ledger } = newLedger();
    await ledger.record([seenOf(actionNamed("a"), 1)], Date.now());
    const taken = `checkpoints/${workspace}/${"4".padStart(16, "0")}`;
    await bucket.put(taken, "somebody else's");
    await runDurableObjectAlarm(ledger);
    const first = `checkpoints/${workspace}/${"2".padStart(16, "0")}`;
    expect(await objects(workspace)).toEqual([first, taken]);
    expect(await (await bucket.get(first))!.json()).toEqual(await ledger.checkpoint(false, 0));
    await ledger.record([seenOf(actionNamed("b"), 1), seenOf(actionNamed("c"), 1)], Date.now());
    await runDurableObjectAlarm(ledger);
    expect(await (await bucket.get(taken))!.text()).toBe("somebody else's");
    expect(await objects(workspace)).toEqual([first, taken]);
    expect(await alarmOf(ledger)).toBeNull();
  });

  test("are put there later where the bucket does not answer, and nothing waits for that", async ({
    expect,
  }) => {
    const { workspace, ledger } = newLedger();
    const broken = { EVIDENCE: { put: () => Promise.reject(new Error("no bucket")) } };
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await within(ledger, broken, async (woken) => {
      woken.record([overOf(actionNamed("a"), 3)], Date.now());
      await woken.alarm();
      expect((await woken.checkpoint(false, 0))?.size).toBe(3);
    });
    expect(error.mock.calls.flat().join(" ")).toContain("Error: no bucket");
    error.mockRestore();
    expect(await objects(workspace)).toEqual([]);
    expect(await alarmOf(ledger)).toBeGreaterThan(Date.now());
    await evictDurableObject(ledger);
    await runDurableObjectAlarm(ledger);
    expect(await objects(workspace)).toHaveLength(1);
    expect(await alarmOf(ledger)).toBeNull();
  });

  test("are not asked for where no bucket is bound", async ({ expect }) => {
    const { workspace, ledger } = newLedger();
    await within(ledger, { EVIDENCE: undefined }, async (woken) => {
      woken.record([overOf(actionNamed("a"), 3)], Date.now());
      await woken.alarm();
      expect(woken.uncopied(10)).toEqual([]);
    });
    expect(await objects(workspace)).toEqual([]);
    // One that is bound later gets what is signed from then on.
    await ledger.record([seenOf(actionNamed("b"), 1)], Date.now());
    await runDurableObjectAlarm(ledger);
    expect(await objects(workspace)).toEqual([`checkpoints/${workspace}/${"4".padStart(16, "0")}`]);
  });
});
