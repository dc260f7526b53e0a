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

describe("a call that was killed before it was answered", () => {
  const now = Date.now();
  const call = { key: "k".repeat(64), fingerprint: "f" };

  test("is carried out again under the name that it had, once it can no longer be under way", async ({
    expect,
  }) => {
    const registry = env.REGISTRY.getByName("i-killed/registry");
    const first = await registry.reserve({ ...call, now });
    expect(first).toEqual({ hit: "none", answer: null, makes: expect.stringMatching(/^[0-9A-Za-z]{22}$/u) });
    expect(await registry.reserve({ ...call, now: now + 9_999 })).toEqual({ hit: "busy", answer: null });
    expect(await registry.reserve({ ...call, fingerprint: "g", now })).toEqual({
      hit: "conflict",
      answer: null,
    });
    expect(await registry.reserve({ ...call, now: now + 10_000 })).toEqual(first);
    // Killed again, and found by a repeat the next morning.
    expect(await registry.reserve({ ...call, now: now + 80_000_000 })).toEqual(first);
    await registry.remember({ ...call, answer: "c2VhbGVk", now: now + 80_000_001 });
    expect(await registry.reserve({ ...call, now: now + 80_000_002 })).toEqual({
      hit: "same",
      answer: "c2VhbGVk",
    });
    const other = await registry.reserve({ key: "o".repeat(64), fingerprint: "f", now });
    expect(other.makes).not.toBe(first.makes);
    await registry.release("o".repeat(64));
    expect((await registry.reserve({ key: "o".repeat(64), fingerprint: "g", now })).hit).toBe("none");
  });

  test("has made one thing, and what was answered is what holds", async ({ expect }) => {
    const { name } = await openWorkspace("i-once");
    const registry = env.REGISTRY.getByName(`${name}/registry`);
    const makes = "0123456789ABCDEFabcdef";
    const url = "https://hooks.example.com/in";
    const before = (await registry.keys()).length;

    await registry.createSecret(now, "test", makes);
    const secret = await registry.createSecret(now, "test", makes);
    expect(await registry.signingSecrets({ secretId: secret.record.id, now })).toEqual([secret.secret]);
    const keyed = async (): Promise<{ record: { id: string }; key: string }> => {
      const rights = { principal: "service:x", scopes: ["actions:read"], name: null, expiresAt: null };
      const made = await registry.createKey({ ...rights, now, makes });
      if (!made.ok) throw new Error(made.error.detail);
      return made.value;
    };
    const [lost, key] = [await keyed(), await keyed()];
    expect(key.record.id).toBe(lost.record.id);
    expect(key.key).not.toBe(lost.key);
    expect((await registry.keys()).length).toBe(before + 1);
    const others = "fedcbaFEDCBA9876543210";
    for (const _ of ["killed", "answered"]) {
      const rotated = await registry.rotateKey({ id: key.record.id, overlapMs: 0, now, makes: others });
      const endpoint = await registry.createEndpoint({ url }, now, "test", others);
      expect([rotated.ok, endpoint.ok]).toEqual([true, true]);
    }
    expect((await registry.keys()).length).toBe(before + 2);
    expect(await registry.endpoints()).toHaveLength(1);
    expect(await registry.secrets(now)).toHaveLength(2);
  });
});
