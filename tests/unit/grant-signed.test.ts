import { generateKeyPairSync, randomUUID } from "node:crypto";
import { describe, test } from "vitest";
import { verifyGrant } from "../../client/index.ts";
import { workerModule } from "../support/entrance.ts";

type Lease = Record<string, unknown>;
type Sign = (
  env: object,
  lease: Lease,
  action: { workspace: string; id: string },
  issuer: string,
) => Promise<string>;
/** A new copy each time: it remembers the key that it has once been given. */
const signer = async (): Promise<Sign> =>
  (await workerModule<{ signGrant: Sign }>(`workers/grants.ts?copy=${randomUUID()}`)).signGrant;

const jwk = { ...generateKeyPairSync("ed25519").privateKey.export({ format: "jwk" }), kid: "k1" };
const { d: _, ...publicJwk } = jwk;
const issuer = "https://holdpoint.example";
const action = { workspace: "default", id: "act_1" };
const claimedAt = 1_800_000_000_000;
const lease: Lease = {
  id: "lse_1",
  executor: "agent:demo",
  fence: 2,
  purpose: "execute",
  claimedAt: claimedAt + 999,
  expiresAt: claimedAt + 30_000,
  executionEnds: claimedAt + 60_999,
  type: "host.shell",
  target: { resource: "prod-db-1" },
  digest: `sha256:${"a".repeat(64)}`,
};

/** An engine that counts how often it is asked for its keys. */
function engine(): { env: object; asked: string[] } {
  const asked: string[] = [];
  const signingKeys = async (): Promise<object> => ({ current: jwk, public: [publicJwk] });
  const getByName = (name: string): object => {
    asked.push(name);
    return { signingKeys };
  };
  return { env: { REGISTRY: { getByName } }, asked };
}

describe("T9 the grant of a lease", () => {
  test("says what the lease is for, in whole seconds, under the engine's key", async ({ expect }) => {
    const sign = await signer();
    const { env, asked } = engine();
    const jws = await sign(env, lease, action, issuer);
    expect(asked).toEqual(["engine/registry"]);
    const [head = "", body = "", signature = ""] = jws.split(".");
    const read = (part: string): unknown => JSON.parse(Buffer.from(part, "base64url").toString());
    expect(read(head)).toEqual({ alg: "EdDSA", typ: "holdpoint-grant+jwt", kid: "k1" });
    expect(read(body)).toEqual({
      iss: issuer,
      sub: "agent:demo",
      jti: "act_1.2",
      iat: claimedAt / 1_000,
      exp: claimedAt / 1_000 + 60,
      workspace: "default",
      action: "act_1",
      type: "host.shell",
      target: { resource: "prod-db-1" },
      digest: lease["digest"],
      fence: 2,
      purpose: "execute",
    });
    expect(Buffer.from(signature, "base64url")).toHaveLength(64);
    expect(jws).not.toContain("=");
  });

  test("is verified by the client with the public half of the key, and by nothing else", async ({
    expect,
  }) => {
    const jws = await (await signer())(engine().env, lease, action, issuer);
    const check = {
      jwks: { keys: [publicJwk as { kty: string }] },
      expect: { actionId: "act_1", digest: String(lease["digest"]) },
      now: claimedAt,
    };
    await expect(verifyGrant(jws, check)).resolves.toMatchObject({ action: "act_1", fence: 2 });
    const { publicKey } = generateKeyPairSync("ed25519");
    const strange = { ...publicKey.export({ format: "jwk" }), kid: "k1" } as { kty: string };
    await expect(verifyGrant(jws, { ...check, jwks: { keys: [strange] } })).rejects.toMatchObject({
      code: "bad_grant",
    });
  });

  test("is the very same text for a repeated claim, and the key is asked for once", async ({ expect }) => {
    const sign = await signer();
    const { env, asked } = engine();
    const first = await sign(env, lease, action, issuer);
    expect(await sign(env, lease, action, issuer)).toBe(first);
    expect(await sign(env, { ...lease, fence: 3 }, action, issuer)).not.toBe(first);
    expect(asked).toHaveLength(1);
  });
});
