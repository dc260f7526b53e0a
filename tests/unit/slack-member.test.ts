import { describe, test } from "vitest";
import { SlackConfig } from "../../schemas/config.ts";
import * as v from "valibot";
import type { SlackAnswer, SlackCall } from "../../workers/channels/slack/client.ts";
import { knownMembership, memberFreshMs, membershipNow } from "../../workers/channels/slack/member.ts";

const config = v.parse(SlackConfig, {
  HOLDPOINT_SLACK_BOT_TOKEN: "xoxb-test",
  HOLDPOINT_SLACK_SIGNING_SECRET: "a-signing-secret",
  HOLDPOINT_SLACK_TEAM: "T0TEST",
});

/** A Slack that answers `users.info` with what `next` says, and counts how often it is asked. */
function slack(next: () => SlackAnswer): { call: SlackCall; asked: () => number } {
  let asked = 0;
  const call: SlackCall = async () => {
    asked += 1;
    return next();
  };
  return { call, asked: () => asked };
}

const info = (id: string, parts: Record<string, unknown> = {}): SlackAnswer => ({
  ok: true,
  body: { ok: true, user: { id, team_id: "T0TEST", ...parts } },
});
const refused = (name: string | null): SlackAnswer => ({
  ok: false,
  error: "no",
  kind: "for now",
  retryAfterMs: null,
  name,
});

describe("T7 whether a Slack user is a full member", () => {
  test.for([
    { deleted: true },
    { is_bot: true },
    { is_restricted: true },
    { is_ultra_restricted: true },
    { is_stranger: true },
    { team_id: "T0OTHER" },
    { team_id: null },
    { team_id: undefined },
  ])("is no for %j", async (odd, { expect }) => {
    const { call } = slack(() => info("U0ODD", odd));
    expect(await membershipNow("U0ODD", { call, config })).toEqual({ kind: "outside" });
  });

  test("is unreadable where Slack does not say so of that very user", async ({ expect }) => {
    const answers: SlackAnswer[] = [
      refused(null),
      refused("missing_scope"),
      info("U0OTHER"),
      { ok: true, body: { ok: true } },
      { ok: true, body: { ok: true, user: { id: "U0WHO", team_id: "T0TEST", is_restricted: "no" } } },
    ];
    for (const answer of answers) {
      const { call } = slack(() => answer);
      expect(await membershipNow("U0WHO", { call, config })).toEqual({ kind: "unreadable" });
    }
    const { call } = slack(() => refused("user_not_found"));
    expect(await membershipNow("U0WHO", { call, config })).toEqual({ kind: "outside" });
  });

  test("is believed for a minute and not longer, so that a new guest decides nothing after it", async ({
    expect,
  }) => {
    let answer = info("U0BOB");
    const { call, asked } = slack(() => answer);
    const at = (now: number) => knownMembership("U0BOB", now, { call, config });
    expect(await at(1_000)).toEqual({ kind: "full", email: null });
    answer = info("U0BOB", { is_restricted: true });
    expect(await at(1_000 + memberFreshMs - 1)).toEqual({ kind: "full", email: null });
    expect(asked()).toBe(1);
    expect(await at(1_000 + memberFreshMs)).toEqual({ kind: "outside" });
    // What was refused is asked again at once.
    answer = info("U0BOB");
    expect(await at(1_000 + memberFreshMs)).toEqual({ kind: "full", email: null });
    answer = refused(null);
    expect(await at(1_000 + 2 * memberFreshMs)).toEqual({ kind: "unreadable" });
    expect(asked()).toBe(4);
  });

  test("brings an e-mail address only where Slack has confirmed it", async ({ expect }) => {
    const profile = { email: "bob@example.com" };
    const said = async (parts: Record<string, unknown>) => {
      const { call } = slack(() => info("U0BOB", parts));
      return membershipNow("U0BOB", { call, config });
    };
    expect(await said({ profile, is_email_confirmed: true })).toEqual({ kind: "full", ...profile });
    expect(await said({ profile, is_email_confirmed: false })).toEqual({ kind: "full", email: null });
    expect(await said({ profile })).toEqual({ kind: "full", email: null });
    expect(await said({ profile: {}, is_email_confirmed: true })).toEqual({ kind: "full", email: null });
  });
});
