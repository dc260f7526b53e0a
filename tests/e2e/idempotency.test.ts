import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { type Cast, castOf, contractOf } from "../support/actors.ts";
import { type Caller, refusalOf } from "../support/caller.ts";
import { actionsOnDisk } from "../support/disk.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** The same key and body: the same answer, once done. The same key and another body: refused. */

let engine: TestEngine;
let cast: Cast;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
});

afterAll(async () => {
  await engine?.stop();
});

const key = "the same key";
const again = { key };
const conflict = { status: 422, code: "idempotency_conflict" };
const typesOf = async (action: { id: string }): Promise<string[]> =>
  (await cast.demo.readsLog(action)).map(({ type }) => type);

async function approved(parts: Record<string, unknown> = {}): Promise<ActionView> {
  return cast.bob.approves(await cast.demo.asks(parts));
}

describe("a create", () => {
  test("that is repeated answers as the first time, also when the action has moved on", async ({
    expect,
  }) => {
    const { demo, bob } = cast;
    const before = actionsOnDisk(engine.stateDir).size;
    const asked = await demo.asks({}, { key: "create" });
    expect(await demo.asks({}, { key: "create" })).toEqual(asked);
    await bob.denies(asked);
    expect(await demo.asks({}, { key: "create" })).toEqual(asked);
    expect(actionsOnDisk(engine.stateDir).size).toBe(before + 1);
  });

  test("under the key of another body is refused, and changes nothing", async ({ expect }) => {
    const { demo } = cast;
    const asked = await demo.asks({}, { key: "conflict" });
    const refused = await refusalOf(demo.asks({ reason: "another" }, { key: "conflict" }));
    expect(refused).toMatchObject({ ...conflict, state: "pending", seq: 1 });
    expect(await demo.sees(asked)).toEqual(asked);
  });

  test("twenty times at the same moment is one action", async ({ expect }) => {
    const asking = Array.from({ length: 20 }, () => cast.demo.asks({}, { key: "at once" }));
    const answers = await Promise.all(asking);
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await typesOf(answers[0]!)).toEqual(["requested"]);
  });

  test("belongs to its agent: another's under the same key is another action", async ({ expect }) => {
    const [mine, theirs] = [
      await cast.demo.asks({}, { key: "both" }),
      await cast.other.asks({}, { key: "both" }),
    ];
    expect(mine.id).not.toBe(theirs.id);
  });

  test("that was taken in keeps its answer when the policy of now would refuse it", async ({ expect }) => {
    const { demo, operator } = cast;
    const { document } = await operator.get<{ document: { contracts: { type: string }[] } }>("/v1/policy");
    await operator.adopts(contractOf("once.gone", {}));
    const asked = await demo.asks({ type: "once.gone" }, { key: "gone" });
    await operator.post("/v1/policy", { document });
    expect(await demo.asks({ type: "once.gone" }, { key: "gone" })).toEqual(asked);
    expect(await refusalOf(demo.asks({ type: "once.gone" }))).toMatchObject({ status: 422 });
  });

  test("that was refused leaves its key free", async ({ expect }) => {
    const { demo } = cast;
    expect(await refusalOf(demo.asks({ args: {} }, { key: "mended" }))).toMatchObject({ status: 422 });
    expect(await demo.asks({}, { key: "mended" })).toMatchObject({ state: "pending" });
  });

  test("with a quoted key is the same as with a bare one", async ({ expect }) => {
    const asked = await cast.demo.asks({}, { key: '"quoted"' });
    expect(await cast.demo.asks({}, { key: "quoted" })).toEqual(asked);
  });
});

describe("a command", () => {
  test("vote: repeated, it counts once and answers as the first time", async ({ expect }) => {
    const { demo, alice, bob } = cast;
    const action = await demo.asks({ type: "db.migrate", args: { migration: "1.sql" } });
    const first = await alice.approves(action, again);
    expect(first).toMatchObject({ state: "pending", seq: 2 });
    await bob.approves(action);
    expect(await alice.approves(action, again)).toEqual(first);
    expect(await typesOf(action)).toEqual(["requested", "voted", "voted", "approved"]);
    expect(await refusalOf(alice.denies(action, again))).toMatchObject({ ...conflict, state: "approved" });
  });

  test("vote: the same key is each voter's own", async ({ expect }) => {
    const { demo, alice, bob } = cast;
    const action = await demo.asks({ type: "db.migrate", args: { migration: "1.sql" } });
    await alice.approves(action, again);
    expect(await bob.approves(action, again)).toMatchObject({ state: "approved" });
  });

  test("cancel and revoke: repeated, they answer as the first time", async ({ expect }) => {
    const { demo, omar } = cast;
    const [pending, ready] = [await demo.asks(), await approved()];
    const [cancelled, revoked] = [await demo.cancels(pending, again), await omar.revokes(ready, again)];
    expect(await demo.cancels(pending, again)).toEqual(cancelled);
    expect(await omar.revokes(ready, again)).toEqual(revoked);
    expect(await typesOf(pending)).toEqual(["requested", "cancelled"]);
    expect(await refusalOf(demo.cancels(pending, { key, more: { reason: "another" } }))).toMatchObject(
      conflict,
    );
  });

  test("claim, heartbeat and report: repeated, they answer as the first time", async ({ expect }) => {
    const { demo } = cast;
    const action = await approved();
    const claim = await demo.claims(action, { key: "claim" });
    expect(await demo.claims(action, { key: "claim" })).toEqual(claim);
    const renewed = await demo.heartbeats(claim, { key: "heartbeat" });
    expect(await demo.heartbeats(claim, { key: "heartbeat" })).toEqual(renewed);
    const reported = await demo.reports(claim, "succeeded", { key: "report" });
    expect(await demo.reports(claim, "succeeded", { key: "report" })).toEqual(reported);
    expect(await demo.heartbeats(claim, { key: "heartbeat" })).toEqual(renewed);
    expect(await typesOf(action)).toEqual([
      "requested",
      "voted",
      "approved",
      "claimed",
      "heartbeat",
      "executed",
    ]);
    expect(await refusalOf(demo.reports(claim, "failed", { key: "report" }))).toMatchObject(conflict);
    expect(await refusalOf(demo.reports(claim, "succeeded", { key: "claim" }))).toMatchObject(conflict);
  });

  test("report: one with a new key by the same lease gets the first answer, whatever it now says", async ({
    expect,
  }) => {
    const { demo } = cast;
    const action = await approved();
    const claim = await demo.claims(action);
    const reported = await demo.reports(claim, "succeeded");
    expect(await demo.reports(claim, "failed")).toEqual(reported);
    expect(await demo.sees(action)).toMatchObject({ state: "executed", seq: reported.seq });
  });

  test("twenty times at the same moment has one effect", async ({ expect }) => {
    const { demo, bob } = cast;
    const twenty = async <Answer>(send: () => Promise<Answer>): Promise<Answer> => {
      const answers = await Promise.all(Array.from({ length: 20 }, send));
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      return answers[0]!;
    };
    const action = await demo.asks({ rollbackPlan: { argv: ["undo"] } });
    await twenty(() => bob.approves(action, again));
    const claim = await twenty(() => demo.claims(action, { key: "claim" }));
    await twenty(() => demo.heartbeats(claim, { key: "heartbeat" }));
    await twenty(() => demo.reports(claim, "succeeded", { key: "report" }));
    await twenty(() => bob.rollsBack(action, { key: "rollback" }));
    expect(await typesOf(action)).toEqual([
      "requested",
      "voted",
      "approved",
      "claimed",
      "heartbeat",
      "executed",
      "rollback_started",
    ]);
  });

  test("of a batch: a repeated batch is the same actions, item by item", async ({ expect }) => {
    const items = [{ action: { ...request(), reason: "a" } }, { action: request(), idempotencyKey: "own" }];
    const send = (): Promise<{ items: { action: ActionView }[] }> =>
      cast.demo.post("/v1/actions/batch", { items }, again);
    const first = await send();
    expect(await send()).toEqual(first);
    expect(await cast.demo.sees(first.items[1]!.action)).toEqual(first.items[1]!.action);
  });
});

const request = (): Record<string, unknown> => ({
  type: "host.shell",
  target: { resource: "prod-db-1", segment: "prod-hosts" },
  args: { argv: ["true"] },
  reason: "It does not answer",
});

describe("what the Registry keeps", () => {
  const calls: Record<string, [path: string, body: object, other: object]> = {
    "a key, its secret included": ["/v1/keys", { principal: "person:carol" }, { principal: "person:bob" }],
    "a signing secret": ["/v1/webhooks/secrets", {}, { more: 1 }],
    "an endpoint with its secret": [
      "/v1/webhooks",
      { url: "https://hooks.example.com/a" },
      { url: "https://hooks.example.com/b" },
    ],
  };
  const path = (name: string): string => calls[name]![0];
  const countOf = async (name: string): Promise<number> =>
    (await cast.operator.get<{ items: object[] }>(path(name))).items.length;

  test.for(Object.keys(calls))(
    "%s: repeated, it answers as the first time, word for word",
    async (name, { expect }) => {
      const { operator } = cast;
      const [, body, other] = calls[name]!;
      const before = await countOf(name);
      const headers = { "idempotency-key": "kept" };
      const [first, second] = [
        await operator.send("POST", path(name), body, headers),
        await operator.send("POST", path(name), body, headers),
      ];
      expect(first.status).toBe(201);
      expect([second.status, second.text]).toEqual([first.status, first.text]);
      expect(await countOf(name)).toBe(before + 1);
      expect((await operator.send("POST", path(name), other, headers)).status).toBe(422);
      expect(await countOf(name)).toBe(before + 1);
    },
  );

  test.for(Object.keys(calls))("%s: ten times at the same moment is one", async (name, { expect }) => {
    const [, body] = calls[name]!;
    const before = await countOf(name);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => cast.operator.post(path(name), body, { key: "at once" })),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await countOf(name)).toBe(before + 1);
  });

  test("the answer with a secret is given again to nobody else", async ({ expect }) => {
    const { operator } = cast;
    const twin: Caller = new (operator.constructor as typeof Caller)(
      operator.id,
      engine.url,
      await operator.givesKey("service:operator", { scopes: ["admin"] }),
    );
    await operator.post("/v1/keys", { principal: "person:carol" }, { key: "mine" });
    const refused = await refusalOf(twin.post("/v1/keys", { principal: "person:carol" }, { key: "mine" }));
    expect(refused).toMatchObject(conflict);
    expect(JSON.stringify(refused)).not.toContain("hp_default");
  });

  test("publishing the same document twice is one version", async ({ expect }) => {
    const { operator } = cast;
    const { document, version } = await operator.get<{ document: object; version: string }>("/v1/policy");
    expect(await operator.post("/v1/policy", { document })).toMatchObject({ version, created: false });
  });
});
