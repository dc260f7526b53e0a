import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Buffer } from "node:buffer";
import * as v from "valibot";
import { describe, test } from "vitest";
import { Registry } from "../../objects/registry/registry.ts";
import { fresh, must, now, type Stub } from "./registries.ts";

const keyOf = (byte: number): string => Buffer.alloc(32, byte).toString("base64");
const first = keyOf(1);
const second = keyOf(2);

/** The same storage under an engine that was given another key, or none. */
function under<Value>(
  stub: Stub,
  key: string | undefined,
  run: (registry: Registry) => Promise<Value>,
): Promise<Value> {
  const settings = key === undefined ? env : { ...env, HOLDPOINT_SEAL_KEY: key };
  return runInDurableObject(stub, (_, state) => run(new Registry(state, settings)));
}

const stored = (stub: Stub): Promise<string[]> =>
  runInDurableObject(stub, (_, { storage }) =>
    storage.sql
      .exec("SELECT secret FROM secrets ORDER BY number")
      .toArray()
      .map((row) => v.parse(v.object({ secret: v.string() }), row).secret),
  );

const signing = (stub: Stub, key: string | undefined, secretId: string, at = now) =>
  under(stub, key, (registry) => registry.signing({ secretId, now: at }));

describe("T13 a signing secret in storage", () => {
  test("is sealed, and opened again to sign with", async ({ expect }) => {
    const { registry } = fresh();
    const made = await under(registry, first, (one) => one.createSecret(now));
    const own = await under(registry, first, (one) =>
      must(one.createEndpoint({ url: "https://example.com/hook" }, now)),
    );
    const next = await under(registry, first, (one) => must(one.rotateSecret({ id: made.record.id, now })));
    const rows = await stored(registry);
    expect(rows).toHaveLength(3);
    for (const row of rows) {
      expect(row).toMatch(/^sealed:1:/u);
      for (const { secret } of [made, own, next]) {
        expect(row).not.toContain(secret?.replace("whsec_", "").slice(0, 20));
      }
    }
    expect(await signing(registry, first, made.record.id)).toEqual({
      secrets: [next.secret, made.secret],
      fault: null,
    });
    const found = await under(registry, first, (one) => one.destination({ id: own.endpoint.id, now }));
    expect(found).toEqual({ endpoint: own.endpoint, secrets: [own.secret], fault: null });
  });

  test("from before there was a key is read, and sealed on the way", async ({ expect }) => {
    const { registry } = fresh();
    const { record, secret } = await under(registry, undefined, (one) => one.createSecret(now));
    expect(await stored(registry)).toEqual([secret]);
    expect(await signing(registry, first, record.id)).toEqual({ secrets: [secret], fault: null });
    expect((await stored(registry))[0]).toMatch(/^sealed:1:/u);
    expect(await signing(registry, first, record.id)).toEqual({ secrets: [secret], fault: null });
  });

  test("under another key, or none, is said not to open, and is there again with the right one", async ({
    expect,
  }) => {
    const { registry } = fresh();
    const { record, secret } = await under(registry, first, (one) => one.createSecret(now));
    const before = await stored(registry);
    for (const key of [second, undefined]) {
      const { secrets, fault } = await signing(registry, key, record.id);
      expect(secrets).toEqual([]);
      expect(fault).toContain("HOLDPOINT_SEAL_KEY");
      const thrown = under(registry, key, (one) => one.signingSecrets({ secretId: record.id, now }));
      await expect(thrown).rejects.toThrow("HOLDPOINT_SEAL_KEY");
    }
    expect(await stored(registry)).toEqual(before);
    expect(await signing(registry, first, record.id)).toEqual({ secrets: [secret], fault: null });
  });

  test("moves to a new key beside the old one, and then needs the old one no more", async ({ expect }) => {
    const { registry } = fresh();
    const { record, secret } = await under(registry, first, (one) => one.createSecret(now));
    const both = `${second}, ${first}`;
    expect(await signing(registry, both, record.id)).toEqual({ secrets: [secret], fault: null });
    expect(await signing(registry, second, record.id)).toEqual({ secrets: [secret], fault: null });
  });

  test("of a lost key is replaced by rotating it, and the lost one is left out", async ({ expect }) => {
    const { registry } = fresh();
    const { record } = await under(registry, first, (one) => one.createSecret(now));
    const next = await under(registry, second, (one) => must(one.rotateSecret({ id: record.id, now })));
    expect(await signing(registry, second, record.id)).toEqual({ secrets: [next.secret], fault: null });
  });

  test("opens in no other row and not when it was touched", async ({ expect }) => {
    const { registry } = fresh();
    const one = await under(registry, first, (object) => object.createSecret(now));
    const other = await under(registry, first, (object) => object.createSecret(now));
    const [sealed = "", own = ""] = await stored(registry);
    const put = (text: string): Promise<void> =>
      runInDurableObject(registry, (_, { storage }) => {
        storage.sql.exec("UPDATE secrets SET secret = ? WHERE id = ?", text, other.record.id);
      });
    const touched = own.replace(/.$/u, (last) => (last === "A" ? "B" : "A"));
    for (const text of [sealed, touched, "sealed:1:", "sealed:2:a:b:c", own.slice(0, -8)]) {
      await put(text);
      expect((await signing(registry, first, other.record.id)).secrets).toEqual([]);
    }
    await put(own);
    expect((await signing(registry, first, other.record.id)).secrets).toEqual([other.secret]);
    expect((await signing(registry, first, one.record.id)).secrets).toEqual([one.secret]);
  });

  test.for(["", "short", Buffer.alloc(31).toString("base64"), `${keyOf(1)},`, "x".repeat(44)])(
    "is not made under a key that is none: %j",
    async (key, { expect }) => {
      const { registry } = fresh();
      await under(registry, undefined, (one) => one.createSecret(now));
      const before = await stored(registry);
      await expect(under(registry, key, (one) => one.createSecret(now))).rejects.toThrow(
        "32 bytes of base64",
      );
      expect(await stored(registry)).toEqual(before);
    },
  );
});
