import type { Door, Hole } from "../campaign.ts";
import { clientWith, taken } from "../client.ts";
import { now } from "../gate.ts";
import { encode, jws, pairOf, signerOf, tokenAttacks, type Claims } from "../jwt.ts";
import * as mangled from "../mangled.ts";

const file = "client/grant.ts";
const inBase64 = "client/base64.ts";
const signature = {
  file,
  from: 'if (!(await crypto.subtle.verify("Ed25519", key, signatureBytes, signed))) {',
  to: "void key, signed;\n  if (false) {",
};
/** The product without one of the claims that are compared. */
const compared = (row: string) => ({ file, from: `${row},\n`, to: "" });

const holes: readonly Hole[] = [
  { without: "the signature", changes: [signature], way: "other claims under a genuine signature" },
  {
    without: "the algorithm",
    changes: [{ file, from: 'if (header["alg"] !== "EdDSA")', to: "if (false)" }],
    way: "signed for another algorithm",
  },
  {
    without: "the kind of token",
    changes: [{ file, from: 'if (header["typ"] !== "holdpoint-grant+jwt")', to: "if (false)" }],
    way: "some other token of the engine",
  },
  {
    without: "extensions that have to be understood",
    changes: [{ file, from: 'if ("crit" in header || "b64" in header)', to: "if (false)" }],
    way: "an extension that has to be understood",
  },
  {
    without: "the kid",
    changes: [
      { file, from: 'key.kid !== undefined && key.kid === header["kid"]', to: "key.kid !== undefined" },
      { file, from: "|| named.length > 1", to: "" },
    ],
    way: "a kid that nobody has",
  },
  {
    without: "one key of a name",
    changes: [{ file, from: "|| named.length > 1", to: "" }],
    way: "two keys of one kid",
  },
  {
    without: "a kid being there",
    changes: [{ file, from: "key.kid !== undefined && key.kid ===", to: "key.kid ===" }],
    way: "no kid, and a key without one",
  },
  {
    without: "what a key is for",
    changes: [{ file, from: '&& use === "sig"', to: "" }],
    way: "a key that encrypts",
  },
  {
    without: "the algorithm of the key",
    changes: [{ file, from: '(alg === "EdDSA" || alg === "Ed25519") &&', to: "" }],
    way: "a key for another algorithm",
  },
  {
    without: "the end",
    changes: [{ file, from: "if (seconds >= claims.exp + toleranceSeconds) {", to: "if (false) {" }],
    way: "over",
  },
  {
    without: "the very second at which it is over",
    changes: [{ file, from: "seconds >= claims.exp", to: "seconds > claims.exp" }],
    way: "over at this very second",
  },
  {
    without: "the beginning",
    changes: [
      { file, from: "if (claims.iat > seconds + Math.max(toleranceSeconds, 60)) {", to: "if (false) {" },
    ],
    way: "from the future",
  },
  {
    without: "the action",
    changes: [compared('["action", claims.action, actionId]')],
    way: "for another action",
  },
  {
    without: "the digest",
    changes: [compared('["digest", claims.digest, digest]')],
    way: "for another digest",
  },
  {
    without: "the executor",
    changes: [compared('["executor", claims.sub, executor]')],
    way: "for another executor",
  },
  { without: "the fence", changes: [compared('["fence", claims.fence, fence]')], way: "for another fence" },
  {
    without: "the purpose",
    changes: [compared('["purpose", claims.purpose, purpose]')],
    way: "for another purpose",
  },
  {
    without: "the workspace",
    changes: [compared('["workspace", claims.workspace, workspace]')],
    way: "of another workspace",
  },
  { without: "the issuer", changes: [compared('["issuer", claims.iss, issuer]')], way: "of another engine" },
  {
    without: "the types of the claims",
    changes: [{ file, from: "if (!isClaims(claims))", to: "if (false)" }],
    way: "without an end",
  },
  {
    without: "the number of parts",
    changes: [{ file, from: "|| rest.length > 0", to: "" }],
    way: "four parts",
  },
  {
    without: "the one spelling of base64",
    changes: [{ file: inBase64, from: "if (btoa(binary) !== text) return undefined;", to: "" }],
    way: "the same signature in another spelling",
  },
  {
    without: "the letters of base64url",
    changes: [{ file: inBase64, from: "if (!/^[A-Za-z0-9_-]*$/u.test(text)) return undefined;", to: "" }],
    way: "the same signature as plain base64",
  },
  {
    without: "the kind of the key",
    changes: [{ file, from: 'kty === "OKP" && crv === "Ed25519" && ', to: "" }],
    way: "a key of another kind",
    covered: {
      by: "the import of the key, which takes no other curve",
      changes: [
        signature,
        {
          file,
          from: 'await crypto.subtle.importKey("jwk", { kty, crv, x }, "Ed25519", false, ["verify"])',
          to: "({}) as VerifyKey",
        },
      ],
    },
  },
  {
    without: "the length of the key",
    changes: [{ file, from: "|| bytesOfBase64Url(x)?.length !== 32", to: "" }],
    way: "a key that is too short",
    covered: {
      by: "the import of the key",
      changes: [
        signature,
        {
          file,
          from: 'await crypto.subtle.importKey("jwk", { kty, crv, x }, "Ed25519", false, ["verify"])',
          to: "({}) as VerifyKey",
        },
      ],
    },
  },
];

const backwards = (bytes: Buffer): Buffer => Buffer.from(Array.from(bytes).toReversed());

/** The order of Ed25519's group: S and S + L are one scalar. */
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

export const grants: Door = {
  title: "a grant, as the client verifies it",
  holes,
  open: (changes, dice) => {
    const { verifyGrant } = clientWith(changes);
    const [own, next, strange] = [pairOf("EdDSA", "k1"), pairOf("EdDSA", "k2"), pairOf("EdDSA", "k9")];
    const other = [strange, pairOf("ES256", "k8"), pairOf("RS256", "k7")];
    const iat = now / 1_000;
    const digest = `sha256:${"a".repeat(64)}`;
    const header: Claims = { alg: "EdDSA", typ: "holdpoint-grant+jwt", kid: "k1" };
    const claims = {
      iss: "https://holdpoint.example",
      sub: "agent:demo",
      jti: "act_1.1",
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
    const expected = {
      actionId: "act_1",
      digest,
      executor: "agent:demo",
      fence: 1,
      purpose: "execute",
      workspace: "default",
      issuer: claims.iss,
    };
    const signer = signerOf(own);
    const made = (change: Claims = {}, head: Claims = {}): string =>
      jws({ ...header, ...head }, { ...claims, ...change }, signer);
    const genuine = made();
    const keys = [own.jwk, next.jwk];
    const check = (
      grant: string,
      more: { keys?: readonly object[]; atMs?: number } = {},
    ): Promise<boolean> => {
      const { keys: set = keys, atMs = now } = more;
      return taken(verifyGrant(grant, { jwks: { keys: set }, now: atMs, expect: expected }), "bad_grant");
    };
    const earlier = made({ action: "act_0", jti: "act_0.1" });
    const texts = tokenAttacks(dice, {
      genuine: () => genuine,
      another: () => earlier,
      header,
      claims: () => claims,
      wanted: () => ({ ...claims, exp: iat + 600 + dice.below(1_000_000) }),
      own,
      strangers: other,
    });
    const word = (): string => mangled.randomText(dice, 6, "abcdefghijklmnopqrstuvwxyz");
    const last = (way: (bytes: Buffer) => Buffer | string): string => {
      const [head, body, code = ""] = genuine.split(".");
      const changed = way(Buffer.from(code, "base64url"));
      return `${head}.${body}.${typeof changed === "string" ? changed : changed.toString("base64url")}`;
    };
    const more: Record<string, () => string> = {
      "signed for another algorithm": () =>
        made({}, { alg: dice.pick(["HS256", "none", "Ed25519", "eddsa", "ES256", "RS256", ["EdDSA"]]) }),
      "some other token of the engine": () =>
        made(
          {},
          {
            typ: mangled.oneOf(dice, [
              "JWT",
              "at+jwt",
              "holdpoint-grant",
              "HOLDPOINT-GRANT+JWT",
              undefined,
              ["holdpoint-grant+jwt"],
            ]),
          },
        ),
      "an extension that has to be understood": () =>
        made({}, dice.pick([{ crit: ["b64"] }, { crit: [] }, { b64: false }, { b64: true }])),
      "a kid that nobody has": () =>
        made({}, { kid: dice.pick(["k3", "K1", "k1 ", "", " k1", "k1\u0000", "κ1"]) }),
      "the other key's kid": () => made({}, { kid: "k2" }),
      "no kid": () => made({}, { kid: undefined }),
      over: () => made({ exp: iat - 1 - dice.below(1_000_000) }),
      "over at this very second": () => made({ exp: iat }),
      "from the future": () => made({ iat: iat + 61 + dice.below(1_000_000), exp: iat + 2_000_000 }),
      "for another action": () =>
        made({ action: dice.pick([`act_${word()}`, "ACT_1", "act_1 ", "act_11", "аct_1"]) }),
      "for another digest": () =>
        made({ digest: `sha256:${mangled.flipped(dice, "a".repeat(64), { alphabet: "0123456789abcdef" })}` }),
      "for another executor": () =>
        made({
          sub: dice.pick([`agent:${word()}`, "agent:Demo", "agent:demo ", "person:demo", "agent:dem\u043e"]),
        }),
      "for another fence": () => made({ fence: dice.pick([0, 2, 1.5, -1, 1e21, 2 + dice.below(1_000)]) }),
      "for another purpose": () => made({ purpose: dice.pick(["rollback", "Execute", "", "simulate"]) }),
      "of another workspace": () =>
        made({ workspace: dice.pick([word(), "Default", "default ", "default/other", ""]) }),
      "of another engine": () =>
        made({
          iss: dice.pick([
            `https://${word()}.example`,
            "https://holdpoint.example/",
            "http://holdpoint.example",
            "HTTPS://HOLDPOINT.EXAMPLE",
          ]),
        }),
      "without an end": () =>
        made({ exp: mangled.oneOf(dice, [undefined, null, "later", [iat + 60], {}, true]) }),
      "without a claim": () =>
        made({
          [dice.pick([
            "iss",
            "sub",
            "iat",
            "workspace",
            "action",
            "type",
            "target",
            "digest",
            "fence",
            "purpose",
          ])]: mangled.oneOf(dice, [undefined, null, [], true]),
        }),
      "the same signature in another spelling": () => {
        const [head, body, code = ""] = genuine.split(".");
        return `${head}.${body}.${dice.pick([mangled.respelled(dice, code, 4), `${code}=`, `${code}==`])}`;
      },
      "the same claims in another spelling": () => {
        const spaced = Buffer.from(JSON.stringify(claims, null, 1 + dice.below(4))).toString("base64url");
        return `${encode(header)}.${spaced}.${genuine.split(".")[2]}`;
      },
      "the same scalar in another spelling": () =>
        last((bytes) => {
          const scalar = BigInt(`0x${backwards(bytes.subarray(32)).toString("hex")}`) + order;
          const hex = scalar.toString(16).padStart(64, "0");
          return Buffer.concat([bytes.subarray(0, 32), backwards(Buffer.from(hex, "hex"))]);
        }),
      "the halves of the signature changed about": () =>
        last((bytes) => Buffer.concat([bytes.subarray(32), bytes.subarray(0, 32)])),
      huge: () => `${genuine}${"A".repeat(4 * (1_000 + dice.below(3_000)))}`,
      empty: () => dice.pick(["", ".", "..", "...", "null", "undefined"]),
    };
    const plain = (): string => {
      // Signed again until its signature has a letter that the two alphabets write differently.
      for (;;) {
        const grant = made({ jti: word() });
        const [head, body, code = ""] = grant.split(".");
        if (/[-_]/u.test(code)) return `${head}.${body}.${code.replaceAll("-", "+").replaceAll("_", "/")}`;
      }
    };
    const { kid: _, ...nameless } = own.jwk as Record<string, unknown>;
    const sets: Record<string, () => Promise<boolean>> = {
      "the same signature as plain base64": () => check(plain()),
      "two keys of one kid": () => check(genuine, { keys: [own.jwk, { ...next.jwk, kid: "k1" }] }),
      "no kid, and a key without one": () => check(made({}, { kid: undefined }), { keys: [nameless] }),
      "a key that encrypts": () => check(genuine, { keys: [{ ...own.jwk, use: "enc" }] }),
      "a key for another algorithm": () =>
        check(genuine, { keys: [{ ...own.jwk, alg: dice.pick(["HS256", "ES256", "none"]) }] }),
      "a key of another kind": () =>
        check(genuine, {
          keys: [
            {
              ...own.jwk,
              ...dice.pick([{ kty: "EC" }, { crv: "X25519" }, { crv: "P-256" }, { kty: "oct" }]),
            },
          ],
        }),
      "a key that is too short": () =>
        check(genuine, { keys: [{ ...own.jwk, x: dice.pick(["AA", "", "A".repeat(42), "A".repeat(44)]) }] }),
      "a key that was withdrawn": () => check(genuine, { keys: [next.jwk] }),
      "no keys": () => check(genuine, { keys: [] }),
      "replayed after its end": () => check(genuine, { atMs: now + 60_000 + dice.below(1_000_000_000) }),
    };
    return {
      genuine: async () =>
        (await check(genuine)) &&
        (await check(made({ iat: iat + 60, exp: iat + 61 }))) &&
        (await check(jws({ ...header, kid: "k2" }, claims, signerOf(next)))) &&
        (await check(genuine, { atMs: now + 59_999 })),
      attacks: {
        ...Object.fromEntries(
          Object.entries({ ...texts, ...more }).map(([name, forge]) => [name, () => check(forge())]),
        ),
        ...sets,
      },
    };
  },
};
