import {
  type CompactJWSHeaderParameters,
  CompactSign,
  exportJWK,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
} from "jose";
import { beforeAll, describe, test } from "vitest";
import { type KeySet, type PublicKey, verifyGrant } from "../../client/index.ts";

const digest = `sha256:${"a".repeat(64)}`;
const iat = 1_800_000_000;
const now = iat * 1_000;
const header: CompactJWSHeaderParameters = { alg: "EdDSA", typ: "holdpoint-grant+jwt", kid: "k1" };
const claims = {
  iss: "https://holdpoint.example",
  sub: "agent:demo",
  iat,
  exp: iat + 60,
  workspace: "default",
  action: "act_1",
  type: "host.shell",
  target: { resource: "prod-db-1" },
  digest,
  fence: 1,
  purpose: "execute",
};
const expected = { actionId: "act_1", digest };
const refused = { code: "bad_grant" };

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
let own: Pair;
let other: Pair;
let jwks: KeySet;

async function publicKey(pair: Pair, kid: string): Promise<PublicKey> {
  return { ...(await exportJWK(pair.publicKey)), kid, alg: "EdDSA", use: "sig" } as PublicKey;
}

beforeAll(async () => {
  own = await generateKeyPair("EdDSA", { extractable: true });
  other = await generateKeyPair("EdDSA", { extractable: true });
  jwks = { keys: [await publicKey(other, "k0"), await publicKey(own, "k1")] };
});

/** Signed by jose: nothing of ours is on the signing side. */
async function grant(
  changes: Record<string, unknown> = {},
  more: { header?: object; key?: Pair } = {},
): Promise<string> {
  const payload = new TextEncoder().encode(JSON.stringify({ ...claims, ...changes }));
  return await new CompactSign(payload)
    .setProtectedHeader({ ...header, ...more.header })
    .sign((more.key ?? own).privateKey);
}

describe("P2: a grant", () => {
  test("signed by the engine's key for this action verifies, and its claims come back", async ({
    expect,
  }) => {
    const whole = {
      ...expected,
      executor: "agent:demo",
      fence: 1,
      purpose: "execute",
      workspace: "default",
      issuer: claims.iss,
    } as const;
    await expect(verifyGrant(await grant(), { jwks, now, expect: whole })).resolves.toEqual(claims);
  });

  test("verifies under whichever key of the set its kid names", async ({ expect }) => {
    const rotated = await grant({}, { header: { kid: "k0" }, key: other });
    await expect(verifyGrant(rotated, { jwks, now, expect: expected })).resolves.toMatchObject({
      action: "act_1",
    });
  });

  test("is over at its expiry, to the second", async ({ expect }) => {
    const jws = await grant();
    await expect(verifyGrant(jws, { jwks, now: now + 59_999, expect: expected })).resolves.toMatchObject({
      fence: 1,
    });
    await expect(verifyGrant(jws, { jwks, now: now + 60_000, expect: expected })).rejects.toMatchObject(
      refused,
    );
    await expect(
      verifyGrant(jws, { jwks, now: now + 61_000, expect: expected, toleranceSeconds: 2 }),
    ).resolves.toMatchObject({ fence: 1 });
  });

  test("issued in the future is refused", async ({ expect }) => {
    await expect(
      verifyGrant(await grant({ iat: iat + 120, exp: iat + 180 }), { jwks, now, expect: expected }),
    ).rejects.toMatchObject(refused);
  });

  test("re-keyed (another key under the engine's kid) is refused", async ({ expect }) => {
    await expect(
      verifyGrant(await grant({}, { key: other }), { jwks, now, expect: expected }),
    ).rejects.toMatchObject(refused);
  });

  test.for([
    ["an unknown kid", { kid: "k9" }],
    ["no kid", { kid: undefined }],
    ["another token's type", { typ: "JWT" }],
    ["no type", { typ: undefined }],
    ["an embedded key", { kid: undefined, jwk: { kty: "OKP", crv: "Ed25519", x: "" } }],
    ["the curve's own algorithm name", { alg: "Ed25519" }],
  ])("with %s in its header is refused", async ([, change], { expect }) => {
    await expect(
      verifyGrant(await grant({}, { header: change as object }), { jwks, now, expect: expected }),
    ).rejects.toMatchObject(refused);
  });

  test("with a critical extension in its header is refused", async ({ expect }) => {
    const payload = new TextEncoder().encode(JSON.stringify(claims));
    const jws = await new CompactSign(payload)
      .setProtectedHeader({ ...header, crit: ["x"], x: 1 })
      .sign(own.privateKey, { crit: { x: false } });
    await expect(verifyGrant(jws, { jwks, now, expect: expected })).rejects.toMatchObject(refused);
  });

  test("unsigned (alg none) is refused, with and without the engine's header", async ({ expect }) => {
    const unsecured = new UnsecuredJWT(claims).encode();
    await expect(verifyGrant(unsecured, { jwks, now, expect: expected })).rejects.toMatchObject(refused);
    const [head, payload] = (await grant()).split(".");
    await expect(verifyGrant(`${head}.${payload}.`, { jwks, now, expect: expected })).rejects.toMatchObject(
      refused,
    );
  });

  test("signed with HMAC under the public key is refused", async ({ expect }) => {
    const secret = Buffer.from(jwks.keys[1]!.x!, "base64url");
    const jws = await new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256", typ: "holdpoint-grant+jwt", kid: "k1" })
      .sign(secret);
    await expect(verifyGrant(jws, { jwks, now, expect: expected })).rejects.toMatchObject(refused);
  });

  test("with any part changed after signing is refused", async ({ expect }) => {
    const [head, payload, signature] = (await grant()).split(".");
    const forged = Buffer.from(JSON.stringify({ ...claims, digest: `sha256:${"b".repeat(64)}` })).toString(
      "base64url",
    );
    const flipped = `${signature!.startsWith("A") ? "B" : "A"}${signature!.slice(1)}`;
    for (const jws of [
      `${head}.${forged}.${signature}`,
      `${head}.${payload}.${flipped}`,
      `${head}.${payload}.${signature!.slice(0, -4)}`,
      `${head}.${payload}.${signature}=`,
      `${head}.${payload}.${signature} `,
      `${head}.${payload}`,
      `${head}.${payload}.${signature}.${signature}`,
      "",
      "..",
    ]) {
      await expect(verifyGrant(jws, { jwks, now, expect: expected })).rejects.toMatchObject(refused);
    }
  });

  test.for([
    ["action", { actionId: "act_2" }],
    ["digest", { digest: `sha256:${"b".repeat(64)}` }],
    ["executor", { executor: "agent:other" }],
    ["fence", { fence: 2 }],
    ["purpose", { purpose: "rollback" }],
    ["workspace", { workspace: "other" }],
    ["issuer", { issuer: "https://elsewhere.example" }],
  ] as const)("for another %s is refused", async ([, change], { expect }) => {
    await expect(
      verifyGrant(await grant(), { jwks, now, expect: { ...expected, ...change } }),
    ).rejects.toMatchObject(refused);
  });

  test.for(Object.keys(claims))("without %s is refused", async (name, { expect }) => {
    await expect(
      verifyGrant(await grant({ [name]: undefined }), { jwks, now, expect: expected }),
    ).rejects.toMatchObject(refused);
    await expect(
      verifyGrant(await grant({ [name]: [] }), { jwks, now, expect: expected }),
    ).rejects.toMatchObject(refused);
  });

  test("is refused where the key set is not what it should be", async ({ expect }) => {
    const jws = await grant();
    const [, key] = jwks.keys;
    for (const keys of [
      [],
      [key!, key!],
      [{ ...key!, use: "enc" }],
      [{ ...key!, kty: "EC" }],
      [{ ...key!, crv: "X25519" }],
      [{ ...key!, x: "AA" }],
      [{ ...key!, alg: "HS256" }],
    ]) {
      await expect(verifyGrant(jws, { jwks: { keys }, now, expect: expected })).rejects.toMatchObject(
        refused,
      );
    }
  });
});
