import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { contractOf } from "../support/actors.ts";
import { buttonsOf, type SlackCalled } from "../support/slack.ts";
import { SlackStage } from "../support/slack-stage.ts";

let stage: SlackStage;

beforeAll(async () => {
  stage = await SlackStage.open();
  await stage.link("bob");
});
afterEach(() => stage.slack.meetWith());
afterAll(() => stage?.close());

/** Whether a call is the first post about its action. */
function firstPosts(): (method: string, body: Record<string, unknown>) => boolean {
  const seen = new Set<string>();
  return (method, { metadata }) => {
    const about = JSON.stringify(metadata);
    if (method !== "chat.postMessage" || seen.has(about)) return false;
    seen.add(about);
    return true;
  };
}

describe("a Slack that is not well", () => {
  test("that asks to be left alone is left alone, and has every card afterwards, once", async ({
    expect,
  }) => {
    let refused = 0;
    stage.slack.meetWith((method) => {
      if (method !== "chat.postMessage" || refused >= 3) return null;
      refused += 1;
      return { status: 429, headers: { "retry-after": "7" }, body: { ok: false, error: "ratelimited" } };
    });
    const asked = Date.now();
    const actions = await Promise.all([1, 2, 3].map(() => stage.cast.demo.asks({ type: "slack.one" })));
    for (const action of actions) {
      await stage.until(
        async () => (await stage.slack.cards(stage.approvals, action.id)).length === 1,
        40_000,
      );
    }
    const posted = stage.slack.calls.filter(
      ({ method, at, status }) => method === "chat.postMessage" && at > asked && status === 200,
    );
    expect(posted.every(({ at }) => at - asked >= 7_000)).toBe(true);
    for (const action of actions) expect(await stage.slack.cards(stage.approvals, action.id)).toHaveLength(1);
  });

  test("that fails every first call shows everything all the same, once", async ({ expect }) => {
    const tried = new Set<string>();
    stage.slack.meetWith((method, body) => {
      const call = JSON.stringify([method, body["channel"], body["ts"], body["text"]]);
      if (tried.has(call)) return null;
      tried.add(call);
      return { status: 500 };
    });
    const action = await stage.cast.demo.asks({ type: "slack.one" });
    const card = await stage.until(
      async () => (await stage.slack.cards(stage.approvals, action.id))[0],
      20_000,
    );
    await stage.cast.bob.approves(action);
    const closed = await stage.until(
      async () =>
        (await stage.slack.cards(stage.approvals, action.id)).find((one) => buttonsOf(one).length === 0),
      20_000,
    );
    expect(closed.ts).toBe(card.ts);
    expect(await stage.slack.cards(stage.approvals, action.id)).toHaveLength(1);
  });

  test("P14 that finds a card too large gets one without the facts, which cannot be approved there", async ({
    expect,
  }) => {
    stage.slack.meetWith((_, body) =>
      JSON.stringify(body["blocks"] ?? "").includes('"approve"')
        ? { body: { ok: false, error: "msg_blocks_too_long" } }
        : null,
    );
    const action = await stage.cast.demo.asks({ type: "slack.one" });
    const card = await stage.cardOf(action);
    expect(buttonsOf(card).map(({ action_id: id }) => id)).toEqual(["details", "deny"]);
    expect(JSON.stringify(card)).toContain("cannot be approved here");
  });

  test("P16 whose answer to a post is lost keeps the one card that it has taken", async ({ expect }) => {
    const lost = firstPosts();
    stage.slack.meetWith((method, body) => (lost(method, body) ? { status: 502, afterwards: true } : null));
    const action = await stage.cast.demo.asks({ type: "slack.two" });
    const card = await stage.cardOf(action);
    await stage.cast.bob.approves(action);
    const edited = await stage.until(
      async () =>
        (await stage.slack.cards(stage.approvals, action.id)).find((one) =>
          JSON.stringify(one).includes("1 of 2"),
        ),
      40_000,
    );
    expect(edited.ts).toBe(card.ts);
    expect(await stage.slack.cards(stage.approvals, action.id)).toHaveLength(1);
    const posts = stage.slack.calls.filter(
      ({ method, body }) => method === "chat.postMessage" && JSON.stringify(body).includes(action.id),
    );
    expect(posts).toHaveLength(1);
    expect(posts[0]?.body["metadata"]).toEqual({
      event_type: "holdpoint_action",
      event_payload: { action: action.id, sink: `slack:${stage.approvals}` },
    });
  });

  test("P16 whose answer to a direct message is lost keeps the one card that it has taken", async ({
    expect,
  }) => {
    const { id } = stage.users.alice;
    await stage.cast.operator.adopts(contractOf("slack.direct", { notify: [`slack:${id}`] }));
    const lost = firstPosts();
    stage.slack.meetWith((method, body) => (lost(method, body) ? { status: 502, afterwards: true } : null));
    const action = await stage.cast.demo.asks({ type: "slack.direct" });
    const about = (method: string): SlackCalled[] =>
      stage.slack.calls.filter(
        (one) => one.method === method && JSON.stringify(one.body).includes(action.id),
      );
    await stage.until(async () => about("chat.postMessage").length === 1, 20_000);
    await stage.cast.bob.denies(action);
    const [closing] = await stage.until(async () => {
      const edits = about("chat.update").filter(({ body }) => JSON.stringify(body).includes("Denied"));
      return edits.length > 0 && edits;
    }, 45_000);
    expect(closing?.answer).toMatchObject({ ok: true });
    expect(about("chat.postMessage")).toHaveLength(1);
  });

  test("whose channel cannot be looked through has a card all the same", async ({ expect }) => {
    const failed = firstPosts();
    stage.slack.meetWith((method, body) => {
      if (method === "conversations.history") return { body: { ok: false, error: "missing_scope" } };
      return failed(method, body) ? { status: 500 } : null;
    });
    const action = await stage.cast.demo.asks({ type: "slack.one" });
    await stage.until(async () => (await stage.slack.cards(stage.approvals, action.id))[0], 40_000);
    expect(await stage.slack.cards(stage.approvals, action.id)).toHaveLength(1);
  });

  test("where somebody deleted the card of what is still pending shows another", async ({ expect }) => {
    const action = await stage.cast.demo.asks({ type: "slack.two" });
    const { ts } = await stage.cardOf(action);
    expect(await stage.slack.api("chat.delete", { channel: stage.approvals, ts })).toMatchObject({
      ok: true,
    });
    await stage.cast.bob.approves(action);
    const other = await stage.cardOf(action);
    expect(other.ts).not.toBe(ts);
    expect(JSON.stringify(other)).toContain("1 of 2");
  });

  test("P17 an engine killed between committing and sending sends when it is back", async ({ expect }) => {
    const action = await stage.cast.demo.asks({ type: "slack.one" });
    await stage.restart();
    await stage.until(async () => (await stage.slack.cards(stage.approvals, action.id))[0], 45_000);
    await delay(2_000);
    expect(await stage.slack.cards(stage.approvals, action.id)).toHaveLength(1);
  });

  test("P25 whose channel is gone is not waited for: the next level has the card at once", async ({
    expect,
  }) => {
    const action = await stage.cast.demo.asks({ type: "slack.gone" });
    const card = await stage.cardOf(action, stage.slack.channels["escalations"]);
    expect(buttonsOf(card)).toHaveLength(3);
    const log = await stage.cast.demo.readsLog(action);
    expect(log.at(-1)).toMatchObject({
      type: "escalated",
      reason: "a delivery has failed",
      data: { level: 1 },
    });
    const letter = await stage.until(async () => {
      const { items } = await stage.cast.operator.get<{
        items: { action: string; sink: string; lastError: string }[];
      }>("/v1/dead-letters");
      return items.find((item) => item.action === action.id);
    });
    expect(letter).toMatchObject({ sink: "slack:C0GONE", lastError: "Slack: channel_not_found" });
  });

  test("still gets every click answered in time", async ({ expect }) => {
    const action = await stage.cast.demo.asks({ type: "slack.one" });
    const card = await stage.cardOf(action);
    stage.slack.meetWith(() => ({ status: 500, delayMs: 5_000 }));
    const { status, tookMs } = await stage.users.bob.clicks(stage.approvals, card, "approve", {
      trigger: "t.1",
    });
    expect(status).toBe(200);
    expect(tookMs).toBeLessThan(3_000);
    // Slack did not say who clicked: nothing was decided, and nothing is once it has come back.
    await stage.until(async () =>
      stage.slack.calls.some(({ method, status: answered }) => method === "users.info" && answered === 500),
    );
    expect(await stage.cast.demo.sees(action)).toMatchObject({ state: "pending", votes: [] });
    stage.slack.meetWith();
    await stage.users.bob.clicks(stage.approvals, card, "approve");
    expect((await stage.cast.demo.sees(action)).state).toBe("approved");
    await stage.closedCardOf(action, undefined, 50_000);
  });

  test("that says who clicked and fails at all else takes the click all the same", async ({ expect }) => {
    const first = await stage.cast.demo.asks({ type: "slack.one" });
    await stage.users.bob.clicks(stage.approvals, await stage.cardOf(first), "approve");
    const action = await stage.cast.demo.asks({ type: "slack.one" });
    const card = await stage.cardOf(action);
    stage.slack.meetWith((method) => (method === "users.info" ? null : { status: 500, delayMs: 5_000 }));
    const { status } = await stage.users.bob.clicks(stage.approvals, card, "approve", { trigger: "t.2" });
    expect(status).toBe(200);
    expect((await stage.cast.demo.sees(action)).state).toBe("approved");
  });
});
