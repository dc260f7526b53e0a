import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { Operator, Person, requestOf } from "../support/actors.ts";
import { type BoundWorkers, setupToken, startBoundWorkers } from "../support/bound-worker.ts";
import { Caller } from "../support/caller.ts";
import { starterDirectory, starterPolicy } from "../support/starter.ts";

/** Agents that are Workers themselves: who they are stands in the binding, and nothing that their code sends changes it. */

const origin = "https://holdpoint.example.com";
const door = (props: Record<string, unknown>): object => ({ entrypoint: "AgentDoor", props });
const bindings = {
  DEMO: door({ workspace: "default", agent: "agent:demo", origin }),
  OTHER: door({ workspace: "default", agent: "agent:other", origin }),
  NOBODY: door({ workspace: "default", agent: "agent:nobody", origin }),
  IDLE: door({ workspace: "default", agent: "agent:idle", origin }),
  ELSEWHERE: door({ workspace: "elsewhere", agent: "agent:demo", origin }),
  ENGINE: door({ workspace: "engine", agent: "agent:demo", origin }),
  PERSON: door({ workspace: "default", agent: "person:bob", origin }),
  NO_ORIGIN: door({ workspace: "default", agent: "agent:demo" }),
  SCOPED: door({ workspace: "default", agent: "agent:demo", origin, scopes: ["admin"] }),
  NO_PROPS: { entrypoint: "AgentDoor" },
  FRONT: {},
};

let workers: BoundWorkers;
let operator: Operator;
let bob: Person;

beforeAll(async () => {
  workers = await startBoundWorkers(bindings);
  const setup = new Caller("setup", workers.engineUrl, setupToken);
  const { key } = await setup.post<{ key: string }>("/v1/workspaces", { name: "default" });
  operator = new Operator("operator", workers.engineUrl, key);
  const { people, agents, groups } = starterDirectory();
  for (const { id, ...body } of Object.values(people)) await operator.put(`/v1/people/${id}`, body);
  for (const { id, ...body } of Object.values(groups)) await operator.put(`/v1/groups/${id}`, body);
  for (const { id, ...body } of Object.values(agents)) await operator.put(`/v1/agents/${id}`, body);
  const idle = { owner: "person:omar", roles: [], segments: [], active: false };
  await operator.put("/v1/agents/idle", idle);
  await operator.post("/v1/policy", { document: starterPolicy() });
  bob = new Person("person:bob", workers.engineUrl, await operator.givesKey("person:bob"));
});

afterAll(async () => {
  await workers?.close();
});

const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body),
});

describe("an agent's service binding", () => {
  test("makes its caller the agent it names, with the scopes of an agent's key", async ({ expect }) => {
    const scopes = ["actions:request", "actions:read"];
    for (const [binding, agent] of [
      ["DEMO", "agent:demo"],
      ["OTHER", "agent:other"],
    ]) {
      const { body } = await workers.call(`/${binding}/v1/whoami`);
      expect(body).toEqual({
        workspace: "default",
        kind: "agent",
        id: agent,
        scopes,
        keyId: `door:${agent}`,
      });
    }
  });

  test("lets nothing that its caller sends make it somebody else", async ({ expect }) => {
    const forged: Record<string, string>[] = [
      { authorization: `Bearer ${operator.key}` },
      { authorization: `Bearer ${bob.key}` },
      { authorization: "Bearer a.b.c", "holdpoint-workspace": "elsewhere" },
      { cookie: "holdpoint_session=x", "cf-access-jwt-assertion": "a.b.c" },
      { "x-props": '{"agent":"agent:other"}', "cf-worker": "other", "x-forwarded-for": "127.0.0.1" },
    ];
    for (const headers of forged) {
      expect(await workers.call("/DEMO/v1/whoami", { headers })).toMatchObject({
        status: 200,
        body: { workspace: "default", kind: "agent", id: "agent:demo" },
      });
      expect((await workers.call("/DEMO/v1/keys", { headers })).status).toBe(403);
      const key = { principal: "service:mine", scopes: ["admin"] };
      expect((await workers.call("/DEMO/v1/keys", post(key, headers))).status).toBe(403);
    }
  });

  test.for(["NOBODY", "IDLE", "ELSEWHERE", "ENGINE", "PERSON", "NO_ORIGIN", "SCOPED", "NO_PROPS"])(
    "lets nobody in where its props are not an active agent's: %s",
    async (binding, { expect }) => {
      for (const headers of [{}, { authorization: `Bearer ${operator.key}` }]) {
        const answer = await workers.call(`/${binding}/v1/whoami`, { headers });
        expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
      }
    },
  );

  test("runs an action through the same routes, under the same rules", async ({ expect }) => {
    const hostile = "https://phish.example";
    const { body } = await workers.call("/DEMO/v1/actions", post(requestOf()), hostile);
    const action = body as ActionView;
    expect(action).toMatchObject({ state: "pending", requester: { id: "agent:demo", owner: "person:omar" } });
    // The address that the caller wrote is not the one that people are sent to.
    expect(await workers.call("/DEMO/openapi.json", {}, hostile)).toMatchObject({
      body: { servers: [{ url: origin }] },
    });
    const vote = await workers.call(
      `/DEMO/v1/actions/${action.id}/votes`,
      post({ decision: "approve", digest: action.digest }, { authorization: `Bearer ${bob.key}` }),
    );
    expect(vote.status).toBe(403);
    const early = await workers.call(`/DEMO/v1/actions/${action.id}/claim`, post({ digest: action.digest }));
    expect(early.status).toBe(409);
    await bob.approves(action);
    const claim = await workers.call(`/DEMO/v1/actions/${action.id}/claim`, post({ digest: action.digest }));
    expect(claim).toMatchObject({ status: 200, body: { action: { state: "executing" } } });
  });

  test("opens the action's stream", async ({ expect }) => {
    const { body } = await workers.call("/DEMO/v1/actions", post(requestOf()));
    const stream = (binding: string): Promise<{ status: number }> =>
      workers.call(`/${binding}/v1/actions/${(body as ActionView).id}/stream`, {
        headers: { upgrade: "websocket" },
      });
    expect((await stream("DEMO")).status).toBe(101);
    expect((await stream("NO_PROPS")).status).toBe(401);
  });

  test("ends with its agent, also in the middle", async ({ expect }) => {
    const { body } = await workers.call("/OTHER/v1/actions", post(requestOf()));
    const action = body as ActionView;
    await bob.approves(action);
    const other = { owner: "person:omar", roles: ["controlled-remediation"], segments: ["prod-hosts"] };
    await operator.put("/v1/agents/other", { ...other, active: false });
    const claim = await workers.call(`/OTHER/v1/actions/${action.id}/claim`, post({ digest: action.digest }));
    expect(claim.status).toBe(401);
    await operator.put("/v1/agents/other", other);
    expect((await workers.call("/OTHER/v1/whoami")).status).toBe(200);
  });

  test("is no other door: without the entrypoint a key is asked for as from anybody", async ({ expect }) => {
    expect((await workers.call("/FRONT/v1/whoami")).status).toBe(401);
    const headers = { authorization: `Bearer ${bob.key}` };
    expect((await workers.call("/FRONT/v1/whoami", { headers })).body).toMatchObject({ id: "person:bob" });
  });
});
