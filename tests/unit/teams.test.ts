import fc from "fast-check";
import * as v from "valibot";
import { afterAll, beforeAll, describe, test } from "vitest";
import { cardOf } from "../../core/card/card.ts";
import type { ActionView } from "../../schemas/action.ts";
import type { Delivery } from "../../schemas/message.ts";
import type { ChannelContext, Right } from "../../workers/channels/channel.ts";
import { teams, teamsMessage } from "../../workers/channels/teams.ts";
import type { StandIn } from "../support/stand-in.ts";
import { linesOf, startTeams, TeamsBody, teamsLimitBytes } from "../support/teams.ts";
import { viewOf } from "../support/views.ts";

let service: StandIn;
beforeAll(async () => {
  service = await startTeams();
});
afterAll(() => service.close());

const told = { description: "Run one command", rollback: true };
const messageFor = (parts: Partial<ActionView>): unknown => teamsMessage(cardOf(viewOf(parts), told));
const bytesOf = (message: unknown): number => Buffer.byteLength(JSON.stringify(message));
const cut = "Not all of it fits here. Open it to see the whole.";

describe("a card", () => {
  test("shows every fact, then the agent's words, and its only button opens the page", ({ expect }) => {
    const message = v.parse(TeamsBody, messageFor({}));
    const lines = linesOf(message);
    for (const line of [
      "host.shell on prod-db-1",
      '"systemctl"',
      '"restart"',
      '"app"',
      "It does not answer",
    ]) {
      expect(lines).toContain(line);
    }
    expect(lines.indexOf("It does not answer")).toBeGreaterThan(lines.indexOf('"app"'));
    expect(lines).not.toContain(cut);
    expect(message.attachments[0].content.actions).toEqual([
      {
        type: "Action.OpenUrl",
        title: "Open it in Holdpoint",
        url: "https://holdpoint.example/actions/act_0123456789abcdef",
      },
    ]);
  });

  test("has no place in which the agent's words could be a link or a heading", ({ expect }) => {
    const reason = "[Approve](https://evil.example) **now** <at>all</at> {{DATE(2026-01-01T00:00:00Z)}}";
    const message = v.parse(TeamsBody, messageFor({ reason }));
    // Markdown is read in a TextBlock and a FactSet, and nowhere in a TextRun.
    expect(new Set(message.attachments[0].content.body.map(({ type }) => type))).toEqual(
      new Set(["RichTextBlock"]),
    );
    expect(linesOf(message)).toContain(reason);
  });

  test("that is too large leaves out the agent's words first, and says so", ({ expect }) => {
    const lines = linesOf(
      messageFor({ reason: Array.from({ length: 60 }, () => "w".repeat(600)).join("\n") }),
    );
    expect(lines).toContain('"systemctl"');
    expect(lines.at(-1)).toBe(cut);
  });

  test("of any size and any text is a card, inside the limit, with whole facts or none of them", ({
    expect,
  }) => {
    let cuts = 0;
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.constant("x".repeat(9_000)),
      fc.constant("😀".repeat(4_000)),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 8 }), text, (argv, reason) => {
        const message = messageFor({ args: { argv }, reason });
        expect(v.is(TeamsBody, message)).toBe(true);
        expect(bytesOf(message)).toBeLessThanOrEqual(teamsLimitBytes);
        if (linesOf(message).includes(cut)) cuts += 1;
      }),
      { numRuns: 200 },
    );
    expect(cuts).toBeGreaterThan(10);
    const resource = "r".repeat(40_000);
    expect(linesOf(messageFor({ target: { resource } }))).toEqual(["Action act_0123456789abcdef", cut]);
  });
});

describe("sending", () => {
  const delivery: Delivery = {
    workspace: "default",
    action: "act_a",
    seq: 1,
    sink: "teams:ops",
    type: "action.pending",
    at: 0,
    view: {},
  };
  const context = (
    right: Right = { kind: "send", sight: { action: viewOf({ seq: 4 }), told, shown: null } },
  ): ChannelContext => ({
    env: { HOLDPOINT_TEAMS: JSON.stringify({ ops: `${service.url}?sig=secret` }) },
    now: () => 0,
    fetch: (url, init) => fetch(url, init),
    begin: async () => right,
    allow: () => Promise.reject(new Error("a machine has no budget")),
    sight: () => Promise.reject(new Error("nothing is sent without the right to")),
  });

  const sent = { ok: true, shown: { channel: "teams:ops", ts: "", seq: 4 } };

  test("is taken by the service, or comes again after a storm", async ({ expect }) => {
    expect(await teams.send(delivery, context())).toEqual(sent);
    service.failNext({ status: 429, headers: { "retry-after": "2" } }, { status: 502 });
    expect(await teams.send(delivery, context())).toMatchObject({
      ok: false,
      permanent: false,
      retryAfterMs: 2_000,
    });
    expect(await teams.send(delivery, context())).toMatchObject({ ok: false, permanent: false });
    expect(await teams.send(delivery, context())).toEqual(sent);
  });

  test("makes no second card of what one shows, or of what somebody else is sending", async ({ expect }) => {
    const before = service.received.length;
    expect(await teams.send(delivery, context({ kind: "settled" }))).toEqual({ ok: true });
    expect(await teams.send(delivery, context({ kind: "held" }))).toBe("held");
    expect(service.received).toHaveLength(before);
  });

  test("gives up on what can never arrive, and says nothing of the address", async ({ expect }) => {
    service.failNext({ status: 400 });
    const refused = [
      await teams.send(delivery, context()),
      await teams.send({ ...delivery, sink: "teams:other" }, context()),
    ];
    for (const one of refused) expect(one).toMatchObject({ ok: false, permanent: true });
    expect(JSON.stringify(refused)).not.toContain("secret");
  });
});
