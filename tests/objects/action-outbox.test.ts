import {
  createExecutionContext,
  createMessageBatch,
  getQueueResult,
  runDurableObjectAlarm,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { retryAfterMs, sendLeaseMs } from "../../core/outbox.ts";
import { isPublic, noticeOf } from "../../core/notices.ts";
import type { ActionView } from "../../schemas/action.ts";
import type { ActionChanged } from "../../schemas/message.ts";
import { consumeBatch } from "../../workers/queue.ts";
import { callsOn, catchMessages, firstToGo, kept, stubOf, type OutboxLine, type Stub } from "./one-action.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** Who is told of what, and until when somebody tries: one row for each event and sink, and the row is the record. */

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

type Told = {
  workspace: Workspace;
  action: ActionView;
  stub: Stub;
  calls: ReturnType<typeof callsOn>;
  sink: string;
};

/** An action that one endpoint hears of. */
async function told(
  name: string,
  endpoints: object[] = [{}],
  parts: Record<string, unknown> = {},
): Promise<Told & { sinks: string[] }> {
  const workspace = await openWorkspace(name);
  const sinks: string[] = [];
  for (const endpoint of endpoints) {
    const url = "https://hooks.example.com/in";
    const { body } = await workspace.call("service:operator", "POST", "/v1/webhooks", { url, ...endpoint });
    sinks.push(`webhook:${(body as { id: string }).id}`);
  }
  const action = await workspace.ask({ rollbackPlan: { argv: ["undo"] }, ...parts });
  return {
    workspace,
    action,
    stub: stubOf(workspace, action.id),
    calls: callsOn(workspace, action),
    sink: sinks[0] ?? "",
    sinks,
  };
}

const rowOf = async (stub: Stub, seq = 1): Promise<OutboxLine | undefined> =>
  (await kept(stub)).outbox.find((row) => row.seq === seq);
const deliveriesIn = (messages: readonly ActionChanged[]): string[] =>
  messages.flatMap(({ deliveries }) => deliveries.map(({ seq, sink }) => `${seq} ${sink}`));

describe("the outbox", () => {
  test("has one row for each notice and sink, over a whole life, and each is sent once", async ({
    expect,
  }) => {
    const workspace = await openWorkspace("o-life");
    const secret = await workspace.call("service:operator", "POST", "/v1/webhooks/secrets", {});
    const callback = { url: "https://hooks.example.com/cb", secretId: (secret.body as { id: string }).id };
    const { stub, calls, sinks } = await told(
      "o-life",
      [{}, { events: ["action.executed", "action.pending"] }],
      { callback },
    );
    await calls.approve();
    const claim = await calls.claim();
    await calls.heartbeat(claim);
    await calls.report(claim, "succeeded");
    await calls.rollBack();
    await calls.report(await calls.claim(), "failed", "partial");
    const { events, outbox } = await kept(stub);
    const wanted = events.flatMap((event) => {
      const type = noticeOf(event);
      if (type === null || !isPublic(type)) return [];
      const second = ["action.executed", "action.pending"].includes(type);
      const wanting = [
        sinks[0]!,
        ...(second ? [sinks[1]!] : []),
        ...(type === "action.pending" ? [] : ["callback"]),
      ];
      return wanting.map((sink) => `${event.seq} ${sink} ${type}`);
    });
    expect(outbox.map(({ seq, sink, type }) => `${seq} ${sink} ${type}`).toSorted()).toEqual(
      wanted.toSorted(),
    );
    expect(outbox.every(({ status, tries }) => status === "open" && tries === 1)).toBe(true);
    expect(deliveriesIn(caught.sent).toSorted()).toEqual(
      outbox.map(({ seq, sink }) => `${seq} ${sink}`).toSorted(),
    );
  });

  test("sends what the queue lost again once the lease of the send is over, and not before", async ({
    expect,
  }) => {
    const { stub, sink } = await told("o-lost");
    expect(deliveriesIn(caught.sent)).toEqual([`1 ${sink}`]);
    passTime(sendLeaseMs - 1_000);
    await runDurableObjectAlarm(stub);
    expect(caught.sent).toHaveLength(1);
    passTime(2_000);
    await runDurableObjectAlarm(stub);
    expect(deliveriesIn(caught.sent)).toEqual([`1 ${sink}`, `1 ${sink}`]);
    // The Board had not confirmed either, and is asked to again.
    expect(caught.sent.at(-1)).toMatchObject({ ack: true, seq: 1 });
    expect(await rowOf(stub)).toMatchObject({ status: "open", tries: 1 });
  });

  test("loses nothing when the queue itself cannot be reached", async ({ expect }) => {
    const complaint = vi.spyOn(console, "error").mockReturnValue(undefined);
    const { stub, calls } = await told("o-down");
    caught.failNext(new Error("queue is down"));
    await calls.approve();
    expect(complaint).toHaveBeenCalledOnce();
    expect(deliveriesIn(caught.sent)).toHaveLength(1);
    passTime(sendLeaseMs + 1);
    await runDurableObjectAlarm(stub);
    const both = (await kept(stub)).outbox.map(({ seq, sink }) => `${seq} ${sink}`);
    expect(deliveriesIn(caught.sent.slice(1))).toEqual(both);
  });

  test("is done with a row once it is acknowledged, however often", async ({ expect }) => {
    const { stub, sink } = await told("o-acks");
    const ack = [{ seq: 1, sink }];
    await stub.acknowledge(ack);
    const after = await kept(stub);
    expect(after.outbox[0]).toMatchObject({ status: "delivered", due: null });
    await stub.acknowledge([...ack, ...ack, { seq: 1, sink: "webhook:nobody" }, { seq: 9, sink }]);
    expect(await kept(stub)).toEqual(after);
    // A failure that is reported after it, by another copy of the message, is old news.
    await stub.deliveryFailed({ seq: 1, sink, error: "answered 500", permanent: true, retryAfterMs: null });
    expect(await kept(stub)).toEqual(after);
    passTime(10 * sendLeaseMs);
    await runDurableObjectAlarm(stub);
    expect(deliveriesIn(caught.sent)).toEqual([`1 ${sink}`]);
  });

  test("tries a failing recipient again over a day and a half, and then keeps a dead letter", async ({
    expect,
  }) => {
    const { stub, sink } = await told("o-schedule");
    const failure = { seq: 1, sink, error: "answered 500", permanent: false, retryAfterMs: null };
    for (const [index, waitMs] of retryAfterMs.entries()) {
      const failedAt = Date.now();
      await stub.deliveryFailed(failure);
      const row = (await rowOf(stub))!;
      expect(row).toMatchObject({ status: "open", tries: index + 2 });
      const waits = row.due! - failedAt;
      expect(waits).toBeGreaterThanOrEqual(waitMs);
      expect(waits).toBeLessThanOrEqual(waitMs * 1.2 + 1_000);
      // The action itself expires after an hour, which is another notice.
      const tries = (): number => deliveriesIn(caught.sent).filter((one) => one === `1 ${sink}`).length;
      expect(tries()).toBe(index + 1);
      passTime(waits - 1_000);
      await runDurableObjectAlarm(stub);
      expect(tries()).toBe(index + 1);
      passTime(1_001);
      await runDurableObjectAlarm(stub);
      expect(tries()).toBe(index + 2);
    }
    await stub.deliveryFailed(failure);
    expect(await rowOf(stub)).toMatchObject({ status: "dead", due: null, tries: 10, error: "answered 500" });
    const { stored } = await kept(stub);
    expect(stored.deadLetters).toBe(1);
    // The Board is told at once, so that operators see it.
    await vi.waitFor(() =>
      expect(caught.sent.at(-1)?.deadLetters).toMatchObject([{ seq: 1, sink, tries: 10 }]),
    );
    await stub.acknowledge([{ seq: 1, sink }]);
    expect(await rowOf(stub)).toMatchObject({ status: "dead" });
  });

  test("waits as long as a recipient asks for, where that is longer", async ({ expect }) => {
    const { stub, sink } = await told("o-after");
    const now = Date.now();
    await stub.deliveryFailed({
      seq: 1,
      sink,
      error: "answered 429",
      permanent: false,
      retryAfterMs: 600_000,
    });
    expect((await rowOf(stub))!.due).toBeGreaterThanOrEqual(now + 600_000);
  });

  test("sends a dead letter again from the start, once", async ({ expect }) => {
    const { stub, sink } = await told("o-again");
    await stub.deliveryFailed({
      seq: 1,
      sink,
      error: "answered 410 Gone",
      permanent: true,
      retryAfterMs: null,
    });
    expect(await rowOf(stub)).toMatchObject({ status: "dead", tries: 1 });
    const before = caught.sent.length;
    expect(await stub.redeliver({ seq: 1, sink })).toBe(true);
    expect(await stub.redeliver({ seq: 1, sink })).toBe(false);
    await vi.waitFor(() => expect(deliveriesIn(caught.sent.slice(before))).toEqual([`1 ${sink}`]));
    expect(await rowOf(stub)).toMatchObject({ status: "open", tries: 1 });
    expect((await kept(stub)).stored.deadLetters).toBe(0);
    await stub.acknowledge([{ seq: 1, sink }]);
    expect(await rowOf(stub)).toMatchObject({ status: "delivered" });
    expect(await stub.redeliver({ seq: 1, sink })).toBe(false);
  });

  test("tells the Board until it confirms, of the first event and of the last", async ({ expect }) => {
    const { stub, calls } = await told("o-board", []);
    expect(caught.sent.map(({ seq, ack }) => [seq, ack])).toEqual([[1, true]]);
    await calls.deny();
    await stub.acknowledge([{ seq: 1, sink: "board" }]);
    expect((await kept(stub)).stored).toMatchObject({ boardSeq: 1, boardDue: expect.any(Number) });
    passTime(sendLeaseMs + 1);
    await runDurableObjectAlarm(stub);
    expect(caught.sent.at(-1)).toMatchObject({ seq: 3, ack: true, summary: { state: "denied" } });
    await stub.acknowledge([{ seq: 3, sink: "board" }]);
    await stub.acknowledge([{ seq: 1, sink: "board" }]);
    expect((await kept(stub)).stored).toMatchObject({ boardSeq: 3, boardDue: null });
    await runDurableObjectAlarm(stub);
    const over = await kept(stub);
    expect(over.alarm).toBe(firstToGo(over));
  });
});

describe("P16 duplicate notifications:", () => {
  const batchOf = (queue: string, bodies: unknown[]): MessageBatch =>
    createMessageBatch(
      queue,
      bodies.map((body, index) => ({ id: `m${index}`, timestamp: new Date(), attempts: 1, body })),
    );

  async function consume(queue: string, bodies: unknown[]): Promise<string[]> {
    const batch = batchOf(queue, bodies);
    const context = createExecutionContext();
    await consumeBatch(batch, env, context);
    return (await getQueueResult(batch, context)).explicitAcks;
  }

  test("each queue message five times is one row of the Board and one message id", async ({ expect }) => {
    const { workspace, stub, calls, sinks } = await told("o-five", [{}, {}]);
    const ids: string[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (_, init) => {
      ids.push(new Headers(init?.headers).get("webhook-id") ?? "");
      return new Response(null, { status: 204 });
    });
    await calls.approve();
    const changes = caught.sent.splice(0);
    expect(
      await consume(
        "holdpoint-events",
        changes.flatMap((change) => Array.from({ length: 5 }, () => change)),
      ),
    ).toHaveLength(10);
    for (let round = 0; round < 4; round += 1) await consume("holdpoint-events", changes.toReversed());
    const { body } = await workspace.call("service:operator", "GET", "/v1/actions");
    expect(body).toMatchObject({ items: [{ state: "approved", seq: 3 }], nextCursor: null });
    const deliveries = changes.flatMap((change) => change.deliveries);
    expect(
      await consume(
        "holdpoint-deliveries",
        deliveries.flatMap((one) => Array.from({ length: 5 }, () => one)),
      ),
    ).toHaveLength(20);
    // Copies in one batch are one request.
    expect(ids).toHaveLength(4);
    for (let round = 0; round < 4; round += 1) await consume("holdpoint-deliveries", deliveries);
    // Later ones may be another, under the same id.
    expect(new Set(ids).size).toBe(4);
    const { outbox } = await kept(stub);
    expect(outbox.map(({ seq, sink, status }) => [seq, sink, status])).toEqual(
      [1, 3].flatMap((seq) => sinks.toSorted().map((sink) => [seq, sink, "delivered"])),
    );
  });
});
