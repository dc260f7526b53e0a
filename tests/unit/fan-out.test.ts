import { describe, test, vi } from "vitest";
import { Egress } from "../../core/egress.ts";
import type { JsonObject } from "../../schemas/json.ts";
import { deliverAll, type DeliveryDeps, type Recipient } from "../../workers/delivery.ts";
import { batchesOf, takeEvents, type EventDeps } from "../../workers/events.ts";
import { at, change, delivery, eventDeps } from "../support/events.ts";
import { hostileUrls } from "../support/hostile-urls.ts";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
describe("taking in events", () => {
  test("hands on what guardrails have to learn before the action is told that all is well, each signal once", async ({
    expect,
  }) => {
    const deps = eventDeps();
    const clean = { kind: "clean", seq: 2, at: 1 } as const;
    const harm = { kind: "harm", seq: 3, at: 2 } as const;
    const changes = [
      change({ seq: 3, signals: [clean, harm] }),
      change({ seq: 2, signals: [clean] }),
      change({ action: "act_b", seq: 2, ack: false }),
      change({ workspace: "other", action: "act_c", seq: 1 }),
    ];
    const settled = await takeEvents(changes, deps);
    expect(settled.every(({ error }) => error === null)).toBe(true);
    const learnt = deps.calls.filter((call) => call.startsWith("learn"));
    expect(learnt).toEqual(["learn default act_a:2:clean,act_a:3:harm"]);
    expect(deps.calls.indexOf(learnt[0]!)).toBeLessThan(
      deps.calls.findIndex((call) => call.startsWith("ack default")),
    );
  });

  test("tells no action that all is well, and brings its messages back, while nothing can be learnt", async ({
    expect,
  }) => {
    const broken = new Error("no Registry");
    const deps = eventDeps({ learn: () => Promise.reject(broken) });
    const signals = [{ kind: "harm", seq: 2, at: 1 } as const];
    const settled = await takeEvents(
      [change({ signals }), change({ workspace: "other", action: "act_c" })],
      deps,
    );
    expect(settled.map(({ error }) => error)).toEqual([broken, null]);
    expect(deps.calls.filter((call) => call.startsWith("ack default"))).toEqual([]);
    // The Board has it all the same: a list that stands still would help nobody.
    expect(deps.calls.some((call) => call.startsWith("apply default"))).toBe(true);
  });

  test("applies each workspace once and tells each asking action once, with its largest seq", async ({
    expect,
  }) => {
    const deps = eventDeps();
    const changes = [
      change({ seq: 2 }),
      change({ seq: 4 }),
      change({ seq: 3, ack: false }),
      change({ action: "act_b", seq: 7, ack: false }),
      change({ workspace: "other", action: "act_c", seq: 1 }),
    ];
    const settled = await takeEvents(changes, deps);
    expect(settled.every(({ error }) => error === null)).toBe(true);
    expect(deps.calls.toSorted()).toEqual(
      [
        "ack default/act_a 4:board",
        "ack other/act_c 1:board",
        "apply default 2,4,3,7",
        "apply other 1",
      ].toSorted(),
    );
  });

  test("tells nobody before the Board has it", async ({ expect }) => {
    const deps = eventDeps({ apply: () => Promise.reject(new Error("Board is away")) });
    const settled = await takeEvents([change()], deps);
    expect(settled).toMatchObject([{ error: new Error("Board is away") }]);
    expect(deps.calls).toEqual([]);
  });

  test("a Board that fails holds up neither another workspace nor the deliveries", async ({ expect }) => {
    const deps = eventDeps();
    const failing: EventDeps = {
      ...deps,
      apply: (workspace, changes) =>
        workspace === "default" ? Promise.reject(new Error("Board is away")) : deps.apply(workspace, changes),
    };
    const settled = await takeEvents(
      [change({ deliveries: [delivery()] }), change({ workspace: "other", action: "act_c" })],
      failing,
    );
    expect(settled.map(({ message, error }) => [message.workspace, error === null])).toEqual([
      ["default", false],
      ["other", true],
    ]);
    expect(deps.calls.toSorted()).toEqual(["ack other/act_c 2:board", "apply other 2", "dispatch 1"]);
  });

  test("an action that cannot be told brings only its own messages back", async ({ expect }) => {
    const deps = eventDeps();
    const acknowledge: EventDeps["acknowledge"] = (workspace, action, acks) =>
      action === "act_b" ? Promise.reject(new Error("away")) : deps.acknowledge(workspace, action, acks);
    const settled = await takeEvents([change(), change({ action: "act_b" })], { ...deps, acknowledge });
    expect(settled.map(({ message, error }) => [message.action, error === null])).toEqual([
      ["act_a", true],
      ["act_b", false],
    ]);
  });

  test("deliveries that cannot be handed on bring the event back", async ({ expect }) => {
    const deps = eventDeps({ dispatch: () => Promise.reject(new Error("queue is full")) });
    const settled = await takeEvents([change({ deliveries: [delivery()] })], deps);
    expect(settled).toMatchObject([{ error: new Error("queue is full") }]);
  });
});

describe("batches for a queue", () => {
  test("hold at most a hundred messages, in order, none lost", ({ expect }) => {
    const messages = Array.from({ length: 250 }, (_, index) => ({ index }));
    const batches = batchesOf(messages);
    expect(batches.map((batch) => batch.length)).toEqual([100, 100, 50]);
    expect(batches.flat()).toEqual(messages);
  });

  test("stay below 256 KB, counted in bytes", ({ expect }) => {
    const messages = Array.from({ length: 10 }, () => "é".repeat(50_000));
    const batches = batchesOf(messages);
    expect(batches.map((batch) => batch.length)).toEqual([2, 2, 2, 2, 2]);
    expect(batchesOf([])).toEqual([]);
  });
});

const recipient: Recipient = {
  url: "https://hooks.example.com/in",
  secrets: [secret],
  payload: false,
  endpointId: null,
};

type Posted = { url: string; id: string | null; body: JsonObject };

function deliveryDeps(
  parts: Partial<DeliveryDeps> = {},
): DeliveryDeps & { calls: string[]; posted: Posted[] } {
  const calls: string[] = [];
  const posted: Posted[] = [];
  return {
    calls,
    posted,
    now: () => Date.parse(at) + 5_000,
    fetch: async (url, init) => {
      posted.push({
        url,
        id: new Headers(init.headers).get("webhook-id"),
        body: JSON.parse(typeof init.body === "string" ? init.body : "null"),
      });
      return new Response(null, { status: 204 });
    },
    allowLoopback: false,
    recipientOf: async () => recipient,
    payloadOf: async () => '{"id":"act_a","seq":3,"args":{"rows":1}}',
    acknowledge: async (workspace, action, acks) => {
      const names = acks.map(({ seq, sink }) => `${seq}:${sink}`).toSorted();
      calls.push(`ack ${workspace}/${action} ${names.join()}`);
    },
    fail: async ({ seq, sink }, { error, permanent, retryAfterMs }) => {
      calls.push(`fail ${seq}:${sink} ${permanent ? "for good" : "for now"} ${retryAfterMs} ${error}`);
    },
    channelContext: () => {
      throw new Error("no channel is asked for here");
    },
    deactivate: async (workspace, id) => void calls.push(`deactivate ${workspace} ${id}`),
    ...parts,
  };
}

const away = (): Promise<never> => Promise.reject(new Error("away"));

const answering = (status: number, headers: Record<string, string> = {}): Partial<DeliveryDeps> => ({
  fetch: async () => new Response(null, { status, headers }),
});

describe("delivering", () => {
  test("sends type, time of the event and the action as it may be seen, then tells the action", async ({
    expect,
  }) => {
    const deps = deliveryDeps();
    const settled = await deliverAll([delivery()], deps);
    expect(settled).toMatchObject([{ error: null }]);
    expect(deps.posted).toEqual([
      {
        url: "https://hooks.example.com/in",
        id: "msg_act_a_2_callback",
        body: { type: "action.approved", timestamp: at, data: { id: "act_a", state: "approved", seq: 2 } },
      },
    ]);
    expect(deps.calls).toEqual(["ack default/act_a 2:callback"]);
  });

  test("shows the payload only to an endpoint that may see it", async ({ expect }) => {
    const deps = deliveryDeps({
      recipientOf: async () => ({ ...recipient, payload: true, endpointId: "wh_1" }),
    });
    await deliverAll([delivery({ sink: "webhook:wh_1" })], deps);
    expect(deps.posted[0]?.body).toMatchObject({ data: { args: { rows: 1 }, seq: 3 } });
  });

  test("tells an action once of all that arrived in a batch, and sends a doubled message once", async ({
    expect,
  }) => {
    const deps = deliveryDeps();
    const doubled = [
      delivery(),
      delivery(),
      delivery({ seq: 3 }),
      delivery({ action: "act_b", sink: "webhook:wh_1" }),
    ];
    const settled = await deliverAll(doubled, deps);
    expect(settled.map(({ error }) => error)).toEqual([null, null, null, null]);
    expect(deps.posted).toHaveLength(3);
    expect(deps.calls.toSorted()).toEqual([
      "ack default/act_a 2:callback,3:callback",
      "ack default/act_b 2:webhook:wh_1",
    ]);
  });

  test("a slow recipient keeps up nobody else", async ({ expect }) => {
    const late = Promise.withResolvers<Response>();
    const deps = deliveryDeps();
    const fetch: DeliveryDeps["fetch"] = (url, init) =>
      JSON.stringify(Object.fromEntries(new Headers(init.headers))).includes("act_slow")
        ? late.promise
        : deps.fetch(url, init);
    const all = deliverAll([delivery({ action: "act_slow" }), delivery()], { ...deps, fetch });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(deps.calls).toEqual(["ack default/act_a 2:callback"]);
    late.resolve(new Response(null, { status: 204 }));
    await all;
    expect(deps.calls).toContain("ack default/act_slow 2:callback");
  });

  test.for([
    [answering(500), "fail 2:webhook:wh_1 for now null answered 500"],
    [answering(404), "fail 2:webhook:wh_1 for now null answered 404"],
    [
      answering(307, { location: "https://127.0.0.1/" }),
      "fail 2:webhook:wh_1 for now null answered 307; redirects are not followed",
    ],
    [answering(429, { "retry-after": "90" }), "fail 2:webhook:wh_1 for now 90000 answered 429"],
    [answering(503, { "retry-after": "7" }), "fail 2:webhook:wh_1 for now 7000 answered 503"],
  ] as const)("gives the delivery back to its action: %#", async ([parts, told], { expect }) => {
    const deps = deliveryDeps(parts);
    const settled = await deliverAll([delivery({ sink: "webhook:wh_1" })], deps);
    expect(settled).toMatchObject([{ error: null }]);
    expect(deps.calls).toEqual([told]);
  });

  test("410 ends the delivery and switches the endpoint off", async ({ expect }) => {
    const gone = answering(410);
    const deps = deliveryDeps({ ...gone, recipientOf: async () => ({ ...recipient, endpointId: "wh_1" }) });
    await deliverAll([delivery({ sink: "webhook:wh_1" })], deps);
    expect(deps.calls).toEqual([
      "deactivate default wh_1",
      "fail 2:webhook:wh_1 for good null answered 410 Gone",
    ]);
  });

  test("410 from a callback ends that delivery alone", async ({ expect }) => {
    const deps = deliveryDeps(answering(410));
    await deliverAll([delivery()], deps);
    expect(deps.calls).toEqual(["fail 2:callback for good null answered 410 Gone"]);
  });

  test("a recipient that was removed, and one without a secret, end as dead letters", async ({ expect }) => {
    const removed = deliveryDeps({ recipientOf: async () => null });
    await deliverAll([delivery()], removed);
    expect(removed.calls[0]).toMatch(/^fail 2:callback for good/u);
    const bare = deliveryDeps({ recipientOf: async () => ({ ...recipient, secrets: [] }) });
    await deliverAll([delivery()], bare);
    expect(bare.calls[0]).toMatch(/^fail 2:callback for good/u);
    expect(bare.posted).toEqual([]);
  });

  test("T13 a secret that cannot be opened is no dead letter: its key may be given back", async ({
    expect,
  }) => {
    const deps = deliveryDeps({
      recipientOf: async () => ({ ...recipient, secrets: [], fault: "it needs another HOLDPOINT_SEAL_KEY" }),
    });
    await deliverAll([delivery()], deps);
    expect(deps.posted).toEqual([]);
    expect(deps.calls).toEqual([
      "fail 2:callback for now null not sent: it needs another HOLDPOINT_SEAL_KEY",
    ]);
  });

  test("T12 what a workspace sends over its bounds is not sent, not lost and no failed try, and others go on", async ({
    expect,
  }) => {
    const deps = deliveryDeps({ egress: new Egress({ concurrent: 100, perMinute: 2 }) });
    const mine = [1, 2, 3, 4].map((seq) => delivery({ seq }));
    const settled = await deliverAll([...mine, delivery({ workspace: "other", seq: 5 })], deps);
    // Nothing comes back to the queue: the open row in the action's outbox is the record.
    expect(settled.every(({ error }) => error === null)).toBe(true);
    expect(deps.posted).toHaveLength(3);
    expect(deps.calls.toSorted()).toEqual([
      "ack default/act_a 1:callback,2:callback",
      "ack other/act_a 5:callback",
    ]);
  });

  test("T12 a channel counts as any recipient does: over the bounds its right to send is not even taken", async ({
    expect,
  }) => {
    const egress = new Egress({ concurrent: 100, perMinute: 1 });
    let asked = 0;
    const channelContext: DeliveryDeps["channelContext"] = () => {
      asked += 1;
      throw new Error("away");
    };
    const deps = deliveryDeps({ egress, channelContext });
    const [first] = await deliverAll([delivery({ sink: "slack:C0CHANNEL", seq: 1 })], deps);
    const [second] = await deliverAll([delivery({ sink: "slack:C0CHANNEL", seq: 2 })], deps);
    expect(asked).toBe(1);
    expect([first?.error, second?.error]).toEqual([new Error("away"), null]);
    expect(deps.calls).toEqual([]);
  });

  test("T12 a receiver that never answers takes one place of its workspace, and gives it back", async ({
    expect,
  }) => {
    let answer: (response: Response) => void = () => undefined;
    const held = new Promise<Response>((resolve) => (answer = resolve));
    let sent = 0;
    const deps = deliveryDeps({
      egress: new Egress({ concurrent: 1, perMinute: 100 }),
      fetch: () => {
        sent += 1;
        return held;
      },
    });
    const slow = deliverAll([delivery({ seq: 1 })], deps);
    await vi.waitFor(() => expect(sent).toBe(1));
    await deliverAll([delivery({ seq: 2 })], deps);
    expect(sent).toBe(1);
    answer(new Response(null, { status: 204 }));
    await slow;
    await deliverAll([delivery({ seq: 2 })], deps);
    expect(sent).toBe(2);
  });

  test.for(["acknowledge", "fail", "recipientOf"] as const)(
    "comes back when %s cannot be reached",
    async (verb, { expect }) => {
      const parts = verb === "fail" ? { ...answering(500), fail: away } : { [verb]: away };
      const settled = await deliverAll([delivery()], deliveryDeps(parts));
      expect(settled).toMatchObject([{ error: new Error("away") }]);
    },
  );

  test("an action that could not be told is sent the same id again", async ({ expect }) => {
    const deps = deliveryDeps({ acknowledge: () => Promise.reject(new Error("away")) });
    await deliverAll([delivery()], deps);
    await deliverAll([delivery()], deps);
    expect(new Set(deps.posted.map(({ id }) => id)).size).toBe(1);
    expect(deps.posted).toHaveLength(2);
  });

  test.for(hostileUrls)("T12 never calls %j, however it came to be stored", async (url, { expect }) => {
    const deps = deliveryDeps({ recipientOf: async () => ({ ...recipient, url }) });
    await deliverAll([delivery()], deps);
    expect(deps.posted).toEqual([]);
    expect(deps.calls).toHaveLength(1);
    expect(deps.calls[0]).toMatch(/^fail 2:callback for good null not sent: the URL /u);
  });
});
