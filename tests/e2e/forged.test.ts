import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { verifyGrant, type KeySet } from "../../client/index.ts";
import { type Cast, castOf } from "../support/actors.ts";
import { Caller } from "../support/caller.ts";
import { buildWithPoints } from "../support/crash/build.ts";
import { CrashEngine } from "../support/crash/engine.ts";
import { Dice } from "../support/dice.ts";
import { taken } from "../support/forged/client.ts";
import type { Sent } from "../support/forged/gate.ts";
import { jws, pairOf, signerOf, tokenAttacks } from "../support/forged/jwt.ts";
import { keyAttacks } from "../support/forged/keys.ts";
import * as mangled from "../support/forged/mangled.ts";
import { authorityWith, isIn, type Authority } from "../support/forged/over-http.ts";
import { foreignOrigins, fromElsewhere, passTexts } from "../support/forged/passes.ts";
import { proven } from "../support/proof.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** The same forgeries as in tests/unit/forged.test.ts over HTTP: that what was proven there stands at every door of a real engine. */

const wanted = Number(process.env["HOLDPOINT_FORGED_HTTP"] ?? 600);
const seed = Number(process.env["HOLDPOINT_SEED"] ?? 20_261_123);
const isWhole = process.env["HOLDPOINT_FORGED_HTTP"] !== undefined;
const part = "forged-http";
const share = Math.ceil(wanted / 6);
const audience = "holdpoint/default";
const own = pairOf("RS256", "one");
const strangers = [pairOf("RS256", "rsa9"), pairOf("ES256", "ec9"), pairOf("EdDSA", "ed9")];

let engine: TestEngine;
let cast: Cast;
let authority: Authority;

beforeAll(async () => {
  authority = await authorityWith([own, pairOf("RS256", "two")]);
  const settings = { HOLDPOINT_ACCESS_TEAM: authority.url, HOLDPOINT_ACCESS_AUD: audience };
  engine = await startEngine({ settings });
  cast = castOf(engine);
  await cast.operator.put("/v1/people/bob", { name: "Bob", email: "bob@example.com" });
  await cast.operator.put("/v1/issuers/ci", {
    issuer: authority.url,
    audience,
    algorithms: ["RS256"],
    rules: [{ claims: { repository: "acme/shop" }, agent: "agent:demo" }],
  });
});

afterAll(async () => {
  await engine?.stop();
  await authority?.close();
});

type Stage = {
  readonly genuine: () => Promise<boolean>;
  readonly attacks: Readonly<Record<string, () => Promise<boolean>>>;
};

const within = (attacks: Readonly<Record<string, () => Sent>>, path: string): Stage["attacks"] =>
  Object.fromEntries(
    Object.entries(attacks).map(([name, forge]) => [name, () => isIn(engine.url, { path, ...forge() })]),
  );

/**
 * Origins on another host. wrangler, which serves this engine, has an Origin say its own address wherever the host is the same, so
 * that the rest of them do not come as they were sent; tests/unit/forged.test.ts tries them.
 */
const foreignHosts = (dice: Dice, origin: string): string[] =>
  foreignOrigins(dice, origin).filter((one) => URL.parse(one)?.host !== new URL(origin).host);

type NewKey = { key: string; record: { id: string } };

async function formerKeys(): Promise<Record<string, readonly string[]>> {
  const made = (): Promise<NewKey> => cast.operator.post<NewKey>("/v1/keys", { principal: "agent:demo" });
  const [revoked, rotated] = [await made(), await made()];
  for (const { key } of [revoked, rotated]) await new Caller("", engine.url, key).get("/v1/whoami");
  await cast.operator.post(`/v1/keys/${revoked.record.id}/revoke`, {});
  await cast.operator.post(`/v1/keys/${rotated.record.id}/rotate`, { overlapMs: 0 });
  const { key: off } = await cast.operator.hires("off-duty");
  await cast.operator.put("/v1/people/off-duty", { active: false });
  return { revoked: [revoked.key], rotated: [rotated.key], "of somebody who is off": [off ?? ""] };
}

const linkOf = async (): Promise<string> => {
  const { url } = await cast.bob.post<{ url: string }>("/v1/sign-in-links", {});
  return url.split("#")[1] ?? "";
};
const page = (): Sent["headers"] => [
  ["origin", engine.url],
  ["x-holdpoint-csrf", "1"],
];
const signIn = (token: string, headers = page()): Sent => ({
  method: "POST",
  path: "/v1/session",
  headers,
  body: JSON.stringify({ token }),
});

/** Signs bob in. @returns the name and the text of his cookie */
async function session(): Promise<[name: string, text: string]> {
  const { path = "", body = "", headers } = signIn(await linkOf());
  const answer = await fetch(engine.url + path, {
    method: "POST",
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    body,
  });
  const [pair = ""] = (answer.headers.get("set-cookie") ?? "").split(";");
  const at = pair.indexOf("=");
  return [pair.slice(0, at), pair.slice(at + 1)];
}

async function elsewhere(): Promise<string> {
  const token = readFileSync(join(engine.stateDir, "setup-token"), "utf8").trim();
  const setup = new Caller("setup", engine.url, token);
  return (await setup.post<{ key: string }>("/v1/workspaces", { name: "rival" })).key;
}

const doors: Record<string, (dice: Dice) => Promise<Stage>> = {
  "T6 T15 an API key": async (dice) => {
    const genuine = cast.demo.key ?? "";
    const material = {
      genuine,
      colleague: cast.bob.key ?? "",
      elsewhere: await elsewhere(),
      former: await formerKeys(),
      strange: [await linkOf(), (await session())[1]],
    };
    return {
      genuine: () =>
        isIn(engine.url, { path: "/v1/whoami", headers: [["authorization", `Bearer ${genuine}`]] }),
      attacks: within(keyAttacks(dice, material), "/v1/whoami"),
    };
  },
  "T6 T20 a session": async (dice) => {
    const [name, genuine] = await session();
    const [, ended] = await session();
    const shown = (text: string): Sent => ({ headers: [["cookie", `${name}=${text}`]] });
    const path = "/v1/session";
    const out = await isIn(engine.url, {
      path,
      method: "DELETE",
      headers: [...shown(ended).headers, ...page()],
    });
    if (!out) throw new Error("the session should have been ended");
    const link = await linkOf();
    const texts = passTexts(dice, {
      genuine: () => genuine,
      elsewhere: `rival.${mangled.randomText(dice, 43, mangled.base64url)}`,
      strange: [link, cast.bob.key ?? ""],
      former: { "signed out of": () => ended },
    });
    const sent = Object.entries(texts).map(([way, text]): [string, () => Sent] => [way, () => shown(text())]);
    const writes = Object.entries(fromElsewhere(dice, engine.url, shown(genuine), foreignHosts))
      // `fetch` opens no sockets; tests/e2e/withdrawn-access.test.ts does.
      .filter(([way]) => way.startsWith("a write"))
      .map(([way, forge]): [string, () => Sent] => [
        way,
        () => ({ ...forge(), method: "POST", path: "/v1/tickets", body: "{}" }),
      ]);
    return {
      genuine: async () =>
        (await isIn(engine.url, { path, ...shown(genuine) })) &&
        (await isIn(engine.url, {
          method: "POST",
          path: "/v1/tickets",
          headers: [...shown(genuine).headers, ...page()],
          body: "{}",
        })),
      attacks: within(Object.fromEntries([...sent, ...writes]), path),
    };
  },
  "T6 T11 a sign-in link": async (dice) => {
    let unused = await linkOf();
    const used = await linkOf();
    if (!(await isIn(engine.url, signIn(used)))) throw new Error("the link should have been good once");
    const [, cookie] = await session();
    const texts = passTexts(dice, {
      genuine: () => unused,
      elsewhere: `rival.${mangled.randomText(dice, 43, mangled.base64url)}`,
      strange: [cookie, cast.bob.key ?? ""],
      former: { "used already": () => used },
    });
    const sent = Object.entries(texts).map(([way, text]): [string, () => Sent] => [
      way,
      () => signIn(text()),
    ]);
    return {
      genuine: async () => {
        const gotIn = await isIn(engine.url, signIn(unused));
        unused = await linkOf();
        return gotIn;
      },
      attacks: within(
        {
          ...Object.fromEntries(sent),
          "used by another site": () => signIn(unused, [["origin", "https://evil.example"]]),
        },
        "/v1/session",
      ),
    };
  },
  "T6 T8 a workload's token": async (dice) =>
    tokens(dice, { repository: "acme/shop" }, (token) => ({
      path: "/v1/whoami",
      headers: [["authorization", `Bearer ${token}`]],
    })),
  "T6 T20 a token of Cloudflare Access": async (dice) =>
    tokens(dice, { email: "bob@example.com" }, (token) => ({
      path: "/v1/session",
      headers: [["cf-access-jwt-assertion", token]],
    })),
  "T5 T9 a grant": async (dice) => {
    const action = await cast.demo.asks();
    await cast.bob.approves(action);
    const { grant } = await cast.demo.claims(action);
    const jwks = await cast.stranger.get<KeySet>("/.well-known/jwks.json");
    const check = (text: string, id = action.id): Promise<boolean> =>
      taken(verifyGrant(text, { jwks, expect: { actionId: id, digest: action.digest } }), "bad_grant");
    const signed = grant.slice(0, grant.lastIndexOf("."));
    return {
      genuine: () => check(grant),
      attacks: {
        "one character changed": () =>
          check(mangled.flipped(dice, grant, { end: signed.length, alphabet: mangled.base64url })),
        "cut off": () => check(mangled.cutOff(dice, grant)),
        grown: () => check(mangled.grown(dice, grant, mangled.base64url)),
        "another spelling": () => check(mangled.respelled(dice, grant, 4)),
        "another signature": () => check(`${signed}.${mangled.randomText(dice, 86, mangled.base64url)}`),
        "for another action": () => check(grant, `act_${mangled.randomText(dice, 22, mangled.base62)}`),
      },
    };
  },
};

function tokens(dice: Dice, said: Record<string, unknown>, sentAs: (token: string) => Sent): Stage {
  const now = Math.floor(Date.now() / 1_000);
  const header = { alg: "RS256", kid: "one" };
  const claims = (): Record<string, unknown> => ({
    iss: authority.url,
    aud: audience,
    sub: "someone",
    iat: now - 60,
    exp: now + 3_400,
    ...said,
  });
  const made = (more: object = {}, head: object = {}): string =>
    jws({ ...header, ...head }, { ...claims(), ...more }, signerOf(own));
  const [genuine, another] = [made(), made({ run: 2 })];
  const texts = tokenAttacks(dice, {
    genuine: () => genuine,
    another: () => another,
    header,
    claims,
    wanted: () => ({ ...claims(), run: dice.below(1_000_000) }),
    own,
    strangers,
  });
  const more: Record<string, () => string> = {
    over: () => made({ exp: now - 31 - dice.below(1_000_000) }),
    "not valid yet": () => made({ nbf: now + 7_200 + dice.below(1_000_000) }),
    "for somebody else": () =>
      made({ aud: mangled.oneOf(dice, ["holdpoint/rival", `${audience}/`, [], undefined]) }),
    "of another issuer": () => made({ iss: dice.pick([`${authority.url}/`, "https://rival.example", ""]) }),
    "of another subject": () => made({ repository: "acme/shop-evil", email: "eve@example.com" }),
    "under the kid of another key": () => made({}, { kid: "two" }),
  };
  const sent = Object.entries({ ...texts, ...more }).map(([way, forge]): [string, () => Sent] => [
    way,
    () => sentAs(forge()),
  ]);
  return { genuine: () => isIn(engine.url, sentAs(genuine)), attacks: within(Object.fromEntries(sent), "/") };
}

describe("T6 a real engine", () => {
  test.for(Object.keys(doors))(
    "lets nobody in with what is forged: %s",
    { timeout: 3_600_000 },
    async (title, { expect }) => {
      const { genuine, attacks } = await doors[title]!(new Dice(seed));
      const inside: string[] = [];
      let made = 0;
      while (made < share && inside.length === 0) {
        if (!(await genuine())) inside.push("the genuine one did not get in");
        for (const [name, attack] of Object.entries(attacks)) {
          if (await attack()) inside.push(name);
          made += 1;
        }
      }
      expect(inside, `seed ${seed}`).toEqual([]);
      proven({ part, trials: made, seed, notes: `${title}: ${Object.keys(attacks).length} ways to forge` });
    },
  );
});

// It builds an engine of its own for each, which is for a whole run.
describe.runIf(isWhole)("an engine", () => {
  const hash = {
    file: "objects/registry/keys.ts",
    from: "(hash !== null && !sameText(stored.hash, hash))",
    to: "false",
  };
  const revoked = {
    file: "objects/registry/keys.ts",
    from: "return revokedAt !== null || (",
    to: "return (",
  };
  test.for([
    ["the hash of a key", hash, "a secret that is made up"],
    ["looking whether a key was revoked", revoked, "revoked"],
  ] as const)("without %s lets somebody in", { timeout: 120_000 }, async ([, change, way], { expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "holdpoint-forged-"));
    const broken = await CrashEngine.start(folder, await buildWithPoints(folder, [change]));
    try {
      const { url, keys } = broken.file;
      const { operator, demo, bob } = castOf({ url, keys });
      const { key, record } = await operator.post<NewKey>("/v1/keys", { principal: "agent:demo" });
      await operator.post(`/v1/keys/${record.id}/revoke`, {});
      const attacks = keyAttacks(new Dice(seed), {
        genuine: demo.key ?? "",
        colleague: bob.key ?? "",
        elsewhere: bob.key ?? "",
        former: { revoked: [key] },
        strange: [""],
      });
      expect(await isIn(url, { path: "/v1/whoami", ...attacks[way]!() })).toBe(true);
      proven({ part, controls: { found: 1, of: 1 } });
    } finally {
      await broken.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
