import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, test, vi } from "vitest";
import { foldAll } from "../../core/machine/fold.ts";
import type { Action } from "../../objects/action/action.ts";
import type { ActionView } from "../../schemas/action.ts";
import { callsOn, catchMessages, firstToGo, kept, sql, stubOf, typesOf, type Stub } from "./one-action.ts";
import { operatorKey, upgradeOf } from "./readers.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

let workspace: Workspace;

beforeAll(async () => {
  workspace = await openWorkspace("a-action");
});
beforeEach(() => void catchMessages());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const minute = 60_000;
const undo = { rollbackPlan: { argv: ["undo"] } };

/** Moves the clock that the object reads; alarms stay on the real one. */
function passTime(ms: number): void {
  const to = Date.now() + ms;
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(to);
}

async function asked(
  parts: Record<string, unknown> = undo,
): Promise<{ action: ActionView; stub: Stub; calls: ReturnType<typeof callsOn> }> {
  const action = await workspace.ask(parts);
  return { action, stub: stubOf(workspace, action.id), calls: callsOn(workspace, action) };
}

describe("the log", () => {
  test("only grows: no update, no delete, no replacement, no gap", async ({ expect }) => {
    const { stub, calls } = await asked();
    await calls.approve();
    const before = await kept(stub);
    await runInDurableObject(stub, (_, { storage }) => {
      const columns = "(seq, body, actor) VALUES";
      for (const statement of [
        "UPDATE events SET body = '{}'",
        "UPDATE events SET actor = 'agent:demo' WHERE seq = 1",
        "UPDATE OR REPLACE events SET seq = 1 WHERE seq = 2",
        "DELETE FROM events",
        "DELETE FROM events WHERE seq = 3",
        `INSERT OR REPLACE INTO events ${columns} (1, '{}', 'x')`,
        `REPLACE INTO events ${columns} (2, '{}', 'x')`,
        `INSERT INTO events ${columns} (2, '{}', 'x') ON CONFLICT (seq) DO UPDATE SET body = '{}'`,
        `INSERT INTO events ${columns} (5, '{}', 'x')`,
        `INSERT INTO events ${columns} (0, '{}', 'x')`,
      ]) {
        expect(() => storage.sql.exec(statement), statement).toThrow("the log only grows");
      }
    });
    expect(await kept(stub)).toEqual(before);
  });

  test("folds to the stored state, wherever an action has got to", async ({ expect }) => {
    const ways: Record<string, (calls: ReturnType<typeof callsOn>) => Promise<unknown>> = {
      pending: async () => undefined,
      denied: ({ deny }) => deny(),
      cancelled: ({ cancel }) => cancel(),
      approved: ({ approve }) => approve(),
      executing: async ({ approve, claim, heartbeat }) => heartbeat((await approve(), await claim())),
      executed: async ({ approve, claim, report }) => report((await approve(), await claim()), "succeeded"),
      failed: async ({ approve, claim, report }) =>
        report((await approve(), await claim()), "failed", "none"),
      rolling_back: async ({ approve, claim, report }) =>
        report((await approve(), await claim()), "failed", "partial"),
      rolled_back: async ({ approve, claim, report, rollBack }) => {
        await approve();
        await report(await claim(), "succeeded");
        await rollBack();
        return report(await claim(), "succeeded");
      },
    };
    for (const [state, go] of Object.entries(ways)) {
      const { stub, calls } = await asked();
      await go(calls);
      await calls.post("person:alice", "votes", { decision: "withdraw", digest: `sha256:${"0".repeat(64)}` });
      const { payload, stored, events } = await kept(stub);
      expect(stored.state.state).toBe(state);
      expect(foldAll(payload, events)).toEqual(stored.state);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
      expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted((a, b) => a - b));
    }
  });

  test("never goes back in time, whatever the clock does", async ({ expect }) => {
    const { stub, calls } = await asked();
    passTime(-10 * minute);
    await calls.approve();
    const { events, stored } = await kept(stub);
    expect(new Set(events.map(({ at }) => at)).size).toBe(1);
    expect(stored.state.state).toBe("approved");
  });
});

describe("an id that is nobody's", () => {
  test("is absent to every call, and asking makes no table", async ({ expect }) => {
    const stub = env.ACTIONS.getByName(`${workspace.name}/act_${"x".repeat(22)}`);
    expect(await stub.view()).toBeNull();
    expect(await stub.wait(0, 1_000, "https://x.invalid")).toBeNull();
    expect(await stub.events(0)).toBeNull();
    expect(await stub.refresh()).toBeNull();
    expect(await stub.callback()).toBeNull();
    expect(await stub.recall("agent:demo", "k", "f", "https://x.invalid")).toBeNull();
    expect(await stub.redeliver({ seq: 1, sink: "callback" })).toBe(false);
    await stub.acknowledge([{ seq: 1, sink: "board" }]);
    await stub.deliveryFailed({ seq: 1, sink: "x", error: "x", permanent: true, retryAfterMs: null });
    await stub.poke();
    const upgrade = { headers: { upgrade: "websocket" } };
    expect((await stub.fetch("https://x.invalid/stream", upgrade)).status).toBe(404);
    const tables = await runInDurableObject(stub, async (_, { storage }) => ({
      tables: storage.sql
        .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\'")
        .toArray(),
      alarm: await storage.getAlarm(),
    }));
    expect(tables).toEqual({ tables: [], alarm: null });
  });
});

describe("the alarm", () => {
  const outcome = async (stub: Stub): Promise<unknown[]> =>
    (await kept(stub)).events.map(({ type, state, detail }) => [type, state, detail]);

  test("is set for the next thing that is due", async ({ expect }) => {
    const { action, stub, calls } = await asked();
    const first = await kept(stub);
    // The Board has not confirmed yet, and that comes before the reminder after ten minutes.
    expect(first.alarm).toBe(first.stored.boardDue);
    await stub.acknowledge([{ seq: 1, sink: "board" }]);
    await runDurableObjectAlarm(stub);
    expect((await kept(stub)).alarm).toBe(Date.parse(action.createdAt) + 10 * minute);
    const { lease, fence, expiresAt, ...claim } = (await calls.approve(), await calls.claim());
    expect((await kept(stub)).alarm).toBeLessThanOrEqual(Date.parse(expiresAt));
    await calls.report({ lease, fence, expiresAt, ...claim }, "succeeded");
    await stub.acknowledge([{ seq: 5, sink: "board" }]);
    await runDurableObjectAlarm(stub);
    const over = await kept(stub);
    expect(over.alarm).toBe(firstToGo(over));
  });

  test("expires an approval that nobody claims", async ({ expect }) => {
    const { stub, calls } = await asked();
    const { deadlines } = await calls.approve();
    passTime(15 * minute + 1);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    const { stored, events } = await kept(stub);
    expect(stored.state).toMatchObject({ state: "expired", detail: "approved" });
    expect(events.at(-1)).toMatchObject({
      type: "expired",
      data: { dueAt: Date.parse(deadlines.approval!) },
    });
    expect((await calls.post("agent:demo", "claim", { digest: stored.state.state })).status).toBe(422);
  });

  test("that comes late, twice, or never changes no outcome", async ({ expect }) => {
    const deadlines = [
      ["requested", "pending", null],
      ["reminded", "pending", null],
      ["escalated", "pending", null],
      ["expired", "expired", "pending"],
    ];
    const late = await asked();
    const twice = await asked();
    const never = await asked();
    await runInDurableObject(never.stub, (_, { storage }) => storage.deleteAlarm());
    passTime(26 * 60 * minute);
    await runDurableObjectAlarm(late.stub);
    await runDurableObjectAlarm(twice.stub);
    await runInDurableObject(twice.stub, (instance: Action) => instance.alarm());
    await twice.stub.poke();
    // Nobody has told the third that its time is over: it finds out when somebody comes.
    expect(JSON.parse((await never.stub.view())!)).toMatchObject({ state: "expired", detail: "pending" });
    expect((await kept(never.stub)).events).toHaveLength(1);
    const answer = await never.calls.post("person:bob", "votes", {
      decision: "approve",
      digest: never.action.digest,
    });
    expect(answer).toMatchObject({ status: 409, body: { state: "expired", stateDetail: "pending", seq: 5 } });
    expect(await outcome(late.stub)).toEqual(deadlines);
    expect(await outcome(twice.stub)).toEqual(deadlines);
    expect(await outcome(never.stub)).toEqual([...deadlines, ["late_command", "expired", "pending"]]);
  });

  test("at the very deadline: before it a vote counts, from it on the action is over", async ({ expect }) => {
    const [before, at] = [await asked(), await asked()];
    const dueOf = ({ action }: typeof at): number => Date.parse(action.deadlines.pending!);
    vi.useFakeTimers({ toFake: ["Date"] });
    vi.setSystemTime(dueOf(before) - 1);
    expect(await before.calls.approve()).toMatchObject({ state: "approved" });
    vi.setSystemTime(dueOf(at));
    const answer = await at.calls.post("person:bob", "votes", {
      decision: "approve",
      digest: at.action.digest,
    });
    expect(answer).toMatchObject({ status: 409, body: { state: "expired" } });
  });

  test("that comes early does nothing and is set again", async ({ expect }) => {
    const { stub } = await asked();
    await stub.acknowledge([{ seq: 1, sink: "board" }]);
    const { stored } = await kept(stub);
    // The clock of the machine it runs on may be behind that of whoever set it off.
    passTime(-minute);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    const after = await kept(stub);
    expect(typesOf(after)).toEqual(["requested"]);
    expect(after.alarm).not.toBeNull();
    expect(after.alarm).toBeGreaterThanOrEqual(stored.alarmAt!);
  });

  test("that fails is set again, a while ahead, and then does its work", async ({ expect }) => {
    const { stub, calls } = await asked();
    await calls.approve();
    const complaint = vi.spyOn(console, "error").mockReturnValue(undefined);
    await sql(
      stub,
      "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
    );
    passTime(16 * minute);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect(complaint).toHaveBeenCalledOnce();
    const broken = await kept(stub);
    expect(broken.stored.state.state).toBe("approved");
    // Not at once: an action that keeps failing must not keep its machine busy.
    expect(broken.alarm).toBeGreaterThan(Date.now() + 1_000);
    expect(broken.alarm).toBeLessThan(Date.now() + 2 * minute);
    await sql(stub, "DROP TRIGGER full");
    passTime(2 * minute);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect((await kept(stub)).stored.state).toMatchObject({ state: "expired", detail: "approved" });
  });

  test("gives up on a lease that is not renewed, and its late report resolves it once", async ({
    expect,
  }) => {
    const { stub, calls } = await asked();
    await calls.approve();
    const claim = await calls.claim();
    passTime(59_000);
    await calls.heartbeat(claim);
    passTime(59_000);
    await runDurableObjectAlarm(stub);
    expect((await kept(stub)).stored.state.state).toBe("executing");
    passTime(1_001);
    await runDurableObjectAlarm(stub);
    expect((await kept(stub)).stored.state).toMatchObject({ state: "failed", detail: "unknown" });
    expect(await calls.report(claim, "succeeded")).toMatchObject({ state: "executed" });
    expect(await calls.report(claim, "failed")).toMatchObject({ state: "executed" });
  });
});

describe("eviction", () => {
  test("forgets nothing: state, log, keys of idempotency, deadlines", async ({ expect }) => {
    const { action, stub, calls } = await asked();
    const vote = { decision: "approve", digest: action.digest };
    const path = `/v1/actions/${action.id}/votes`;
    const first = await workspace.call("person:bob", "POST", path, vote, "the key");
    const before = await kept(stub);
    await evictDurableObject(stub);
    expect(await kept(stub)).toEqual(before);
    expect(await workspace.call("person:bob", "POST", path, vote, "the key")).toEqual(first);
    const claim = await calls.claim();
    await evictDurableObject(stub);
    expect(await calls.report(claim, "succeeded")).toMatchObject({ state: "executed" });
    const { payload, stored, events } = await kept(stub);
    expect(foldAll(payload, events)).toEqual(stored.state);
  });

  test("keeps the sockets, which are told of what comes next", async ({ expect }) => {
    const { stub, calls } = await asked();
    const upgrade = upgradeOf(await operatorKey(workspace.name));
    const response = await stub.fetch("https://x.invalid/stream?afterSeq=1", upgrade);
    const socket = response.webSocket!;
    const seen: string[] = [];
    socket.addEventListener("message", ({ data }) => void seen.push(JSON.parse(String(data)).event.type));
    socket.accept();
    await evictDurableObject(stub);
    await calls.approve();
    await vi.waitFor(() => expect(seen).toEqual(["voted", "approved"]));
    socket.close(1000, "done");
  });
});
