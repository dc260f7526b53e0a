import {
  type CompactJWSHeaderParameters,
  CompactSign,
  exportJWK,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
} from "jose";
import { KeyObject, sign } from "node:crypto";
import { beforeAll, describe, test } from "vitest";
import { HoldpointError, type KeySet, type PublicKey, verifyGrant } from "../../client/index.ts";
import type { GrantCheck } from "../../client/grant.ts";

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

  const detailOf = async (jws: string, more: Partial<GrantCheck> = {}): Promise<string> => {
    try {
      await verifyGrant(jws, { jwks, now, expect: expected, ...more });
      return "taken";
    } catch (error) {
      return error instanceof HoldpointError ? `${error.title}. ${error.detail}` : String(error);
    }
  };
  const said = (what: string): string =>
    `The grant does not verify. The grant cannot be trusted: ${what}. Run nothing under it.`;
  /** Signed by the engine's key, over a header and content that are given as they are. */
  const signedOver = (head: string | Uint8Array, content: string | Uint8Array): string => {
    const text = [head, content].map((part) => Buffer.from(part).toString("base64url")).join(".");
    const key = KeyObject.from(own.privateKey);
    return `${text}.${sign(null, Buffer.from(text), key).toString("base64url")}`;
  };
  const over = (content: string | Uint8Array): string => signedOver(JSON.stringify(header), content);

  const faults: [string, () => string | Promise<string>][] = [
    ["it is not a compact JWS", () => Buffer.from(JSON.stringify(header)).toString("base64url")],
    ["it is not a compact JWS", () => "a.b"],
    ["it is not a compact JWS", async () => `${await grant()}.x`],
    ["it is not a compact JWS", async () => `${await grant()}=`],
    ["it is not a compact JWS", async () => `%.${(await grant()).split(".").slice(1).join(".")}`],
    ["a part of it is not JSON", () => signedOver("{", "{}")],
    ["a part of it is not JSON", () => over("{")],
    // Bytes that are no UTF-8, in a text, and a mark that would be passed over.
    ["a part of it is not JSON", () => over(Buffer.from('{"\xff":1}', "latin1"))],
    ["a part of it is not JSON", () => over("\ufeff{}")],
    ["a part of it is not a JSON object", () => over("[]")],
    ["a part of it is not a JSON object", () => over("null")],
    ["its algorithm is not EdDSA", () => grant({}, { header: { alg: "Ed25519" } })],
    ["it is no grant but some other token", () => grant({}, { header: { typ: "JWT" } })],
    ["its header asks for an extension", () => signedOver(JSON.stringify({ ...header, crit: [] }), "{}")],
    ["its header asks for an extension", () => signedOver(JSON.stringify({ ...header, b64: false }), "{}")],
    ["no key of the engine has its kid", () => grant({}, { header: { kid: "k9" } })],
    ["its signature does not hold", () => grant({}, { key: other })],
    ["a claim is missing or of another type", () => grant({ fence: "1" })],
    ["a claim is missing or of another type", () => grant({ purpose: "steal" })],
    [`it expired at ${new Date(now - 1_000).toISOString()}`, () => grant({ exp: iat - 1 })],
    ["it was issued in the future: check this clock", () => grant({ iat: iat + 61 })],
  ];
  test.for(faults)("is refused in words: %s", async ([what, forge], { expect }) => {
    expect(await detailOf(await forge())).toBe(said(what));
  });

  test.for([
    ["action", "act_1", { actionId: "act_2" }],
    ["digest", digest, { digest: "x" }],
    ["executor", "agent:demo", { executor: "x" }],
    ["fence", 1, { fence: 2 }],
    ["purpose", "execute", { purpose: "rollback" }],
    ["workspace", "default", { workspace: "x" }],
    ["issuer", claims.iss, { issuer: "x" }],
  ] as const)("for another %s is refused in words", async ([name, actual, change], { expect }) => {
    const [wanted] = Object.values(change);
    expect(await detailOf(await grant(), { expect: { ...expected, ...change } })).toBe(
      said(`it is for another ${name} (${actual}, not ${wanted})`),
    );
  });

  test("to take something back verifies as that, and as nothing else", async ({ expect }) => {
    const back = await grant({ purpose: "rollback" });
    expect(await detailOf(back, { expect: { ...expected, purpose: "rollback" } })).toBe("taken");
    expect(await detailOf(back, { expect: { ...expected, purpose: "execute" } })).not.toBe("taken");
  });

  test("may be of a minute ahead, or as far as is allowed", async ({ expect }) => {
    const ahead = (seconds: number): Promise<string> => grant({ iat: iat + seconds, exp: iat + 600 });
    expect(await detailOf(await ahead(60))).toBe("taken");
    expect(await detailOf(await ahead(61))).not.toBe("taken");
    expect(await detailOf(await ahead(90), { toleranceSeconds: 90 })).toBe("taken");
    expect(await detailOf(await ahead(91), { toleranceSeconds: 90 })).not.toBe("taken");
    // Less is not asked for than what two clocks differ anyway.
    expect(await detailOf(await ahead(60), { toleranceSeconds: 5 })).toBe("taken");
  });

  test("verifies with a key that says nothing of its use, or Ed25519 for EdDSA", async ({ expect }) => {
    const jws = await grant();
    const { alg: _alg, use: _use, ...plain } = jwks.keys[1]!;
    for (const key of [
      plain,
      { ...plain, alg: "EdDSA" },
      { ...plain, alg: "Ed25519" },
      { ...plain, use: "sig" },
    ]) {
      expect(await detailOf(jws, { jwks: { keys: [key] } })).toBe("taken");
    }
  });

  test("is refused with a key that is none, or that has no name", async ({ expect }) => {
    const [, key] = jwks.keys;
    const { x: _x, ...empty } = key!;
    const { kid: _kid, ...nameless } = key!;
    const none = said("the key it names is no Ed25519 signing key");
    const jws = await grant();
    for (const one of [empty, { ...key!, x: "%" }, { ...key!, use: "enc" }]) {
      expect(await detailOf(jws, { jwks: { keys: [one] } })).toBe(none);
    }
    const unnamed = await grant({}, { header: { kid: undefined } });
    expect(await detailOf(unnamed, { jwks: { keys: [nameless] } })).toBe(
      said("no key of the engine has its kid"),
    );
  });
});
