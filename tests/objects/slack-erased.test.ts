import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { ActionChanged, type Delivery } from "../../schemas/message.ts";
import { consumeDeliveries } from "../../workers/queue.ts";
import { alarmAt, day, hour, minute, planted, plantedIn, workspaceKeeping } from "./erasing.ts";
import { kept, stubOf, type Stub } from "./one-action.ts";

/** What is to be forgotten goes out of every card that was posted; no card is made for it. */

const sent: ActionChanged[] = [];
beforeEach(() => {
  sent.length = 0;
  const queue: Queue = Object.getPrototypeOf(env.EVENTS);
  const taken = { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
  vi.spyOn(queue, "send").mockImplementation(async (message) => {
    sent.push(v.parse(ActionChanged, message));
    return taken;
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const settings = {
  ...env,
  HOLDPOINT_SLACK_BOT_TOKEN: "xoxb-test",
  HOLDPOINT_SLACK_SIGNING_SECRET: "a-signing-secret",
  HOLDPOINT_SLACK_TEAM: "T0TEST",
};
type Called = { method: string; body: Record<string, unknown> };

/** Slack, with what `answer` says instead of yes. */
function slack(answer: (call: Called) => Response | null = () => null): Called[] {
  const calls: Called[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const method = new URL(request.url).pathname.split("/").at(-1) ?? "";
    const text = await request.text();
    const body = text.startsWith("{") ? v.parse(v.record(v.string(), v.unknown()), JSON.parse(text)) : {};
    calls.push({ method, body });
    const said = answer({ method, body });
    return said ?? Response.json({ ok: true, channel: body["channel"], ts: `1.${calls.length}` });
  });
  return calls;
}

/** Hands on what the action has handed to the queue since, and forgets it. */
async function deliver(): Promise<Delivery[]> {
  const due = sent.splice(0).flatMap(({ deliveries }) => deliveries);
  await consumeDeliveries(due, settings);
  return due;
}

const outboxOf = async (stub: Stub): Promise<[string, string, string][]> =>
  (await kept(stub)).outbox.map(({ type, sink, status }) => [type, sink, status]);

/** Denied, with a card in each of two channels. */
async function denied(name: string, notify: string[]): Promise<{ stub: Stub; end: number }> {
  const workspace = await workspaceKeeping(name, {}, { notify });
  const action = await plantedIn(workspace);
  await deliver();
  const vote = { decision: "deny", digest: action.digest, reason: planted.vote };
  const { body } = await workspace.call("person:bob", "POST", `/v1/actions/${action.id}/votes`, vote);
  await deliver();
  const stub = stubOf(workspace, action.id);
  const end = Date.parse(v.parse(v.object({ updatedAt: v.string() }), body).updatedAt);
  return { stub, end };
}

describe("a card", () => {
  test("loses the context with its class, and all but how it came out with what was asked", async ({
    expect,
  }) => {
    const calls = slack();
    const { stub, end } = await denied("card-erased", ["slack:C0CHANNEL", "slack:C0OTHER"]);
    const before = JSON.stringify(calls);
    for (const value of Object.values(planted)) expect(before).toContain(value);
    calls.length = 0;

    await alarmAt(stub, end + hour);
    const due = await deliver();
    expect(due.map(({ type, sink }) => [type, sink])).toEqual([
      ["action.erased", "slack:C0CHANNEL"],
      ["action.erased", "slack:C0OTHER"],
    ]);
    expect(calls.map(({ method }) => method)).toEqual(["chat.update", "chat.update"]);
    expect(JSON.stringify(calls)).not.toContain(planted.context);
    expect(JSON.stringify(calls)).toContain(planted.argument);
    // The same message once more edits nothing.
    await consumeDeliveries(due, settings);
    expect(calls).toHaveLength(2);
    calls.length = 0;

    await alarmAt(stub, end + 7 * day);
    await deliver();
    expect(calls.map(({ method, body }) => [method, body["channel"]])).toEqual([
      ["chat.update", "C0CHANNEL"],
      ["chat.update", "C0OTHER"],
    ]);
    const stub1 = JSON.stringify(calls[0]?.body);
    for (const value of Object.values(planted)) expect(stub1).not.toContain(value);
    for (const part of [
      "host.shell",
      "Denied",
      "person:bob (deny)",
      "Details were erased on",
      "/actions/act_",
    ]) {
      expect(stub1).toContain(part);
    }
    expect(stub1).not.toContain('"actions"');
    expect((await outboxOf(stub)).filter(([type]) => type === "action.erased")).toEqual([
      ["action.erased", "slack:C0CHANNEL", "delivered"],
      ["action.erased", "slack:C0OTHER", "delivered"],
      ["action.erased", "slack:C0CHANNEL", "delivered"],
      ["action.erased", "slack:C0OTHER", "delivered"],
    ]);
    // No notice that anybody is told of: what is counted as delivered is what was delivered before.
    const notices = (await outboxOf(stub)).filter(
      ([type, , status]) => type !== "action.erased" && status === "delivered",
    );
    expect((await kept(stub)).stored.reported.answers).toBe(notices.length);
  });

  test("that Slack does not edit now is tried again, and one that is deleted is let be", async ({
    expect,
  }) => {
    let answer: Response | null = null;
    const calls = slack(({ method }) =>
      method === "chat.update" && answer !== null ? answer.clone() : null,
    );
    const { stub, end } = await denied("card-erased-later", ["slack:C0CHANNEL"]);
    calls.length = 0;
    answer = new Response("no", { status: 503 });
    await alarmAt(stub, end + 7 * day);
    await deliver();
    const erased = async (): Promise<unknown> =>
      (await outboxOf(stub)).find(([type]) => type === "action.erased")?.[2];
    expect(await erased()).toBe("open");
    answer = Response.json({ ok: false, error: "message_not_found" });
    let after = 0;
    while ((await erased()) === "open") {
      after += 1;
      expect(after).toBeLessThan(60);
      await alarmAt(stub, end + 7 * day + after * minute);
      await deliver();
    }
    expect(await erased()).toBe("delivered");
    expect(calls.every(({ method }) => method === "chat.update")).toBe(true);
  });

  test("is made for nobody who has none, and nowhere that cannot edit", async ({ expect }) => {
    const calls = slack(({ method }) =>
      method === "chat.postMessage" ? Response.json({ ok: false, error: "channel_not_found" }) : null,
    );
    const { stub, end } = await denied("card-none", ["slack:C0CHANNEL", "teams:ops", "pagerduty:ops"]);
    // What was to be said of its end has its chance, too: one message at a time for each recipient. How many minutes that
    // takes is not settled, as an alarm that is due may go off by itself while one is being made to.
    let after = 0;
    while ((await outboxOf(stub)).some(([, , status]) => status === "open")) {
      after += 1;
      expect(after).toBeLessThan(60);
      await alarmAt(stub, end + after * minute);
      await deliver();
    }
    calls.length = 0;
    await alarmAt(stub, end + 7 * day);
    expect((await deliver()).map(({ type, sink }) => [type, sink])).toEqual([
      ["action.erased", "slack:C0CHANNEL"],
    ]);
    const erased = (await outboxOf(stub)).filter(([type]) => type === "action.erased");
    expect(erased.every(([, sink]) => sink.startsWith("slack:"))).toBe(true);
    expect(calls.some(({ method }) => method === "chat.postMessage")).toBe(false);
  });
});
