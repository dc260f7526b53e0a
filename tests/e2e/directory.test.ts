import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Agent, type Cast, castOf } from "../support/actors.ts";
import { type Caller, refusalOf } from "../support/caller.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** Who there is, and what they may ask and decide: changed while the engine runs, in force at once. */

let engine: TestEngine;
let cast: Cast;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
});

afterAll(async () => {
  await engine?.stop();
});

type Items<Item> = { items: Item[] };
const idsOf = async (kind: string): Promise<string[]> =>
  (await cast.operator.get<Items<{ id: string }>>(`/v1/${kind}`)).items.map(({ id }) => id);
const removes = (path: string): ReturnType<Caller["send"]> => cast.operator.send("DELETE", path);
const pointers = (refused: { errors?: { pointer: string }[] | undefined }): string[] =>
  (refused.errors ?? []).map(({ pointer }) => pointer);

describe("a person", () => {
  test("is added, changed and removed under one id, with its prefix or without", async ({ expect }) => {
    const { operator } = cast;
    const dave = { id: "person:dave", name: "Dave", manager: null, active: true };
    expect(await operator.put("/v1/people/dave", { name: "Dave" })).toEqual(dave);
    expect(await operator.put("/v1/people/person:dave", { name: "David" })).toEqual({
      ...dave,
      name: "David",
    });
    expect(await operator.put("/v1/people/person%3Adave", { name: "D." })).toEqual({ ...dave, name: "D." });
    expect((await idsOf("people")).filter((id) => id === "person:dave")).toHaveLength(1);
    expect(await removes("/v1/people/dave")).toMatchObject({ status: 200, body: { removed: true } });
    expect(await removes("/v1/people/dave")).toMatchObject({ status: 404, body: { code: "not_found" } });
    expect(await idsOf("people")).not.toContain("person:dave");
  });

  test("takes keys, memberships and delegations along when they leave", async ({ expect }) => {
    const { operator, stranger } = cast;
    const erin = await operator.hires("erin", "oncall");
    const until = new Date(Date.now() + 60_000).toISOString();
    await operator.post("/v1/delegations", {
      from: "person:erin",
      to: "person:carol",
      groups: ["oncall"],
      until,
    });
    await removes("/v1/people/erin");
    expect(
      (await stranger.send("GET", "/v1/whoami", undefined, { authorization: `Bearer ${erin.key}` })).status,
    ).toBe(401);
    const { items: groups } = await operator.get<Items<{ members: string[] }>>("/v1/groups");
    expect(groups.flatMap(({ members }) => members)).not.toContain("person:erin");
    expect(await operator.get("/v1/delegations")).toEqual({ items: [] });
    // Somebody who gets the same id later starts with none of it.
    await operator.put("/v1/people/erin", {});
    expect(
      (await stranger.send("GET", "/v1/whoami", undefined, { authorization: `Bearer ${erin.key}` })).status,
    ).toBe(401);
  });

  test("who owns an agent stays until it has another owner", async ({ expect }) => {
    const refused = await removes("/v1/people/omar");
    expect(refused).toMatchObject({
      status: 409,
      body: { code: "conflict", detail: expect.stringContaining("agent:demo") },
    });
    expect(await idsOf("people")).toContain("person:omar");
  });
});

describe("an agent", () => {
  test("asks as soon as it is there, within its role classes and segments, and never again once it is removed", async ({
    expect,
  }) => {
    const { operator } = cast;
    const body = { owner: "person:omar", roles: ["controlled-remediation"], segments: ["prod-hosts"] };
    await operator.put("/v1/agents/fresh", body);
    const fresh = new Agent("agent:fresh", engine.url, await operator.givesKey("agent:fresh"));
    expect(await fresh.asks()).toMatchObject({
      state: "pending",
      requester: { id: "agent:fresh", owner: "person:omar" },
    });
    const data = {
      target: { resource: "orders-db", segment: "prod-data" },
      type: "db.migrate",
      args: { migration: "1" },
    };
    expect(await refusalOf(fresh.asks(data))).toMatchObject({
      status: 403,
      code: "out_of_scope",
      errors: [{ pointer: "/target/segment" }],
    });
    await operator.put("/v1/agents/fresh", { ...body, segments: ["prod-*"] });
    expect(await fresh.asks(data)).toMatchObject({ state: "pending" });
    await operator.put("/v1/agents/fresh", { ...body, roles: ["code-analysis"] });
    expect(await refusalOf(fresh.asks())).toMatchObject({ status: 403, code: "out_of_scope" });
    await operator.put("/v1/agents/fresh", { ...body, active: false });
    expect(await refusalOf(fresh.asks())).toMatchObject({ status: 401 });
    await removes("/v1/agents/fresh");
    expect(await refusalOf(fresh.asks())).toMatchObject({ status: 401 });
  });

  test("that has lost its role class since cannot claim what was approved", async ({ expect }) => {
    const { operator, bob } = cast;
    const body = { owner: "person:omar", roles: ["controlled-remediation"], segments: ["prod-hosts"] };
    await operator.put("/v1/agents/demoted", body);
    const demoted = new Agent("agent:demoted", engine.url, await operator.givesKey("agent:demoted"));
    const action = await bob.approves(await demoted.asks());
    await operator.put("/v1/agents/demoted", { ...body, roles: ["code-analysis"] });
    expect(await refusalOf(demoted.claims(action))).toMatchObject({
      status: 403,
      code: "out_of_scope",
      state: "approved",
    });
  });

  test("needs an owner who is there", async ({ expect }) => {
    const body = { owner: "person:nobody", roles: [], segments: [] };
    expect(await refusalOf(cast.operator.put("/v1/agents/orphan", body))).toMatchObject({
      errors: [{ pointer: "/owner" }],
    });
  });
});

describe("a group", () => {
  test("gives its members their votes at once, and takes them back at once", async ({ expect }) => {
    const { operator, demo, carol } = cast;
    const action = await demo.asks();
    expect(await refusalOf(carol.approves(action))).toMatchObject({ status: 403, code: "not_eligible" });
    await operator.seats("oncall", "carol");
    const votes = await carol.withdraws(action);
    expect(votes.votes).toMatchObject([{ person: "person:carol", counts: false }]);
    await operator.unseats("oncall", "carol");
    expect(await refusalOf(carol.approves(action))).toMatchObject({ status: 403, code: "not_eligible" });
  });

  test("names only people who are there", async ({ expect }) => {
    const members = ["person:alice", "person:nobody", "agent:demo"];
    const refused = await refusalOf(cast.operator.put("/v1/groups/mixed", { members }));
    expect(refused).toMatchObject({ status: 422 });
    expect(pointers(refused)).toEqual(["/members/2"]);
    const second = await refusalOf(cast.operator.put("/v1/groups/mixed", { members: members.slice(0, 2) }));
    expect(pointers(second)).toEqual(["/members/1"]);
    expect(await idsOf("groups")).not.toContain("mixed");
  });
});

describe("a delegation", () => {
  test("lends a vote until its end, and not a moment longer", async ({ expect }) => {
    const { operator, demo, carol } = cast;
    const until = new Date(Date.now() + 2_500).toISOString();
    const lent = { from: "person:bob", to: "person:carol", groups: ["oncall"], until };
    expect(await operator.post("/v1/delegations", lent)).toEqual({
      ...lent,
      warning: expect.stringContaining("without a second person"),
    });
    const [during, after] = [await demo.asks(), await demo.asks()];
    expect(await carol.approves(during)).toMatchObject({ state: "approved" });
    await delay(Date.parse(until) - Date.now() + 5);
    expect(await refusalOf(carol.approves(after))).toMatchObject({ status: 403 });
    // And what it had lent is not there any more when the action is to run.
    expect(await refusalOf(demo.claims(during))).toMatchObject({
      state: "cancelled",
      stateDetail: "quorum_lost",
    });
  });

  test("that is over already, to oneself, or of what is not there is refused", async ({ expect }) => {
    const lent = {
      from: "person:bob",
      to: "person:carol",
      groups: ["oncall"],
      until: new Date(Date.now() + 60_000).toISOString(),
    };
    const faults: [object, string][] = [
      [{ until: "2020-01-01T00:00:00.000Z" }, "/until"],
      [{ to: "person:bob" }, "/to"],
      [{ groups: ["nothing"] }, "/groups/0"],
      [{ from: "person:nobody" }, "/from"],
      [{ groups: [] }, "/groups"],
    ];
    for (const [part, pointer] of faults) {
      const refused = await refusalOf(cast.operator.post("/v1/delegations", { ...lent, ...part }));
      expect(pointers(refused)).toEqual([pointer]);
    }
    const none = await refusalOf(
      cast.operator.post("/v1/delegations/remove", { from: "person:alice", to: "person:bob" }),
    );
    expect(none).toMatchObject({ status: 404 });
  });
});
