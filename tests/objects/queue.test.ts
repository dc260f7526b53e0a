import {
  createExecutionContext,
  createMessageBatch,
  getQueueResult,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import type { Action } from "../../objects/action/action.ts";
import type { Board } from "../../objects/board/board.ts";
import { ActionChanged, type Delivery } from "../../schemas/message.ts";
import { DeadLetterList } from "../../schemas/webhook-view.ts";
import { Fanout } from "../../workers/fan-out.ts";
import { consumeBatch, consumeDeliveries, consumeEvents } from "../../workers/queue.ts";
import { sweep } from "../../workers/cron.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

// The queues would send the same messages a second later and race with what a test does by hand; nothing is called
// outside either, unless a test says how it answers. Both hold for every object, so they are set on what all share.
beforeEach(() => {
  const queue: Queue = Object.getPrototypeOf(env.EVENTS);
  vi.spyOn(queue, "send").mockResolvedValue(taken);
  vi.spyOn(queue, "sendBatch").mockResolvedValue(taken);
  vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("no network"));
});
const taken = { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const actionOf = ({ name }: Workspace, id: string): DurableObjectStub<Action> =>
  env.ACTIONS.getByName(`${name}/${id}`);
const boardOf = ({ name }: Workspace): DurableObjectStub<Board> => env.BOARD.getByName(`${name}/board`);

/** What an action would tell its consumers at this moment. */
async function changeOf(workspace: Workspace, id: string): Promise<ActionChanged> {
  const text = await actionOf(workspace, id).refresh();
  return v.parse(ActionChanged, JSON.parse(text ?? "null"));
}

const deliveryOf = (workspace: Workspace, id: string, parts: Partial<Delivery> = {}): Delivery => ({
  workspace: workspace.name,
  action: id,
  seq: 2,
  sink: "callback",
  type: "action.denied",
  at: Date.now(),
  view: { id, state: "denied" },
  ...parts,
});

const batchOf = (queue: string, ...bodies: unknown[]): MessageBatch =>
  createMessageBatch(
    queue,
    bodies.map((body, index) => ({ id: `m${index}`, timestamp: new Date(), attempts: 1, body })),
  );

/** A denied action whose callback nobody has answered yet: its notice is seq 2. */
async function denied(workspace: Workspace): Promise<string> {
  const { body } = await workspace.call("service:operator", "POST", "/v1/webhooks/secrets", {});
  const { id: secretId } = v.parse(v.object({ id: v.string() }), body);
  const action = await workspace.ask({ callback: { url: "https://hooks.example.com/in", secretId } });
  const vote = { decision: "deny", digest: action.digest, reason: "not now" };
  await workspace.call("person:bob", "POST", `/v1/actions/${action.id}/votes`, vote);
  return action.id;
}

const answering = (status: number): ReturnType<typeof vi.spyOn> =>
  vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status }));

describe("a batch from a queue", () => {
  test("is settled message by message: done, malformed, and to be tried again", async ({ expect }) => {
    const well = await openWorkspace("q-well");
    const ill = await openWorkspace("q-ill");
    const changes = [await changeOf(well, (await well.ask()).id), await changeOf(ill, (await ill.ask()).id)];
    await runInDurableObject(boardOf(ill), (_, state) => {
      state.storage.sql.exec(
        `CREATE TRIGGER broken BEFORE INSERT ON actions BEGIN SELECT RAISE(ABORT, 'full'); END`,
      );
    });
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const context = createExecutionContext();
    const batch = batchOf("holdpoint-events", changes[0], { workspace: 1 }, changes[1], "nonsense");
    await consumeBatch(batch, env, context);
    const result = await getQueueResult(batch, context);
    expect(result.explicitAcks.toSorted()).toEqual(["m0", "m1", "m3"]);
    expect(result.retryMessages).toMatchObject([{ msgId: "m2" }]);
    expect((await boardOf(well).list({ limit: 9 })).items).toHaveLength(1);
  });

  test("from a dead-letter queue is applied once more and let go", async ({ expect }) => {
    const workspace = await openWorkspace("q-dead");
    const change = await changeOf(workspace, (await workspace.ask()).id);
    const batch = batchOf("holdpoint-events-dead", change, "nonsense");
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    await consumeBatch(batch, env, createExecutionContext());
    const result = await getQueueResult(batch, createExecutionContext());
    expect(result.explicitAcks.toSorted()).toEqual(["m0", "m1"]);
    expect((await boardOf(workspace).list({ limit: 9 })).items.map(({ id }) => id)).toEqual([change.action]);
  });

  test("of dead deliveries goes back to the actions, whose rows are the record", async ({ expect }) => {
    const workspace = await openWorkspace("q-dead-deliveries");
    const id = await denied(workspace);
    const fetched = answering(204);
    const before = await outboxOf(workspace, id);
    const batch = batchOf("holdpoint-deliveries-dead", deliveryOf(workspace, id, { seq: before.seq }));
    await consumeBatch(batch, env, createExecutionContext());
    expect((await getQueueResult(batch, createExecutionContext())).explicitAcks).toEqual(["m0"]);
    expect(fetched).not.toHaveBeenCalled();
    expect(await outboxOf(workspace, id)).toMatchObject({ status: "open", tries: before.tries + 1 });
  });
});

describe("a slow recipient", () => {
  test("has its message let go while the sending goes on, and the action hears of it later", async ({
    expect,
  }) => {
    const workspace = await openWorkspace("q-slow");
    const id = await denied(workspace);
    const { seq } = await outboxOf(workspace, id);
    const answer = Promise.withResolvers<Response>();
    vi.spyOn(globalThis, "fetch").mockReturnValue(answer.promise);
    const context = createExecutionContext();
    const batch = batchOf("holdpoint-deliveries", deliveryOf(workspace, id, { seq }));
    await consumeBatch(batch, env, context);
    expect(await outboxOf(workspace, id)).toMatchObject({ status: "open" });
    answer.resolve(new Response(null, { status: 204 }));
    expect((await getQueueResult(batch, context)).explicitAcks).toEqual(["m0"]);
    expect(await outboxOf(workspace, id)).toMatchObject({ status: "delivered" });
  });
});

/** The callback's last outbox row. */
async function outboxOf(
  workspace: Workspace,
  id: string,
): Promise<{ seq: number; tries: number; status: string }> {
  return runInDurableObject(actionOf(workspace, id), (_, state) =>
    state.storage.sql
      .exec<{ seq: number; tries: number; status: string }>(
        "SELECT seq, tries, status FROM outbox WHERE sink = 'callback' ORDER BY seq DESC LIMIT 1",
      )
      .one(),
  );
}

describe("a delivery", () => {
  test("that nobody ever takes ends as a dead letter, is listed, and can be sent again", async ({
    expect,
  }) => {
    const workspace = await openWorkspace("q-letters");
    const id = await denied(workspace);
    const { seq } = await outboxOf(workspace, id);
    const refusing = answering(500);
    const delivery = deliveryOf(workspace, id, { seq });
    for (let tries = 0; tries < 20; tries += 1) await consumeDeliveries([delivery], env);
    const tried = refusing.mock.calls.length;
    expect(await outboxOf(workspace, id)).toMatchObject({ status: "dead", tries: 10 });

    await consumeEvents([await changeOf(workspace, id)], env);
    const listed = await workspace.call("service:operator", "GET", "/v1/dead-letters");
    const [letter] = v.parse(DeadLetterList, listed.body).items;
    expect(letter).toMatchObject({ action: id, seq, sink: "callback", tries: 10, lastError: "answered 500" });

    const retry = await workspace.call(
      "service:operator",
      "POST",
      `/v1/dead-letters/${letter?.id}/retry`,
      {},
    );
    expect(retry.status).toBe(202);
    answering(204);
    await consumeDeliveries([delivery], env);
    expect(await outboxOf(workspace, id)).toMatchObject({ status: "delivered" });
    const after = await workspace.call("service:operator", "GET", "/v1/dead-letters");
    expect(after.body).toEqual({ items: [], nextCursor: null });
    expect(tried).toBe(20);
  });

  test("of another workspace's dead letter is not found, like one that never was", async ({ expect }) => {
    const owner = await openWorkspace("q-owner");
    const other = await openWorkspace("q-other");
    const id = await denied(owner);
    const letter = `${id}.2.Y2FsbGJhY2s`;
    const foreign = await other.call("service:operator", "POST", `/v1/dead-letters/${letter}/retry`, {});
    const absent = await other.call("service:operator", "POST", "/v1/dead-letters/nonsense/retry", {});
    expect(foreign.status).toBe(404);
    expect(foreign.body).toEqual(absent.body);
  });
});

describe("T12 at each send", () => {
  test("loopback is called on a developer's machine and nowhere else", async ({ expect }) => {
    const workspace = await openWorkspace("q-loopback");
    const registry = env.REGISTRY.getByName(`${workspace.name}/registry`);
    const made = await registry.createEndpoint({ url: "http://127.0.0.1:9/hook" }, Date.now());
    const { id } = await workspace.ask();
    const fetched = answering(204);
    const sink = made.ok ? `webhook:${made.value.endpoint.id}` : "";
    const delivery = deliveryOf(workspace, id, { seq: 1, sink });
    const deployed = { ...env, HOLDPOINT_LOCAL: "false" };
    await consumeDeliveries([delivery], deployed);
    expect(fetched).not.toHaveBeenCalled();
    await consumeDeliveries([delivery], env);
    expect(fetched).toHaveBeenCalledOnce();
  });
});

describe("without queues", () => {
  test("the action's own call feeds the Board a moment later and the deliveries follow", async ({
    expect,
  }) => {
    const workspace = await openWorkspace("q-none");
    const id = await denied(workspace);
    const { seq } = await outboxOf(workspace, id);
    const fetched = answering(204);
    const context = createExecutionContext();
    const { EVENTS: _events, DELIVERIES: _deliveries, ...bare } = env;
    const fanout = Reflect.construct(Fanout, [context, bare]);
    if (!(fanout instanceof Fanout)) throw new Error("not a Fanout");
    const change = await changeOf(workspace, id);
    fanout.consume([{ ...change, deliveries: [deliveryOf(workspace, id, { seq })] }]);
    await waitOnExecutionContext(context);
    expect((await boardOf(workspace).list({ limit: 9 })).items).toMatchObject([{ id, state: "denied" }]);
    expect(fetched).toHaveBeenCalled();
    expect(await outboxOf(workspace, id)).toMatchObject({ status: "delivered" });
  });
});

describe("the sweep", () => {
  test("moves an action whose alarm was lost, and the Board with it", async ({ expect }) => {
    const workspace = await openWorkspace("q-sweep");
    const { id } = await workspace.ask({ notAfter: new Date(Date.now() + 60_000).toISOString() });
    await consumeEvents([await changeOf(workspace, id)], env);
    await runInDurableObject(actionOf(workspace, id), (_, state) => state.storage.deleteAlarm());
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 120_000 });
    const swept = await sweep(env, Date.now());
    expect(swept.overdue).toBeGreaterThanOrEqual(1);
    expect((await boardOf(workspace).list({ limit: 9 })).items).toMatchObject([{ id, state: "expired" }]);
    expect(await boardOf(workspace).overdue(Date.now(), 100)).toEqual([]);
  });
});

describe("the repair", () => {
  test("puts the open rows right from what the actions say", async ({ expect }) => {
    const workspace = await openWorkspace("q-repair");
    const first = await workspace.ask();
    const second = await workspace.ask();
    await consumeEvents([await changeOf(workspace, first.id), await changeOf(workspace, second.id)], env);
    await runInDurableObject(boardOf(workspace), (_, state) => {
      state.storage.sql.exec(`UPDATE actions SET summary = json_set(summary, '$.type', 'wrong.type')`);
    });
    const answer = await workspace.call("service:operator", "POST", "/v1/board/repair", {});
    expect(answer).toEqual({ status: 200, body: { repaired: 2, nextCursor: null } });
    const { items } = await boardOf(workspace).list({ limit: 9 });
    expect(items.map(({ id, type }) => [id, type])).toEqual([
      [second.id, "host.shell"],
      [first.id, "host.shell"],
    ]);
  });
});

describe("the lists", () => {
  test("show a person what waits for them first", async ({ expect }) => {
    const workspace = await openWorkspace("q-lists");
    const shell = await workspace.ask();
    const args = { migration: "0042.sql" };
    const target = { resource: "orders-db", segment: "prod-data" };
    const migrate = await workspace.ask({ type: "db.migrate", args, target });
    await consumeEvents([await changeOf(workspace, shell.id), await changeOf(workspace, migrate.id)], env);
    const Items = v.object({
      items: v.array(v.object({ id: v.string(), waitingForMe: v.optional(v.boolean()) })),
    });
    const idsFor = async (who: string, path: string): Promise<unknown> => {
      const { items } = v.parse(Items, (await workspace.call(who, "GET", path)).body);
      return items.map(({ id, waitingForMe }) => (waitingForMe === undefined ? id : [id, waitingForMe]));
    };
    expect(await idsFor("person:bob", "/v1/actions?waitingFor=me")).toEqual([migrate.id, shell.id]);
    expect(await idsFor("person:carol", "/v1/actions?waitingFor=me")).toEqual([]);
    expect(await idsFor("agent:demo", "/v1/actions?type=host.shell&state=pending")).toEqual([shell.id]);
    expect(await idsFor("person:carol", "/v1/queue")).toEqual([
      [shell.id, false],
      [migrate.id, false],
    ]);
    expect(await idsFor("person:alice", "/v1/queue")).toEqual([
      [shell.id, true],
      [migrate.id, true],
    ]);
  });

  test.for([
    ["?state=granted", "?state"],
    ["?limit=0", "?limit"],
    ["?limit=101", "?limit"],
    ["?limit=1e1", "?limit"],
    ["?cursor=nonsense", "?cursor"],
    ["?status=pending", "?status"],
    ["?state=pending&state=denied", "?state"],
    ["?type=%27%20OR%201%3D1", "?type"],
    ["?waitingFor=person:alice", "?waitingFor"],
    ["?waitingFor=me", "?waitingFor"],
    ["?__proto__=1", "?__proto__"],
  ])("refuse %s and name the parameter", async ([query, pointer], { expect }) => {
    const workspace = await openWorkspace("q-query");
    const { status, body } = await workspace.call("agent:demo", "GET", `/v1/actions${query}`);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: "bad_request", errors: [{ pointer }] });
  });
});
