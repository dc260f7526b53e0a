import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { maxSends, neverConfirmed, sendLease, sendLeaseMs } from "../../core/outbox.ts";
import type { ActionView } from "../../schemas/action.ts";
import type { ActionChanged } from "../../schemas/message.ts";
import { sendRightMs } from "../../core/outbox.ts";
import { repair } from "../../workers/repair.ts";
import {
  callsOn,
  catchMessages,
  firstToGo,
  kept,
  sql,
  stubOf,
  type OutboxLine,
  type Stub,
} from "./one-action.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** What comes back from sending: that nothing does, that the Board has heard, and the figures that are made of it. */

let caught: ReturnType<typeof catchMessages>;
beforeEach(() => {
  caught = catchMessages();
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function passTime(ms: number): void {
  const to = Date.now() + ms;
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(to);
}

type Told = { workspace: Workspace; action: ActionView; stub: Stub; sink: string };

/** An action that one endpoint hears of. */
async function told(name: string): Promise<Told> {
  const workspace = await openWorkspace(name);
  const { body } = await workspace.call("service:operator", "POST", "/v1/webhooks", {
    url: "https://hooks.example.com/in",
  });
  const action = await workspace.ask();
  return {
    workspace,
    action,
    stub: stubOf(workspace, action.id),
    sink: `webhook:${(body as { id: string }).id}`,
  };
}

const heldUntil = (stub: Stub): Promise<unknown> =>
  runInDurableObject(
    stub,
    (_, { storage }) => storage.sql.exec("SELECT held_until FROM cards").one()["held_until"],
  );
const rowOf = async (stub: Stub): Promise<OutboxLine | undefined> => (await kept(stub)).outbox[0];
const sendsOf = (sink: string): number =>
  caught.sent.flatMap(({ deliveries }) => deliveries).filter((one) => one.seq === 1 && one.sink === sink)
    .length;
const permanently = { error: "answered 410 Gone", permanent: true, retryAfterMs: null };
const boardOf = ({ name }: Workspace) => env.BOARD.getByName(`${name}/board`);

describe("a notice that nobody confirms", () => {
  test("is sent again less and less often", async ({ expect }) => {
    const { stub, sink } = await told("answers-backoff");
    for (let sends = 1; sends <= 7; sends += 1) {
      expect(sendsOf(sink)).toBe(sends);
      const waits = (await rowOf(stub))!.due! - Date.now();
      expect(waits).toBeLessThanOrEqual(sendLease(sends));
      expect(waits).toBeGreaterThan(sendLease(sends) - 2_000);
      passTime(waits - 1_000);
      await runDurableObjectAlarm(stub);
      expect(sendsOf(sink)).toBe(sends);
      passTime(1_001);
      await runDurableObjectAlarm(stub);
    }
    expect(sendLease(7)).toBeGreaterThan(10 * sendLeaseMs);
  });

  test("comes back soon again once somebody has said that it failed", async ({ expect }) => {
    const { stub, sink } = await told("answers-heard");
    for (let sends = 1; sends <= 4; sends += 1) {
      passTime(sendLease(sends) + 1);
      await runDurableObjectAlarm(stub);
    }
    await stub.deliveryFailed({ seq: 1, sink, error: "answered 500", permanent: false, retryAfterMs: null });
    passTime(60_000);
    await runDurableObjectAlarm(stub);
    expect((await rowOf(stub))!.due! - Date.now()).toBeLessThanOrEqual(sendLeaseMs);
  });

  test("ends as a dead letter that says so, which the Board hears of", async ({ expect }) => {
    const { workspace, action, stub, sink } = await told("answers-silent");
    await sql(stub, `UPDATE outbox SET sends = ${maxSends - 1}, due = ${Date.now() - 1}`);
    await stub.poke();
    expect(await rowOf(stub)).toMatchObject({ status: "open" });
    await sql(stub, `UPDATE outbox SET due = ${Date.now() - 1}`);
    const before = sendsOf(sink);
    await stub.poke();
    expect(sendsOf(sink)).toBe(before);
    expect(await rowOf(stub)).toMatchObject({ status: "dead", due: null, error: neverConfirmed });
    expect(caught.sent.at(-1)?.deadLetters).toMatchObject([{ seq: 1, sink, lastError: neverConfirmed }]);
    await boardOf(workspace).apply(caught.sent);
    const { body } = await workspace.call("service:operator", "GET", "/v1/dead-letters");
    expect(body).toMatchObject({ items: [{ action: action.id, lastError: neverConfirmed }] });
    expect(await stub.redeliver({ seq: 1, sink })).toBe(true);
    await vi.waitFor(() => expect(sendsOf(sink)).toBe(before + 1));
    expect(await rowOf(stub)).toMatchObject({ status: "open", tries: 1 });
  });
});

describe("people whom nothing has been confirmed to reach", () => {
  test("are not waited for: the next level is told when their notice is given up", async ({ expect }) => {
    const workspace = await openWorkspace("answers-escalate");
    const { body } = await workspace.call("service:operator", "GET", "/v1/policy");
    const { document } = body as { document: { contracts: { type: string }[] } };
    const recipients = { notify: ["slack:C0FIRST"], escalateTo: [["slack:C0SECOND"]] };
    const contracts = document.contracts.map((one) =>
      one.type === "host.shell" ? { ...one, ...recipients } : one,
    );
    await workspace.call("service:operator", "POST", "/v1/policy", { document: { ...document, contracts } });
    const { id } = await workspace.ask();
    const stub = stubOf(workspace, id);
    await sql(stub, `UPDATE outbox SET sends = ${maxSends}, due = ${Date.now() - 1}`);
    await stub.poke();
    const { events, outbox } = await kept(stub);
    expect(events.at(-1)).toMatchObject({ type: "escalated", data: { level: 1 } });
    expect(outbox.map(({ seq, sink, status }) => [seq, sink, status])).toEqual([
      [1, "slack:C0FIRST", "dead"],
      [2, "slack:C0FIRST", "open"],
      [2, "slack:C0SECOND", "open"],
    ]);
  });
});

describe("two notices for one recipient", () => {
  test("that have both failed do not wait for each other when their time has come", async ({ expect }) => {
    const { workspace, action, stub, sink } = await told("answers-both");
    await callsOn(workspace, action).deny();
    const failure = { sink, error: "answered 500", permanent: false, retryAfterMs: null };
    const seqs = (await kept(stub)).outbox.map(({ seq }) => seq);
    expect(seqs).toHaveLength(2);
    for (const seq of seqs) await stub.deliveryFailed({ ...failure, seq });
    // Until then neither is sent, whoever asks.
    expect(await stub.beginSend({ seq: seqs[0]!, sink })).toEqual({ kind: "held" });
    passTime(20_000);
    await runDurableObjectAlarm(stub);
    const begun = await Promise.all(seqs.map((seq) => stub.beginSend({ seq, sink })));
    expect(begun.map(({ kind }) => kind)).toEqual(["send", "held"]);
    // Should whoever sends be cut short, the other is not left to a lease that has grown meanwhile.
    await sql(stub, `UPDATE outbox SET due = due + 3600000 WHERE seq = ${seqs[1]}`);
    expect(await stub.beginSend({ seq: seqs[1]!, sink })).toEqual({ kind: "held" });
    const { outbox, alarm } = await kept(stub);
    expect(outbox[1]?.due).toBeLessThanOrEqual(Date.now() + sendRightMs);
    expect(alarm).toBeLessThanOrEqual(outbox[1]?.due ?? 0);
  });

  test("have one sender at a time, also when one whose right ran out answers late (P16)", async ({
    expect,
  }) => {
    const { workspace, action, stub, sink } = await told("answers-late");
    await callsOn(workspace, action).deny();
    const [first, last] = (await kept(stub)).outbox.map(({ seq }) => seq);
    const begin = (seq: number) => stub.beginSend({ seq, sink });
    const slow = await begin(first!);
    passTime(sendRightMs);
    const now = await begin(first!);
    const rights = [slow, now].map((one) => (one.kind === "send" ? one.right : null));
    expect(rights).toEqual([expect.any(Number), Date.now() + sendRightMs]);
    const shown = { channel: "C0", ts: "1.2", seq: first! };
    // The card is known from then on; whose turn it is stays as it was.
    await stub.acknowledge([{ seq: first!, sink, shown, right: rights[0]! }]);
    expect(await begin(last!)).toEqual({ kind: "held" });
    await stub.deliveryFailed({
      seq: last!,
      sink,
      error: "",
      permanent: false,
      retryAfterMs: 0,
      right: rights[0]!,
    });
    expect(await heldUntil(stub)).toBe(rights[1]);
    await stub.acknowledge([{ seq: first!, sink, shown, right: rights[1]! }]);
    expect(await heldUntil(stub)).toBeNull();
    // A Worker from before rights had names gives back whatever there is.
    passTime(sendRightMs);
    expect(await begin(last!)).toMatchObject({ kind: "send" });
    await stub.acknowledge([{ seq: first!, sink, shown }]);
    expect(await heldUntil(stub)).toBeNull();
  });
});

describe("what the Board confirms", () => {
  test("is not a dead letter that was made at the same seq after what it had", async ({ expect }) => {
    const { stub, sink } = await told("answers-retired");
    const [created] = caught.sent;
    await stub.deliveryFailed({ seq: 1, sink, ...permanently });
    await vi.waitFor(() => expect(caught.sent.at(-1)?.deadLetters).toHaveLength(1));
    const buried = caught.sent.at(-1)!;
    expect(buried).toMatchObject({ seq: created!.seq, ack: true });
    // The queue has lost the second message, and the Board's word about the first comes only now.
    const sent = caught.sent.length;
    await stub.acknowledge([{ seq: 1, sink: "board", news: created!.news ?? 0 }]);
    expect((await kept(stub)).stored.boardDue).not.toBeNull();
    passTime(2 * sendLeaseMs + 1);
    await runDurableObjectAlarm(stub);
    expect(caught.sent.slice(sent)).toMatchObject([{ ack: true, deadLetters: [{ seq: 1, sink }] }]);
    await stub.acknowledge([{ seq: 1, sink: "board", news: buried.news! }]);
    expect((await kept(stub)).stored.boardDue).toBeNull();
  });
});

describe("what came of sending", () => {
  test("goes to the Board with the next thing that does, and costs nothing of its own", async ({
    expect,
  }) => {
    const { workspace, action, stub, sink } = await told("answers-ride");
    const before = await kept(stub);
    const ack = [{ seq: 1, sink }];
    await stub.acknowledge(ack);
    await stub.acknowledge(ack);
    const after = await kept(stub);
    expect(after.stored).toEqual(before.stored);
    expect(caught.sent).toHaveLength(1);
    await callsOn(workspace, action).approve();
    expect(caught.sent).toHaveLength(2);
    const at = caught.sent.at(-1)?.sends?.notifiedAt;
    expect(caught.sent.map(({ sends }) => sends)).toEqual([
      { delivered: 0, failed: 0, notifiedAt: null },
      { delivered: 1, failed: 0, notifiedAt: at },
    ]);
    expect(at).toEqual(expect.any(Number));
  });

  test("goes there by itself half a minute after people were told first, while they think", async ({
    expect,
  }) => {
    const { stub, sink } = await told("answers-waiting");
    await stub.acknowledge([
      { seq: 1, sink },
      { seq: 1, sink: "board", news: 0 },
    ]);
    passTime(sendLeaseMs + 1_000);
    await runDurableObjectAlarm(stub);
    expect(caught.sent.slice(1)).toMatchObject([{ ack: false, sends: { delivered: 1 }, deliveries: [] }]);
    passTime(20 * 60_000);
    await runDurableObjectAlarm(stub);
    expect(caught.sent.slice(2).every(({ timings }) => (timings?.escalations ?? 0) > 0)).toBe(true);
  });

  test("goes there after the last event too, until the Board has it", async ({ expect }) => {
    const { workspace, action, stub, sink } = await told("answers-last");
    await callsOn(workspace, action).deny();
    const last = caught.sent.at(-1)!;
    await stub.acknowledge([{ seq: last.seq, sink: "board", news: last.news ?? 0 }]);
    await stub.acknowledge([
      { seq: 1, sink },
      { seq: last.seq, sink },
    ]);
    for (let round = 1; round <= 2; round += 1) {
      const sent = caught.sent.length;
      passTime(2 * sendLeaseMs + 1);
      await runDurableObjectAlarm(stub);
      expect(caught.sent.slice(sent)).toMatchObject([{ ack: true, sends: { delivered: 2, failed: 0 } }]);
      // A word about what was told before is no word about this.
      await stub.acknowledge([{ seq: last.seq, sink: "board", news: last.news ?? 0 }]);
    }
    await stub.acknowledge([{ seq: last.seq, sink: "board", news: caught.sent.at(-1)!.news! }]);
    const over = await kept(stub);
    const { alarm, stored } = over;
    expect({ alarm, boardDue: stored.boardDue }).toEqual({ alarm: firstToGo(over), boardDue: null });
  });

  test("is counted once for each notice, and each failed attempt once", async ({ expect }) => {
    const { workspace, stub, sink } = await told("answers-count");
    const failure = { seq: 1, sink, error: "answered 500", permanent: false, retryAfterMs: null };
    await stub.deliveryFailed(failure);
    await stub.deliveryFailed({ ...failure, permanent: true });
    await stub.deliveryFailed(failure);
    await stub.redeliver({ seq: 1, sink });
    for (let times = 0; times < 3; times += 1) await stub.acknowledge([{ seq: 1, sink }]);
    const change = JSON.parse((await stub.refresh()) ?? "") as ActionChanged;
    expect(change.sends).toMatchObject({ delivered: 1, failed: 2 });
    await boardOf(workspace).apply([change, change]);
    const text = await boardOf(workspace).prometheus(Date.now());
    expect(text).toContain('holdpoint_webhook_deliveries_total{result="delivered"} 1\n');
    expect(text).toContain('holdpoint_webhook_deliveries_total{result="failed"} 2\n');
  });

  test("is built again from the actions by a repair", async ({ expect }) => {
    const { workspace, stub, sink } = await told("answers-repair");
    await boardOf(workspace).apply(caught.sent);
    await stub.acknowledge([{ seq: 1, sink }]);
    const reached = async (): Promise<number> =>
      (await boardOf(workspace).figures("1h", Date.now())).queueTime.notified.reached;
    expect(await reached()).toBe(0);
    expect(await repair(env, workspace.name)).toEqual({ repaired: 1, nextRow: null });
    expect(await reached()).toBe(1);
  });

  test("is counted from now on where an action is from before it was", async ({ expect }) => {
    const { stub, sink } = await told("answers-old");
    await runInDurableObject(stub, (_, { storage }) => {
      for (const column of ["sends", "failed", "noted"]) {
        storage.sql.exec(`ALTER TABLE outbox DROP COLUMN ${column}`);
      }
      const { body } = storage.sql.exec<{ body: string }>("SELECT body FROM docs WHERE id = 2").one();
      const { news: _news, reported: _reported, ...stored } = JSON.parse(body) as Record<string, unknown>;
      storage.sql.exec("UPDATE docs SET body = ? WHERE id = 2", JSON.stringify(stored));
    });
    await evictDurableObject(stub);
    await stub.acknowledge([{ seq: 1, sink }]);
    expect(await rowOf(stub)).toMatchObject({ status: "delivered" });
    expect(JSON.parse((await stub.refresh()) ?? "")).toMatchObject({ sends: { delivered: 1, failed: 0 } });
  });
});
