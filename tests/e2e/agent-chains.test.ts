import { afterAll, beforeAll, describe, test } from "vitest";
import type { PolicyInput } from "../../schemas/policy.ts";
import { Agent, type Cast, castOf } from "../support/actors.ts";
import { refusalOf } from "../support/caller.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** Agents that work for agents: the weakest of the chain is its ceiling, and the owner of none of them decides. */

let engine: TestEngine;
let cast: Cast;
let helper: Agent;

const roles = ["controlled-remediation"];
const parent = { owner: "person:bob", roles, segments: ["prod-hosts"] };

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  await cast.operator.put("/v1/agents/parent", parent);
  const body = {
    owner: "person:omar",
    roles,
    segments: ["prod-hosts", "prod-data"],
    actsFor: "agent:parent",
  };
  await cast.operator.put("/v1/agents/helper", body);
  helper = new Agent("agent:helper", engine.url, await cast.operator.givesKey("agent:helper"));
});

afterAll(async () => {
  await engine?.stop();
});

describe("T8 an agent that acts for another", () => {
  test("asks for what both may, and is told which of them may not", async ({ expect }) => {
    expect(await helper.asks()).toMatchObject({ state: "pending" });
    const target = { resource: "orders-db", segment: "prod-data" };
    expect(await refusalOf(helper.asks({ target }))).toMatchObject({
      code: "out_of_scope",
      detail: expect.stringContaining("agent:helper acts for agent:parent"),
      errors: [{ pointer: "/target/segment" }],
    });
  });

  test("may not claim once the one above it may not", async ({ expect }) => {
    const action = await helper.asks();
    await cast.alice.approves(action);
    await cast.operator.put("/v1/agents/parent", { ...parent, roles: ["read-only-incident-triage"] });
    expect(await refusalOf(helper.claims(action))).toMatchObject({ status: 403 });
    await cast.operator.put("/v1/agents/parent", parent);
    expect(await helper.claims(action)).toMatchObject({ action: { state: "executing" } });
  });

  test("T7 is decided on by the owner of none of them", async ({ expect }) => {
    const action = await helper.asks();
    expect(await refusalOf(cast.bob.approves(action))).toMatchObject({ status: 403, code: "not_eligible" });
    expect(await cast.alice.approves(action)).toMatchObject({ state: "approved" });
  });

  test("is held against each one's own role classes, also at the claim", async ({ expect }) => {
    const { document } = await cast.operator.get<{ document: PolicyInput }>("/v1/policy");
    const other = { ...document.roles["controlled-remediation"]!, description: "The same by another name" };
    const contracts = document.contracts.map((contract) => ({
      ...contract,
      roles: [...roles, "other-class"],
    }));
    const widened = { ...document, roles: { ...document.roles, "other-class": other }, contracts };
    await cast.operator.post("/v1/policy", { document: widened });
    await cast.operator.put("/v1/agents/parent", { ...parent, roles: ["other-class"] });
    const action = await helper.asks();
    await cast.alice.approves(action);
    expect(await helper.claims(action)).toMatchObject({ action: { state: "executing" } });
    await cast.operator.put("/v1/agents/parent", parent);
  });

  test("is not left without it", async ({ expect }) => {
    const gone = await cast.operator.send("DELETE", "/v1/agents/parent");
    expect(gone).toMatchObject({ status: 409, body: { code: "conflict" } });
    const circle = await cast.operator.send("PUT", "/v1/agents/parent", {
      ...parent,
      actsFor: "agent:helper",
    });
    expect(circle).toMatchObject({ status: 422, body: { errors: [{ pointer: "/actsFor" }] } });
  });
});

describe("T8 a target without a network segment", () => {
  test("is reached by who has it named, and by no star", async ({ expect }) => {
    const mail = { type: "email.send", args: { to: ["a@example.com"], subject: "Hello", body: "Hello" } };
    const target = { resource: "customer 4711" };
    expect(await cast.demo.asks({ ...mail, target })).toMatchObject({ state: "pending" });
    expect(await refusalOf(helper.asks({ ...mail, target }))).toMatchObject({
      code: "out_of_scope",
      errors: [{ pointer: "/target/segment", detail: expect.stringContaining("(none)") }],
    });
    await cast.operator.put("/v1/agents/star", { owner: "person:omar", roles, segments: ["*"] });
    const star = new Agent("agent:star", engine.url, await cast.operator.givesKey("agent:star"));
    expect(await refusalOf(star.asks({ ...mail, target }))).toMatchObject({ code: "out_of_scope" });
    expect(await star.asks()).toMatchObject({ state: "pending" });
  });
});
