import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import type { Figures } from "../../schemas/metrics.ts";
import type { PolicyInput } from "../../schemas/policy.ts";
import { Agent, contractOf, Operator, requestOf, withContracts } from "../support/actors.ts";
import type { SlackCalled } from "../support/slack.ts";
import { SlackStage } from "../support/slack-stage.ts";

/** `HOLDPOINT_FLOOD` requests, a multiple of a hundred. */
const count = Number(process.env["HOLDPOINT_FLOOD"] ?? 300);
const critical = 10;
const identical = 42;

let stage: SlackStage;
/** What the flood asked for, in order. */
const flood: ActionView[] = [];

beforeAll(async () => {
  stage = await SlackStage.open();
  const notify = [`slack:${stage.users.alice.id}`];
  const two = { seat: "oncall", n: 2, from: ["group:oncall"] } as const;
  await stage.cast.operator.adopts(
    contractOf("flood.low", { notify, risk: "low" }),
    contractOf("flood.critical", { notify, risk: "critical", rule: { ...two, from: [...two.from] } }),
    contractOf("flood.same", { notify: [`slack:${stage.users.carol.id}`] }),
  );
  for (let from = 0; from < count; from += 100) {
    const items = Array.from({ length: 100 }, (_, at) => {
      const type = from + at >= count - critical ? "flood.critical" : "flood.low";
      return { action: requestOf({ type, args: { what: `restart ${from + at}` } }) };
    });
    const answer = await stage.cast.demo.post<{ items: { status: number; action: ActionView }[] }>(
      "/v1/actions/batch",
      { items },
    );
    flood.push(...answer.items.map(({ action }) => action));
  }
}, 120_000);
afterAll(() => stage?.close());

const posted = (to: string): SlackCalled[] =>
  stage.slack.calls.filter(({ method, body }) => method === "chat.postMessage" && body["channel"] === to);

const figures = (): Promise<Figures> => stage.cast.operator.get("/v1/metrics?window=1h");

/** What the digest says now: the message as it is in Slack, edited or not. */
function digest(to: string): string | undefined {
  const post = posted(to).find(({ body }) => String(body["text"]).includes("more wait"));
  const { channel, ts } = post?.answer ?? {};
  const edits = stage.slack.calls.filter(
    ({ method, body }) => method === "chat.update" && body["channel"] === channel && body["ts"] === ts,
  );
  const last = edits.at(-1) ?? post;
  return last === undefined ? undefined : String(last.body["text"]);
}

describe("T10 a flood of requests by one agent", () => {
  test("reaches a reviewer as no more than the budget and one digest that counts the rest", async ({
    expect,
  }) => {
    expect(flood).toHaveLength(count);
    const { id } = stage.users.alice;
    const cards = (): SlackCalled[] =>
      posted(id).filter(({ body }) => String(body["text"]).startsWith("Waiting for a decision"));
    const dangerous = (): number =>
      cards().filter(({ body }) => JSON.stringify(body).includes("flood.critical")).length;
    const more = (): number => count - cards().length;
    const said = (): string =>
      `${more()} more wait for a decision: ${critical - dangerous()} critical, ${count - critical - (cards().length - dangerous())} low.`;
    // Each request has come to a card or to a number, however the queue has mixed them.
    await stage.until(
      async () => digest(id) === said() && (await figures()).suppressed.budget >= more(),
      330_000,
    );
    expect(cards().length).toBeGreaterThanOrEqual(24);
    expect(cards().length).toBeLessThanOrEqual(29);
    expect(cards().length - dangerous()).toBeLessThanOrEqual(24);
    expect(posted(id).length).toBeLessThanOrEqual(30);
    expect(posted(id).length).toBe(cards().length + 1);
    const own = posted(id).find(({ body }) => String(body["text"]).includes("more wait"));
    expect(JSON.stringify(own?.body)).not.toContain('"approve"');
    expect(JSON.stringify(own?.body)).toContain(`<${stage.engine.url}/|Open the queue>`);
    const { suppressed } = await figures();
    expect(suppressed.coalesced).toBe(0);
    // Where a machine was too busy to hear Slack's answer the next level is told at once, and that is a message too.
    const further = suppressed.budget - more();
    const logs = further === 0 ? [] : await Promise.all(flood.map((one) => stage.cast.demo.readsLog(one)));
    expect(further).toBeGreaterThanOrEqual(0);
    expect(further).toBeLessThanOrEqual(logs.flat().filter(({ type }) => type === "escalated").length);
    const scraped = await stage.cast.operator.send("GET", "/metrics");
    expect(scraped.text).toContain(
      `holdpoint_notifications_suppressed_total{reason="budget"} ${suppressed.budget}\n`,
    );
  }, 360_000);

  test("approves nothing, and everything waits and can be decided, with a card or without", async ({
    expect,
  }) => {
    const { decided, expired, pending } = await figures();
    expect({ approved: decided.approved, byPolicy: decided.byPolicy, expired: expired.pending }).toEqual({
      approved: 0,
      byPolicy: 0,
      expired: 0,
    });
    expect(pending.count).toBe(count);
    const cards = JSON.stringify(posted(stage.users.alice.id));
    const low = flood.filter(({ type }) => type === "flood.low");
    const carded = low.find(({ id }) => cards.includes(id));
    const cardless = low.find(({ id }) => !cards.includes(id));
    if (carded === undefined || cardless === undefined) throw new Error("nothing was asked for");
    const log = await stage.cast.demo.readsLog(cardless);
    expect(log.map(({ type }) => type)).toEqual(["requested"]);
    const before = posted(stage.users.alice.id).length;
    const numberBefore = digest(stage.users.alice.id) ?? "";
    expect(await stage.cast.bob.approves(cardless)).toMatchObject({ state: "approved" });
    expect(await stage.cast.bob.denies(carded)).toMatchObject({ state: "denied" });
    // The card that was sent is closed; nobody is told of the other, and the digest has one less.
    await stage.until(
      async () =>
        stage.slack.calls.some(
          ({ method, body }) =>
            method === "chat.update" &&
            JSON.stringify(body).includes(carded.id) &&
            JSON.stringify(body).includes("Denied"),
        ),
      60_000,
    );
    const fewer = Number(/^\d+/u.exec(numberBefore)?.[0]) - 1;
    await stage.until(async () => digest(stage.users.alice.id)?.startsWith(`${fewer} more wait`), 60_000);
    expect(posted(stage.users.alice.id)).toHaveLength(before);
  }, 90_000);

  test("leaves the reviewers of another workspace their cards", async ({ expect }) => {
    const { url, stateDir } = stage.engine;
    const token = readFileSync(join(stateDir, "setup-token"), "utf8").trim();
    const setup = new Operator("nobody", url, token);
    const { key } = await setup.post<{ key: string }>("/v1/workspaces", { name: "unrelated" });
    const operator = new Operator("service:operator", url, key);
    for (const kind of ["people", "groups", "agents"] as const) {
      const bodies = JSON.parse(
        readFileSync(new URL("../../scripts/starter/directory.json", import.meta.url), "utf8"),
      )[kind] as Record<string, unknown>;
      for (const [id, body] of Object.entries(bodies)) await operator.put(`/v1/${kind}/${id}`, body);
    }
    const { document } = await stage.cast.operator.get<{ document: PolicyInput }>("/v1/policy");
    // The same person in Slack: what is full is the hour that the flooded workspace has of her.
    const notify = [`slack:${stage.users.alice.id}`];
    await operator.post("/v1/policy", {
      document: withContracts(document, [contractOf("quiet.low", { notify, risk: "low" })]),
    });
    const agent = new Agent("agent:demo", url, await operator.givesKey("agent:demo"));
    const asked = await agent.asks({ type: "quiet.low" });
    const cards = (): SlackCalled[] =>
      posted(stage.users.alice.id).filter(({ body }) => JSON.stringify(body).includes(asked.id));
    await stage.until(async () => cards().length > 0);
    expect(cards()).toHaveLength(1);
    expect(JSON.stringify(cards()[0]?.body)).toContain('"approve"');
  });
});

describe("T10 identical requests", () => {
  test("are one card with how many more there are, and each takes its own decision", async ({ expect }) => {
    const items = Array.from({ length: identical }, () => ({ action: requestOf({ type: "flood.same" }) }));
    const answer = await stage.cast.demo.post<{ items: { action: ActionView }[] }>("/v1/actions/batch", {
      items,
    });
    const { id } = stage.users.carol;
    const [card] = await stage.until(async () => {
      const edited = stage.slack.calls.filter(
        ({ method, body }) =>
          method === "chat.update" &&
          JSON.stringify(body).includes(`${identical - 1} more identical requests wait`),
      );
      return edited.length > 0 && edited;
    }, 60_000);
    expect(posted(id)).toHaveLength(1);
    expect(JSON.stringify(card?.body)).toContain(`${stage.engine.url}/?type=flood.same`);
    expect((await figures()).suppressed.coalesced).toBe(identical - 1);
    // A click on the card decides the one that it is about.
    const shown = answer.items.find(({ action }) => JSON.stringify(card?.body).includes(action.id))?.action;
    if (shown === undefined) throw new Error("the card is of no request");
    const message = { ts: String(card?.body["ts"]), text: "", blocks: card?.body["blocks"] as [] };
    await stage.link("bob");
    await stage.users.bob.clicks(String(card?.body["channel"]), message, "approve");
    expect(await stage.cast.demo.sees(shown)).toMatchObject({ state: "approved" });
    const { items: waiting } = await stage.cast.demo.lists("state=pending&type=flood.same&limit=100");
    await stage.until(async () => {
      const { items: now } = await stage.cast.demo.lists("state=pending&type=flood.same&limit=100");
      return now.length === identical - 1;
    });
    expect(waiting.every(({ seq }) => seq === 1)).toBe(true);
    // Without the card the others have a place in the digest.
    await stage.until(async () => digest(id)?.startsWith(`${identical - 1} more wait`), 60_000);
    expect(posted(id)).toHaveLength(2);
  }, 90_000);
});
