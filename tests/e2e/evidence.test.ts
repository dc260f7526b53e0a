import * as v from "valibot";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Bundle } from "../../schemas/bundle.ts";
import type { AccessList, AccessView, EvidenceList } from "../../schemas/evidence-list.ts";
import { type Cast, castOf, contractOf, wholeLife } from "../support/actors.ts";
import { Caller } from "../support/caller.ts";
import { addressOf } from "../support/routes.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** What an auditor takes away from a real engine, and that nobody does so unseen. */

let engine: TestEngine;
let cast: Cast;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
});
afterAll(async () => {
  await engine.stop();
});

const bundleOf = async (id: string, query = ""): Promise<Bundle> =>
  v.parse(Bundle, await cast.auditor.get(`/v1/actions/${id}/evidence${query}`));

async function accessesBy(by: string): Promise<AccessView[]> {
  const found: AccessView[] = [];
  let cursor: string | null = null;
  do {
    const more: string = cursor === null ? "" : `&cursor=${cursor}`;
    const page: AccessList = await cast.operator.get(`/v1/evidence/access?by=${by}${more}`);
    found.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return found;
}

/** A new service that may read everything there is to read. */
async function newReader(name: string): Promise<Caller> {
  const scopes = ["actions:read", "policy:read", "evidence:read"];
  const key = await cast.operator.givesKey(`service:${name}`, { scopes });
  return new Caller(`service:${name}`, engine.url, key);
}

type Operation = { "x-recorded"?: boolean; responses: Record<string, unknown> };

/** Every route that is said to be written down, but for the WebSocket. */
async function recordedRoutes(): Promise<{ method: string; path: string }[]> {
  const { paths } = await cast.stranger.get<{ paths: Record<string, Record<string, Operation>> }>(
    "/openapi.json",
  );
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, operation]) => operation["x-recorded"] === true && !("101" in operation.responses))
      .map(([method]) => ({ method: method.toUpperCase(), path })),
  );
}

describe("a bundle", () => {
  test("of a whole life has every event, the contract, the policy and what the voter was shown", async ({
    expect,
  }) => {
    const id = await wholeLife(cast);
    const answer = await cast.auditor.send("GET", `/v1/actions/${id}/evidence`);
    const bundle = v.parse(Bundle, answer.body);
    expect(answer.headers.get("content-disposition")).toBe(
      `attachment; filename="holdpoint-${bundle.number}-${id}.json"`,
    );
    const events = await cast.auditor.readsLog({ id });
    const entries = bundle.entries.map(({ text }) => JSON.parse(text) as { type: string; seq: number });
    expect(entries.map(({ type }) => type)).toEqual(events.map(({ type }) => type));
    expect(bundle.contract).toMatchObject({ type: "host.shell" });
    const { version } = await cast.auditor.get<{ version: string }>("/v1/policy");
    expect(bundle.policy).toMatchObject({ version, document: { contracts: expect.any(Array) } });
    expect(bundle.shown).toHaveLength(1);
    expect(bundle.shown[0]?.card).not.toBeNull();
    expect(bundle.log.opened.text).toContain(id);
    expect(bundle.log.keys).toHaveLength(1);
  });

  test("while it runs is not sealed, and says so", async ({ expect }) => {
    const { id } = await cast.demo.asks();
    const bundle = await bundleOf(id);
    expect(bundle.log.sealed).toBeNull();
    expect(bundle.entries).toHaveLength(1);
  });

  test("is sealed the moment it is asked for, if the action is over", async ({ expect }) => {
    const action = await cast.demo.asks();
    await cast.demo.cancels(action);
    const { log } = await bundleOf(action.id);
    expect(JSON.parse(log.sealed?.text ?? "null")).toMatchObject({ kind: "sealed", state: "cancelled" });
  });

  test("is proven in the tree that is asked for, or it is said which trees there are", async ({ expect }) => {
    const { id } = await cast.demo.asks();
    const first = (await bundleOf(id)).log.checkpoint;
    const later = await bundleOf(id, `?at=${first.size}`);
    expect(later.log.checkpoint).toMatchObject({ size: first.size, root: first.root });
    const grown = await bundleOf(id, `?since=${first.size}`);
    expect(grown.log.checkpoint.size).toBeGreaterThan(first.size);
    expect(grown.log.consistency?.since).toBe(first.size);
    for (const [query, pointer] of [
      ["at=0", "?at"],
      ["since=0", "?since"],
      ["at=99999999", "?at"],
      ["since=99999999", "?since"],
      ["at=1", "?at"],
      ["at=x", "?at"],
      ["at=5&since=6", "?since"],
      ["surprise=1", "?surprise"],
    ]) {
      const answer = await cast.auditor.send("GET", `/v1/actions/${id}/evidence?${query}`);
      expect(answer, query).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
    }
  });

  test("is for whoever may read evidence", async ({ expect }) => {
    const { id } = await cast.demo.asks();
    const path = `/v1/actions/${id}/evidence`;
    expect((await cast.operator.send("GET", path)).status).toBe(200);
    for (const who of [cast.demo, cast.bob]) {
      expect(await who.send("GET", path)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    }
    expect((await cast.stranger.send("GET", path)).status).toBe(401);
    expect((await cast.auditor.send("GET", `/v1/actions/act_${"0".repeat(22)}/evidence`)).status).toBe(404);
  });
});

describe("T16 T26: every read of evidence", () => {
  test("is in the access log, over every route and whatever came of it", async ({ expect }) => {
    const reader = await newReader("prober");
    const { id } = await cast.other.asks();
    const routes = await recordedRoutes();
    expect(routes.length).toBeGreaterThan(6);
    const before = (await accessesBy("agent:demo")).length;
    const wanted: string[] = [];
    let refused = 0;
    for (const route of routes) {
      const { method } = route;
      const body = method === "GET" ? undefined : "{}";
      const unknown = `act_${"0".repeat(22)}`;
      const addresses = [
        addressOf(route, id),
        addressOf(route, unknown),
        addressOf(route, "nothing"),
        `${addressOf(route, id)}?surprise=1`,
      ];
      for (const address of addresses) {
        await reader.send(method, address, body);
        if (method === "GET") await reader.send("HEAD", address);
        wanted.push(...Array.from({ length: method === "GET" ? 2 : 1 }, () => nameOf(route)));
        const answer = await cast.demo.send(method, address, body);
        if (answer.status === 403) refused += 1;
      }
    }
    const found = await accessesBy("service:prober");
    expect(found.map(({ route }) => route).toSorted()).toEqual(wanted.toSorted());
    expect(found.every(({ outcome }) => outcome === "allowed")).toBe(true);
    const agents = (await accessesBy("agent:demo")).slice(before);
    expect(agents).toHaveLength(routes.length * 4);
    expect(agents.filter(({ outcome }) => outcome === "refused").length).toBeGreaterThanOrEqual(refused);
    expect(refused).toBeGreaterThan(20);
  });

  test("over a WebSocket is in it as well, but for an agent that waits for its own", async ({ expect }) => {
    const action = await cast.demo.asks();
    const reader = await newReader("follower");
    const own = (await accessesBy("agent:demo")).length;
    const others = (await accessesBy("agent:other")).length;
    for (const who of [reader, cast.demo, cast.other]) await (await who.follows(action)).close();
    const route = "GET /v1/actions/:id/stream";
    expect(await accessesBy("service:follower")).toMatchObject([{ route, action: action.id }]);
    expect((await accessesBy("agent:other")).slice(others)).toMatchObject([{ route, action: action.id }]);
    expect((await accessesBy("agent:demo")).length).toBe(own);
  });

  test("is read back by time, page after page, and reading it is one more", async ({ expect }) => {
    const reader = await newReader("pager");
    const since = new Date().toISOString();
    for (let count = 0; count < 5; count += 1) await reader.get(`/v1/evidence?limit=1&after=${count}`);
    const first = await cast.operator.get<AccessList>(
      `/v1/evidence/access?since=${since}&by=service:pager&limit=2`,
    );
    expect(first.items).toMatchObject([{ asked: "limit=1&after=0" }, { asked: "limit=1&after=1" }]);
    const next = await cast.operator.get<AccessList>(
      `/v1/evidence/access?by=service:pager&limit=100&cursor=${first.nextCursor}`,
    );
    expect(next.items).toHaveLength(3);
    const none = await cast.operator.get<AccessList>(`/v1/evidence/access?until=${since}&by=service:pager`);
    expect(none.items).toEqual([]);
    const own = await accessesBy("service:operator");
    expect(own.at(-1)).toMatchObject({ route: "GET /v1/evidence/access" });
  });
});

const nameOf = ({ method, path }: { method: string; path: string }): string =>
  `${method} ${path.replaceAll(/\{(\w+)\}/gu, ":$1")}`;

describe("the list", () => {
  test("has every action of a time and type by its number, with a checkpoint to ask for all of them at", async ({
    expect,
  }) => {
    // A type of its own: what was asked for earlier may be seen by the log only now, and its time counts from then.
    const type = "evidence.listed";
    await cast.operator.adopts(contractOf(type, {}));
    const since = new Date().toISOString();
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) ids.push((await cast.demo.asks({ type })).id);
    for (const id of ids) await bundleOf(id);
    const list = (query: string): Promise<EvidenceList> => cast.auditor.get(`/v1/evidence?${query}`);
    const found = await list(`since=${since}&type=${type}`);
    expect(found.items.map(({ action }) => action).toSorted()).toEqual(ids.toSorted());
    expect(found.nextAfter).toBeNull();
    expect((await list(`since=${since}&type=db.migrate`)).items).toEqual([]);
    expect((await list(`until=${since}`)).items.some(({ action }) => ids.includes(action))).toBe(false);
    const page = await list(`since=${since}&type=${type}&limit=2`);
    expect(page.items).toHaveLength(2);
    const rest = await list(`since=${since}&type=${type}&limit=2&after=${page.nextAfter}`);
    expect(rest.items).toHaveLength(1);
    for (const { action } of found.items) {
      const { log } = await bundleOf(action, `?at=${found.checkpoint.size}`);
      expect(log.checkpoint.root).toBe(found.checkpoint.root);
    }
    const bad = await cast.auditor.send("GET", "/v1/evidence?since=yesterday&limit=0");
    expect(bad).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: "?since" }, { pointer: "?limit" }] },
    });
  });
});
