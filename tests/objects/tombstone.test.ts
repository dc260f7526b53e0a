import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeAll, describe, test, vi } from "vitest";
import { verifyBundle } from "../../core/evidence/verify.ts";
import { tools } from "../../scripts/holdpoint/verify/tools.ts";
import { Tombstone } from "../../schemas/tombstone.ts";
import { bundleOf } from "../../workers/bundle.ts";
import { copySealed, copyPrefix } from "../../workers/evidence-copies.ts";
import { copiesTo } from "../../workers/evidence-copies.ts";
import {
  alarmAt,
  allOf,
  day,
  ended,
  erasedLines,
  moveTo,
  planted,
  plantedIn,
  settled,
  workspaceKeeping,
  type Ended,
} from "./erasing.ts";
import { objects, patience } from "./lived.ts";
import type { Workspace } from "./workspace.ts";

/** The end of the evidence: nothing is left but a tombstone, and the log still proves that there was something. */

let workspace: Workspace;
beforeAll(async () => {
  workspace = await workspaceKeeping("tombstones");
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const stoneOf = async ({ stub }: Ended): Promise<Tombstone> =>
  v.parse(Tombstone, JSON.parse((await stub.gone()) ?? "null"));
const tablesOf = ({ stub }: Ended): Promise<string[]> =>
  runInDurableObject(stub, (_, { storage }) =>
    storage.sql
      .exec<{ name: string }>(
        "SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name",
      )
      .toArray()
      .map(({ name }) => name),
  );
const alarmOf = ({ stub }: Ended): Promise<number | null> =>
  runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
const listed = async (id: string): Promise<boolean> =>
  (await objects(workspace.name).board.list({ limit: 100 })).items.some((item) => item.id === id);

describe("an action whose evidence is due", () => {
  test("is a tombstone in one row, and nothing else anywhere", async ({ expect }) => {
    const one = await ended(workspace);
    await alarmAt(one.stub, one.end + 400 * day - 1);
    expect(await one.stub.view()).not.toBeNull();
    await alarmAt(one.stub, one.end + 400 * day);
    expect(await one.stub.view()).toBeNull();
    expect(await tablesOf(one)).toEqual(["tombstone"]);
    const { first, head, ...stone } = await stoneOf(one);
    expect([first, head].every((hash) => hash.startsWith("sha256:"))).toBe(true);
    expect(stone).toMatchObject({
      action: one.id,
      type: "host.shell",
      state: "denied",
      requester: { id: "agent:demo" },
      endedAt: one.end,
      erasedAt: one.end + 400 * day,
      erased: { ephemeral: one.end + 400 * day - 1, operational: one.end + 400 * day - 1 },
    });
    await settled(one.stub);
    await vi.waitFor(async () => {
      if (await listed(one.id)) throw new Error("the Board lists it");
    }, patience);
    const rows = await allOf(workspace, [one.id]);
    for (const value of Object.values(planted)) expect(rows).not.toContain(value);
    await runDurableObjectAlarm(one.stub);
    expect(await alarmOf(one)).toBeNull();
  });

  test("is gone for whoever may read it, and is not made again by the same request", async ({ expect }) => {
    const one = await ended(workspace);
    await alarmAt(one.stub, one.end + 400 * day);
    const call = (method: string, path: string, body?: unknown) =>
      workspace.call("person:bob", method, `/v1/actions/${one.id}${path}`, body);
    const gone = { status: 410, body: { code: "gone" } };
    expect(await call("GET", "")).toMatchObject(gone);
    expect(await call("GET", "/events")).toMatchObject(gone);
    expect(await call("GET", "/card")).toMatchObject(gone);
    expect(await call("GET", "/break-glass")).toMatchObject(gone);
    expect(
      await call("POST", "/votes", { decision: "approve", digest: `sha256:${"a".repeat(64)}` }),
    ).toMatchObject(gone);
    expect(await call("POST", "/feedback", { label: "harm" })).toMatchObject(gone);
    await expect(plantedIn(workspace, one.key)).rejects.toThrow('"code":"gone"');
    expect(await tablesOf(one)).toEqual(["tombstone"]);
    // Another one was never there, and what is of another workspace is not said to have been.
    const never = await workspace.call("person:bob", "GET", `/v1/actions/act_${"x".repeat(22)}`);
    expect(never).toMatchObject({ status: 404 });
    const other = await workspaceKeeping("tombstones-other");
    expect(await other.call("person:bob", "GET", `/v1/actions/${one.id}`)).toMatchObject({ status: 404 });
  });

  test("is proven by the log to have been there, and when each class went", async ({ expect }) => {
    const one = await ended(workspace);
    await alarmAt(one.stub, one.end + 400 * day);
    const asked = { workspace: workspace.name, action: one.id, at: null, since: null, now: Date.now() };
    const bundle = await bundleOf(env, asked);
    expect(bundle).toMatchObject({ entries: [], contract: null, action: one.id });
    const { first, head, events } = await stoneOf(one);
    expect(JSON.parse(bundle!.log.opened.text)).toMatchObject({ kind: "opened", first });
    expect(JSON.parse(bundle!.log.sealed!.text)).toMatchObject({ kind: "sealed", head, events });
    expect(bundle!.log.erased.map(({ text }) => JSON.parse(text))).toMatchObject(
      ["ephemeral", "operational", "compliance"].map((name) => ({ kind: "erased", class: name, head })),
    );
    expect(bundle!.log.erased.map(({ text }) => JSON.parse(text).evidence === true)).toEqual([
      false,
      false,
      true,
    ]);
    expect(bundle!.erased.map((gone) => gone.class)).toEqual(["ephemeral", "operational", "compliance"]);
  });

  test("is told of until the Board and the log have it, and is not brought back by old news", async ({
    expect,
  }) => {
    const one = await ended(workspace);
    const old = v.parse(v.object({ seq: v.number() }), JSON.parse((await one.stub.refresh())!));
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const queue: Queue = Object.getPrototypeOf(env.EVENTS);
    const lost = vi.spyOn(queue, "send").mockRejectedValue(new Error("no queue"));
    await alarmAt(one.stub, one.end + 400 * day);
    expect(await one.stub.view()).toBeNull();
    expect(await listed(one.id)).toBe(true);
    expect((await stoneOf(one)).tellDue).toBe(one.end + 400 * day + minuteMs);
    lost.mockRestore();
    await alarmAt(one.stub, one.end + 400 * day + minuteMs);
    await settled(one.stub);
    expect(await listed(one.id)).toBe(false);

    // A message from before that was on its way all the time.
    const { board } = objects(workspace.name);
    const text = v.parse(v.record(v.string(), v.unknown()), JSON.parse((await one.stub.refresh())!));
    const { gone: _, ...alive } = text;
    await board.apply([{ ...alive, ack: true, news: 1, ...old } as never]);
    expect(await listed(one.id)).toBe(true);
    await one.stub.acknowledge([{ seq: old.seq, sink: "board", news: 1 }]);
    expect((await stoneOf(one)).tellDue).not.toBeNull();
    await runDurableObjectAlarm(one.stub);
    await vi.waitFor(async () => {
      if (await listed(one.id)) throw new Error("it is listed still");
    }, patience);
  });

  test("that is held stays whole", async ({ expect }) => {
    const one = await ended(workspace);
    const by = { kind: "person", id: "person:alice" } as const;
    const { ledger } = objects(workspace.name);
    const id = `hold_${"h".repeat(22)}`;
    await ledger.putHold({ id, scope: `action:${one.id}`, reason: "Case 7", by, until: null }, Date.now());
    await alarmAt(one.stub, one.end + 500 * day);
    expect(await one.stub.view()).toContain(planted.argument);
    await ledger.releaseHold({ id, by, because: "closed", under: null }, Date.now());
    await one.stub.poke();
    expect(await one.stub.view()).toBeNull();
    expect((await erasedLines(workspace)).filter(({ action }) => action === one.id)).toHaveLength(3);
  });

  test("counts in the sums as before", async ({ expect }) => {
    const own = await workspaceKeeping("tombstones-counted");
    const { board } = objects(own.name);
    const one = await ended(own);
    const another = await ended(own);
    const counters = async (): Promise<string> =>
      (await board.prometheus(Date.now()))
        .split("\n")
        .filter((line) => /^holdpoint_(?:requests|decisions|actions)\w*_total/u.test(line))
        .join("\n");
    const before = await counters();
    expect(before).toMatch(/ 2$/mu);
    await alarmAt(one.stub, one.end + 400 * day);
    await alarmAt(another.stub, another.end + 400 * day);
    await vi.waitFor(async () => {
      if ((await board.list({ limit: 100 })).items.length > 0) throw new Error("listed still");
    }, patience);
    expect(await counters()).toBe(before);
    // The next one takes a row that was given before, and counts as well.
    vi.useRealTimers();
    await ended(own);
    expect(await counters()).toMatch(/ 3$/mu);
  });
});

const minuteMs = 60_000;

describe("copies of evidence", () => {
  test("are removed with it; what a lock keeps is tried again every day, and counts as held", async ({
    expect,
  }) => {
    const bucket = copiesTo(env);
    if (bucket === null) throw new Error("no bucket is bound");
    const [one, locked] = [await ended(workspace), await ended(workspace)];
    await copySealed(env, workspace.name, Date.now());
    const copies = async ({ id, stub }: Ended): Promise<number> => {
      const text = await stub.evidence();
      const { number } = text === null ? { number: 0 } : await numberOf(id);
      return (await bucket.list({ prefix: copyPrefix(workspace.name, { number, action: id }) })).objects
        .length;
    };
    expect(await copies(one)).toBe(1);
    await alarmAt(one.stub, one.end + 400 * day);
    expect(await copies(one)).toBe(0);
    expect((await stoneOf(one)).copiesDue).toBeNull();

    const prototype: R2Bucket = Object.getPrototypeOf(bucket);
    const refused = vi.spyOn(prototype, "delete").mockRejectedValue(new Error("the object is locked"));
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const at = locked.end + 400 * day;
    await alarmAt(locked.stub, at);
    expect(await locked.stub.view()).toBeNull();
    expect((await stoneOf(locked)).copiesDue).toBe(at + day);
    expect(await copies(locked)).toBe(1);
    await settled(locked.stub);
    refused.mockRestore();
    await alarmAt(locked.stub, at + day - 1);
    expect(await copies(locked)).toBe(1);
    await alarmAt(locked.stub, at + day);
    expect(await copies(locked)).toBe(0);
    await settled(locked.stub);
    expect(await alarmOf(locked)).toBeNull();
  });
});

async function numberOf(id: string): Promise<{ number: number }> {
  const found = await objects(workspace.name).ledger.exported({
    since: null,
    until: null,
    type: null,
    after: 0,
    limit: 100,
  });
  return { number: found.find(({ action }) => action === id)?.number ?? 0 };
}

test("an action of a short life goes whole with its class", async ({ expect }) => {
  const short = await workspaceKeeping("tombstones-short", {
    evidence: "operational",
    after: { operational: "1h" },
  });
  const one = await ended(short);
  moveTo(one.end + day);
  await runDurableObjectAlarm(one.stub);
  expect(await one.stub.view()).toBeNull();
  const lines = await erasedLines(short);
  expect(lines.map((line) => [line.class, line.evidence ?? false])).toEqual([
    ["ephemeral", false],
    ["operational", true],
  ]);
  const asked = { workspace: short.name, action: one.id, at: null, since: null, now: Date.now() };
  const bundle = await bundleOf(env, asked);
  const failed = verifyBundle(bundle, { kept: [], keys: [] }, tools).filter(
    ({ status }) => status === "failed",
  );
  expect(failed).toEqual([]);
});
