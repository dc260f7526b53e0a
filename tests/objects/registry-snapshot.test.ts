import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, test } from "vitest";
import type { Registry } from "../../objects/registry/registry.ts";
import { parseKeyText } from "../../core/key-text.ts";
import starter from "../../scripts/starter/policy.json" with { type: "json" };
import { ask, current, fresh, must, newKey, now, parse, sha256Hex, staffed } from "./registries.ts";

describe("the snapshot", () => {
  test("is sent only to a key in force that does not have it yet", async ({ expect }) => {
    const { registry } = await staffed();
    const { key } = await newKey(registry);
    const first = await ask(registry, key);
    const told = parse(first.snapshot);
    expect(told.version).toBe(first.version);
    expect(told.salt).toMatch(/^[0-9a-f]{64}$/u);
    expect(await ask(registry, key, now, first.version)).toEqual({ ...first, snapshot: null });
    await must(registry.publishPolicy({ document: starter, actor: "x", note: null, now }));
    const next = await ask(registry, key, now, first.version);
    expect(next.version).toBe(first.version + 1);
    expect(parse(next.snapshot).policy?.document.contracts).toHaveLength(starter.contracts.length);
  });

  test("keeps its salt over a restart, and each workspace has its own", async ({ expect }) => {
    const opened = await staffed();
    const { registry } = opened;
    const salt = (await current(opened)).salt;
    await evictDurableObject(registry);
    expect((await current(opened)).salt).toBe(salt);
    expect((await current(await staffed())).salt).not.toBe(salt);
  });

  test("grows with policy, directory and endpoints, and not with keys, secrets or answers", async ({
    expect,
  }) => {
    const opened = await staffed();
    const { registry } = opened;
    const version = async (): Promise<number> => (await current(opened)).version;
    const start = await version();
    const { record } = await newKey(registry);
    await must(registry.revokeKey({ id: record.id, now }));
    await registry.createSecret(now);
    await registry.remember({ key: "k", fingerprint: "f", answer: "a", now });
    expect(await version()).toBe(start);
    const { endpoint } = await must(registry.createEndpoint({ url: "https://example.com/hook" }, now));
    expect(await version()).toBe(start + 1);
    await must(registry.removeEndpoint(endpoint.id, now));
    await must(registry.putGroup({ id: "new", members: [] }, "test", now));
    expect(await version()).toBe(start + 3);
  });

  test("is not given out where a part of it cannot be read", async ({ expect }) => {
    const { registry } = await staffed();
    const { key } = await newKey(registry);
    await must(registry.publishPolicy({ document: starter, actor: "x", note: null, now }));
    await runInDurableObject(registry, (_object, { storage }) => {
      storage.sql.exec(`UPDATE policies SET document = '{"roles":{},"contracts":[{"type":"host.shell"}]}'`);
    });
    await expect(
      runInDurableObject(registry, (object: Registry) =>
        object.resolve({ keyId: parseKeyText(key)!.id, keyHash: sha256Hex(key), knownVersion: null, now }),
      ),
    ).rejects.toThrow();
  });

  test("every change leaves an audit row: who, what, when", async ({ expect }) => {
    const { registry } = fresh();
    await must(registry.putPerson({ id: "person:zoe" }, "service:operator", now));
    await must(registry.removePerson("person:zoe", "person:omar", now + 1));
    expect(await registry.changes()).toEqual([
      { version: 2, at: now + 1, actor: "person:omar", kind: "person.removed", id: "person:zoe" },
      { version: 1, at: now, actor: "service:operator", kind: "person.put", id: "person:zoe" },
    ]);
  });

  test("a key with a made-up workspace finds nothing and leaves nothing behind", async ({ expect }) => {
    const { registry } = fresh();
    expect(await registry.resolve({ keyId: "x", keyHash: "y", knownVersion: null, now })).toEqual({
      key: null,
      version: 0,
      snapshot: null,
    });
    expect(await registry.keys()).toEqual([]);
    const tables = await runInDurableObject(registry, (_object, { storage }) =>
      storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_cf%' ESCAPE '\\'").toArray(),
    );
    expect(tables).toEqual([]);
  });

  test("a write that fails half-way leaves nothing of the command", async ({ expect }) => {
    const opened = await staffed();
    const { registry } = opened;
    const before = await current(opened);
    await runInDurableObject(registry, async (object: Registry, { storage }) => {
      storage.sql.exec(
        "CREATE TRIGGER broken BEFORE INSERT ON changes BEGIN SELECT RAISE(ABORT, 'disk full'); END",
      );
      await expect(async () => object.removePerson("person:alice", "test", now)).rejects.toThrow("disk full");
      await expect(async () =>
        object.publishPolicy({ document: starter, actor: "x", note: null, now }),
      ).rejects.toThrow("disk full");
      storage.sql.exec("DROP TRIGGER broken");
    });
    expect(await current(opened)).toEqual(before);
    expect(await registry.policyVersions()).toEqual([]);
    await must(registry.removePerson("person:alice", "test", now));
  });
});
