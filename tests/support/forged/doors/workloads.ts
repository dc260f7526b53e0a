import { constants, sign } from "node:crypto";
import { vi } from "vitest";
import type { Door } from "../campaign.ts";
import { must, now, type Sent } from "../gate.ts";
import {
  fetchFrom,
  hmac,
  jws,
  noTimes,
  pairOf,
  respelledSignature,
  signerOf,
  tokenAttacks,
  type Claims,
} from "../jwt.ts";
import * as mangled from "../mangled.ts";
import { agent, staffed } from "../staff.ts";
import { holes } from "./workloads-holes.ts";

const issuer = "https://token.ci-provider.com";
const liar = "https://liar.ci-provider.com";
const removed = "https://old.ci-provider.com";
const theirs = "https://token.rival-ci.com";
const audience = "holdpoint/acme";
const seconds = now / 1_000;

const listed = [
  { claims: { repository: "acme/shop", ref: "refs/heads/*" }, agent: "agent:demo" },
  { claims: { "kubernetes.io.namespace": "agents" }, agent: "agent:other" },
  { claims: { team: "both" }, agent: "agent:demo" },
  { claims: { team: "bo*" }, agent: "agent:other" },
  { claims: { team: "idle" }, agent: "agent:idle" },
];

export const workloads: Door = {
  title: "a workload's token",
  holes,
  open: (changes, dice) => {
    const { gate, acme, rival } = staffed(changes);
    gate.agent("acme", agent("idle", false));
    const trust = (registry: typeof acme, id: string, more: object = {}): void => {
      const body = { id, issuer, audience, algorithms: ["RS256", "ES256", "EdDSA"], rules: listed };
      must(registry.putIssuer({ ...body, ...more }, "test", now - 1));
    };
    trust(acme, "ci");
    trust(acme, "liar", { issuer: liar });
    trust(acme, "old", { issuer: removed });
    must(acme.removeIssuer("old", "test", now - 1));
    trust(rival, "ci", { issuer: theirs });
    const [rsa, ec, ed, old] = [
      pairOf("RS256", "rsa"),
      pairOf("ES256", "ec"),
      pairOf("EdDSA", "ed"),
      pairOf("EdDSA", "old"),
    ];
    const strangers = [pairOf("RS256", "rsa9"), pairOf("ES256", "ec9"), pairOf("EdDSA", "ed9")];
    const strange = strangers.map(({ jwk }) => jwk);
    const shared = { kty: "oct", kid: "shared", k: Buffer.alloc(32, 7).toString("base64url") };
    // No algorithm stands with the RSA key, so that nothing but the list says which may be used with it.
    const { alg: _, ...open } = rsa.jwk as Record<string, unknown>;
    let published: object[] = [open, ec.jwk, ed.jwk, pairOf("EdDSA", "ed2").jwk, old.jwk, shared];
    const discovery = (of: string, says = of): Record<string, unknown> => ({
      [`${of}/.well-known/openid-configuration`]: { issuer: says, jwks_uri: `${says}/keys` },
    });
    vi.stubGlobal(
      "fetch",
      fetchFrom(() => ({
        ...discovery(issuer),
        ...discovery(removed),
        ...discovery(theirs),
        ...discovery(liar, "https://evil.ci-provider.com"),
        [`${issuer}/keys`]: { keys: published },
        [`${removed}/keys`]: { keys: strange },
        [`${theirs}/keys`]: { keys: strange },
        "https://evil.ci-provider.com/keys": { keys: strange },
      })),
    );

    const claims = (at = seconds): Record<string, unknown> => ({
      iss: issuer,
      aud: audience,
      iat: at,
      nbf: at,
      exp: at + 300,
      repository: "acme/shop",
      ref: "refs/heads/main",
    });
    const signedBy = (pair: typeof rsa, change: Claims = {}, head: Claims = {}, at = seconds): string =>
      jws(
        { alg: pair.alg, typ: "JWT", kid: pair.kid, ...head },
        { ...claims(at), ...change },
        signerOf(pair),
      );
    /** Signed by the issuer itself: what is wrong with it is what it says. */
    const made = (change: Claims, head: Claims = {}): string => signedBy(dice.pick([ed, ec]), change, head);
    const bearing = (token: string, workspace = "acme"): Sent => ({
      headers: [
        ["authorization", `Bearer ${token}`],
        ["holdpoint-workspace", workspace],
      ],
    });
    const pools = [rsa, ec, ed].map((pair) => ({
      pair,
      tokens: [1, 2, 3].map((run) => signedBy(pair, { run })),
    }));
    const sets = pools.map(({ pair, tokens }) =>
      tokenAttacks(dice, {
        genuine: () => tokens[0] ?? "",
        another: () => dice.pick(tokens.slice(1)),
        header: { alg: pair.alg, typ: "JWT", kid: pair.kid },
        claims,
        wanted: () => ({ ...claims(), ref: `refs/heads/${mangled.randomText(dice, 6, mangled.base62)}` }),
        own: pair,
        strangers,
      }),
    );
    const word = (): string => mangled.randomText(dice, 6, "abcdefghijklmnopqrstuvwxyz");
    const long = (): number => dice.below(1_000_000);
    const others: Record<string, () => string> = {
      "for another audience": () =>
        made({
          aud: mangled.oneOf(dice, [
            word(),
            "Holdpoint/acme",
            "holdpoint/acme/",
            "holdpoint/acme ",
            "holdpoint/rival",
            "holdpoint/*",
            "",
            [],
            [word()],
            null,
            undefined,
            { "holdpoint/acme": 1 },
            7,
          ]),
        }),
      "of an issuer with a longer name": () =>
        made({ iss: `${issuer}${dice.pick(["/", ".evil.example", ":443", "#", "?", `/${word()}`])}` }),
      "of another issuer": () =>
        made({
          iss: mangled.oneOf(dice, [
            `https://${word()}.com`,
            issuer.toUpperCase(),
            issuer.replace("https", "http"),
            "",
            null,
            undefined,
            [issuer],
            { iss: issuer },
            theirs,
            liar,
          ]),
        }),
      over: () => made({ exp: seconds - 30 - long(), nbf: undefined, iat: seconds - 60 }),
      "over at this very second": () => made({ exp: seconds - 30, iat: seconds - 60, nbf: undefined }),
      "not valid yet": () => made({ nbf: seconds + 31 + long() }),
      "issued in the future": () =>
        made({ iat: seconds + 31 + long(), exp: seconds + 2_000_000, nbf: undefined }),
      "issued too long ago": () => made({ iat: seconds - 3_631 - long(), nbf: undefined }),
      "without an end": () => made({ exp: undefined }),
      "an end that is none": () => made({ exp: mangled.oneOf(dice, noTimes(seconds + 300)) }),
      "without a beginning": () => made({ iat: undefined }),
      "a beginning that is none": () => made({ iat: mangled.oneOf(dice, noTimes(seconds)) }),
      "of another repository": () =>
        made({
          repository: dice.pick([
            `${word()}/shop`,
            "acme/shop-evil",
            "evil-acme/shop",
            "Acme/Shop",
            "acme/shop ",
            "acme/sh\u043ep",
            "acme",
            "acme/shop/",
            "*",
          ]),
        }),
      "of another branch": () =>
        made({
          ref: mangled.oneOf(dice, [
            "refs/tags/v1",
            "refs/pull/1/merge",
            "heads/main",
            "REFS/HEADS/main",
            " refs/heads/main",
            "",
            null,
            undefined,
          ]),
        }),
      "a list instead of a claim": () => made({ repository: ["acme/shop"] }),
      "an object instead of a claim": () => made({ repository: { "acme/shop": true } }),
      "a claim that can be read in two ways": () => {
        const readings = {
          kubernetes: { io: { namespace: "agents" } },
          "kubernetes.io": { namespace: word() },
        };
        return made({ repository: undefined, ...readings });
      },
      "claims that fit two agents": () => made({ repository: undefined, team: "both" }),
      "claims that fit nobody": () => made({ repository: undefined, team: `x${word()}` }),
      "claims of a prototype": () =>
        made({ repository: undefined, ["__proto__x"]: 1, constructor: { name: "acme/shop" } }),
      "for an agent that is off": () => made({ repository: undefined, team: "idle" }),
      "signed, and huge": () => made({ padding: "x".repeat(6_200 + dice.below(4_000)) }),
      "an algorithm that is not in the list": () => {
        const pss = (text: string): Buffer =>
          sign("sha256", Buffer.from(text), {
            key: rsa.privateKey,
            padding: constants.RSA_PKCS1_PSS_PADDING,
            saltLength: 32,
          });
        const longer = (text: string): Buffer => sign("sha512", Buffer.from(text), rsa.privateKey);
        const [alg, signer] = dice.pick([
          ["PS256", pss],
          ["RS512", longer],
        ] as const);
        return jws({ alg, kid: "rsa" }, claims(), signer);
      },
      "a shared secret that its issuer lists": () => {
        const secret = Buffer.alloc(32, 7);
        return jws({ alg: "HS256", kid: dice.pick(["shared", "rsa"]) }, claims(), hmac(secret));
      },
      "without a kid, where there are several keys": () => signedBy(ed, {}, { kid: undefined }),
      "under the kid of another of its keys": () =>
        signedBy(ed, {}, { kid: dice.pick(["old", "rsa", "ec"]) }),
      "an extension that has to be understood": () =>
        made(
          {},
          mangled.oneOf(dice, [{ crit: ["exp"], exp: 1 }, { crit: [] }, { crit: ["b64"], b64: false }]) ?? {},
        ),
      "encrypted instead of signed": () => made({}, { enc: "A256GCM", alg: "RSA-OAEP" }),
      "of an issuer that was removed": () => signedBy(dice.pick(strangers), { iss: removed }),
      "of keys that speak for another issuer": () => signedBy(dice.pick(strangers), { iss: liar }),
      "of another workspace's issuer": () => signedBy(dice.pick(strangers), { iss: theirs }),
    };
    const genuine = (): string => dice.pick(dice.pick(pools).tokens);
    const requests: Record<string, () => Sent> = {
      ...Object.fromEntries(
        Object.keys(sets[0] ?? {}).map((name) => [name, () => bearing(dice.pick(sets)[name]?.() ?? "")]),
      ),
      ...Object.fromEntries(Object.entries(others).map(([name, forge]) => [name, () => bearing(forge())])),
      "ours for another workspace": () =>
        bearing(
          genuine(),
          dice.pick([
            "rival",
            "engine",
            "default",
            "ACME",
            "acme/",
            "acme, rival",
            "constructor",
            "",
            `x${word()}`,
          ]),
        ),
      "for no workspace": () => ({ headers: [["authorization", `Bearer ${genuine()}`]] }),
      "two at once": () => ({
        headers: [
          ["authorization", `Bearer ${genuine()}`],
          ["authorization", `Bearer ${genuine()}`],
          ["holdpoint-workspace", "acme"],
        ],
      }),
      "under another scheme": () => ({
        headers: [
          [
            "authorization",
            dice.pick([genuine(), `JWT ${genuine()}`, `Basic ${genuine()}`, `Bearer${genuine()}`]),
          ],
          ["holdpoint-workspace", "acme"],
        ],
      }),
      "as one of our keys": () => bearing(`hp_${genuine()}`),
      "in another place": () => ({
        headers: [
          [dice.pick(["x-id-token", "cf-access-jwt-assertion", "cookie"]), genuine()],
          ["holdpoint-workspace", "acme"],
        ],
      }),
      "with white space in it": () => bearing(mangled.spaced(dice, genuine())),
    };
    const is = (sent: Sent): Promise<boolean> => gate.send(sent).then((who) => who !== null);
    let rounds = 0;
    return {
      genuine: async () => {
        const token = dice.pick(dice.pick(pools).tokens);
        const edge = signedBy(ed, { exp: seconds - 29, nbf: seconds + 30, iat: seconds - 60 });
        const oldest = signedBy(ec, { iat: seconds - 3_630, nbf: undefined });
        for (const one of [token, edge, oldest]) {
          if ((await gate.send(bearing(one))) !== "acme agent:demo") return false;
        }
        // Its signature read in another spelling is the same token, by the same agent, or it is none.
        return ["acme agent:demo", null].includes(await gate.send(bearing(respelledSignature(dice, token))));
      },
      attacks: {
        ...Object.fromEntries(Object.entries(requests).map(([name, forge]) => [name, () => is(forge())])),
        "of a key that was withdrawn": async () => {
          const at = seconds + 1_200 * rounds++;
          const before = published;
          try {
            vi.setSystemTime(at * 1_000);
            const wasIn = await is(bearing(signedBy(old, {}, {}, at)));
            if (!wasIn) throw new Error("the key should have been good");
            published = before.filter((key) => key !== old.jwk);
            vi.setSystemTime((at + 600) * 1_000);
            return await is(bearing(signedBy(old, {}, {}, at + 600)));
          } finally {
            published = before;
            vi.setSystemTime(now);
          }
        },
      },
    };
  },
};
