import { afterAll, beforeAll, describe, test } from "vitest";
import type { PolicyInput } from "../../schemas/policy.ts";
import { type Cast, castOf, contractOf } from "../support/actors.ts";
import { refusalOf } from "../support/caller.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** Under which policy actions are asked for, and with which keys. */

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
const pointers = (refused: { errors?: { pointer: string }[] | undefined }): string[] =>
  (refused.errors ?? []).map(({ pointer }) => pointer);

describe("the policy", () => {
  type Shown = { version: string; document: PolicyInput };
  const inForce = (): Promise<Shown> => cast.operator.get("/v1/policy");

  test("is named by its hash, listed, compared, and rolled back to", async ({ expect }) => {
    const { operator, demo } = cast;
    const before = await inForce();
    await operator.adopts(contractOf("directory.one", {}));
    const after = await inForce();
    expect(after.version).not.toBe(before.version);
    const { items } = await operator.get<Items<{ version: string; active: boolean }>>("/v1/policy/versions");
    expect(items.slice(0, 2)).toMatchObject([
      { version: after.version, active: true },
      { version: before.version, active: false },
    ]);
    expect(await operator.get(`/v1/policy?version=${before.version}`)).toMatchObject({
      version: before.version,
      active: false,
    });
    const diff = await operator.post("/v1/policy/diff", { document: before.document });
    expect(diff).toMatchObject({ added: [], removed: ["directory.one"] });
    expect(await operator.post("/v1/policy/activate", { version: before.version })).toMatchObject({
      version: before.version,
    });
    expect(await inForce()).toMatchObject({ version: before.version });
    expect(await refusalOf(demo.asks({ type: "directory.one" }))).toMatchObject({
      status: 422,
      errors: [{ pointer: "/type" }],
    });
  });

  test("is published whole or not at all, with every fault named at once", async ({ expect }) => {
    const { operator } = cast;
    const before = await inForce();
    const document = structuredClone(before.document);
    Object.assign(document.contracts[0]!, { risk: "severe", rule: { seat: "a", n: 0, from: [] } });
    document.contracts.push(contractOf("db.migrate", { clocks: { leaseTtl: "1s" }, roles: ["nothing"] }));
    const refused = await refusalOf(operator.post("/v1/policy", { document }));
    const at = document.contracts.length - 1;
    expect(pointers(refused).toSorted()).toEqual(
      [
        "/document/contracts/0/risk",
        "/document/contracts/0/rule/from",
        "/document/contracts/0/rule/n",
        `/document/contracts/${at}/clocks/leaseTtl`,
        `/document/contracts/${at}/roles/0`,
        `/document/contracts/${at}/type`,
      ].toSorted(),
    );
    const checked = await operator.post<{ ok: boolean; errors: { pointer: string }[] }>("/v1/policy/check", {
      document,
    });
    expect(checked.ok).toBe(false);
    expect(checked.errors.map(({ pointer }) => `/document${pointer}`).toSorted()).toEqual(
      pointers(refused).toSorted(),
    );
    expect(await inForce()).toEqual(before);
  });

  test("tells an agent how to mend a call that does not fit its contract", async ({ expect }) => {
    const { demo } = cast;
    const args = { amount: "12", currency: "euro", note: 5, account: "x" };
    const refused = await refusalOf(demo.asks({ type: "payment.refund", args }));
    expect(refused).toMatchObject({ status: 422, code: "invalid_body" });
    expect(pointers(refused).toSorted()).toEqual([
      "/args/account",
      "/args/amount",
      "/args/currency",
      "/args/note",
      "/args/payment",
    ]);
    for (const { detail } of refused.errors ?? []) expect(detail.length).toBeGreaterThan(8);
  });
});

describe("keys", () => {
  test("are listed without anything that opens a door", async ({ expect }) => {
    const { operator } = cast;
    const list = JSON.stringify(await operator.get("/v1/keys"));
    for (const key of Object.values(engine.keys)) {
      expect(list).not.toContain(key);
      expect(list).not.toContain(key.split("_")[3]!);
    }
    expect(list).not.toContain("hash");
  });

  test("say who they are and what for", async ({ expect }) => {
    const { demo, bob, auditor, omar } = cast;
    expect(await demo.get("/v1/whoami")).toMatchObject({
      kind: "agent",
      id: "agent:demo",
      workspace: "default",
    });
    expect(await bob.get("/v1/whoami")).toMatchObject({
      kind: "person",
      scopes: expect.arrayContaining(["votes:write"]),
    });
    expect(await auditor.get("/v1/whoami")).toMatchObject({ kind: "service", id: "service:auditor" });
    expect(await omar.get("/v1/whoami")).toMatchObject({
      scopes: expect.arrayContaining(["policy:write", "keys:write"]),
    });
  });

  test("of an agent open neither policy nor directory nor keys nor votes", async ({ expect }) => {
    const { demo } = cast;
    const { document } = await inForcePolicy();
    const action = await demo.asks();
    const tries: [string, string, object][] = [
      ["POST", "/v1/policy", { document }],
      ["PUT", "/v1/groups/oncall", { members: ["person:omar"] }],
      ["PUT", "/v1/people/mallory", {}],
      ["POST", "/v1/keys", { principal: "person:bob" }],
      ["POST", "/v1/webhooks", { url: "https://hooks.example.com/" }],
      ["POST", `/v1/actions/${action.id}/votes`, { decision: "approve", digest: action.digest }],
    ];
    for (const [method, path, body] of tries) {
      expect([path, (await demo.send(method, path, body)).status]).toEqual([path, 403]);
    }
  });
});

const inForcePolicy = (): Promise<{ document: object }> => cast.operator.get("/v1/policy");
