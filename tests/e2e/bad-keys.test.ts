import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { scopes } from "../../schemas/principal.ts";
import { Agent, type Cast, castOf, Operator, Person } from "../support/actors.ts";
import { type Answer, Caller, refusedAnswer } from "../support/caller.ts";
import { addressOf, describedRoutes, type DescribedRoute } from "../support/routes.ts";
import { expectProblem } from "../support/sealed.ts";
import { startEngine, type TestEngine } from "../support/server.ts";
import { upgrade } from "../support/upgrade.ts";

/** Who may call at all, and what another workspace can learn: nothing. */

let engine: TestEngine;
let cast: Cast;
let action: ActionView;
let routes: DescribedRoute[];

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  action = await cast.demo.asks();
  routes = await describedRoutes(cast.stranger);
});

afterAll(async () => {
  await engine?.stop();
});

const unknownAction = `act_${"x".repeat(22)}`;
const withKey = (key: string): Caller => new Caller("whoever", engine.url, key);
const sent = ({ status, text, headers }: Answer): unknown => ({
  status,
  text,
  type: headers.get("content-type"),
  challenge: headers.get("www-authenticate"),
});
const bodyFor = ({ method }: DescribedRoute): object | undefined =>
  method === "GET" || method === "DELETE" ? undefined : {};
const tryRoute = (who: Caller, route: DescribedRoute, id: string): Promise<Answer> =>
  who.send(route.method, addressOf(route, id), bodyFor(route));

type NewKey = { key: string; record: { id: string } };

/** Keys that are none, none any more, or nobody's. */
const badKeys: Record<string, () => Promise<string>> = {
  "no key of ours": async () => "secret-token",
  "cut off": async () => cast.demo.key!.slice(0, -1),
  mistyped: async () => cast.demo.key!.replace(/.$/u, (last) => (last === "0" ? "1" : "0")),
  "with the workspace of somebody else": async () => cast.demo.key!.replace("hp_default_", "hp_another_"),
  "with the engine's own workspace": async () => cast.demo.key!.replace("hp_default_", "hp_engine_"),
  "of a workspace that is not there": async () =>
    (await keyOfAnother("hp-elsewhere")).replace("hp-elsewhere", "hp-nowhere"),
  revoked: async () => {
    const { key, record } = await cast.operator.post<NewKey>("/v1/keys", { principal: "agent:demo" });
    await withKey(key).get("/v1/whoami");
    await cast.operator.post(`/v1/keys/${record.id}/revoke`, {});
    return key;
  },
  expired: async () => {
    const expiresAt = new Date(Date.now() + 2_000).toISOString();
    const key = await cast.operator.givesKey("agent:demo", { expiresAt });
    await withKey(key).get("/v1/whoami");
    await delay(2_050);
    return key;
  },
  "rotated without an overlap": async () => {
    const { key, record } = await cast.operator.post<NewKey>("/v1/keys", { principal: "agent:demo" });
    await cast.operator.post(`/v1/keys/${record.id}/rotate`, { overlapMs: 0 });
    return key;
  },
  "of somebody switched off": async () => {
    const { key } = await cast.operator.hires("off-duty");
    await cast.operator.put("/v1/people/off-duty", { active: false });
    return key!;
  },
  "of somebody removed": async () => {
    const { key } = await cast.operator.hires("long-gone");
    await cast.operator.send("DELETE", "/v1/people/long-gone");
    return key!;
  },
};

async function keyOfAnother(name: string): Promise<string> {
  const token = readFileSync(join(engine.stateDir, "setup-token"), "utf8").trim();
  const { key } = await withKey(token).post<{ key: string }>("/v1/workspaces", { name });
  return key;
}

describe("401", () => {
  test.for(Object.keys(badKeys))(
    "to a key that is %s, the same whether the thing exists or not",
    async (name, { expect }) => {
      const stranger = await cast.stranger.send("GET", `/v1/actions/${action.id}`);
      expectProblem(expect, stranger, "unauthenticated");
      const caller = withKey(await badKeys[name]!());
      for (const id of [action.id, unknownAction, "nonsense"]) {
        for (const path of [`/v1/actions/${id}`, `/v1/actions/${id}/events`, "/v1/whoami"]) {
          expect(sent(await caller.send("GET", path))).toEqual(sent(stranger));
        }
      }
      const asking = await caller.send("POST", "/v1/actions", { anything: true });
      expect(sent(asking)).toEqual(sent(stranger));
    },
  );

  test("without a key on every route that asks for one", async ({ expect }) => {
    const first = await cast.stranger.send("GET", "/v1/whoami");
    const guarded = routes.filter(({ scope }) => scope !== null);
    expect(guarded.length).toBeGreaterThan(40);
    for (const route of guarded) {
      for (const id of [action.id, unknownAction]) {
        expect([route, sent(await tryRoute(cast.stranger, route, id))]).toEqual([route, sent(first)]);
      }
    }
    const open = routes.filter(({ scope }) => scope === null).map(({ path }) => path);
    expect(open.toSorted()).toEqual([
      "/.well-known/jwks.json",
      "/checkpoint",
      "/healthz",
      "/slack/interactivity",
      "/v1/session",
      "/v1/workspaces",
    ]);
  });

  test("to a setup token that is not the engine's", async ({ expect }) => {
    for (const token of ["", "short", "a-setup-token-for-tests-only", cast.operator.key!]) {
      const answer = await withKey(token).send("POST", "/v1/workspaces", { name: "mine" });
      expectProblem(expect, answer, "unauthenticated");
    }
  });

  test("is no answer to a key that is good: rotated keys overlap, the scheme's case does not matter", async ({
    expect,
  }) => {
    const { key, record } = await cast.operator.post<NewKey>("/v1/keys", { principal: "agent:demo" });
    const next = await cast.operator.post<NewKey>(`/v1/keys/${record.id}/rotate`, {});
    for (const good of [key, next.key]) {
      expect(await withKey(good).get("/v1/whoami")).toMatchObject({ id: "agent:demo" });
    }
    const authorization = `bearer ${key}`;
    expect((await cast.stranger.send("GET", "/v1/whoami", undefined, { authorization })).status).toBe(200);
  });
});

describe("403", () => {
  test("to a key with every scope but the one that a route needs, whether the thing exists or not", async ({
    expect,
  }) => {
    for (const missing of new Set(routes.map(({ scope }) => scope))) {
      if (missing === null || missing === "any") continue;
      const others = scopes.filter((scope) => scope !== missing && scope !== "admin");
      const key = await cast.operator.givesKey("service:tester", { scopes: others });
      for (const route of routes.filter(({ scope }) => scope === missing)) {
        const [there, unknown] = [
          await tryRoute(withKey(key), route, action.id),
          await tryRoute(withKey(key), route, unknownAction),
        ];
        expectProblem(expect, there, "forbidden");
        expect(there.text).toContain(missing);
        expect(sent(unknown)).toEqual(sent(there));
      }
    }
    expect(await cast.demo.sees(action)).toEqual(action);
  });

  test("to whoever would give a key more than they hold themselves", async ({ expect }) => {
    const key = await cast.operator.givesKey("service:tester", { scopes: ["keys:write"] });
    for (const scope of ["admin", "policy:write", "directory:write", "keys:write"]) {
      const body = { principal: "service:tester", scopes: [scope] };
      const answer = await withKey(key).send("POST", "/v1/keys", body);
      expect([scope, answer.status]).toEqual([scope, scope === "keys:write" ? 201 : 403]);
    }
  });

  test("to an agent that would vote, publish or make keys, whatever its key says", async ({ expect }) => {
    for (const scope of ["votes:write", "policy:write", "keys:write", "directory:write", "admin"]) {
      const body = { principal: "agent:demo", scopes: [scope] };
      const answer = await cast.operator.send("POST", "/v1/keys", body);
      expectProblem(expect, answer, "invalid_body");
    }
  });
});

describe("another workspace", () => {
  let foreign: Operator;
  let agent: Agent;
  let person: Person;

  beforeAll(async () => {
    foreign = new Operator("service:operator", engine.url, await keyOfAnother("hp-elsewhere"));
    const { document } = await cast.operator.get<{ document: unknown }>("/v1/policy");
    for (const name of ["omar", "alice", "bob", "carol"]) await foreign.put(`/v1/people/${name}`, {});
    for (const [group, name] of Object.entries({ oncall: "bob", dba: "alice", security: "carol" })) {
      await foreign.seats(group, name);
    }
    const roles = { roles: ["controlled-remediation"], segments: ["prod-hosts"] };
    await foreign.put("/v1/agents/demo", { owner: "person:omar", ...roles });
    await foreign.post("/v1/policy", { document });
    agent = new Agent("agent:demo", engine.url, await foreign.givesKey("agent:demo"));
    person = new Person("person:bob", engine.url, await foreign.givesKey("person:bob"));
  });

  test("finds an id of ours as little as one that is nobody's, on every route", async ({ expect }) => {
    const key = await cast.operator.post<NewKey>("/v1/keys", { principal: "person:carol" });
    const secret = await cast.operator.post<{ id: string }>("/v1/webhooks/secrets", {});
    const url = "https://hooks.example.com/in";
    const endpoint = await cast.operator.post<{ id: string }>("/v1/webhooks", { url, secretId: secret.id });
    const scope = `action:${action.id}`;
    const hold = await cast.omar.post<{ id: string }>("/v1/holds", { scope, reason: "a case" });
    const runs = { scopes: ["admin"] };
    const omar = new Person("person:omar", engine.url, await foreign.givesKey("person:omar", runs));
    const { digest } = action;
    const lease = { lease: "lse_x", fence: 1 };
    const glass = { digest, reason: "nobody answers and it burns", incident: "INC-1", confirm: true };
    const cases: [Caller, string, string, object | undefined, [ours: string, nobodys: string]][] = [
      [agent, "GET", "/v1/actions/ID", undefined, [action.id, unknownAction]],
      [agent, "GET", "/v1/actions/ID?wait=5&afterSeq=0", undefined, [action.id, unknownAction]],
      [agent, "GET", "/v1/actions/ID/events", undefined, [action.id, unknownAction]],
      [agent, "GET", "/v1/actions/ID/card", undefined, [action.id, unknownAction]],
      [foreign, "GET", "/v1/actions/ID/evidence", undefined, [action.id, unknownAction]],
      [person, "POST", "/v1/actions/ID/votes", { decision: "approve", digest }, [action.id, unknownAction]],
      [agent, "POST", "/v1/actions/ID/cancel", { reason: "mine" }, [action.id, unknownAction]],
      [foreign, "POST", "/v1/actions/ID/revoke", { reason: "mine" }, [action.id, unknownAction]],
      [agent, "POST", "/v1/actions/ID/claim", { digest }, [action.id, unknownAction]],
      [agent, "POST", "/v1/actions/ID/heartbeat", lease, [action.id, unknownAction]],
      [
        agent,
        "POST",
        "/v1/actions/ID/report",
        { ...lease, outcome: "succeeded", summary: "x" },
        [action.id, unknownAction],
      ],
      [person, "POST", "/v1/actions/ID/rollback", { reason: "mine" }, [action.id, unknownAction]],
      [person, "POST", "/v1/actions/ID/feedback", { label: "harm" }, [action.id, unknownAction]],
      [person, "GET", "/v1/actions/ID/break-glass", undefined, [action.id, unknownAction]],
      [person, "POST", "/v1/actions/ID/break-glass", glass, [action.id, unknownAction]],
      [
        person,
        "POST",
        "/v1/actions/ID/break-glass/review",
        { verdict: "justified", note: "it was" },
        [action.id, unknownAction],
      ],
      [
        omar,
        "POST",
        "/v1/actions/ID/erase",
        { class: "ephemeral", reason: "mine" },
        [action.id, unknownAction],
      ],
      [omar, "POST", "/v1/holds/ID/release", { reason: "mine" }, [hold.id, "hold_AAAAAAAAAAAAAAAAAAAAAA"]],
      [foreign, "POST", "/v1/keys/ID/rotate", {}, [key.record.id, "0".repeat(12)]],
      [foreign, "POST", "/v1/keys/ID/revoke", {}, [key.record.id, "0".repeat(12)]],
      [foreign, "DELETE", "/v1/webhooks/ID", undefined, [endpoint.id, "whe_nothing"]],
      [foreign, "POST", "/v1/webhooks/secrets/ID/rotate", {}, [secret.id, "whs_nothing"]],
      [
        foreign,
        "POST",
        "/v1/dead-letters/ID/retry",
        {},
        [`${action.id}.1.callback`, `${unknownAction}.1.callback`],
      ],
    ];
    for (const [who, method, path, body, [ours, nobodys]] of cases) {
      const [there, unknown] = [
        await who.send(method, path.replace("ID", ours), body),
        await who.send(method, path.replace("ID", nobodys), body),
      ];
      expect([path, there.status]).toEqual([path, 404]);
      expectProblem(expect, there, "not_found");
      expect(sent(there)).toEqual(sent(unknown));
    }
    const covered = new Set(
      cases.map(([, method, path]) => `${method} ${path.replace(/\?.*/u, "").replace("ID", "{id}")}`),
    );
    const named = routes.filter(
      ({ path }) =>
        path.includes("{id}") && !/people|agents|groups|issuers|schedules|stream|seen/u.test(path),
    );
    expect(named.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual([...covered].toSorted());
    expect(await withKey(key.key).get("/v1/whoami")).toMatchObject({ id: "person:carol" });
    expect(await cast.demo.sees(action)).toEqual(action);
  });

  test("finds it neither by a socket, in a batch, nor as what it replaces", async ({ expect }) => {
    const [there, unknown] = await Promise.all(
      [action.id, unknownAction].map((id) =>
        upgrade(new URL(`/v1/actions/${id}/stream`, engine.url), agent.key),
      ),
    );
    expect(there).toMatchObject({ status: 404, body: { code: "not_found" } });
    expect(there).toEqual(unknown);
    const votes = [action.id, unknownAction].map((id) => ({
      action: id,
      digest: action.digest,
      decision: "approve",
    }));
    const { items } = await person.post<{ items: { status: number; problem: object }[] }>("/v1/votes/batch", {
      items: votes,
    });
    expect(items[0]).toMatchObject({ status: 404, problem: { code: "not_found" } });
    expect(items[0]).toEqual(items[1]);
    const replacing = await refusedAnswer(agent.asks({ supersedes: action.id }));
    expect(sent(replacing)).toEqual(sent(await refusedAnswer(agent.asks({ supersedes: unknownAction }))));
  });

  test("has its own actions, also under the same key of idempotency, and its own list", async ({
    expect,
  }) => {
    const [mine, theirs] = [await cast.demo.asks({}, { key: "same" }), await agent.asks({}, { key: "same" })];
    expect(mine.id).not.toBe(theirs.id);
    expect([mine.workspace, theirs.workspace]).toEqual(["default", "hp-elsewhere"]);
    const listed = async (who: Caller): Promise<string[]> => (await who.lists()).items.map(({ id }) => id);
    await expect.poll(() => listed(agent), { timeout: 10_000 }).toEqual([theirs.id]);
    expect(await listed(cast.demo)).not.toContain(theirs.id);
    const { items } = await foreign.get<{ items: { principal: string }[] }>("/v1/keys");
    expect(items.map(({ principal }) => principal)).not.toContain("person:carol");
  });
});
