import { evictDurableObject } from "cloudflare:test";
import { describe, test } from "vitest";
import { leafHash, verifyConsistency, verifyInclusion } from "../../core/evidence/merkle.ts";
import type { Ledger } from "../../objects/ledger/ledger.ts";
import { sha256 } from "../../objects/ledger/log.ts";
import { bytesOf, isProven } from "../support/log.ts";
import { actionNamed, headOf, newLedger, overOf, seenOf, tamper } from "./ledger-lines.ts";

/** Numbers from 0 up to, without, `below`, the same for the same seed. */
function lots(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Batches of uneven sizes, one line an action. */
async function grow(
  ledger: DurableObjectStub<Ledger>,
  actions: number,
  draw: (below: number) => number,
): Promise<void> {
  for (let nth = 0; nth < actions;) {
    const size = Math.min(1 + draw(300), actions - nth);
    const items = Array.from({ length: size }, (_, more) => seenOf(actionNamed(nth + more), 1));
    await ledger.record(items, 1_000 + nth);
    nth += size;
  }
}

describe("the tree of a log of thousands of lines", () => {
  const seed = Number(process.env["HOLDPOINT_SEED"] ?? 20_260_103);

  test("proves every line and every earlier size, also after the object was put away", async ({ expect }) => {
    console.log(`seed ${seed}`);
    const draw = lots(seed);
    const { ledger } = newLedger();
    await grow(ledger, 5_000, draw);
    const size = 5_001;
    await evictDurableObject(ledger);
    const all: string[] = [];
    while (all.length < size) {
      all.push(...(await ledger.leaves(all.length, size, 1_000)).map(({ text }) => text));
    }
    expect(all.length).toBe(size);
    expect(new Set(all).size).toBe(size);

    const checkpoint = await ledger.checkpoint(true, 10_000);
    expect(checkpoint?.size).toBe(size);
    const root = bytesOf(checkpoint!.root);
    for (let times = 0; times < 60; times += 1) {
      const nth = draw(5_000);
      const proof = await ledger.prove(actionNamed(nth), null, null, 10_000);
      expect(isProven(proof!.opened, checkpoint!)).toBe(true);
      expect(proof!.opened.text).toBe(all[nth + 1]);
      // The control: the same proof for another line.
      const other = { ...proof!.opened, text: all[nth === 0 ? 2 : nth]! };
      expect(isProven(other, checkpoint!)).toBe(false);
    }
    for (let times = 0; times < 60; times += 1) {
      const from = 1 + draw(size - 1);
      const earlier = await ledger.prove(actionNamed(0), from < 2 ? 2 : from, null, 10_000);
      const fromRoot = bytesOf(earlier!.checkpoint.root);
      const proof = (await ledger.consistency(earlier!.checkpoint.size, size))!.map(bytesOf);
      expect(verifyConsistency(earlier!.checkpoint.size, size, fromRoot, root, proof, sha256)).toBe(true);
      const wrong = Uint8Array.from(fromRoot, (byte, at) => (at === 0 ? byte ^ 1 : byte));
      expect(verifyConsistency(earlier!.checkpoint.size, size, wrong, root, proof, sha256)).toBe(false);
    }
    expect(await ledger.consistency(1, size + 1)).toBeNull();
    expect(await ledger.consistency(3, 2)).toBeNull();
    expect(await ledger.consistency(0.5, 2)).toBeNull();
  });

  test("is the same tree whatever the batches were, and whenever the object was put away", async ({
    expect,
  }) => {
    const draw = lots(seed + 1);
    const { ledger } = newLedger();
    const texts: string[] = [];
    for (let nth = 0; nth < 700;) {
      const size = 1 + draw(120);
      const items = Array.from({ length: size }, (_, more) => seenOf(actionNamed(nth + more), 1));
      await ledger.record(items, 1_000);
      nth += size;
      if (draw(3) === 0) await evictDurableObject(ledger);
      const checkpoint = await ledger.checkpoint(true, 1_000);
      while (texts.length < checkpoint!.size) {
        texts.push(...(await ledger.leaves(texts.length, checkpoint!.size, 1_000)).map(({ text }) => text));
      }
      // Made anew out of the lines alone, by nothing but the definition.
      const { rootOf } = await import("../../core/evidence/merkle.ts");
      const root = rootOf(
        texts.map((text) => leafHash(text, sha256)),
        sha256,
      );
      expect(Buffer.from(root).toString("base64")).toBe(checkpoint!.root);
    }
  });

  test("reads few rows for a proof, and keeps each full tile once", async ({ expect }) => {
    const draw = lots(seed + 2);
    const { ledger } = newLedger();
    await grow(ledger, 3_000, draw);
    const tiles = await tamper(
      ledger,
      "SELECT level, count(*) AS tiles, sum(length(hashes)) AS bytes FROM tiles GROUP BY level",
    );
    expect(tiles).toEqual([{ level: 0, tiles: 11, bytes: 11 * 256 * 32 }]);
    const proof = await ledger.prove(actionNamed(17), null, 5, 5_000);
    expect(proof?.opened.proof.length).toBeLessThanOrEqual(12);
    expect(proof?.consistency?.since).toBe(5);
  });
});

describe("a batch that is too large for a row", () => {
  test("is cut into several, and read as one", async ({ expect }) => {
    const { ledger } = newLedger();
    const items = Array.from({ length: 3_000 }, (_, nth) => overOf(actionNamed(nth), 3));
    await ledger.record(items, 1_000);
    const rows = await tamper(ledger, "SELECT count(*) AS rows, max(length(texts)) AS longest FROM lines");
    expect(rows).toEqual([{ rows: expect.any(Number), longest: expect.any(Number) }]);
    const [{ rows: count, longest }] = rows as [{ rows: number; longest: number }];
    expect(count).toBeGreaterThan(1);
    expect(longest).toBeLessThan(700_000);
    const middle = await ledger.leaves(1_390, 6_001, 20);
    expect(middle.map(({ index }) => index)).toEqual(Array.from({ length: 20 }, (_, nth) => 1_390 + nth));
    expect(JSON.parse(middle[0]!.text)).toMatchObject({ number: 695 });
    const proof = await ledger.prove(actionNamed(2_999), null, null, 2_000);
    expect(isProven(proof!.sealed!, proof!.checkpoint)).toBe(true);
    const { index, text, proof: path } = proof!.opened;
    const hash = leafHash(text, sha256);
    expect(
      verifyInclusion(index, 6_001, hash, path.map(bytesOf), bytesOf(proof!.checkpoint.root), sha256),
    ).toBe(true);
    expect(JSON.parse(proof!.sealed!.text)).toMatchObject({ head: headOf(actionNamed(2_999), 3) });
  });
});

describe("nobody rewrites the log by SQL", () => {
  const statements: [string, string][] = [
    ["a line changed", "UPDATE lines SET texts = '[]' WHERE first = 0"],
    ["a line removed", "DELETE FROM lines WHERE first = 0"],
    ["a line replaced", "INSERT OR REPLACE INTO lines (first, next, texts) VALUES (0, 1, '[\"x\"]')"],
    ["a line put in with a gap", "INSERT INTO lines (first, next, texts) VALUES (99999, 100000, '[\"x\"]')"],
    [
      "a line of nothing",
      "INSERT INTO lines (first, next, texts) SELECT max(next), max(next), '[]' FROM lines",
    ],
    ["a tile changed", "UPDATE tiles SET root = x'00'"],
    ["a tile removed", "DELETE FROM tiles"],
    [
      "a tile replaced",
      "INSERT OR REPLACE INTO tiles (level, number, root, hashes) VALUES (0, 0, x'00', x'00')",
    ],
    ["a checkpoint changed", "UPDATE checkpoints SET root = 'x'"],
    ["a checkpoint removed", "DELETE FROM checkpoints"],
    [
      "a checkpoint replaced",
      "INSERT OR REPLACE INTO checkpoints (size, root, at, note, ssh) SELECT size, 'x', at, note, ssh FROM checkpoints",
    ],
    ["a key changed", "UPDATE keys SET public = 'x'"],
    ["a key removed", "DELETE FROM keys"],
    [
      "a key replaced",
      "INSERT OR REPLACE INTO keys (number, public, secret, since, former_until, line) SELECT number, 'x', secret, since, former_until, line FROM keys",
    ],
    ["a number changed", "UPDATE actions SET number = number + 1000 WHERE number = 300"],
    ["an action renamed", "UPDATE actions SET action = 'act_x' WHERE number = 1"],
    ["a number freed", "DELETE FROM actions WHERE number = 1"],
    [
      "an action replaced",
      "INSERT OR REPLACE INTO actions (number, action, type, requester, at, first, events, head, marks, holds, erased) SELECT number, action, type, requester, at, 'x', events, head, marks, holds, erased FROM actions WHERE number = 1",
    ],
    [
      "an action with a number of its own",
      "INSERT INTO actions (number, action, type, requester, at, first, events, head, marks, holds, erased) SELECT 5000, 'act_x', type, requester, at, first, events, head, marks, holds, erased FROM actions WHERE number = 1",
    ],
  ];

  test("whatever is tried is refused and changes nothing", async ({ expect }) => {
    const { ledger } = newLedger();
    await ledger.record(
      Array.from({ length: 300 }, (_, nth) => seenOf(actionNamed(nth), 1)),
      Date.now(),
    );
    await ledger.checkpoint(true, Date.now());
    const everything = async (): Promise<unknown> =>
      Promise.all(
        ["lines", "tiles", "checkpoints", "keys", "actions"].map((name) =>
          tamper(ledger, `SELECT * FROM ${name}`),
        ),
      );
    const before = await everything();
    for (const [name, sql] of statements) {
      await expect(tamper(ledger, sql), name).rejects.toThrow(
        /append-only|never changes|stands|stays listed|keeps its number/u,
      );
    }
    expect(await everything()).toEqual(before);
    // The control: what goes on at the end is taken.
    await ledger.record([seenOf(actionNamed("more"), 1)], Date.now());
    expect(await tamper(ledger, "SELECT max(number) AS last FROM actions")).toEqual([{ last: 301 }]);
  });
});
