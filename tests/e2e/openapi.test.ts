import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { Bundle } from "../../schemas/bundle.ts";
import { type Cast, castOf, requestOf } from "../support/actors.ts";
import type { Answer, Caller } from "../support/caller.ts";
import { type Document, faultsBy, operationFor } from "../support/described.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** The description of the API: a public linter takes it, it leaves no route out, and the engine answers as it says. */

const root = fileURLToPath(new URL("../..", import.meta.url));
let engine: TestEngine;
let cast: Cast;
let document: Document;
const seen = new Set<string>();

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  document = await cast.stranger.get<Document>("/openapi.json");
});

afterAll(async () => {
  await engine?.stop();
});

type Finding = { ruleId: string; severity: string; message: string; location: { pointer?: string }[] };

/** What Redocly's own recommended rules say of the document; nothing is looked up on the network. */
async function lint(text: string): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "holdpoint-openapi-"));
  try {
    writeFileSync(join(folder, "openapi.json"), text);
    writeFileSync(join(folder, "redocly.yaml"), "extends:\n  - recommended\n");
    const args = [
      "lint",
      "openapi.json",
      "--config",
      "redocly.yaml",
      "--format",
      "json",
      "--max-problems",
      "1000",
    ];
    const env = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
    const output = await new Promise<string>((resolve) => {
      // It ends with 1 where it finds errors, which are in its output.
      execFile(
        join(root, "node_modules/.bin/redocly"),
        args,
        { cwd: folder, env, maxBuffer: 1e8 },
        (_, out) => resolve(out),
      );
    });
    const { problems } = JSON.parse(output) as { problems: Finding[] };
    return problems.map(({ ruleId, severity, location }) => `${severity} ${ruleId} ${location[0]?.pointer}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const wantsNothing = new Set(["/v1/slack/link", "/v1/sign-in-links", "/v1/tickets"]);

describe("/openapi.json", () => {
  test("passes a public linter", async ({ expect }) => {
    // A WebSocket has no 2xx answer: 101 is its success, and the rule knows of no such thing.
    const upgraded = ["/v1/actions/{id}/stream", "/v1/board/stream"].map(
      (path) => `warn operation-2xx-response #/paths/${path.replaceAll("/", "~1")}/get/responses`,
    );
    expect((await lint(JSON.stringify(document))).toSorted()).toEqual(upgraded.toSorted());
  });

  test("would not pass it with a fault in it", async ({ expect }) => {
    const broken = JSON.stringify(document).replace(
      '"#/components/schemas/ActionView"',
      '"#/components/schemas/Nothing"',
    );
    expect((await lint(broken)).join()).toContain("error no-unresolved-refs");
    expect((await lint('{"openapi":"3.1.1","info":{"title":"x"}}')).length).toBeGreaterThan(1);
  });

  test("describes every route there is, and none besides", async ({ expect }) => {
    const folder = join(root, "workers/routes");
    const source = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
    const lines = source.flatMap((text) => [...text.matchAll(/method: "(\w+)",\s+path: "([^"]+)"/gu)]);
    const routes = lines.map(([, method, path]) => `${method} ${path?.replaceAll(/:(\w+)/gu, "{$1}")}`);
    const named = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes.length).toBeGreaterThan(45);
    // The description itself is the one that is not described.
    expect(routes.filter((route) => route !== "GET /openapi.json").toSorted()).toEqual(named.toSorted());
  });

  test("names every operation once, and every parameter of a path", async ({ expect }) => {
    const operations = Object.entries(document.paths).flatMap(([path, byMethod]) =>
      Object.values(byMethod).map((operation) => ({ path, operation })),
    );
    const ids = operations.map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { path, operation } of operations) {
      const named = (operation.parameters ?? []).filter((parameter) => parameter.in === "path");
      expect(named.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/gu) ?? []);
    }
    const posts = Object.values(document.paths).flatMap(({ post }) => post?.parameters ?? []);
    const keys = posts.filter(({ name }) => name === "Idempotency-Key");
    expect(keys).toHaveLength(ids.filter((id) => id.startsWith("post_")).length);
  });
});

/** A call whose body and answer are held against the description. */
async function described<Body>(who: Caller, method: string, path: string, body?: unknown): Promise<Body> {
  const answer = await who.send(method, path, body);
  const [pattern, operation] = operationFor(document, method, path) ?? [];
  if (operation === undefined) throw new Error(`${method} ${path} is not described`);
  seen.add(`${method} ${pattern}`);
  const wanted = operation.requestBody?.content["application/json"]?.schema;
  const faults = answer.status < 300 && wanted !== undefined ? faultsBy(document, wanted, body) : [];
  faults.push(...faultsOf(answer, operation.responses));
  if (faults.length > 0) {
    throw new Error(`${method} ${path} ${answer.status}: ${faults.join("\n")}\n${answer.text}`);
  }
  return answer.body as Body;
}

function faultsOf(answer: Answer, responses: Document["paths"][string][string]["responses"]): string[] {
  const response = responses[answer.status];
  if (response === undefined) return [`${answer.status} is not described`];
  const type = answer.headers.get("content-type");
  if (response.content === undefined) return answer.text === "" ? [] : ["a body is not described"];
  const content = response.content[type ?? ""];
  if (content === undefined) return [`${type} is not described`];
  const isJson = type?.includes("json") === true;
  return faultsBy(document, content.schema, isJson ? answer.body : answer.text);
}

describe("the engine answers as described", () => {
  test("over the life of an action", async ({ expect }) => {
    const { demo, bob, auditor } = cast;
    type View = { id: string; digest: string };
    type Claim = { lease: string; fence: number };
    const ask = (parts = {}): Promise<View> =>
      described(demo, "POST", "/v1/actions", requestOf({ rollbackPlan: { argv: ["undo"] }, ...parts }));
    const action = await ask({ context: { ticket: 7 }, preconditions: null });
    const on = `/v1/actions/${action.id}`;
    const { digest } = action;
    await described(bob, "POST", `${on}/votes`, { decision: "approve", digest });
    const { lease, fence } = await described<Claim>(demo, "POST", `${on}/claim`, { digest });
    await described(demo, "POST", `${on}/heartbeat`, { lease, fence });
    const report = {
      lease,
      fence,
      outcome: "succeeded",
      summary: "exit 0",
      evidence: { exitCode: 0 },
      startupMs: 12,
    };
    await described(demo, "POST", `${on}/report`, report);
    await described(bob, "POST", `${on}/rollback`, { reason: "it did harm" });
    const undo = await described<Claim>(demo, "POST", `${on}/claim`, { digest });
    const failed = { outcome: "failed", effect: "partial", summary: "exit 1" };
    await described(demo, "POST", `${on}/report`, { lease: undo.lease, fence: undo.fence, ...failed });
    await described(auditor, "GET", on);
    const log = await described<{ items: object[] }>(auditor, "GET", `${on}/events?afterSeq=0`);
    expect(log.items.length).toBeGreaterThan(7);
    await described(demo, "POST", `/v1/actions/${(await ask()).id}/cancel`, { reason: "no" });
    const revoked = await ask();
    await described(bob, "POST", "/v1/votes/batch", {
      items: [
        { action: revoked.id, digest: revoked.digest, decision: "approve" },
        { action: "x", digest, decision: "deny" },
      ],
    });
    await described(bob, "POST", `/v1/actions/${revoked.id}/revoke`, { reason: "no" });
    await described(demo, "POST", "/v1/actions/batch", { items: [{ action: requestOf() }, { action: {} }] });
    await expect.poll(async () => (await demo.lists("limit=3")).items.length, { timeout: 10_000 }).toBe(3);
    await described(bob, "GET", "/v1/actions?limit=2&waitingFor=me");
    await described(bob, "GET", "/v1/queue");
  });

  test("to whoever runs it", async ({ expect }) => {
    const { operator, stranger } = cast;
    await described(operator, "GET", "/v1/whoami");
    for (const kind of ["people", "agents", "groups", "delegations"]) {
      await described(operator, "GET", `/v1/${kind}`);
    }
    await described(operator, "PUT", "/v1/people/eve", {
      name: "Eve",
      email: "eve@example.com",
      manager: "person:omar",
    });
    await described(operator, "PUT", "/v1/agents/spare", { owner: "person:eve", roles: [], segments: [] });
    await described(operator, "PUT", "/v1/groups/spare", { members: ["person:eve"], description: "Spare" });
    const until = new Date(Date.now() + 60_000).toISOString();
    const delegation = { from: "person:eve", to: "person:bob", groups: ["spare"], until };
    await described(operator, "POST", "/v1/delegations", delegation);
    await described(operator, "GET", "/v1/delegations");
    await described(operator, "POST", "/v1/delegations/remove", { from: "person:eve", to: "person:bob" });
    for (const entry of ["agents/spare", "groups/spare", "people/eve"]) {
      await described(operator, "DELETE", `/v1/${entry}`);
    }
    const { document: policy, version } = await described<{ document: object; version: string }>(
      operator,
      "GET",
      "/v1/policy",
    );
    await described(operator, "POST", "/v1/policy/check", { document: policy });
    await described(operator, "POST", "/v1/policy/check", { document: { roles: 1 } });
    const asked = {
      type: "host.shell",
      target: { resource: "h" },
      args: { argv: ["ls"] },
      agent: "agent:demo",
    };
    await described(operator, "POST", "/v1/policy/evaluate", { request: asked });
    await described(operator, "POST", "/v1/policy/evaluate", { request: { ...asked, type: "no.such" } });
    const example = { name: "a", request: asked, expect: { outcome: "deny", seats: { oncall: [] } } };
    await described(operator, "POST", "/v1/policy/test", { examples: [example], document: policy });
    const without = { ...policy, contracts: [] };
    await described(operator, "POST", "/v1/policy/replay", { days: 1, limit: 5, document: without });
    await described(operator, "POST", "/v1/policy/diff", { document: { ...policy, contracts: [] } });
    await described(operator, "POST", "/v1/policy", { document: policy, note: "again" });
    await described(operator, "GET", "/v1/policy/versions");
    await described(operator, "POST", "/v1/policy/activate", { version });
    type Made = { record: { id: string } };
    const { record } = await described<Made>(operator, "POST", "/v1/keys", {
      principal: "person:bob",
      scopes: ["actions:read"],
      name: "a",
      expiresAt: until,
    });
    await described(operator, "POST", `/v1/keys/${record.id}/rotate`, { overlapMs: 1_000 });
    await described(operator, "POST", `/v1/keys/${record.id}/revoke`, {});
    await described(operator, "GET", "/v1/keys");
    const rule = { claims: { sub: "spiffe://acme.com/agents/night" }, agent: "agent:demo" };
    const issuer = { issuer: "https://spire.acme.com", audience: "holdpoint/default", rules: [rule] };
    await described(operator, "PUT", "/v1/issuers/spiffe", issuer);
    await described(operator, "GET", "/v1/issuers/spiffe");
    await described(operator, "GET", "/v1/issuers");
    await described(operator, "DELETE", "/v1/issuers/spiffe");
    const secret = await described<{ id: string }>(operator, "POST", "/v1/webhooks/secrets", {});
    await described(operator, "POST", `/v1/webhooks/secrets/${secret.id}/rotate`, { overlapMs: 1_000 });
    await described(operator, "GET", "/v1/webhooks/secrets");
    const hook = {
      url: "https://hooks.example.com/in",
      events: ["action.approved"],
      payload: true,
      description: "a",
    };
    const endpoint = await described<{ id: string }>(operator, "POST", "/v1/webhooks", hook);
    await described(operator, "GET", "/v1/webhooks");
    await described(operator, "DELETE", `/v1/webhooks/${endpoint.id}`);
    await described(operator, "GET", "/v1/dead-letters");
    await described(operator, "POST", "/v1/board/repair", {});
    const turns = { people: ["person:bob"], starts: "2026-01-05T09:00", every: "7d" };
    const schedule = { timeZone: "Europe/Berlin", rotations: [turns] };
    await described(operator, "PUT", "/v1/schedules/described", schedule);
    await described(operator, "GET", "/v1/schedules");
    await described(operator, "POST", "/v1/oncall/described", { people: ["person:bob"], until });
    await described(operator, "GET", "/v1/oncall");
    await described(operator, "GET", "/v1/oncall/described");
    await described(operator, "DELETE", "/v1/oncall/described");
    await described(operator, "DELETE", "/v1/schedules/described");
    await described(operator, "PUT", "/v1/owners", { owners: [{ targets: ["*"], owner: "group:dba" }] });
    await described(operator, "GET", "/v1/owners");
    await described(operator, "POST", "/v1/kill-switches", { scope: "db.*", reason: "described" });
    await described(operator, "GET", "/v1/kill-switches");
    const held = { scope: "type:host.shell", reason: "described", until };
    const hold = await described<{ id: string }>(cast.omar, "POST", "/v1/holds", held);
    await described(operator, "GET", "/v1/holds");
    await described(cast.omar, "POST", `/v1/holds/${hold.id}/release`, { reason: "described" });
    await described(operator, "GET", "/v1/metrics");
    const { id } = await cast.demo.asks();
    const { log } = await described<Bundle>(operator, "GET", `/v1/actions/${id}/evidence`);
    await described(operator, "GET", `/v1/actions/${id}/evidence?since=${log.checkpoint.size}`);
    await described(operator, "GET", "/v1/evidence");
    await described(operator, "GET", "/v1/evidence/access");
    await described(operator, "GET", "/v1/ledger");
    await described(operator, "GET", "/v1/ledger/entries?from=0&limit=5");
    await described(operator, "GET", `/v1/ledger/consistency?from=1&to=${log.checkpoint.size}`);
    await described(operator, "POST", "/v1/ledger/rotate", {});
    await described(stranger, "GET", "/checkpoint");
    await described(stranger, "GET", "/checkpoint?form=ssh");
    await described(operator, "POST", "/v1/kill-switches/release", { scope: "db.*" });
    await described(stranger, "GET", "/healthz");
    await described(stranger, "GET", "/.well-known/jwks.json");
    expect(seen.size).toBeGreaterThan(30);
  });

  test("in a freeze", async ({ expect }) => {
    const { demo, bob, operator } = cast;
    const { document: policy } = await operator.get<{ document: object }>("/v1/policy");
    const when = { from: "2020-01-01T00:00", until: "2090-01-01T00:00" };
    const freeze = { name: "described", timeZone: "UTC", because: "It is described", ...when };
    await described(operator, "POST", "/v1/policy", { document: { ...policy, freezes: [freeze] } });
    try {
      const { id, digest } = await demo.asks();
      await described(bob, "POST", `/v1/actions/${id}/votes`, { decision: "approve", digest });
      const claim = await described(demo, "POST", `/v1/actions/${id}/claim`, { digest });
      expect(claim).toMatchObject({ status: 423, code: "frozen" });
      expect(await described(demo, "GET", `/v1/actions/${id}`)).toMatchObject({
        freeze: { name: "described" },
      });
    } finally {
      await operator.post("/v1/policy", { document: policy });
    }
  });

  test("to a person on the page", async ({ expect }) => {
    const page = { origin: engine.url, "x-holdpoint-csrf": "1" };
    const { url } = await cast.bob.post<{ url: string }>("/v1/sign-in-links", {});
    const token = url.split("#")[1];
    const send = async (method: string, path: string, body?: unknown, headers = {}): Promise<Answer> => {
      const answer = await cast.stranger.send(method, path, body, { ...page, ...headers });
      const { responses = {} } = operationFor(document, method, path)?.[1] ?? {};
      expect([method, path, faultsOf(answer, responses)]).toEqual([method, path, []]);
      return answer;
    };
    const session = await send("POST", "/v1/session", { token });
    const cookie = (session.headers.get("set-cookie") ?? "").split(";")[0]!;
    for (const path of ["/v1/whoami", "/v1/session"]) await send("GET", path, undefined, { cookie });
    // A link is good for once; whoever is refused is told how to come back.
    const again = await send("POST", "/v1/session", { token });
    expect([again.status, again.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="holdpoint"']);
    const elsewhere = { origin: "https://elsewhere.example" };
    expect((await send("POST", "/v1/session", { token }, elsewhere)).status).toBe(403);
  });

  test("when it refuses, too", async ({ expect }) => {
    const { demo, stranger, bob } = cast;
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const method of Object.keys(operations).map((name) => name.toUpperCase())) {
        const address = path.replaceAll(/\{\w+\}/gu, "nothing");
        const bodies = method === "GET" || method === "DELETE" ? [undefined] : ["{", "{}", '{"surprise":1}'];
        for (const who of [stranger, demo, bob]) {
          for (const body of bodies) {
            // For these an empty body is the right one, and this test is about wrong ones.
            if (body === "{}" && wantsNothing.has(path)) continue;
            await described(who, method, address, body);
          }
        }
      }
    }
    const missing = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).filter((method) => !seen.has(`${method.toUpperCase()} ${path}`)),
    );
    expect(missing).toEqual([]);
  });

  test("and the check would see a field that is not described, or one of another type", async ({
    expect,
  }) => {
    const { schema } = document.paths["/healthz"]!["get"]!.responses["200"]!.content!["application/json"]!;
    const good = { ok: true, time: "2026-01-31T12:00:00.000Z" };
    expect(faultsBy(document, schema, good)).toEqual([]);
    expect(faultsBy(document, schema, { ...good, more: 1 })).toHaveLength(1);
    expect(faultsBy(document, schema, { ...good, ok: "yes" })).not.toHaveLength(0);
    expect(faultsBy(document, schema, { ok: true })).not.toHaveLength(0);
  });
});
