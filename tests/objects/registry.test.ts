import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { describe, test } from "vitest";
import type { Registry } from "../../objects/registry/registry.ts";
import { day, fresh, must, now, refused } from "./registries.ts";

describe("webhook secrets", () => {
  test("T13 rotate with an overlap of a day, in which both sign, newest first", async ({ expect }) => {
    const { registry } = fresh();
    const { record, secret } = await registry.createSecret(now);
    expect(record).toEqual({
      id: expect.stringMatching(/^whs_[A-Za-z0-9_-]{20}$/u),
      createdAt: now,
      overlapUntil: null,
    });
    expect(Buffer.from(secret.replace(/^whsec_/u, ""), "base64")).toHaveLength(32);
    const next = await must(registry.rotateSecret({ id: record.id, now: now + 100 }));
    expect(next.record.overlapUntil).toBe(now + 100 + day);
    const signing = (at: number) => registry.signingSecrets({ secretId: record.id, now: at });
    expect(await signing(now + 100)).toEqual([next.secret, secret]);
    expect(await signing(now + 99 + day)).toEqual([next.secret, secret]);
    expect(await signing(now + 100 + day)).toEqual([next.secret]);
    expect(await registry.signingSecrets({ secretId: "whs_none", now })).toEqual([]);
  });

  test("rotated twice inside the overlap, all three sign until each one's time is over", async ({
    expect,
  }) => {
    const { registry } = fresh();
    const { record, secret } = await registry.createSecret(now);
    const second = await must(registry.rotateSecret({ id: record.id, overlapMs: 1_000, now: now + 1 }));
    const third = await must(registry.rotateSecret({ id: record.id, overlapMs: 1_000, now: now + 500 }));
    const signing = (at: number) => registry.signingSecrets({ secretId: record.id, now: at });
    expect(await signing(now + 1_000)).toEqual([third.secret, second.secret, secret]);
    expect(await signing(now + 1_001)).toEqual([third.secret, second.secret]);
    expect(await signing(now + 1_500)).toEqual([third.secret]);
    // Rotated at once: nothing overlaps, and what has ended is deleted.
    const fourth = await must(registry.rotateSecret({ id: record.id, overlapMs: 0, now: now + 2_000 }));
    expect(await signing(now + 2_000)).toEqual([fourth.secret]);
    expect(
      await runInDurableObject(
        registry,
        (_object, { storage }) => storage.sql.exec("SELECT 1 FROM secrets").toArray().length,
      ),
    ).toBe(1);
    expect(await refused(registry.rotateSecret({ id: "whs_none", now }))).toBe("not_found");
  });

  test("endpoints sign with a named secret or get one of their own", async ({ expect }) => {
    const { registry } = fresh();
    const { record } = await registry.createSecret(now);
    const named = await must(
      registry.createEndpoint(
        { url: "https://example.com/a", secretId: record.id, events: ["action.approved", "action.approved"] },
        now,
      ),
    );
    expect(named).toMatchObject({
      secret: null,
      endpoint: { secretId: record.id, events: ["action.approved"], active: true, payload: false },
    });
    const own = await must(registry.createEndpoint({ url: "https://example.com/b" }, now));
    expect(await registry.signingSecrets({ secretId: own.endpoint.secretId, now })).toEqual([own.secret]);
    expect(await registry.endpoint(own.endpoint.id)).toEqual(own.endpoint);
    expect(await registry.endpoints()).toHaveLength(2);
    expect(
      await refused(registry.createEndpoint({ url: "https://example.com/c", secretId: "whs_none" }, now)),
    ).toBe("invalid_body /secretId");
    expect(
      await refused(registry.createEndpoint({ url: "https://example.com/c", events: ["action.maybe"] }, now)),
    ).toBe("invalid_body /events/0");
    expect(await must(registry.deactivateEndpoint(own.endpoint.id, now))).toMatchObject({ active: false });
    await must(registry.removeEndpoint(own.endpoint.id, now));
    expect(await registry.endpoint(own.endpoint.id)).toBeNull();
    expect(await refused(registry.removeEndpoint(own.endpoint.id, now))).toBe("not_found");
  });
});

describe("repeated POSTs", () => {
  test("get the first answer for a day, and another body is a conflict", async ({ expect }) => {
    const { registry } = fresh();
    const call = { key: "k", fingerprint: "f" };
    expect(await registry.reserve({ ...call, now })).toMatchObject({ hit: "none", answer: null });
    expect(await registry.reserve({ ...call, now })).toEqual({ hit: "busy", answer: null });
    await registry.remember({ ...call, answer: "first", now });
    await registry.remember({ ...call, answer: "second", now: now + 1 });
    expect(await registry.reserve({ ...call, now: now + day - 1 })).toEqual({ hit: "same", answer: "first" });
    expect(await registry.reserve({ ...call, fingerprint: "g", now })).toEqual({
      hit: "conflict",
      answer: null,
    });
    expect(await registry.reserve({ ...call, now: now + day })).toMatchObject({ hit: "none", answer: null });
    await registry.remember({ ...call, fingerprint: "g", answer: "later", now: now + day });
    expect(await registry.reserve({ ...call, fingerprint: "g", now: now + day })).toEqual({
      hit: "same",
      answer: "later",
    });
  });
});

describe("a POST under way", () => {
  test("has its key to itself until it is answered, refused or was killed", async ({ expect }) => {
    const { registry } = fresh();
    const call = { key: "k", fingerprint: "f" };
    const hit = async (parts: { fingerprint?: string; now?: number } = {}): Promise<string> =>
      (await registry.reserve({ ...call, now, ...parts })).hit;
    expect(await hit()).toBe("none");
    expect(await hit()).toBe("busy");
    expect(await hit({ fingerprint: "g" })).toBe("conflict");
    await registry.release("k");
    expect(await hit({ fingerprint: "g" })).toBe("none");
    expect(await hit({ now: now + 9_999 })).toBe("conflict");
    expect(await hit({ now: now + 10_000 })).toBe("none");
    await registry.remember({ ...call, answer: "first", now });
    await registry.release("k");
    expect(await hit()).toBe("same");
  });
});

describe("the engine's own Registry", () => {
  const engine = env.REGISTRY.getByName("engine/registry");

  test("knows every workspace once, and none of its own name", async ({ expect }) => {
    expect(await must(engine.ensureWorkspace("team-a", now))).toEqual({ name: "team-a", created: true });
    expect(await must(engine.ensureWorkspace("team-a", now))).toEqual({ name: "team-a", created: false });
    for (const name of ["engine", "Team", "a/b", "", "x".repeat(40)]) {
      expect(await refused(engine.ensureWorkspace(name, now))).toBe("invalid_body /name");
    }
    expect((await engine.workspaces()).filter((name) => name === "team-a")).toHaveLength(1);
  });

  test("makes one signing key however many ask at once, and keeps it", async ({ expect }) => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => engine.signingKeys()));
    const [first] = answers;
    for (const answer of answers) expect(answer).toEqual(first);
    expect(first?.public).toHaveLength(1);
    expect(JSON.stringify(first?.public)).not.toContain(first!.current.d);
    await evictDurableObject(engine);
    expect(await engine.signingKeys()).toEqual(first);

    const {
      current,
      public: [shown],
    } = first!;
    const algorithm = { name: "Ed25519" };
    const signer = await crypto.subtle.importKey("jwk", current, algorithm, false, ["sign"]);
    const verifier = await crypto.subtle.importKey("jwk", shown!, algorithm, false, ["verify"]);
    const text = new TextEncoder().encode("what was approved");
    const signature = await crypto.subtle.sign(algorithm, signer, text);
    expect(await crypto.subtle.verify(algorithm, verifier, signature, text)).toBe(true);
    const thumbprint = createHash("sha256")
      .update(`{"crv":"Ed25519","kty":"OKP","x":"${current.x}"}`)
      .digest("base64url");
    expect(shown?.kid).toBe(thumbprint);
  });

  test("answers for the engine only; a workspace's Registry does not", async ({ expect }) => {
    const { registry } = fresh();
    await runInDurableObject(registry, async (object: Registry) => {
      await expect(object.signingKeys()).rejects.toThrow("only the engine");
      expect(() => object.workspaces()).toThrow("only the engine");
      expect(() => object.ensureWorkspace("team-b", now)).toThrow("only the engine");
      expect(() => object.bootstrap({ workspace: "another", now })).toThrow("another workspace");
    });
  });
});
