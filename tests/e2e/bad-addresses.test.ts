import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { type Cast, castOf, requestOf } from "../support/actors.ts";
import { actionsOnDisk } from "../support/disk.ts";
import { addressOf, describedRoutes, type DescribedRoute } from "../support/routes.ts";
import { expectProblem, expectSealed, pointersOf } from "../support/sealed.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** Addresses, methods, queries and headers that are not ours. */

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

/** Sends the path to the byte, where `fetch` would tidy it first. */
function rawStatus(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(engine.url);
    const headers = { authorization: `Bearer ${cast.operator.key}` };
    const request = httpRequest({ hostname, port, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.once("error", reject);
    request.end();
  });
}

describe("an id in a path", () => {
  const ids = [
    "x",
    "act_short",
    `act_${"x".repeat(23)}`,
    `act_${"x".repeat(21)}%00`,
    `act_${"x".repeat(21)}%20`,
    `ACT_${"x".repeat(22)}`,
    "%ZZ",
    "%E0%A4%A",
    "%2e%2e%2fkeys",
    "..%5c..%5cregistry",
    "__proto__",
    "constructor",
    "default%2fregistry",
    `act_${"x".repeat(2_000)}`,
    "act_%EF%BC%A1",
    "*",
    "'%3B--",
  ];

  test("that is no id of ours is not found, whatever it looks like", async ({ expect }) => {
    for (const id of ids) {
      for (const { method, path } of [
        { method: "GET", path: "/v1/actions/{id}" },
        { method: "GET", path: "/v1/actions/{id}/events" },
        { method: "GET", path: "/v1/actions/{id}?wait=1" },
      ]) {
        const answer = await cast.demo.send(method, addressOf({ path }, id));
        expect([id, answer.status]).toEqual([id, 404]);
        expectProblem(expect, answer, "not_found");
      }
      const claim = await cast.demo.send("POST", `/v1/actions/${id}/claim`, { digest: action.digest });
      expectProblem(expect, claim, "not_found");
    }
  });

  test("breaks no route, whatever it looks like", async ({ expect }) => {
    for (const route of routes.filter(({ path }) => path.includes("{"))) {
      for (const id of ids) {
        const body = route.method === "GET" || route.method === "DELETE" ? undefined : {};
        const answer = await cast.operator.send(route.method, addressOf(route, id), body);
        // A new person may be called "x"; nothing else here is good anywhere.
        if (answer.status >= 500) throw new Error(`${route.method} ${route.path} with ${id}: ${answer.text}`);
        expectSealed(expect, answer);
      }
    }
  });

  test("of a person, an agent or a group follows the rules of names", async ({ expect }) => {
    const bad = [
      "",
      "UPPER",
      "with%20space",
      "a%2fb",
      "-dash",
      "%E2%80%AE",
      "x".repeat(64),
      "__proto__",
      "constructor",
    ];
    for (const [kind, body] of [
      ["people", {}],
      ["groups", { members: [] }],
      ["agents", { owner: "person:omar", roles: [], segments: [] }],
    ] as const) {
      for (const id of bad) {
        const answer = await cast.operator.send("PUT", `/v1/${kind}/${id}`, body);
        // A person:constructor is as good as any: the prefix keeps it apart from what objects have.
        if (id === "constructor" && kind !== "groups") continue;
        expect([kind, id, answer.status]).toEqual([kind, id, id === "" ? 405 : 422]);
      }
    }
  });

  test("cannot climb out of its place", async ({ expect }) => {
    for (const path of [
      "/v1/actions/../keys/../x",
      "/v1/actions/%2e%2e/x",
      "/v1//actions/x",
      "/v1/actions/./x/y/z",
    ]) {
      expect([path, await rawStatus(path)]).toEqual([path, 404]);
    }
  });
});

const fits = (pattern: string, path: string): boolean =>
  new RegExp(`^${pattern.replaceAll(/\{\w+\}/gu, "[^/]+")}$`, "u").test(path);

/** A WebSocket: no method but the GET that opens it makes sense there. */
const isSocket = ({ path }: { path: string }): boolean => path.endsWith("/stream");

describe("a method", () => {
  test("that an address does not take gets 405 with Allow, and does nothing", async ({ expect }) => {
    const methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"];
    const byPath = Map.groupBy(routes, ({ path }) => path);
    for (const [path, lines] of byPath) {
      const taken = lines.flatMap(({ method }) =>
        method === "GET" && !isSocket({ path }) ? [method, "HEAD"] : [method],
      );
      for (const method of methods.filter((one) => !taken.includes(one))) {
        // A fixed path may also fit one with a parameter, which then answers for that method.
        const asked = method === "HEAD" ? "GET" : method;
        const fitting = routes.filter((other) => other.method === asked && fits(other.path, path));
        if (fitting.some((other) => !isSocket(other))) continue;
        const body = ["GET", "HEAD"].includes(method) ? undefined : "{}";
        const answer = await cast.operator.send(method, addressOf({ path }, action.id), body);
        expect([path, method, answer.status]).toEqual([path, method, 405]);
        expect(answer.headers.get("allow")?.split(", ").toSorted()).toEqual(taken.toSorted());
        expectSealed(expect, answer);
        if (method === "HEAD") expect(answer.text).toBe("");
        else expectProblem(expect, answer, "method_not_allowed");
      }
    }
    expect(await cast.demo.sees(action)).toEqual(action);
  });

  test("cannot be changed by a header or a parameter", async ({ expect }) => {
    const headers = { "x-http-method-override": "DELETE", "x-method-override": "DELETE" };
    const answer = await cast.operator.send("GET", "/v1/people/bob", undefined, headers);
    expectProblem(expect, answer, "method_not_allowed");
    const { items } = await cast.operator.get<{ items: { id: string }[] }>("/v1/people");
    expect(items.map(({ id }) => id)).toContain("person:bob");
  });

  test("P12 no GET, HEAD or OPTIONS decides anything", async ({ expect }) => {
    const before = JSON.stringify([...actionsOnDisk(engine.stateDir).values()].map(({ events }) => events));
    const vote = new URLSearchParams({ decision: "approve", digest: action.digest, reason: "clicked" });
    for (const { path } of routes) {
      for (const method of ["GET", "HEAD", "OPTIONS"]) {
        if (isSocket({ path })) continue;
        const address = `${addressOf({ path }, action.id)}?${vote.toString()}`;
        await cast.alice.send(method, address, undefined, { purpose: "prefetch", "sec-purpose": "prefetch" });
      }
    }
    const after = JSON.stringify([...actionsOnDisk(engine.stateDir).values()].map(({ events }) => events));
    expect(after).toBe(before);
  });
});

describe("an address", () => {
  test("that is not there is 404, with a key and without", async ({ expect }) => {
    for (const path of [
      "/v1/nothing",
      "/v1/actions.json",
      "/v1/actions/x/y/z",
      "/slack/nothing",
      "/.well-known/nothing",
    ]) {
      for (const who of [cast.operator, cast.stranger]) {
        expectProblem(expect, await who.send("GET", path), "not_found");
      }
    }
  });

  test("for a socket says so to whoever does not upgrade", async ({ expect }) => {
    const answer = await cast.demo.send("GET", `/v1/actions/${action.id}/stream`);
    expectProblem(expect, answer, "upgrade_required");
    const { ticket } = await cast.bob.post<{ ticket: string }>("/v1/tickets", {});
    const origin = { origin: engine.url };
    const board = await cast.bob.send("GET", `/v1/board/stream?ticket=${ticket}`, undefined, origin);
    expectProblem(expect, board, "upgrade_required");
  });
});

describe("a query", () => {
  const faults: Record<string, string[]> = {
    "/v1/actions?colour=red": ["?colour"],
    "/v1/actions?state=asleep": ["?state"],
    "/v1/actions?state=pending&state=denied": ["?state"],
    "/v1/actions?type=Host%20Shell": ["?type"],
    "/v1/actions?limit=0": ["?limit"],
    "/v1/actions?limit=101": ["?limit"],
    "/v1/actions?limit=1e1": ["?limit"],
    "/v1/actions?limit=-1": ["?limit"],
    "/v1/actions?limit=": ["?limit"],
    "/v1/actions?cursor=%27%20OR%201=1": ["?cursor"],
    "/v1/actions?waitingFor=bob": ["?waitingFor"],
    "/v1/actions?waitingFor=me": ["?waitingFor"],
    "/v1/actions?__proto__=1": ["?__proto__"],
    "/v1/actions?group=%00": ["?group"],
    "/v1/actions/ID?wait=forever": ["?wait"],
    "/v1/actions/ID?wait=-1": ["?wait"],
    "/v1/actions/ID?wait=1.5": ["?wait"],
    "/v1/actions/ID?afterSeq=-1": ["?afterSeq"],
    "/v1/actions/ID?afterSeq=1e99": ["?afterSeq"],
    "/v1/actions/ID?wait=1&wait=2": ["?wait"],
    "/v1/actions/ID/events?afterSeq=x&more=1": ["?afterSeq", "?more"],
    "/v1/queue?limit=1000": ["?limit"],
  };

  test.for(Object.keys(faults))("%s is refused by the parameter's name", async (path, { expect }) => {
    const answer = await cast.demo.send("GET", path.replace("ID", action.id));
    expectProblem(expect, answer, "bad_request");
    expect(pointersOf(answer)).toEqual(faults[path]);
  });
});

describe("a header", () => {
  test("Idempotency-Key that is none is refused before anything is done", async ({ expect }) => {
    const before = actionsOnDisk(engine.stateDir).size;
    for (const key of ["", "x".repeat(256), "tab\there", "é"]) {
      const answer = await cast.demo.send("POST", "/v1/actions", requestOf(), { "idempotency-key": key });
      expectProblem(expect, answer, "bad_request");
    }
    expect(actionsOnDisk(engine.stateDir).size).toBe(before);
  });

  test("Authorization that is no bearer token is no key", async ({ expect }) => {
    for (const authorization of [
      "",
      "Bearer",
      "Bearer ",
      `Basic ${btoa(`x:${cast.demo.key}`)}`,
      `Bearer  ${cast.demo.key}`,
      `${cast.demo.key}`,
    ]) {
      const answer = await cast.stranger.send("GET", "/v1/whoami", undefined, { authorization });
      expectProblem(expect, answer, "unauthenticated");
    }
    const inQuery = await cast.stranger.send("GET", `/v1/whoami?access_token=${cast.demo.key}`);
    expectProblem(expect, inQuery, "unauthenticated");
  });

  test("that names a workspace is not believed", async ({ expect }) => {
    const headers = { "x-workspace": "hp-elsewhere", "x-holdpoint-workspace": "hp-elsewhere" };
    const answer = await cast.demo.send("GET", `/v1/actions/${action.id}`, undefined, headers);
    expect(answer.body).toMatchObject({ workspace: "default" });
  });
});

test("good answers carry the security headers too", async ({ expect }) => {
  for (const route of routes.filter(({ method, path }) => method === "GET" && !path.endsWith("/stream"))) {
    expectSealed(expect, await cast.operator.send("GET", addressOf(route, action.id)));
  }
  expectSealed(expect, await cast.stranger.send("GET", "/openapi.json"));
  expect(engine.errors()).toBe("");
});

test("an id that nobody can have is not found, also where somebody else would have to agree", async ({
  expect,
}) => {
  // The last of this file: from here on there are two operators.
  await cast.operator.seats("operators", "alice");
  for (const kind of ["people", "groups", "agents", "schedules"]) {
    for (const id of ["'%20or%201=1", "with%20space", "UPPER", `act_${"X".repeat(22)}`, "x".repeat(64)]) {
      expectProblem(expect, await cast.omar.send("DELETE", `/v1/${kind}/${id}`), "not_found");
    }
  }
  expect((await cast.omar.send("DELETE", "/v1/people/carol")).status).toBe(202);
});
