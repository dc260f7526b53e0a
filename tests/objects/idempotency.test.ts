import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { describe, test } from "vitest";
import { NewSecret } from "../../schemas/webhook-view.ts";
import { openWorkspace } from "./workspace.ts";

const path = "/v1/webhooks/secrets";

describe("a POST that is repeated", () => {
  test("gets the very same answer, the secret in it included, and makes nothing twice", async ({
    expect,
  }) => {
    const workspace = await openWorkspace("i-same");
    const first = await workspace.call("service:operator", "POST", path, {}, "k1");
    const again = await workspace.call("service:operator", "POST", path, {}, "k1");
    expect(first.status).toBe(201);
    expect(again).toEqual(first);
    const { body } = await workspace.call("service:operator", "GET", path);
    expect(v.parse(v.object({ items: v.array(v.unknown()) }), body).items).toHaveLength(1);
  });

  test("leaves no readable secret in the store", async ({ expect }) => {
    const workspace = await openWorkspace("i-sealed");
    const { body } = await workspace.call("service:operator", "POST", path, {}, "k1");
    const { secret } = v.parse(NewSecret, body);
    const registry = env.REGISTRY.getByName(`${workspace.name}/registry`);
    const stored = await runInDurableObject(registry, (_, { storage }) =>
      storage.sql.exec<{ answer: string }>("SELECT answer FROM answers").toArray(),
    );
    expect(stored).toHaveLength(1);
    const bytes = atob(stored[0]?.answer ?? "");
    for (const text of [stored[0]?.answer, bytes]) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain("whsec_");
    }
  });

  test("with another body is refused", async ({ expect }) => {
    const workspace = await openWorkspace("i-conflict");
    const url = "https://hooks.example.com/in";
    const send = (body: unknown): ReturnType<typeof workspace.call> =>
      workspace.call("service:operator", "POST", "/v1/webhooks", body, "k1");
    expect((await send({ url })).status).toBe(201);
    expect(await send({ url, payload: true })).toMatchObject({
      status: 422,
      body: { code: "idempotency_conflict" },
    });
  });

  test("is another call at another address or by another principal", async ({ expect }) => {
    const workspace = await openWorkspace("i-scope");
    const secret = await workspace.call("service:operator", "POST", path, {}, "k1");
    const repair = await workspace.call("service:operator", "POST", "/v1/board/repair", {}, "k1");
    const agent = await workspace.call("agent:demo", "POST", path, {}, "k1");
    expect([secret.status, repair.status, agent.status]).toEqual([201, 200, 403]);
  });

  test("of a call that was refused is judged anew", async ({ expect }) => {
    const workspace = await openWorkspace("i-refused");
    const send = (url: string): ReturnType<typeof workspace.call> =>
      workspace.call("service:operator", "POST", "/v1/webhooks", { url }, "k1");
    expect((await send("https://localhost.localdomain/")).status).toBe(422);
    expect((await send("https://hooks.example.com/in")).status).toBe(201);
  });
});
