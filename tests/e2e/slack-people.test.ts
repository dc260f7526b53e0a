import { afterAll, afterEach, beforeAll, describe, test } from "vitest";
import { buttonsOf, type SlackMessage } from "../support/slack.ts";
import { SlackStage } from "../support/slack-stage.ts";
import type { ActionView } from "../../schemas/action.ts";

let stage: SlackStage;

afterEach(() => {
  stage.slack.meetWith();
  stage.slack.oddUsers.clear();
});

type Name = "alice" | "bob" | "carol" | "omar" | "guest";

const shownCard = async (): Promise<{ action: ActionView; card: SlackMessage }> => {
  const action = await stage.cast.demo.asks({ type: "slack.two" });
  return { action, card: await stage.cardOf(action) };
};

/** What somebody is told after a click on a new card, and the votes there are then. */
async function clicked(name: Name): Promise<{ said: string; votes: string[] }> {
  const { action, card } = await shownCard();
  const user = stage.users[name];
  const before = stage.slack.ephemerals(user.id).length;
  await user.clicks(stage.approvals, card, "approve");
  const said = await stage.until(async () => {
    const { votes } = await stage.cast.demo.sees(action);
    const lines = stage.slack.ephemerals(user.id).slice(before);
    return votes.length > 0 ? "voted" : lines.length > 0 && JSON.stringify(lines.at(-1)?.body);
  });
  const { votes } = await stage.cast.demo.sees(action);
  return { said, votes: votes.map(({ person }) => person) };
}

describe("T7 somebody who is linked", () => {
  beforeAll(async () => {
    stage = await SlackStage.open();
    await stage.link("alice");
    await stage.link("bob");
  });
  afterAll(() => stage?.close());

  test.for<Record<string, unknown>>([
    { is_restricted: true },
    { is_ultra_restricted: true },
    { deleted: true },
    { is_stranger: true },
    { team_id: "T0OTHER" },
  ])("and of whom Slack says %j by now decides nothing, by click or by form", async (odd, { expect }) => {
    stage.slack.oddUsers.set(stage.users.alice.id, odd);
    const { said, votes } = await clicked("alice");
    expect(said).toContain("Only full members");
    expect(votes).toEqual([]);
    const { action, card } = await shownCard();
    const deny = buttonsOf(card).find(({ action_id: id }) => id === "deny");
    const data = { ...(JSON.parse(deny?.value ?? "{}") as object), channel: stage.approvals, ts: card.ts };
    const view = { id: `V${action.id}`, callback_id: "deny", private_metadata: JSON.stringify(data) };
    const answer = await stage.users.alice.submitsView(view, "reason", "not today");
    expect(JSON.stringify(answer)).toContain("Only full members");
    expect((await stage.cast.demo.sees(action)).votes).toEqual([]);
  });

  test.for([
    { status: 500 },
    { status: 429, headers: { "retry-after": "0" } },
    { body: { ok: false, error: "missing_scope" } },
    { body: { ok: true, user: {} } },
  ])("decides nothing while Slack does not say who they are: %j", async (reaction, { expect }) => {
    stage.slack.meetWith((method) => (method === "users.info" ? reaction : null));
    const { said, votes } = await clicked("alice");
    expect(said).toContain("Slack did not say");
    expect(said).toContain("Nothing was changed");
    expect(votes).toEqual([]);
  });

  test("decides once Slack calls them a full member, who they were all along", async ({ expect }) => {
    expect(await clicked("alice")).toMatchObject({ votes: ["person:alice"] });
  });

  test("whose link rests on a code is listed so", async ({ expect }) => {
    const { items } = await stage.cast.operator.get<{ items: { person: string; by: string }[] }>(
      "/v1/slack/links",
    );
    expect(items.map(({ person, by }) => [person, by])).toContainEqual(["person:alice", "code"]);
  });

  test("is nobody else by their e-mail address while that switch is off", async ({ expect }) => {
    await stage.cast.operator.put("/v1/people/carol", { email: "carol@example.com" });
    says("carol", "carol@example.com");
    const { said, votes } = await clicked("carol");
    expect(said).toContain("Link me");
    expect(votes).toEqual([]);
  });
});

/** Slack's word on a user's address. */
const says = (name: Name, email: string, parts: Record<string, unknown> = {}): void =>
  void stage.slack.oddUsers.set(stage.users[name].id, {
    is_email_confirmed: true,
    profile: { email },
    ...parts,
  });

describe("T7 with e-mail addresses matched, somebody", () => {
  beforeAll(async () => {
    stage = await SlackStage.open({ HOLDPOINT_SLACK_MATCH_EMAIL: "true" });
    const { operator } = stage.cast;
    await operator.put("/v1/people/bob", { name: "Bob", email: "Bob@Example.com" });
    await operator.put("/v1/people/alice", { name: "Alice", email: "kalice@example.com" });
    await operator.put("/v1/people/carol", { name: "Carol", email: "carol@example.com" });
    await operator.put("/v1/people/gone", { email: "gone@example.com", active: false });
  });
  afterAll(() => stage?.close());

  test.for<[string, Name, string, Record<string, unknown>, string]>([
    ["with nobody's address", "carol", "nobody@example.com", {}, "nobody's in the directory"],
    ["with the address of somebody inactive", "carol", "gone@example.com", {}, "nobody's in the directory"],
    // The Kelvin sign, which Unicode lower-cases to the letter k.
    ["with a homoglyph address", "carol", "\u212Aalice@example.com", {}, "nobody's in the directory"],
    ["with a Cyrillic letter in it", "carol", "k\u0430lice@example.com", {}, "nobody's in the directory"],
    ["with an unconfirmed one", "bob", "bob@example.com", { is_email_confirmed: false }, "no confirmed"],
    ["who is a guest", "guest", "bob@example.com", { is_restricted: true }, "Only full members"],
    ["who is a bot", "guest", "bob@example.com", { is_bot: true }, "Only full members"],
    ["of another workspace", "guest", "bob@example.com", { team_id: "T0OTHER" }, "Only full members"],
  ])("%s is linked to nobody", async ([, name, email, parts, reason], { expect }) => {
    says(name, email, parts);
    const { said, votes } = await clicked(name);
    expect(said).toContain(reason);
    expect(votes).toEqual([]);
    expect((await stage.cast.operator.get<{ items: unknown[] }>("/v1/slack/links")).items).toEqual([]);
  });

  test("never has two people to be: nobody else can be given an address that is somebody's", async ({
    expect,
  }) => {
    const twin = { name: "Omar", email: "CAROL@example.com" };
    const answer = await stage.cast.operator.send("PUT", "/v1/people/omar", twin);
    expect(answer.status).toBe(422);
    expect(answer.text).toContain("is the address of person:carol already");
  });

  test("with exactly one person's is that person, by the click, and listed as linked so", async ({
    expect,
  }) => {
    says("bob", "bOB@example.com");
    expect(await clicked("bob")).toMatchObject({ votes: ["person:bob"] });
    const { items } = await stage.cast.operator.get<{ items: Record<string, unknown>[] }>("/v1/slack/links");
    expect(items).toEqual([
      expect.objectContaining({ user: stage.users.bob.id, person: "person:bob", by: "email" }),
    ]);
  });

  test("who is the second Slack user with one address is not linked, and the first stays", async ({
    expect,
  }) => {
    says("guest", "bob@example.com");
    const { said, votes } = await clicked("guest");
    expect(said).toContain("linked to another Slack user");
    expect(votes).toEqual([]);
    says("bob", "bob@example.com");
    expect(await clicked("bob")).toMatchObject({ votes: ["person:bob"] });
  });
});
