import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { buttonsOf, formOf, postSigned, signed, SlackUser } from "../support/slack.ts";
import { CommandLine } from "../support/command-line.ts";
import { SlackStage } from "../support/slack-stage.ts";

let stage: SlackStage;

beforeAll(async () => {
  stage = await SlackStage.open();
});
afterEach(() => stage.slack.meetWith());
afterAll(() => stage?.close());

describe("people and Slack users", () => {
  test("P13 a click of somebody nobody knows counts for nothing, and shows the way to be linked", async ({
    expect,
  }) => {
    const action = await stage.cast.demo.asks({ type: "slack.one" });
    const card = await stage.cardOf(action);
    await stage.users.bob.clicks(stage.approvals, card, "approve");
    const said = await stage.lastWord(stage.users.bob);
    expect(said).toContain("does not count");
    expect(said).toContain("Link me");
    expect((await stage.cast.demo.sees(action)).votes).toEqual([]);
  });

  test("are linked by a code that only the person could ask for, once, and both ways unambiguously", async ({
    expect,
  }) => {
    await stage.link("bob");
    await stage.link("alice");
    const { items } = await stage.cast.operator.get<{ items: { user: string; person: string }[] }>(
      "/v1/slack/links",
    );
    expect(items).toContainEqual(expect.objectContaining({ user: stage.users.bob.id, person: "person:bob" }));
    const { code } = await stage.cast.carol.post<{ code: string }>("/v1/slack/link", {});
    const view = {
      id: "V1",
      callback_id: "link",
      private_metadata: JSON.stringify({ workspace: stage.engine.workspace }),
    };
    const taken = await stage.users.bob.submitsView(view, "code", code);
    expect(JSON.stringify(taken)).toContain("linked as person:bob already");
    const wrong = await stage.users.carol.submitsView(view, "code", "AAAAA-AAAAA");
    expect(JSON.stringify(wrong)).toContain("wrong, used or older");
    expect((await stage.users.carol.submitsView(view, "code", code))?.["response_action"]).toBe("update");
    expect(JSON.stringify(await stage.users.omar.submitsView(view, "code", code))).toContain(
      "wrong, used or older",
    );
  });

  test("are not linked when they are guests, bots or of another workspace", async ({ expect }) => {
    const view = {
      id: "V2",
      callback_id: "link",
      private_metadata: JSON.stringify({ workspace: stage.engine.workspace }),
    };
    const { code } = await stage.cast.omar.post<{ code: string }>("/v1/slack/link", {});
    for (const odd of [
      { is_restricted: true },
      { is_ultra_restricted: true },
      { is_stranger: true },
      { is_bot: true },
      { team_id: "T0OTHER" },
    ]) {
      stage.slack.oddUsers.set(stage.users.guest.id, odd);
      expect(JSON.stringify(await stage.users.guest.submitsView(view, "code", code))).toContain(
        "full members",
      );
    }
    const foreign = new SlackUser(stage.slack, () => stage.engine.url, stage.users.omar.id, "T0FOREIGN");
    expect(JSON.stringify(await foreign.submitsView(view, "code", code))).toContain(
      "Only members of this Slack workspace",
    );
    const action = await stage.cast.demo.asks({ type: "slack.one" });
    await foreign.clicks(stage.approvals, await stage.cardOf(action), "approve");
    expect(await stage.lastWord(foreign)).toContain("Only full members");
  });
});

describe("a card", () => {
  test("is posted with the facts, approved with one click, and edited until no button is left", async ({
    expect,
  }) => {
    const action = await stage.cast.demo.asks({ type: "slack.one", args: { what: "restart the app" } });
    const card = await stage.cardOf(action);
    expect(buttonsOf(card).map(({ action_id: id }) => id)).toEqual(["approve", "deny", "details"]);
    expect(JSON.stringify(card)).toContain("restart the app");
    const { status, tookMs } = await stage.users.bob.clicks(stage.approvals, card, "approve");
    expect(status).toBe(200);
    expect(tookMs).toBeLessThan(3_000);
    expect(await stage.cast.demo.sees(action)).toMatchObject({
      state: "approved",
      votes: [{ person: "person:bob", via: "slack" }],
    });
    const closed = await stage.closedCardOf(action);
    expect(closed.ts).toBe(card.ts);
    expect(JSON.stringify(closed)).toContain("Approved");
    await stage.cast.demo.reports({ ...(await stage.cast.demo.claims(action)), action }, "succeeded");
    await stage.until(async () => JSON.stringify(await stage.cardOf(action)).includes("Executed"));
    expect(await stage.slack.cards(stage.approvals, action.id)).toHaveLength(1);
  });

  test("is denied with a reason, which the form asks for first", async ({ expect }) => {
    const action = await stage.cast.demo.asks({ type: "slack.one" });
    await stage.users.bob.clicks(stage.approvals, await stage.cardOf(action), "deny");
    const opened = await stage.until(async () =>
      stage.slack.calls.findLast(
        ({ method, body }) => method === "views.open" && JSON.stringify(body).includes(action.id),
      ),
    );
    const { blocks } = opened.body["view"] as { blocks: { type: string }[] };
    expect(blocks[0]?.type).toBe("input");
    expect(await stage.users.bob.submits("reason", "   ")).toMatchObject({ response_action: "errors" });
    expect(await stage.users.bob.submits("reason", "zero\u200Bwidth")).toMatchObject({
      response_action: "errors",
    });
    expect(await stage.users.bob.submits("reason", "not before the sale")).toBeNull();
    // Slack did not hear the answer and the person sends the form again: the same vote.
    expect(await stage.users.bob.submits("reason", "not before the sale")).toBeNull();
    expect(await stage.cast.demo.sees(action)).toMatchObject({
      state: "denied",
      votes: [{ person: "person:bob", decision: "deny", reason: "not before the sale", via: "slack" }],
    });
    expect(JSON.stringify(await stage.closedCardOf(action))).toContain("not before the sale");
  });

  test("T16 does not keep a secret that is typed into its form", async ({ expect }) => {
    const action = await stage.cast.demo.asks({ type: "slack.one" });
    await stage.users.bob.clicks(stage.approvals, await stage.cardOf(action), "deny");
    await stage.until(async () =>
      stage.slack.calls.findLast(
        ({ method, body }) => method === "views.open" && JSON.stringify(body).includes(action.id),
      ),
    );
    expect(await stage.users.bob.submits("reason", "use password=Tulip!9731 instead")).toBeNull();
    const reason = expect.stringMatching(/^use password=\[redacted password [0-9a-f]{8}\] instead$/u);
    expect(await stage.cast.demo.sees(action)).toMatchObject({
      state: "denied",
      votes: [{ person: "person:bob", reason, via: "slack" }],
    });
    const closed = JSON.stringify(await stage.closedCardOf(action));
    expect(closed).toContain("[redacted password ");
    const sent = stage.slack.calls.map(({ method, body }) => `${method} ${JSON.stringify(body)}`);
    expect(sent.filter((text) => text.includes("Tulip!9731"))).toEqual([]);
  });

  test("of several recipients is edited everywhere, and every button is gone at the end", async ({
    expect,
  }) => {
    const action = await stage.cast.demo.asks({ type: "slack.both" });
    const inChannel = await stage.cardOf(action);
    const posted = await stage.until(async () =>
      stage.slack.calls.find(
        ({ method, body, answer }) =>
          method === "chat.postMessage" &&
          body["channel"] === stage.users.alice.id &&
          JSON.stringify(answer).includes(action.id),
      ),
    );
    const direct = String(posted.answer["channel"]);
    expect(buttonsOf(await stage.cardOf(action, direct))).toHaveLength(3);
    await stage.users.alice.clicks(direct, await stage.cardOf(action, direct), "approve");
    await stage.closedCardOf(action);
    await stage.closedCardOf(action, direct);
    expect(await stage.slack.cards(stage.approvals, action.id)).toHaveLength(1);
    // P10: a click on what a reader still had on screen.
    const before = stage.slack.ephemerals(stage.users.bob.id).length;
    await stage.users.bob.clicks(stage.approvals, inChannel, "approve");
    const said = await stage.lastWord(stage.users.bob, before);
    expect(said).toContain("Too late");
    expect(said).toContain("person:alice: approve");
    const log = await stage.cast.demo.readsLog(action);
    expect(log.at(-1)).toMatchObject({ type: "late_command", actor: { id: "person:bob" } });
  });

  test("P11 a late denial is recorded as a denial", async ({ expect }) => {
    const action = await stage.cast.demo.asks({ type: "slack.one" });
    const card = await stage.cardOf(action);
    await stage.cast.alice.approves(action);
    const before = stage.slack.ephemerals(stage.users.bob.id).length;
    await stage.users.bob.clicks(stage.approvals, card, "deny");
    expect(await stage.lastWord(stage.users.bob, before)).toContain("Too late");
    const log = await stage.cast.demo.readsLog(action);
    expect(log.at(-1)).toMatchObject({ type: "late_command", data: { decision: "deny" } });
  });

  test("is decided by two people at once without either being lost", async ({ expect }) => {
    const action = await stage.cast.demo.asks({ type: "slack.two" });
    const card = await stage.cardOf(action);
    await Promise.all([
      stage.users.alice.clicks(stage.approvals, card, "approve"),
      stage.users.bob.clicks(stage.approvals, card, "approve"),
    ]);
    expect(await stage.cast.demo.sees(action)).toMatchObject({ state: "approved", seats: [{ filled: 2 }] });
    const closed = await stage.closedCardOf(action);
    expect(JSON.stringify(closed)).toContain("2 of 2");
  });

  test("shows each vote, and a second click of the same person is answered", async ({ expect }) => {
    const action = await stage.cast.demo.asks({ type: "slack.two" });
    const card = await stage.cardOf(action);
    await stage.users.bob.clicks(stage.approvals, card, "approve");
    await stage.until(async () => JSON.stringify(await stage.cardOf(action)).includes("1 of 2"));
    const before = stage.slack.ephemerals(stage.users.bob.id).length;
    await stage.users.bob.clicks(stage.approvals, card, "approve");
    expect(await stage.lastWord(stage.users.bob, before)).toContain("approved this already");
    expect((await stage.cast.demo.sees(action)).votes).toHaveLength(1);
  });

  test("P13 takes no vote of somebody whom no seat names, nor one on another digest", async ({ expect }) => {
    const action = await stage.cast.demo.asks({ type: "slack.one" });
    const card = await stage.cardOf(action);
    await stage.users.carol.clicks(stage.approvals, card, "approve");
    expect(await stage.lastWord(stage.users.carol)).toContain("cannot decide here");
    const [approve] = buttonsOf(card);
    const value = JSON.stringify({
      ...(JSON.parse(approve?.value ?? "{}") as object),
      digest: `sha256:${"0".repeat(64)}`,
    });
    const before = stage.slack.ephemerals(stage.users.bob.id).length;
    await stage.users.bob.clicks(stage.approvals, card, "approve", { value });
    expect(await stage.lastWord(stage.users.bob, before)).toContain("Nothing was changed");
    await stage.users.bob.clicks(stage.approvals, card, "approve", {
      value: '{"workspace":"default","__proto__":{}}',
    });
    expect(await stage.cast.demo.sees(action)).toMatchObject({ state: "pending", votes: [] });
  });

  test("is the same one after the engine was killed in between", async ({ expect }) => {
    const action = await stage.cast.demo.asks({ type: "slack.one" });
    const card = await stage.cardOf(action);
    await stage.restart();
    await stage.users.bob.clicks(stage.approvals, card, "approve");
    expect((await stage.closedCardOf(action)).ts).toBe(card.ts);
    expect(await stage.slack.cards(stage.approvals, action.id)).toHaveLength(1);
  });
});

describe("T6 what Slack has not signed just now", () => {
  test("is refused and changes nothing, and a replay is one vote", async ({ expect }) => {
    const action = await stage.cast.demo.asks({ type: "slack.two" });
    const card = await stage.cardOf(action);
    const [approve] = buttonsOf(card);
    const payload = formOf({
      type: "block_actions",
      user: { id: stage.users.bob.id, team_id: stage.slack.team },
      team: { id: stage.slack.team },
      trigger_id: "1.2.3",
      channel: { id: stage.approvals },
      message: { ts: card.ts },
      actions: [{ action_id: "approve", value: approve?.value, action_ts: "1.1" }],
    });
    const good = signed(payload);
    const bad: [string, Record<string, string>][] = [
      [payload, signed(payload, { secret: "another-secret" })],
      [payload, signed(payload, { at: Date.now() - 305_000 })],
      [payload, signed(payload, { at: Date.now() + 305_000 })],
      [payload, { ...good, "x-slack-signature": (good["x-slack-signature"] ?? "").replace("v0=", "v1=") }],
      [`${payload}&a=b`, good],
      [payload, { "content-type": "application/x-www-form-urlencoded" }],
    ];
    for (const [body, headers] of bad) {
      expect((await postSigned(stage.engine.url, body, headers)).status).toBe(401);
    }
    expect((await stage.cast.demo.sees(action)).seq).toBe(action.seq);
    expect((await postSigned(stage.engine.url, "payload={")).status).toBe(400);
    expect((await postSigned(stage.engine.url, formOf({ type: "view_closed" }))).status).toBe(200);
    for (let sent = 0; sent < 3; sent += 1) {
      expect((await postSigned(stage.engine.url, payload, good)).status).toBe(200);
    }
    const log = await stage.cast.demo.readsLog(action);
    expect(log.filter(({ type }) => type === "voted")).toHaveLength(1);
  });
});

describe("a card in a freeze", () => {
  test("says until when what is approved cannot start", async ({ expect }) => {
    const { operator, demo } = stage.cast;
    const { document } = await operator.get<{ document: object }>("/v1/policy");
    const when = { timeZone: "UTC", from: "2020-01-01T00:00", until: "2090-01-01T00:00" };
    const freeze = { name: "sale", types: ["slack.*"], because: "The sale is on", ...when };
    await operator.post("/v1/policy", { document: { ...document, freezes: [freeze] } });
    try {
      const card = await stage.cardOf(await demo.asks({ type: "slack.one" }));
      expect(JSON.stringify(card)).toContain("Frozen until 2090-01-01T00:00:00.000Z (sale): The sale is on");
    } finally {
      await operator.post("/v1/policy", { document });
    }
    const card = await stage.cardOf(await demo.asks({ type: "slack.one" }));
    expect(JSON.stringify(card)).not.toContain("Frozen");
  });
});

describe("the command line", () => {
  test("gives a person the code that links them, and nothing else on stdout", async ({ expect }) => {
    const line = new CommandLine(stage.engine);
    const { stdout, stderr, code: ended } = await line.run("slack", "link", "--as", "person:omar");
    line.close();
    expect(ended).toBe(0);
    expect(stdout).toMatch(/^[2-9A-HJ-NP-Z]{5}-[2-9A-HJ-NP-Z]{5}\n$/u);
    expect(stderr).toContain("person:omar");
    const { workspace } = stage.engine;
    const view = { id: "V3", callback_id: "link", private_metadata: JSON.stringify({ workspace }) };
    const linked = await stage.users.omar.submitsView(view, "code", stdout.trim().toLowerCase());
    expect(JSON.stringify(linked)).toContain("You are person:omar here now");
  });
});
