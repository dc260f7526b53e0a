import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import * as v from "valibot";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import type { Action } from "../../objects/action/action.ts";
import { ActionChanged, type Delivery } from "../../schemas/message.ts";
import { consumeDeliveries } from "../../workers/queue.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

// What an action hands to the queue is kept, and a test hands it on as often as it likes.
const sent: ActionChanged[] = [];
const taken = { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
beforeEach(() => {
  sent.length = 0;
  const queue: Queue = Object.getPrototypeOf(env.EVENTS);
  vi.spyOn(queue, "send").mockImplementation(async (message) => {
    sent.push(v.parse(ActionChanged, message));
    return taken;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const settings = {
  ...env,
  HOLDPOINT_SLACK_BOT_TOKEN: "xoxb-test",
  HOLDPOINT_SLACK_SIGNING_SECRET: "a-signing-secret",
  HOLDPOINT_SLACK_TEAM: "T0TEST",
};

type Called = { method: string; body: Record<string, unknown> };

/** Slack, which takes everything after `delayMs`, or answers with what `answer` gives. */
function slack(delayMs = 20, answer: (call: Called) => Response | null = () => null): Called[] {
  const calls: Called[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const method = new URL(request.url).pathname.split("/").at(-1) ?? "";
    const body = v.parse(v.record(v.string(), v.unknown()), await request.json());
    calls.push({ method, body });
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    return (
      answer({ method, body }) ?? Response.json({ ok: true, channel: "C0CHANNEL", ts: `1.${calls.length}` })
    );
  });
  return calls;
}

const actionOf = ({ name }: Workspace, id: string): DurableObjectStub<Action> =>
  env.ACTIONS.getByName(`${name}/${id}`);

async function workspaceWith(name: string, contract: Record<string, unknown>): Promise<Workspace> {
  const workspace = await openWorkspace(name);
  const { body } = await workspace.call("service:operator", "GET", "/v1/policy");
  const { document } = v.parse(
    v.object({ document: v.looseObject({ contracts: v.array(v.looseObject({ type: v.string() })) }) }),
    body,
  );
  const contracts = document.contracts.map((one) =>
    one.type === "host.shell" ? { ...one, ...contract } : one,
  );
  const published = await workspace.call("service:operator", "POST", "/v1/policy", {
    document: { ...document, contracts },
  });
  if (published.status !== 201 && published.status !== 200) throw new Error(JSON.stringify(published.body));
  return workspace;
}

/** Everything the action has handed to the queue so far, for channels. */
async function deliveries(count: number): Promise<Delivery[]> {
  for (let tries = 0; tries < 100; tries += 1) {
    const found = sent.flatMap((change) => change.deliveries).filter(({ sink }) => sink.startsWith("slack:"));
    if (found.length >= count) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("nothing was handed over");
}

const rowsOf = (workspace: Workspace, id: string): Promise<{ seq: number; status: string; sink: string }[]> =>
  runInDurableObject(actionOf(workspace, id), (_, state) =>
    state.storage.sql
      .exec("SELECT seq, status, sink FROM outbox ORDER BY seq, sink")
      .toArray()
      .map((row) => v.parse(v.object({ seq: v.number(), status: v.string(), sink: v.string() }), row)),
  );

describe("a channel", () => {
  test("P16 has one card for each recipient, however often a queue hands a message out", async ({
    expect,
  }) => {
    const calls = slack();
    const workspace = await workspaceWith("slack-redelivered", {
      notify: ["slack:C0CHANNEL", "slack:C0OTHER"],
    });
    const action = await workspace.ask();
    const first = await deliveries(2);
    const five = Array.from({ length: 5 }, () => consumeDeliveries(first, settings));
    await Promise.all(five);
    await consumeDeliveries(first, settings);
    expect(calls.map(({ method }) => method)).toEqual(["chat.postMessage", "chat.postMessage"]);
    expect(new Set(calls.map(({ body }) => body["channel"]))).toEqual(new Set(["C0CHANNEL", "C0OTHER"]));
    expect((await rowsOf(workspace, action.id)).every(({ status }) => status === "delivered")).toBe(true);
  });

  test("is not edited back by a message that comes late", async ({ expect }) => {
    const calls = slack();
    const workspace = await workspaceWith("slack-late", { notify: ["slack:C0CHANNEL"] });
    const action = await workspace.ask();
    const posted = await deliveries(1);
    await workspace.call("person:bob", "POST", `/v1/actions/${action.id}/votes`, {
      decision: "deny",
      digest: action.digest,
      reason: "no",
    });
    const all = await deliveries(3);
    await consumeDeliveries(
      all.filter((one) => !posted.includes(one)),
      settings,
    );
    await consumeDeliveries(posted, settings);
    // The first post shows what has become of it by then, so that nothing else is left to say.
    expect(calls.map(({ method }) => method)).toEqual(["chat.postMessage"]);
    expect(JSON.stringify(calls[0]?.body)).toContain("Denied");
    expect(JSON.stringify(calls[0]?.body)).not.toContain('"approve"');
    expect((await rowsOf(workspace, action.id)).every(({ status }) => status === "delivered")).toBe(true);
  });

  test("P25 that fails is not waited for: the next level is told, and the first is tried again by itself", async ({
    expect,
  }) => {
    const calls = slack(1, ({ body }) =>
      body["channel"] === "C0CHANNEL" ? new Response(null, { status: 503 }) : null,
    );
    const workspace = await workspaceWith("slack-failing", {
      notify: ["slack:C0CHANNEL"],
      escalateTo: [["slack:C0FIRST"], ["slack:C0SECOND"]],
    });
    const action = await workspace.ask();
    await consumeDeliveries(await deliveries(1), settings);
    const more = (await deliveries(3)).slice(1);
    expect(more.map(({ sink, type }) => [sink, type])).toEqual([
      ["slack:C0CHANNEL", "action.escalated"],
      ["slack:C0FIRST", "action.escalated"],
    ]);
    await consumeDeliveries(more, settings);
    // Who asked to be left alone is left alone: the second row of the failing channel waits with the first.
    expect(calls.map(({ body }) => body["channel"])).toEqual(["C0CHANNEL", "C0FIRST"]);
    expect(JSON.stringify(calls[1]?.body)).toContain('"approve"');
    const rows = await rowsOf(workspace, action.id);
    expect(rows.filter(({ status }) => status === "open").map(({ sink }) => sink)).toEqual([
      "slack:C0CHANNEL",
      "slack:C0CHANNEL",
    ]);
  });

  test("is reminded in the thread of its card, where the next level gets a card of its own", async ({
    expect,
  }) => {
    const calls = slack(1);
    const workspace = await workspaceWith("slack-reminded", {
      notify: ["slack:C0CHANNEL"],
      escalateTo: [["slack:C0FIRST"]],
      clocks: { pendingTtl: "1h", remindAfter: "1m", escalateAfter: ["2m"] },
    });
    const action = await workspace.ask();
    const posted = await deliveries(1);
    await consumeDeliveries(posted, settings);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 125_000 });
    await actionOf(workspace, action.id).poke();
    vi.useRealTimers();
    const later = (await deliveries(4)).slice(1);
    expect(later.map(({ sink, type }) => [sink, type])).toEqual([
      ["slack:C0CHANNEL", "action.reminded"],
      ["slack:C0CHANNEL", "action.escalated"],
      ["slack:C0FIRST", "action.escalated"],
    ]);
    for (const one of later) await consumeDeliveries([one], settings);
    const [, reminder, escalation, card] = calls.map(({ body }) => body);
    expect(reminder).toMatchObject({
      channel: "C0CHANNEL",
      thread_ts: "1.1",
      text: "Still waiting for a decision.",
    });
    expect(escalation).toMatchObject({ channel: "C0CHANNEL", thread_ts: "1.1" });
    expect(card).toMatchObject({ channel: "C0FIRST" });
    expect(JSON.stringify(card)).toContain('"approve"');
    expect(calls).toHaveLength(4);
  });

  test("that is not known here is a dead letter, and not a message for ever", async ({ expect }) => {
    slack();
    const workspace = await workspaceWith("slack-unset", { notify: ["slack:C0CHANNEL"] });
    const action = await workspace.ask();
    await consumeDeliveries(await deliveries(1), env);
    const [row] = await rowsOf(workspace, action.id);
    expect(row).toMatchObject({ status: "dead" });
  });

  test("tells a group's linked people, and nobody whose link is gone", async ({ expect }) => {
    slack();
    const workspace = await workspaceWith("slack-people", { notify: ["group:oncall", "person:carol"] });
    const registry = env.REGISTRY.getByName(`${workspace.name}/registry`);
    for (const [person, user] of [
      ["person:alice", "U0ALICE"],
      ["person:carol", "U0CAROL"],
    ] as const) {
      const made = await registry.createSlackCode(person, Date.now());
      if (!made.ok) throw new Error("no code");
      await registry.linkSlack({ code: made.value.code.toLowerCase(), team: "T0TEST", user }, Date.now());
    }
    await registry.unlinkSlack({ team: "T0TEST", user: "U0CAROL" }, "service:operator", Date.now());
    await workspace.call("service:operator", "PUT", "/v1/groups/unrelated", { members: [] });
    await workspace.ask();
    expect((await deliveries(1)).map(({ sink }) => sink)).toEqual(["slack:U0ALICE"]);
  });
});
