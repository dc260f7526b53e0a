import * as v from "valibot";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import type { Delivery } from "../../schemas/message.ts";
import type { ChannelContext } from "../../workers/channels/channel.ts";
import { pagerDuty, pagerDutyEvent } from "../../workers/channels/pagerduty.ts";
import { EnqueueBody, startPagerDuty, type PagerDuty } from "../support/pagerduty.ts";
import { viewOf } from "../support/views.ts";

const routingKey = "R0UT1NGKEY0123456789abcdefABCDEF";
const now = Date.parse("2026-01-01T12:15:30.000Z");

let service: PagerDuty;
beforeAll(async () => {
  service = await startPagerDuty();
});
afterAll(() => service.close());

const delivery: Delivery = {
  workspace: "default",
  action: "act_a",
  seq: 2,
  sink: "pagerduty:primary",
  type: "action.escalated",
  at: now,
  view: {},
};

/** The action as it is at each look at it, the last one for good. */
function context(...views: (ActionView | null)[]): ChannelContext {
  const left = [...views];
  return {
    env: {
      HOLDPOINT_PAGERDUTY: JSON.stringify({ primary: routingKey }),
      HOLDPOINT_PAGERDUTY_URL: service.url,
    },
    now: () => now,
    fetch: (url, init) => fetch(url, init),
    begin: () => Promise.reject(new Error("dedup_key makes two events one")),
    allow: () => Promise.reject(new Error("a machine has no budget")),
    sight: async () => {
      const action = left.length > 1 ? left.shift()! : (left[0] ?? null);
      return action === null ? null : { action, told: { description: null, rollback: false }, shown: null };
    },
  };
}

describe("an event", () => {
  test("opens an incident while the action waits, with what a pager needs and no argument", ({ expect }) => {
    const event = pagerDutyEvent(routingKey, viewOf(), now);
    expect(event).toMatchObject({
      event_action: "trigger",
      dedup_key: "act_0123456789abcdef",
      client_url: "https://holdpoint.example/actions/act_0123456789abcdef",
      payload: {
        summary: "Waiting 15 min for a decision: host.shell on prod-db-1 (risk high)",
        source: "holdpoint/default",
        severity: "error",
        custom_details: { seats: "oncall 0/1", requester: "agent:demo" },
      },
    });
    expect(JSON.stringify(event)).not.toMatch(/systemctl|does not answer/u);
    expect(v.is(EnqueueBody, event)).toBe(true);
  });

  test.for(["approved", "denied", "cancelled", "expired", "executing", "executed"] as const)(
    "closes it once the action is %s, whatever it was sent for",
    (state, { expect }) => {
      const event = pagerDutyEvent(routingKey, viewOf({ state }), now);
      expect(event).toEqual({
        routing_key: routingKey,
        dedup_key: "act_0123456789abcdef",
        event_action: "resolve",
      });
      expect(v.is(EnqueueBody, event)).toBe(true);
    },
  );

  test("stays inside every limit and shows what hides, however long a target is", ({ expect }) => {
    const resource = `\u202e${"😀".repeat(1_500)}`;
    const event = pagerDutyEvent(
      routingKey,
      viewOf({ target: { resource: resource.slice(0, 900) }, risk: "critical" }),
      now,
    );
    expect(v.safeParse(EnqueueBody, event).issues).toBeUndefined();
    expect(event.payload?.summary).toContain("[U+202E]");
    expect(event.payload?.severity).toBe("critical");
  });
});

describe("sending", () => {
  test("opens one incident however often it is told, and closes it", async ({ expect }) => {
    const id = "act_once";
    for (let times = 0; times < 2; times += 1) {
      expect(await pagerDuty.send(delivery, context(viewOf({ id })))).toEqual({ ok: true });
    }
    expect(service.incidents.get(id)).toBe("open");
    const decided = viewOf({ id, state: "approved" });
    expect(await pagerDuty.send({ ...delivery, type: "action.approved" }, context(decided))).toEqual({
      ok: true,
    });
    expect(service.incidents.get(id)).toBe("resolved");
  });

  test("leaves no incident open when the decision came while it was under way", async ({ expect }) => {
    const id = "act_race";
    const told = await pagerDuty.send(delivery, context(viewOf({ id }), viewOf({ id, state: "denied" })));
    expect(told).toEqual({ ok: true });
    expect(service.incidents.get(id)).toBe("resolved");
  });

  test("waits as long as it is asked to, and comes again", async ({ expect }) => {
    service.failNext({ status: 429, headers: { "retry-after": "30" } }, { status: 500 });
    const view = viewOf({ id: "act_storm" });
    expect(await pagerDuty.send(delivery, context(view))).toMatchObject({
      ok: false,
      permanent: false,
      retryAfterMs: 30_000,
    });
    expect(await pagerDuty.send(delivery, context(view))).toMatchObject({ ok: false, permanent: false });
    expect(await pagerDuty.send(delivery, context(view))).toEqual({ ok: true });
  });

  test("gives up on what can never arrive, and says nothing of the key", async ({ expect }) => {
    service.failNext({ status: 400 });
    const refused = [
      await pagerDuty.send(delivery, context(viewOf())),
      await pagerDuty.send({ ...delivery, sink: "pagerduty:toString" }, context(viewOf())),
      await pagerDuty.send(delivery, { ...context(viewOf()), env: {} }),
      await pagerDuty.send(delivery, context(null)),
    ];
    for (const told of refused) expect(told).toMatchObject({ ok: false, permanent: true });
    expect(JSON.stringify(refused)).not.toContain(routingKey);
  });
});
