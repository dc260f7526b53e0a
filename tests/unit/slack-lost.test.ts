import { describe, test } from "vitest";
import type { Sight } from "../../schemas/channel.ts";
import type { SlackAnswer, SlackCall } from "../../workers/channels/slack/client.ts";
import { lostCard, metadataOf } from "../../workers/channels/slack/lost.ts";
import { viewOf } from "../support/views.ts";

const action = viewOf({ createdAt: "2026-01-01T12:00:00.000Z" });
const sight: Sight = {
  action,
  told: { description: null, rollback: false },
  shown: null,
  unsure: true,
};
const sink = "slack:C0CHANNEL";

type Asked = { method: string; body: Record<string, unknown> };

function slackWith(answer: SlackAnswer): { call: SlackCall; asked: Asked[] } {
  const asked: Asked[] = [];
  const call: SlackCall = async (method, body) => {
    asked.push({ method, body });
    return answer;
  };
  return { call, asked };
}
const history = (...messages: unknown[]): SlackAnswer => ({ ok: true, body: { ok: true, messages } });
const refused = (name: string | null, retryAfterMs: number | null = null): SlackAnswer => ({
  ok: false,
  error: name ?? "the connection to Slack failed",
  kind: "for now",
  retryAfterMs,
  name,
});

describe("P16 a card whose post had no answer", () => {
  test("is found by its metadata, once the action was there, one page of it", async ({ expect }) => {
    const { call, asked } = slackWith(
      history({ ts: "3.1", text: "hello" }, { ts: "2.1", metadata: metadataOf(action.id, sink) }),
    );
    expect(await lostCard(sink, sight, call)).toEqual({
      ok: true,
      place: { channel: "C0CHANNEL", ts: "2.1" },
    });
    expect(asked).toEqual([
      {
        method: "conversations.history",
        body: {
          channel: "C0CHANNEL",
          oldest: `${Date.parse("2026-01-01T11:55:00.000Z") / 1_000}.000000`,
          include_all_metadata: "true",
          limit: "999",
        },
      },
    ]);
  });

  test("is no other action's, no other recipient's, no other app's event and no reminder", async ({
    expect,
  }) => {
    const { call } = slackWith(
      history(
        { ts: "5.1", metadata: metadataOf("act_other", sink) },
        { ts: "4.1", metadata: metadataOf(action.id, "slack:C0OTHER") },
        { ts: "3.1", metadata: { ...metadataOf(action.id, sink), event_type: "other" } },
        { ts: "2.1", thread_ts: "1.1", metadata: metadataOf(action.id, sink) },
        { ts: 1, metadata: metadataOf(action.id, sink) },
        null,
      ),
    );
    expect(await lostCard(sink, sight, call)).toEqual({ ok: true, place: null });
  });

  test.for(["missing_scope", "not_in_channel", "channel_not_found", "no_permission", "something_new"])(
    "is given up where the channel cannot be read (%s), because no card is worse than two",
    async (name, { expect }) => {
      expect(await lostCard(sink, sight, slackWith(refused(name)).call)).toEqual({ ok: true, place: null });
    },
  );

  test("is looked for later where that may help", async ({ expect }) => {
    for (const answer of [refused(null), refused(null, 7_000), refused("internal_error")]) {
      const { call, asked } = slackWith(answer);
      expect(await lostCard(sink, sight, call)).toEqual(answer);
      // Once more at once, unless Slack has asked to be left alone.
      expect(asked).toHaveLength(answer.ok || answer.retryAfterMs !== null ? 1 : 2);
    }
  });

  test("of a direct message is looked for where Slack says that the conversation is", async ({ expect }) => {
    const person = "slack:U0BOB";
    const found = { ts: "2.1", metadata: metadataOf(action.id, person) };
    const asked: Asked[] = [];
    const call: SlackCall = async (method, body) => {
      asked.push({ method, body });
      return method === "conversations.open"
        ? { ok: true, body: { ok: true, channel: { id: "D0BOB" } } }
        : history(found);
    };
    expect(await lostCard(person, sight, call)).toEqual({ ok: true, place: { channel: "D0BOB", ts: "2.1" } });
    expect(asked).toMatchObject([
      { method: "conversations.open", body: { users: "U0BOB" } },
      { method: "conversations.history", body: { channel: "D0BOB" } },
    ]);
  });

  test("of a direct message is given up without the scopes, and looked for later where that may help", async ({
    expect,
  }) => {
    const nothing = { ok: true, place: null };
    expect(await lostCard("slack:U0BOB", sight, slackWith(refused("missing_scope")).call)).toEqual(nothing);
    expect(await lostCard("slack:U0BOB", sight, slackWith({ ok: true, body: { ok: true } }).call)).toEqual(
      nothing,
    );
    for (const answer of [refused(null), refused("internal_error")]) {
      expect(await lostCard("slack:U0BOB", sight, slackWith(answer).call)).toEqual(answer);
    }
  });
});
