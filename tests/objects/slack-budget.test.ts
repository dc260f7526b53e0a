import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { ActionChanged, type Delivery } from "../../schemas/message.ts";
import type { ActionView } from "../../schemas/action.ts";
import { tellTallies } from "../../workers/channels/slack/tally.ts";
import { consumeDeliveries } from "../../workers/queue.ts";
import { kept, stubOf } from "./one-action.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

// What an action hands to the queue is kept, and a test hands it on as often as it likes.
const handed: ActionChanged[] = [];
const taken = { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
beforeEach(() => {
  handed.length = 0;
  const queue: Queue = Object.getPrototypeOf(env.EVENTS);
  vi.spyOn(queue, "send").mockImplementation(async (message) => {
    handed.push(v.parse(ActionChanged, message));
    return taken;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const settings = {
  ...env,
  HOLDPOINT_SLACK_BOT_TOKEN: "xoxb-test",
  HOLDPOINT_SLACK_SIGNING_SECRET: "a-signing-secret",
  HOLDPOINT_SLACK_TEAM: "T0TEST",
};

type Called = { method: string; body: Record<string, unknown> };

/** Slack, which takes everything. */
function slack(): Called[] {
  const calls: Called[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const method = new URL(request.url).pathname.split("/").at(-1) ?? "";
    calls.push({ method, body: v.parse(v.record(v.string(), v.unknown()), await request.json()) });
    return Response.json({ ok: true, channel: "D0ALICE", ts: `1.${calls.length}` });
  });
  return calls;
}

const alice = "slack:U0ALICE";

/** A workspace whose shell commands are told to Alice alone, who gets `perHour` messages an hour. */
async function workspaceWith(name: string, perHour: number): Promise<Workspace> {
  const workspace = await openWorkspace(name);
  const { body } = await workspace.call("service:operator", "GET", "/v1/policy");
  const { document } = v.parse(
    v.object({ document: v.looseObject({ contracts: v.array(v.looseObject({ type: v.string() })) }) }),
    body,
  );
  const contracts = document.contracts.map((one) =>
    one.type === "host.shell" ? { ...one, notify: [alice] } : one,
  );
  const notifications = { perReviewerPerHour: perHour };
  const published = await workspace.call("service:operator", "POST", "/v1/policy", {
    document: { ...document, contracts, notifications },
  });
  if (published.status >= 300) throw new Error(JSON.stringify(published.body));
  return workspace;
}

/** What an action has for Alice, once it has handed over `count` of it. */
const deliveriesOf = ({ id }: ActionView, count = 1): Promise<Delivery[]> =>
  vi.waitUntil(() => {
    const own = handed.flatMap(({ deliveries }) => deliveries).filter(({ action }) => action === id);
    return own.length >= count && own;
  });

const statusesOf = async (workspace: Workspace, { id }: ActionView): Promise<unknown[]> =>
  (await kept(stubOf(workspace, id))).outbox.map(({ seq, status, error }) => [seq, status, error]);

const numbered = (at: number) => ({ args: { argv: ["uptime", String(at)] } });

describe("T10 a reviewer whose hour is full", () => {
  test("is sent nothing more, however often a queue says it, and the action's record says why", async ({
    expect,
  }) => {
    const calls = slack();
    const workspace = await workspaceWith("budget-full", 3);
    const actions = [];
    for (let at = 0; at < 4; at += 1) actions.push(await workspace.ask(numbered(at)));
    const [first, second, third] = actions;
    if (first === undefined || second === undefined || third === undefined) {
      throw new Error("nothing was asked for");
    }
    for (const action of actions) {
      const delivery = await deliveriesOf(action);
      for (let times = 0; times < 5; times += 1) await consumeDeliveries(delivery, settings);
    }
    expect(calls.map(({ method }) => method)).toEqual(["chat.postMessage", "chat.postMessage"]);
    expect(await statusesOf(workspace, second)).toEqual([[1, "delivered", null]]);
    expect(await statusesOf(workspace, third)).toEqual([[1, "suppressed", "budget"]]);
    // It is decided as any other, and nobody is told of the end of what they were not told of.
    const vote = { decision: "deny", digest: third.digest, reason: "no" };
    const denied = await workspace.call("person:bob", "POST", `/v1/actions/${third.id}/votes`, vote);
    expect(denied.body).toMatchObject({ state: "denied" });
    for (const one of await deliveriesOf(third, 3)) await consumeDeliveries([one], settings);
    expect(calls).toHaveLength(2);
    expect(await statusesOf(workspace, third)).toEqual([
      [1, "suppressed", "budget"],
      [2, "suppressed", "budget"],
      [3, "suppressed", "budget"],
    ]);
    // While a card that was sent is edited to the end, budget or not.
    const other = { decision: "deny", digest: first.digest, reason: "no" };
    await workspace.call("person:bob", "POST", `/v1/actions/${first.id}/votes`, other);
    await consumeDeliveries(await deliveriesOf(first, 3), settings);
    expect(calls.at(-1)?.method).toBe("chat.update");
    expect(JSON.stringify(calls.at(-1)?.body)).not.toContain('"approve"');
  });

  test("is not told for delivered, so that the figures do not take them for told", async ({ expect }) => {
    slack();
    const workspace = await workspaceWith("budget-figures", 1);
    const action = await workspace.ask();
    await consumeDeliveries(await deliveriesOf(action), settings);
    const { outbox } = await kept(stubOf(workspace, action.id));
    expect(outbox).toMatchObject([{ status: "suppressed", error: "budget", due: null }]);
    const board = env.BOARD.getByName(`${workspace.name}/board`);
    await board.apply(handed.filter(({ deliveries }) => deliveries.length > 0));
    const { queueTime, suppressed } = await board.figures("1h", Date.now());
    expect(queueTime.notified.reached).toBe(0);
    expect(suppressed).toEqual({ budget: 1, coalesced: 0 });
  });
});

describe("T10 identical requests", () => {
  test("are a number on the first one's card, which is edited under the right to send", async ({
    expect,
  }) => {
    const calls = slack();
    const workspace = await workspaceWith("budget-identical", 30);
    const actions = [];
    for (let at = 0; at < 4; at += 1) actions.push(await workspace.ask());
    for (const action of actions) await consumeDeliveries(await deliveriesOf(action), settings);
    const [first, second] = actions;
    if (first === undefined || second === undefined) throw new Error("nothing was asked for");
    expect(calls.map(({ method }) => method)).toEqual(["chat.postMessage"]);
    expect(await statusesOf(workspace, second)).toEqual([[1, "suppressed", "coalesced"]]);
    const tally = {
      kind: "card",
      sink: alice,
      origin: "https://holdpoint.invalid",
      action: first.id,
      identical: 3,
    } as const;
    expect(await tellTallies(settings, workspace.name, [tally])).toEqual([{ kind: "told", place: null }]);
    const edited = JSON.stringify(calls.at(-1)?.body);
    expect(calls.at(-1)).toMatchObject({ method: "chat.update", body: { channel: "D0ALICE", ts: "1.1" } });
    expect(edited).toContain("3 more identical requests wait");
    expect(edited).toContain("https://holdpoint.invalid/?type=host.shell");
    expect(edited).toContain('"approve"');
    // While somebody else has the right to send, it waits.
    await stubOf(workspace, first.id).beginSend({ seq: 0, sink: alice });
    expect(await tellTallies(settings, workspace.name, [tally])).toMatchObject([{ kind: "later" }]);
    await stubOf(workspace, first.id).acknowledge([
      { seq: 0, sink: alice, shown: { channel: "D0ALICE", ts: "1.1", seq: 1 } },
    ]);
    // A vote on the first decides none of the others, and the closed card says nothing of them.
    const vote = { decision: "approve", digest: first.digest };
    await workspace.call("person:bob", "POST", `/v1/actions/${first.id}/votes`, vote);
    await consumeDeliveries(await deliveriesOf(first, 3), settings);
    expect(JSON.stringify(calls.at(-1)?.body)).not.toContain("identical");
    const now = await workspace.call("person:bob", "GET", `/v1/actions/${second.id}`);
    expect(now.body).toMatchObject({ state: "pending", votes: [] });
  });

  test("whose first card nobody has are told of nowhere but in the queue", async ({ expect }) => {
    slack();
    const workspace = await workspaceWith("budget-cardless", 30);
    const action = await workspace.ask();
    const at = { sink: alice, origin: "https://holdpoint.invalid", action: action.id };
    const tally = { kind: "card", ...at, identical: 3 } as const;
    expect(await tellTallies(settings, workspace.name, [tally])).toEqual([{ kind: "gone" }]);
    expect(await tellTallies(env, workspace.name, [tally])).toEqual([{ kind: "gone" }]);
  });
});

describe("a digest", () => {
  const counts = { critical: 3, high: 12, medium: 0, low: 1 };
  const digest = {
    kind: "digest",
    sink: alice,
    origin: "https://holdpoint.invalid",
    counts,
    place: null,
  } as const;

  test("is a number and a link, and no button", async ({ expect }) => {
    const calls = slack();
    const place = { channel: "D0ALICE", ts: "1.1" };
    expect(await tellTallies(settings, "digests", [digest])).toEqual([{ kind: "told", place }]);
    expect(await tellTallies(settings, "digests", [{ ...digest, place }])).toEqual([{ kind: "told", place }]);
    expect(calls.map(({ method }) => method)).toEqual(["chat.postMessage", "chat.update"]);
    for (const { body } of calls) {
      const text = JSON.stringify(body);
      expect(text).toContain("16 more wait for a decision: 3 critical, 12 high, 1 low.");
      expect(text).toContain("<https://holdpoint.invalid/|Open the queue>");
      expect(text).not.toContain('"actions"');
      expect(text).not.toContain("act_");
    }
  });

  test.for([
    [503, { error: "x" }, {}, { kind: "unsure" }],
    [429, { ok: false }, { "retry-after": "90" }, { kind: "later", afterMs: 90_000 }],
    [200, { ok: false, error: "user_disabled" }, {}, { kind: "gone" }],
  ] as const)("that is met with %i %o ends as %o", async ([status, body, headers, told], { expect }) => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json(body, { status, headers }));
    const sink = `slack:U0${status}`;
    expect(await tellTallies(settings, "digests", [{ ...digest, sink }])).toMatchObject([told]);
  });
});
