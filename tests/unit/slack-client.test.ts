import { describe, test } from "vitest";
import type { SlackConfig } from "../../schemas/config.ts";
import { slackClient } from "../../workers/channels/slack/client.ts";

const config: SlackConfig = {
  HOLDPOINT_SLACK_API: "https://slack.example/api",
  HOLDPOINT_SLACK_BOT_TOKEN: "xoxb-1",
  HOLDPOINT_SLACK_SIGNING_SECRET: "secret",
} as SlackConfig;

describe("a call to Slack under a right to send", () => {
  const clientAt = (now: number, until: number) => {
    const calls: string[] = [];
    const fetch = async (url: string) => {
      calls.push(url);
      return Response.json({ ok: true });
    };
    return { calls, call: slackClient(config, fetch, () => now, until) };
  };

  test("P16 is made while the right lasts", async ({ expect }) => {
    const { call, calls } = clientAt(1_000, 2_000);
    expect(await call("chat.postMessage", { channel: "C0DUE" })).toMatchObject({ ok: true });
    expect(calls).toEqual(["https://slack.example/api/chat.postMessage"]);
  });

  test("P16 is not made when somebody else may have the right before it ends", async ({ expect }) => {
    for (const now of [1_501, 2_000, 60_000]) {
      const { call, calls } = clientAt(now, 2_000);
      expect(await call("chat.postMessage", { channel: "C0LATE" })).toMatchObject({
        ok: false,
        kind: "for now",
        retryAfterMs: null,
      });
      expect(calls).toEqual([]);
    }
  });
});
