import { vi } from "vitest";
import type { Door, Hole } from "../campaign.ts";
import { must, now, origin, type Sent } from "../gate.ts";
import {
  fetchFrom,
  jws,
  noTimes,
  pairOf,
  respelledSignature,
  signerOf,
  tokenAttacks,
  type Claims,
} from "../jwt.ts";
import * as mangled from "../mangled.ts";
import { fromElsewhere } from "../passes.ts";
import { anyPrincipal, authFile as auth, newKey, staffed } from "../staff.ts";

const file = "workers/access.ts";
const identity = "core/identity.ts";
const verify = 'await jwtVerify(token, keys, { issuer, audience, algorithms: ["RS256"] });';
const verifying = (options: string) => ({
  file,
  from: verify,
  to: `await jwtVerify(token, keys, { ${options} });`,
});

const holes: readonly Hole[] = [
  {
    without: "the signature",
    changes: [
      {
        file,
        from: `const { payload } = ${verify}`,
        to: 'void keys, issuer, audience, jwtVerify;\n    const text = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");\n    const payload: unknown = JSON.parse(atob(text));',
      },
    ],
    way: "other claims under a genuine signature",
  },
  {
    without: "the audience",
    changes: [verifying('issuer, algorithms: ["RS256"]')],
    way: "for another application",
  },
  { without: "the issuer", changes: [verifying('audience, algorithms: ["RS256"]')], way: "of another team" },
  {
    without: "the algorithm",
    changes: [verifying("issuer, audience")],
    way: "an algorithm that is not Access's",
  },
  {
    without: "the time",
    changes: [verifying('issuer, audience, algorithms: ["RS256"], currentDate: new Date(0)')],
    way: "over",
  },
  {
    without: "the very second at which it is over",
    changes: [verifying('issuer, audience, algorithms: ["RS256"], clockTolerance: 1')],
    way: "over at this very second",
  },
  {
    without: "its beginning",
    changes: [verifying('issuer, audience, algorithms: ["RS256"], clockTolerance: 3_000_000')],
    way: "not valid yet",
  },
  {
    without: "an end being there",
    changes: [{ file, from: "exp: v.number(),", to: "exp: v.optional(v.number(), 1)," }],
    way: "without an end",
  },
  {
    without: "a beginning being there",
    changes: [{ file, from: "iat: v.number(),", to: "iat: v.optional(v.number(), 1)," }],
    way: "without a beginning",
  },
  {
    without: "refusing what is a service's",
    changes: [{ file, from: "common_name: v.optional(v.never()),", to: "" }],
    way: "of a service",
  },
  {
    without: "a subject",
    changes: [{ file, from: "sub: v.pipe(v.string(), v.minLength(1)),", to: "" }],
    way: "without a subject",
  },
  {
    without: "looking who is active",
    changes: [{ file: identity, from: "person.active && hasEmail", to: "hasEmail" }, anyPrincipal],
    way: "of a person who is off",
  },
  {
    without: "looking who is active, by the address",
    changes: [{ file: identity, from: "person.active && hasEmail", to: "hasEmail" }],
    way: "of a person who is off",
    covered: {
      by: "looking again whether who comes is active",
      changes: [anyPrincipal],
    },
  },
  {
    without: "looking again who is active",
    changes: [anyPrincipal],
    way: "of a person who is off",
    covered: {
      by: "who is found by an address",
      changes: [{ file: identity, from: "person.active && hasEmail", to: "hasEmail" }],
    },
  },
  {
    without: "whose address it is",
    changes: [
      {
        file: identity,
        from: "person.active && hasEmail(person, wanted.value)",
        to: 'person.id === "person:bob"',
      },
    ],
    way: "an address that nobody has",
  },
  {
    without: "asking an address for ASCII",
    changes: [{ file: identity, from: "if (!/^[\\x21-\\x7e]*$/u.test(text)) {", to: "if (false) {" }],
    way: "an address in letters of another alphabet",
    covered: {
      by: "the form of a token's address",
      changes: [{ file, from: "email: v.pipe(v.string(), v.email()),", to: "email: v.string()," }],
    },
  },
  {
    without: "the form of a token's address",
    changes: [{ file, from: "email: v.pipe(v.string(), v.email()),", to: "email: v.string()," }],
    way: "an address in letters of another alphabet",
    covered: {
      by: "the form of an address in the directory",
      changes: [{ file: identity, from: "if (!/^[\\x21-\\x7e]*$/u.test(text)) {", to: "if (false) {" }],
    },
  },
  {
    without: "a forged token counting alone",
    changes: [
      {
        file: auth,
        from: 'if (found === null) return "refused";',
        to: "if (found === null) return null;",
      },
    ],
    way: "forged, beside a session",
  },
  {
    without: "asking where writes are from",
    changes: [
      { file: "workers/origin.ts", from: 'request.headers.get("origin") === url.origin', to: "true" },
    ],
    way: "a write from another origin",
  },
];

const team = "https://acme.cloudflareaccess.com";
const audience = "an-application-audience-tag";
const seconds = now / 1_000;
const settings = {
  HOLDPOINT_ACCESS_TEAM: "acme",
  HOLDPOINT_ACCESS_AUD: audience,
  HOLDPOINT_ACCESS_WORKSPACE: "acme",
};

export const access: Door = {
  title: "a token of Cloudflare Access",
  holes,
  open: (changes, dice) => {
    const { gate, acme } = staffed(changes, settings);
    const [one, two, ec] = [pairOf("RS256", "one"), pairOf("RS256", "two"), pairOf("ES256", "ec")];
    const strangers = [pairOf("RS256", "rsa9"), pairOf("ES256", "ec9"), pairOf("EdDSA", "ed9")];
    const { alg: _, ...open } = ec.jwk as Record<string, unknown>;
    vi.stubGlobal(
      "fetch",
      fetchFrom(() => ({ [`${team}/cdn-cgi/access/certs`]: { keys: [one.jwk, two.jwk, open] } })),
    );
    const claims = (): Record<string, unknown> => ({
      iss: team,
      aud: [audience],
      email: "bob@example.com",
      sub: "7335d417-61da-459d-899c-0a01c76a2f94",
      iat: seconds - 60,
      nbf: seconds - 60,
      exp: seconds + 3_600,
      type: "app",
    });
    const made = (change: Claims = {}, head: Claims = {}, pair = one): string =>
      jws({ alg: pair.alg, kid: pair.kid, ...head }, { ...claims(), ...change }, signerOf(pair));
    const tokens = [1, 2, 3].map((run) => made({ run }));
    const header = { alg: "RS256", kid: "one" };
    const forged = tokenAttacks(dice, {
      genuine: () => tokens[0] ?? "",
      another: () => dice.pick(tokens.slice(1)),
      header,
      claims,
      wanted: () => ({
        ...claims(),
        email: dice.pick(["alice@example.com", "bob@example.com"]),
        exp: seconds + 4_000 + dice.below(1_000_000),
      }),
      own: one,
      strangers,
    });
    const word = (): string => mangled.randomText(dice, 6, "abcdefghijklmnopqrstuvwxyz");
    const long = (): number => 1 + dice.below(1_000_000);
    const others: Record<string, () => string> = {
      "for another application": () =>
        made({
          aud: mangled.oneOf<unknown>(dice, [
            word(),
            [word()],
            audience.toUpperCase(),
            `${audience} `,
            `${audience}-2`,
            "",
            [],
            null,
            undefined,
            { [audience]: 1 },
          ]),
        }),
      "of another team": () =>
        made({
          iss: mangled.oneOf<unknown>(dice, [
            `https://${word()}.cloudflareaccess.com`,
            `${team}/`,
            `${team}.evil.example`,
            team.toUpperCase(),
            team.replace("https", "http"),
            "",
            null,
            undefined,
            [team],
          ]),
        }),
      "an algorithm that is not Access's": () => made({}, {}, ec),
      over: () => made({ exp: seconds - long(), iat: seconds - 2_000_000, nbf: undefined }),
      "over at this very second": () => made({ exp: seconds, nbf: undefined }),
      "not valid yet": () => made({ nbf: seconds + long() }),
      "without an end": () => made({ exp: undefined }),
      "an end that is none": () => made({ exp: mangled.oneOf(dice, noTimes(seconds + 300)) }),
      "without a beginning": () => made({ iat: undefined }),
      "of a service": () => made({ common_name: `${word()}.access` }),
      "of a service, without an address": () =>
        made({ common_name: `${word()}.access`, email: undefined, sub: "" }),
      "without a subject": () => made({ sub: mangled.oneOf<unknown>(dice, ["", undefined, null, 1, []]) }),
      "without an address": () =>
        made({
          email: mangled.oneOf<unknown>(dice, [undefined, null, "", 1, {}, ["bob@example.com"], { bob: 1 }]),
        }),
      "an address that nobody has": () =>
        made({
          email: dice.pick([
            `${word()}@example.com`,
            "bob@example.org",
            `bob@${word()}.example.com`,
            "bob+x@example.com",
            "b.ob@example.com",
            "bob@example.com.evil.example",
            "bob",
            "@example.com",
            "bob@",
            "bob@example.com@evil.example",
            "alice@example.com,bob@example.com",
          ]),
        }),
      "an address in letters of another alphabet": () =>
        made({ email: dice.pick(["\u212Aim@example.com", "\u212Aim@EXAMPLE.com"]) }),
      "an address that looks like a person's": () =>
        made({
          email: dice.pick([
            "b\u043eb@example.com",
            "bob@ex\u0430mple.com",
            "bob@example\u3002com",
            "bob\u200b@example.com",
            "\uff42ob@example.com",
          ]),
        }),
      "an address with white space": () =>
        made({
          email: dice.pick([
            "bob@example.com ",
            " bob@example.com",
            "bob@example.com\n",
            "bob @example.com",
            "bob@example.com\u00a0",
          ]),
        }),
      "of a person who is off": () => made({ email: "gone@example.com" }),
      "under the kid of another of its keys": () => made({}, { kid: "two" }),
      "without a kid, where there are several keys": () => made({}, { kid: undefined }),
      "an extension that has to be understood": () =>
        made(
          {},
          mangled.oneOf(dice, [{ crit: ["exp"], exp: 1 }, { crit: [] }, { crit: ["b64"], b64: false }]) ?? {},
        ),
      empty: () => dice.pick(["", ".", "..", "null", "undefined", "e30.e30.e30"]),
      huge: () => `${tokens[0]}${"A".repeat(4_000 + 4 * dice.below(3_000))}`,
    };
    const showing = (token: string): Sent => ({ headers: [["cf-access-jwt-assertion", token]] });
    const keyId = newKey(acme, "person:alice").id;
    const link = must(acme.createLink({ person: "person:bob", keyId, actor: "test", now }));
    const session = must(acme.signIn({ hash: gate.hash(link.text), now })).text;
    const genuine = (): string => dice.pick(tokens);
    const requests: Record<string, () => Sent> = {
      ...Object.fromEntries(
        Object.entries({ ...forged, ...others }).map(([name, forge]) => [name, () => showing(forge())]),
      ),
      ...fromElsewhere(dice, origin, showing(tokens[0] ?? "")),
      "forged, beside a session": () => ({
        headers: [
          ["cf-access-jwt-assertion", dice.pick(Object.values(forged))()],
          ["cookie", `__Host-holdpoint=${session}`],
        ],
      }),
      "two at once": () => ({
        headers: [
          ["cf-access-jwt-assertion", genuine()],
          ["cf-access-jwt-assertion", genuine()],
        ],
      }),
      "in another place": () => ({
        headers: [
          dice.pick([
            ["cookie", `CF_Authorization=${genuine()}`],
            ["authorization", `Bearer ${genuine()}`],
            ["cf-access-token", genuine()],
            ["x-cf-access-jwt-assertion", genuine()],
            ["cf-access-authenticated-user-email", "bob@example.com"],
          ] as const),
        ],
      }),
    };
    const is = (sent: Sent): Promise<boolean> => gate.send(sent).then((who) => who !== null);
    return {
      genuine: async () => {
        const who = await gate.send(showing(genuine()));
        const page = await gate.send({
          method: "POST",
          headers: [...showing(genuine()).headers, ["origin", origin], ["x-holdpoint-csrf", "1"]],
        });
        if (who !== "acme person:bob" || page !== who) return false;
        // Its signature read in another spelling is the same token, of the same person, or it is none.
        return [who, null].includes(await gate.send(showing(respelledSignature(dice, genuine()))));
      },
      attacks: Object.fromEntries(Object.entries(requests).map(([name, forge]) => [name, () => is(forge())])),
    };
  },
};
