import { randomBytes } from "node:crypto";
import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { describe, test } from "vitest";
import { RowSeal } from "../../objects/board/sealed.ts";
import { Board } from "../../objects/board/board.ts";
import type { Bypass } from "../../schemas/feedback.ts";
import { change } from "./timed-change.ts";

/** What the Board keeps of what people aim at does not lie in its rows for anybody to read who has the disk. */

const key = (): string => randomBytes(32).toString("base64");
const target = { resource: "planted-target", environment: "planted-environment" };
const summary = { ...change(`act_${"a".repeat(22)}`).summary, target };
const bypass: Bypass = {
  id: "byp_1",
  type: "host.shell",
  class: "test",
  target: "planted-target",
  at: 1_000,
  reportedAt: 2_000,
  reportedBy: "service:watcher",
  evidence: { log: "planted-log" },
  action: null,
};

describe("a summary", () => {
  test("hides what is aimed at, and opens with the key that sealed it", ({ expect }) => {
    const seal = new RowSeal({ HOLDPOINT_SEAL_KEY: key() }, "default");
    const text = seal.summary(summary);
    expect(text).not.toContain("planted");
    // Lists are filtered by the rest.
    expect(JSON.parse(text)).toMatchObject({
      state: "pending",
      type: summary.type,
      requester: summary.requester,
    });
    expect(seal.readSummary(text)).toEqual(summary);
    expect(seal.summary(summary)).not.toBe(text);
  });

  test("is read with an old key beside a new one, and not with another's, or in another row", ({
    expect,
  }) => {
    const [old, fresh] = [key(), key()];
    const text = new RowSeal({ HOLDPOINT_SEAL_KEY: old }, "default").summary(summary);
    const both = new RowSeal({ HOLDPOINT_SEAL_KEY: `${fresh},${old}` }, "default");
    expect(both.readSummary(text)).toEqual(summary);
    const hidden = { ...summary, target: { resource: "[sealed]" } };
    expect(new RowSeal({ HOLDPOINT_SEAL_KEY: fresh }, "default").readSummary(text)).toEqual(hidden);
    expect(new RowSeal({}, "default").readSummary(text)).toEqual(hidden);
    expect(new RowSeal({ HOLDPOINT_SEAL_KEY: old }, "other").readSummary(text)).toEqual(hidden);
    const moved = text.replace(summary.id, `act_${"b".repeat(22)}`);
    expect(both.readSummary(moved).target).toEqual({ resource: "[sealed]" });
  });

  test("from before, and one of which nothing is left, is as it is", ({ expect }) => {
    const seal = new RowSeal({ HOLDPOINT_SEAL_KEY: key() }, "default");
    expect(seal.readSummary(JSON.stringify(summary))).toEqual(summary);
    const erased = { ...summary, target: { resource: "[erased]" } };
    expect(JSON.parse(seal.summary(erased))).toEqual(erased);
    expect(new RowSeal({}, "default").summary(summary)).toBe(JSON.stringify(summary));
  });
});

test("an effect that nobody had claimed is sealed whole", ({ expect }) => {
  const seal = new RowSeal({ HOLDPOINT_SEAL_KEY: key() }, "default");
  const text = seal.bypass(bypass);
  expect(text).not.toContain("planted");
  expect(seal.readBypass(text)).toEqual(bypass);
  expect(seal.readBypass(JSON.stringify(bypass))).toEqual(bypass);
  expect(new RowSeal({}, "default").readBypass(text)).toMatchObject({ id: "byp_1", target: "[sealed]" });
});

describe("the Board with a key", () => {
  test("lists what it has sealed, and has none of it in its rows", async ({ expect }) => {
    const name = `sealed-${randomBytes(4).toString("hex")}/board`;
    const listed = await runInDurableObject(env.BOARD.getByName(name), (_, ctx) => {
      const board = new Board(ctx, { ...env, HOLDPOINT_SEAL_KEY: key() } as Env);
      const { summary: __, ...told } = change(summary.id);
      board.apply([{ ...told, summary }]);
      const rows = JSON.stringify(ctx.storage.sql.exec("SELECT * FROM actions").toArray());
      return { rows, items: board.list({ limit: 10 }).items, pending: board.inbox(null, 10).pending };
    });
    expect(listed.rows).not.toContain("planted");
    expect(listed.items).toEqual([summary]);
    expect(listed.pending).toEqual([summary]);
  });

  test("says nothing any more of what is erased, whatever comes in which order", async ({ expect }) => {
    const name = `erased-${randomBytes(4).toString("hex")}/board`;
    const listed = await runInDurableObject(env.BOARD.getByName(name), (_, ctx) => {
      const board = new Board(ctx, env);
      const told = { ...change(summary.id, { seq: 3, state: "denied" }) };
      const alive = { ...told, summary: { ...told.summary, target } };
      const gone = {
        ...told,
        summary: { ...told.summary, target: { resource: "[erased]" } },
        erased: ["operational" as const],
      };
      const shown = (): string =>
        board
          .list({ limit: 10 })
          .items.map((item) => item.target.resource)
          .join();
      const seen: string[] = [];
      for (const next of [alive, gone, alive]) {
        board.apply([next]);
        seen.push(shown());
      }
      board.restore([alive]);
      seen.push(shown());
      board.apply([{ ...alive, seq: 4 }]);
      seen.push(shown());
      board.apply([{ ...gone, gone: true }]);
      seen.push(shown());
      return seen;
    });
    expect(listed).toEqual(["planted-target", "[erased]", "[erased]", "[erased]", "[erased]", ""]);
  });
});
