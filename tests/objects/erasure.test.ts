import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeAll, describe, test, vi } from "vitest";
import { Outbox } from "../../objects/action/outbox.ts";
import { Store } from "../../objects/action/store.ts";
import { Ledger } from "../../objects/ledger/ledger.ts";
import type { ActionView } from "../../schemas/action.ts";
import { bundleOf } from "../../workers/bundle.ts";
import {
  alarmAt,
  allOf,
  day,
  ended,
  erasedLines,
  hour,
  minute,
  moveTo,
  planted,
  plantedIn,
  settled,
  viewOf,
  workspaceKeeping,
} from "./erasing.ts";
import { objects, patience } from "./lived.ts";
import { callsOn, kept, stubOf } from "./one-action.ts";
import type { Workspace } from "./workspace.ts";

/** A class is let go of when its time has come, everywhere, and never before; what is held stays. */

let workspace: Workspace;
beforeAll(async () => {
  workspace = await workspaceKeeping("erasure");
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const hold = async (name: string, id: string): Promise<string> => {
  const { ledger } = objects(name);
  const asked = {
    id: `hold_${crypto.randomUUID().replaceAll("-", "")}`.slice(0, 27),
    scope: `action:${id}` as const,
    reason: "Case 7",
    by: { kind: "person", id: "person:alice" } as const,
    until: null,
  };
  const put = await ledger.putHold(asked, Date.now());
  if (!put.ok) throw new Error(put.error.detail);
  return asked.id;
};

/** A condition that keeps what is aimed at in a sum. */
const counted = { when: "count() by target over 24h > 100", then: "deny" };

const classesGone = ({ erased = [] }: ActionView): string[] => erased.map((one) => one.class);

describe("the alarm", () => {
  test("lets go of each class at its time, and not a moment before", async ({ expect }) => {
    const { id, stub, end } = await ended(workspace);
    const lines = async (): Promise<unknown[]> =>
      (await erasedLines(workspace))
        .filter(({ action }) => action === id)
        .map((line) => [line.class, line.dueAt]);
    await alarmAt(stub, end + hour - 1);
    expect((await viewOf(stub)).context).toEqual({ note: planted.context });
    expect(await lines()).toEqual([]);

    await alarmAt(stub, end + hour);
    const first = await viewOf(stub);
    expect(first).toMatchObject({ context: {}, args: { argv: ["echo", planted.argument] } });
    expect(first.erased).toEqual([{ class: "ephemeral", at: new Date(end + hour).toISOString() }]);
    expect(await lines()).toEqual([["ephemeral", end + hour]]);

    await alarmAt(stub, end + 7 * day - 1);
    expect((await viewOf(stub)).target.resource).toBe(planted.target);
    await alarmAt(stub, end + 7 * day);
    const second = await viewOf(stub);
    expect(second).toMatchObject({
      target: { resource: "[erased]" },
      args: {},
      reason: "[erased]",
      state: "denied",
    });
    expect(second.votes).toMatchObject([{ person: "person:bob", decision: "deny", reason: null }]);
    expect(classesGone(second)).toEqual(["ephemeral", "operational"]);
    expect(await lines()).toEqual([
      ["ephemeral", end + hour],
      ["operational", end + 7 * day],
    ]);
    expect((await kept(stub)).alarm).not.toBeNull();
  });

  test("leaves nothing of it in any row of any object", async ({ expect }) => {
    const own = await workspaceKeeping("erasure-rows", {}, { decide: [counted] });
    const { id, stub, end } = await ended(own);
    // The control: without a key to seal with, the Board has the target in clear.
    expect(await allOf(own, [id])).toContain(planted.target);
    await alarmAt(stub, end + hour);
    await alarmAt(stub, end + 7 * day);
    await settled(stub);
    const { board } = objects(own.name);
    await vi.waitFor(async () => {
      const [mine] = (await board.list({ limit: 100 })).items;
      if (mine?.target.resource !== "[erased]") throw new Error("the Board has not heard");
    }, patience);
    const rows = await allOf(own, [id]);
    for (const value of Object.values(planted)) expect(rows).not.toContain(value);
    // What it counted for is still there, and who asked and who decided.
    expect(rows).toContain("agent:demo");
    expect(rows).toContain("person:bob");
  });

  test("lets nothing go that is held, and lets it go once it is released", async ({ expect }) => {
    const { id, stub, end } = await ended(workspace);
    const held = await hold(workspace.name, id);
    await alarmAt(stub, end + hour);
    expect((await viewOf(stub)).context).toEqual({ note: planted.context });
    const { stored, alarm } = await kept(stub);
    expect(stored.askAt).toBe(end + hour + day);
    expect(alarm).toBe(end + hour + day);
    // What else wakes it does not ask again.
    const asked = vi.spyOn(Ledger.prototype, "mayErase");
    await alarmAt(stub, end + hour + minute);
    expect(asked).not.toHaveBeenCalled();
    await alarmAt(stub, end + 8 * day);
    expect(classesGone(await viewOf(stub))).toEqual([]);
    const by = { kind: "person", id: "person:alice" } as const;
    const { ledger } = objects(workspace.name);
    await ledger.releaseHold({ id: held, by, because: "closed", under: null }, Date.now());
    await stub.poke();
    expect(classesGone(await viewOf(stub))).toEqual(["ephemeral", "operational"]);
  });

  test("lets nothing go while the log cannot be reached, and asks again within minutes", async ({
    expect,
  }) => {
    const { id, stub, end } = await ended(workspace);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const asked = vi.spyOn(Ledger.prototype, "mayErase").mockImplementation(() => {
      throw new Error("no storage");
    });
    await alarmAt(stub, end + hour);
    expect(asked).toHaveBeenCalledOnce();
    expect((await viewOf(stub)).context).toEqual({ note: planted.context });
    expect((await kept(stub)).alarm).toBe(end + hour + 2 * minute);
    asked.mockRestore();
    await alarmAt(stub, end + hour + 2 * minute);
    expect(classesGone(await viewOf(stub))).toEqual(["ephemeral"]);
    expect((await erasedLines(workspace)).filter(({ action }) => action === id)).toHaveLength(1);
  });

  test("that dies between asking and letting go does so the next time, of which there is one line", async ({
    expect,
  }) => {
    const { id, stub, end } = await ended(workspace);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(Store.prototype, "erase").mockImplementationOnce(() => {
      throw new Error("killed");
    });
    await alarmAt(stub, end + hour);
    const lines = async () => (await erasedLines(workspace)).filter(({ action }) => action === id);
    expect(await lines()).toHaveLength(1);
    expect((await viewOf(stub)).context).toEqual({ note: planted.context });
    expect((await kept(stub)).alarm).toBeGreaterThan(Date.now());
    await alarmAt(stub, end + hour + 30_000);
    expect(classesGone(await viewOf(stub))).toEqual(["ephemeral"]);
    expect(await lines()).toHaveLength(1);
  });

  test("lets go of all of it or of nothing, with what others are to be told", async ({ expect }) => {
    const { stub, end } = await ended(workspace);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(Outbox.prototype, "forgotten").mockImplementationOnce(() => {
      throw new Error("killed");
    });
    await alarmAt(stub, end + 7 * day);
    const half = await kept(stub);
    expect(half.stored.erased).toBeUndefined();
    expect(half.payload.context).toEqual({ note: planted.context });
    expect(half.payload.target.resource).toBe(planted.target);
    await alarmAt(stub, end + 7 * day + 30_000);
    expect(classesGone(await viewOf(stub))).toEqual(["ephemeral", "operational"]);
  });

  test("finds nothing due while it is rolled back, or may be", async ({ expect }) => {
    const action = await plantedIn(workspace);
    const stub = stubOf(workspace, action.id);
    const calls = callsOn(workspace, action);
    await calls.approve();
    const claim = await calls.claim();
    const done = await calls.report(claim, "succeeded");
    const end = Date.parse(done.updatedAt);
    // 30 minutes in which it may be put back, and then an hour.
    await alarmAt(stub, end + hour);
    expect(classesGone(await viewOf(stub))).toEqual([]);
    moveTo(end + 30 * minute - 1);
    await calls.rollBack();
    await alarmAt(stub, end + 30 * minute);
    const { stored } = await kept(stub);
    expect(stored.state.state).toBe("rolling_back");
    expect(classesGone(await viewOf(stub))).toEqual([]);
    const undo = await calls.claim();
    const undone = await calls.report(undo, "succeeded");
    const over = Date.parse(undone.updatedAt);
    await alarmAt(stub, over + hour - 1);
    expect(classesGone(await viewOf(stub))).toEqual([]);
    await alarmAt(stub, over + hour);
    expect(classesGone(await viewOf(stub))).toEqual(["ephemeral"]);
  });
});

describe("what comes after", () => {
  test("is kept without the words of a class that is gone", async ({ expect }) => {
    const { id, stub, end } = await ended(workspace);
    await alarmAt(stub, end + 7 * day);
    const note = "planted-afterwards";
    const said = await workspace.call("person:bob", "POST", `/v1/actions/${id}/feedback`, {
      label: "needless_gate",
      note,
    });
    expect(said.status).toBe(200);
    expect((await kept(stub)).events.at(-1)).toMatchObject({ type: "feedback", reason: null });
    expect(await allOf(workspace, [id])).not.toContain(note);
    // The chain has a commitment in its place.
    const text = await stub.evidence();
    const { entries } = v.parse(
      v.object({ entries: v.array(v.object({ text: v.string() })) }),
      JSON.parse(text!),
    );
    expect(JSON.parse(entries.at(-1)!.text)).toMatchObject({
      type: "feedback",
      reason: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/u) },
    });
  });

  test("runs nothing any more: a late report is heard, and no rollback follows", async ({ expect }) => {
    const action = await plantedIn(workspace);
    const stub = stubOf(workspace, action.id);
    const calls = callsOn(workspace, action);
    await calls.approve();
    const claim = await calls.claim();
    moveTo(Date.now() + 2 * hour);
    await stub.poke();
    await alarmAt(stub, Date.now() + 9 * day);
    expect(classesGone(await viewOf(stub))).toEqual(["ephemeral", "operational"]);
    const resolved = await calls.report(claim, "succeeded");
    expect(resolved).toMatchObject({ state: "executed", outcome: { summary: "[erased]" } });
    const undo = await calls.post("person:bob", "rollback", { reason: "harm" });
    expect(undo).toMatchObject({ status: 410, body: { code: "gone" } });
  });

  test("is one bundle, from before or from after, when it is taken meanwhile", async ({ expect }) => {
    const { id, stub, end } = await ended(workspace);
    moveTo(end + 7 * day);
    const asked = { workspace: workspace.name, action: id, at: null, since: null, now: Date.now() };
    const [during] = await Promise.all([bundleOf(env, asked), runDurableObjectAlarm(stub)]);
    const after = await bundleOf(env, { ...asked, now: Date.now() });
    for (const bundle of [during!, after!]) {
      const values = JSON.stringify(bundle.entries);
      const gone = bundle.erased.map((one) => one.class);
      expect(values.includes(planted.argument)).toBe(!gone.includes("operational"));
      expect(values.includes(planted.context)).toBe(!gone.includes("ephemeral"));
      // What is gone is proven to be: a bundle from before may have the line already.
      const lines = bundle.log.erased.map(
        ({ text }) => v.parse(v.object({ class: v.string() }), JSON.parse(text)).class,
      );
      expect(lines).toEqual(expect.arrayContaining(gone));
    }
    expect(after!.erased.map((one) => one.class)).toEqual(["ephemeral", "operational"]);
  });
});

describe("before its time", () => {
  const erase = (id: string, name: string, who = "person:alice", key?: string) =>
    workspace.call(who, "POST", `/v1/actions/${id}/erase`, { class: name, reason: "a key was in it" }, key);

  test("a class goes when somebody in charge says so, who is named in the log", async ({ expect }) => {
    const { id, stub } = await ended(workspace);
    const answer = await erase(id, "operational");
    expect(answer).toMatchObject({
      status: 200,
      body: { id, gone: false, erased: [{ class: "operational" }] },
    });
    const view = await viewOf(stub);
    expect(view.erased).toEqual([
      { class: "operational", at: expect.any(String), by: "person:alice", because: "a key was in it" },
    ]);
    expect(view.context).toEqual({ note: planted.context });
    const lines = (await erasedLines(workspace)).filter(({ action }) => action === id);
    expect(lines).toMatchObject([
      { class: "operational", dueAt: null, by: { kind: "person", id: "person:alice" } },
    ]);
    expect(await allOf(workspace, [id])).not.toContain("a key was in it");
    expect(await erase(id, "operational")).toMatchObject({ status: 200 });
    expect((await erasedLines(workspace)).filter(({ action }) => action === id)).toHaveLength(1);
  });

  test("nothing goes for anybody else, while it runs, may be put back, or is held", async ({ expect }) => {
    const { id } = await ended(workspace);
    expect(await erase(id, "operational", "person:bob")).toMatchObject({ status: 403 });
    expect(await erase(id, "operational", "agent:demo")).toMatchObject({ status: 403 });
    expect(await erase(id, "operational", "service:operator")).toMatchObject({ status: 403 });
    expect(await erase(`act_${"x".repeat(22)}`, "operational")).toMatchObject({ status: 404 });
    expect(await erase(id, "never")).toMatchObject({ status: 422 });

    const action = await plantedIn(workspace);
    const calls = callsOn(workspace, action);
    expect(await erase(action.id, "operational")).toMatchObject({
      status: 409,
      body: { code: "wrong_state" },
    });
    await calls.approve();
    const claim = await calls.claim();
    expect(await erase(action.id, "ephemeral")).toMatchObject({ status: 409, body: { state: "executing" } });
    const { updatedAt } = await calls.report(claim, "succeeded");
    const until = new Date(Date.parse(updatedAt) + 30 * minute).toISOString();
    expect(await erase(action.id, "operational")).toMatchObject({ status: 409, body: { until } });

    const held = await hold(workspace.name, id);
    const refused = await erase(id, "operational");
    expect(refused).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect(JSON.stringify(refused.body)).toContain(held);
    expect((await erasedLines(workspace)).filter((line) => [id, action.id].includes(line.action))).toEqual(
      [],
    );
  });

  test("nothing goes that the log cannot put down", async ({ expect }) => {
    const { id, stub } = await ended(workspace);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(Ledger.prototype, "mayErase").mockImplementation(() => {
      throw new Error("no storage");
    });
    expect(await erase(id, "operational")).toMatchObject({ status: 503, body: { code: "log_unavailable" } });
    expect((await viewOf(stub)).target.resource).toBe(planted.target);
  });

  test("the evidence goes with everything, and a repeat of the same call is answered the same", async ({
    expect,
  }) => {
    const { id, stub } = await ended(workspace);
    const key = crypto.randomUUID();
    const answer = await erase(id, "compliance", "person:alice", key);
    expect(answer).toMatchObject({ status: 200, body: { gone: true } });
    expect(await stub.view()).toBeNull();
    expect(await erase(id, "compliance", "person:alice", key)).toEqual(answer);
    expect(await erase(id, "compliance")).toMatchObject({ status: 410 });
    const lines = (await erasedLines(workspace)).filter(({ action }) => action === id);
    expect(lines.map((line) => line.class)).toEqual(["ephemeral", "operational", "compliance"]);
  });
});
