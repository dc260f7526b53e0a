import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, test } from "vitest";
import { parseKeyText } from "../../core/key-text.ts";
import { ask, day, fresh, must, newKey, now, refused, sha256Hex, staffed } from "./registries.ts";

describe("keys", () => {
  test("are shown once, and only their hash is stored", async ({ expect }) => {
    const { registry, workspace } = await staffed();
    const { record, key } = await newKey(registry);
    expect(parseKeyText(key)).toEqual({ workspace, id: record.id });
    expect(record).toEqual({
      id: record.id,
      workspace,
      principal: "person:alice",
      name: null,
      scopes: [
        "actions:read",
        "votes:write",
        "policy:read",
        "directory:read",
        "metrics:read",
        "feedback:write",
      ],
      createdAt: now,
      expiresAt: null,
      revokedAt: null,
      replacedBy: null,
    });
    const stored = await runInDurableObject(registry, (_object, { storage }) =>
      ["keys", "changes", "meta", "directory"]
        .map((table) => JSON.stringify(storage.sql.exec(`SELECT * FROM ${table}`).toArray()))
        .join(""),
    );
    expect(stored).toContain(sha256Hex(key));
    expect(stored).not.toContain(key);
    // Nor the part of it that is secret.
    expect(stored).not.toContain(key.slice(-36));
  });

  test("resolve to their record, and any other key of that id to nothing", async ({ expect }) => {
    const { registry } = await staffed();
    const { record, key } = await newKey(registry);
    expect((await ask(registry, key)).key).toEqual(record);
    const wrong = { keyId: record.id, knownVersion: null, now };
    for (const keyHash of [sha256Hex(`${key}0`), "", "x", sha256Hex(key).slice(1), `${sha256Hex(key)}0`]) {
      expect(await registry.resolve({ ...wrong, keyHash })).toMatchObject({ key: null, snapshot: null });
    }
    expect((await registry.resolve({ ...wrong, keyId: "nobody", keyHash: sha256Hex(key) })).key).toBeNull();
    expect((await registry.live({ keyId: record.id, knownVersion: null, now })).key).toEqual(record);
  });

  test("end at the very millisecond they expire", async ({ expect }) => {
    const { registry } = await staffed();
    const { key, record } = await newKey(registry, { expiresAt: now + 10 });
    expect((await ask(registry, key, now + 9)).key).toEqual(record);
    expect((await ask(registry, key, now + 10)).key).toBeNull();
    expect((await registry.live({ keyId: record.id, knownVersion: null, now: now + 10 })).key).toBeNull();
  });

  test("end at once when revoked, also after a restart, and stay revoked", async ({ expect }) => {
    const { registry } = await staffed();
    const { key, record } = await newKey(registry);
    expect(await must(registry.revokeKey({ id: record.id, now: now + 5 }))).toMatchObject({
      revokedAt: now + 5,
    });
    expect(await must(registry.revokeKey({ id: record.id, now: now + 9 }))).toMatchObject({
      revokedAt: now + 5,
    });
    expect((await ask(registry, key, now + 5)).key).toBeNull();
    await evictDurableObject(registry);
    expect((await ask(registry, key, now + 5)).key).toBeNull();
    expect(await refused(registry.revokeKey({ id: "nobody", now }))).toBe("not_found");
  });

  test("rotate with an overlap, and the successor has the same rights", async ({ expect }) => {
    const { registry } = await staffed();
    const old = await newKey(registry, { scopes: ["actions:read"], name: "laptop" });
    const next = await must(registry.rotateKey({ id: old.record.id, overlapMs: 1_000, now: now + 100 }));
    expect(next.record).toMatchObject({
      principal: "person:alice",
      scopes: ["actions:read"],
      name: "laptop",
      expiresAt: null,
    });
    expect((await ask(registry, old.key, now + 1_099)).key).toMatchObject({
      replacedBy: next.record.id,
      expiresAt: now + 1_100,
    });
    expect((await ask(registry, old.key, now + 1_100)).key).toBeNull();
    expect((await ask(registry, next.key, now + day)).key).toEqual(next.record);
    expect(await refused(registry.rotateKey({ id: old.record.id, overlapMs: 0, now: now + 200 }))).toBe(
      "conflict",
    );
    expect(await refused(registry.rotateKey({ id: next.record.id, overlapMs: -1, now }))).toBe(
      "invalid_body /overlapMs",
    );
  });

  test("that expire hand the same lifetime on, and the overlap never outlasts the old one", async ({
    expect,
  }) => {
    const { registry } = await staffed();
    const old = await newKey(registry, { expiresAt: now + 1_000 });
    const next = await must(registry.rotateKey({ id: old.record.id, overlapMs: day, now: now + 500 }));
    expect(next.record.expiresAt).toBe(now + 1_500);
    expect((await ask(registry, old.key, now + 999)).key).not.toBeNull();
    expect((await ask(registry, old.key, now + 1_000)).key).toBeNull();
    expect(await refused(registry.rotateKey({ id: old.record.id, overlapMs: 0, now: now + 2_000 }))).toBe(
      "conflict",
    );
  });

  const refusals: [name: string, input: object, expected: string][] = [
    ["for someone who is not in the directory", { principal: "person:zoe" }, "invalid_body /principal"],
    ["for something that is no principal", { principal: "alice" }, "invalid_body /principal"],
    ["with no scope", { scopes: [] }, "invalid_body /scopes"],
    ["with an unknown scope", { scopes: ["everything"] }, "invalid_body /scopes/0"],
    ["that lets an agent vote", { principal: "agent:demo", scopes: ["votes:write"] }, "invalid_body /scopes"],
    [
      "that lets an agent do everything",
      { principal: "agent:demo", scopes: ["admin"] },
      "invalid_body /scopes",
    ],
    ["that is over already", { expiresAt: now }, "invalid_body /expiresAt"],
    ["with a name that cannot be seen", { name: "a\u202eb" }, "invalid_body /name"],
  ];
  test.for(refusals)("are not made %s", async ([, input, expected], { expect }) => {
    const { registry } = await staffed();
    const before = await registry.keys();
    const body = { principal: "person:alice", scopes: null, name: null, expiresAt: null, now, ...input };
    expect(await refused(registry.createKey(body))).toBe(expected);
    expect(await registry.keys()).toEqual(before);
  });

  test("of whoever leaves the directory are revoked, and do not come back with the name", async ({
    expect,
  }) => {
    const { registry } = await staffed();
    const { key } = await newKey(registry, { principal: "person:bob" });
    await must(registry.removePerson("person:bob", "test", now));
    await must(registry.putPerson({ id: "person:bob" }, "test", now));
    expect((await ask(registry, key)).key).toBeNull();
  });

  test("for the operator are minted before there is anybody", async ({ expect }) => {
    const { registry, workspace } = fresh();
    const { record, key } = await registry.bootstrap({ workspace, now });
    expect(record).toMatchObject({ principal: "service:operator", scopes: ["admin"], workspace });
    expect((await ask(registry, key)).key).toEqual(record);
  });
});
