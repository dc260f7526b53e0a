import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { contractOf } from "../support/actors.ts";
import { refusalOf } from "../support/caller.ts";
import { SlackStage } from "../support/slack-stage.ts";
import { buttonsOf } from "../support/slack.ts";

/** Who is told, and what a click is told: failures that others have had, over a real engine with a Slack. */

let stage: SlackStage;

beforeAll(async () => {
  stage = await SlackStage.open();
  await stage.link("bob");
  const { approvals, escalations } = stage.slack.channels;
  await stage.cast.operator.adopts(
    contractOf("p25.parked", {
      notify: [`slack:${approvals}`],
      escalateTo: [[`slack:${escalations}`]],
      // Long enough that nothing but the failure can be why the next level hears of it.
      clocks: { pendingTtl: "23h", remindAfter: "20h", escalateAfter: ["21h"] },
    }),
  );
});

afterAll(() => stage?.close());

describe("P25 a parked request told nobody; no approver existed: a failed delivery escalates,", () => {
  test("so the next level has a card at once, and the first is tried again by itself", async ({ expect }) => {
    const { approvals, escalations } = stage.slack.channels;
    let dead = true;
    stage.slack.meetWith((method, call) =>
      dead && method === "chat.postMessage" && call["channel"] === approvals ? { status: 500 } : null,
    );
    const action = await stage.cast.demo.asks({ type: "p25.parked" });
    const card = await stage.cardOf(action, escalations);
    expect(buttonsOf(card).map(({ action_id: id }) => id)).toContain("approve");
    const log = await stage.cast.demo.readsLog(action);
    expect(log.map(({ type }) => type)).toEqual(["requested", "escalated"]);
    expect(log[1]).toMatchObject({
      reason: "a delivery has failed",
      data: { level: 1 },
      actor: { kind: "engine" },
    });
    dead = false;
    await stage.until(async () => (await stage.slack.cards(approvals ?? "", action.id)).length === 1, 50_000);
    expect(await stage.slack.cards(escalations ?? "", action.id)).toHaveLength(1);
    stage.slack.meetWith();
    await stage.cast.bob.approves(action);
    await stage.closedCardOf(action, escalations);
    await stage.closedCardOf(action, approvals);
    expect((await stage.cast.demo.readsLog(action)).filter(({ type }) => type === "escalated")).toHaveLength(
      1,
    );
  });

  test("and publishing a rule that nobody can satisfy fails, so that none is parked for nobody", async ({
    expect,
  }) => {
    const { operator, demo } = stage.cast;
    const before = await operator.get<{ version: string }>("/v1/policy");
    const nobody = { seat: "nobody", n: 1, from: ["group:nobody-there"] };
    const refused = await refusalOf(operator.adopts(contractOf("p25.nobody", { rule: nobody })));
    expect(refused).toMatchObject({ status: 422, code: "invalid_body" });
    expect(refused.errors?.map(({ pointer }) => pointer).join()).toMatch(/\/rule\/from\/0/u);
    expect((await operator.get<{ version: string }>("/v1/policy")).version).toBe(before.version);
    expect(await refusalOf(demo.asks({ type: "p25.nobody" }))).toMatchObject({ status: 422 });
  });
});

describe("P10 a late click said “approved” and did nothing:", () => {
  const ends: Record<string, (action: ActionView) => Promise<unknown>> = {
    approved: (action) => stage.cast.alice.approves(action),
    denied: (action) => stage.cast.alice.denies(action),
    cancelled: (action) => stage.cast.demo.cancels(action),
  };

  test.for(Object.keys(ends))(
    "in Slack, on a card of what is %s meanwhile, it is answered with the true state and recorded as late",
    async (state, { expect }) => {
      const action = await stage.cast.demo.asks({ type: "slack.one" });
      const card = await stage.cardOf(action);
      const ended = await ends[state]!(action);
      const before = stage.slack.ephemerals(stage.users.bob.id).length;
      // What a reader still had on screen, although the card has no buttons any more.
      const { status } = await stage.users.bob.clicks(stage.approvals, card, "approve");
      expect(status).toBe(200);
      const said = await stage.lastWord(stage.users.bob, before);
      expect(said).toContain("Too late");
      expect(said.toLowerCase()).toContain(state);
      const log = await stage.cast.demo.readsLog(action);
      expect(log.at(-1)).toMatchObject({
        type: "late_command",
        state,
        actor: { id: "person:bob" },
        data: { command: "vote", decision: "approve" },
      });
      const { votes } = await stage.cast.demo.sees(action);
      expect({ state, votes }).toEqual({ state, votes: (ended as ActionView).votes });
    },
  );
});
