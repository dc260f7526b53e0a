import { describe, test } from "vitest";
import type { Issuer } from "../../schemas/issuer.ts";
import type { Principal } from "../../schemas/principal.ts";
import type { Snapshot } from "../../schemas/snapshot.ts";
import {
  directory,
  envOf,
  newWorkspace,
  RegistryStandIn,
  snapshotOf,
  workerModule,
} from "../support/entrance.ts";
import { encode, fetchFrom, hmac, jws, signerOf } from "../support/forged/jwt.ts";
import { authenticate, ec, ed, newer, refused, rsa, Stage, start } from "../support/workload-stage.ts";

const { keyIdOf, tokenHolds, workloadTokenOf } = await workerModule<{
  keyIdOf: (issuer: Issuer, agent: string) => string;
  tokenHolds: (principal: Principal, snapshot: Snapshot) => boolean;
  workloadTokenOf: (request: Request) => string | null;
}>("workers/workload.ts");
const { forget } = await workerModule<{ forget: (workspace: string) => void }>("workers/known.ts");

describe("a bearer token", () => {
  const of = (authorization: string | null): string | null =>
    workloadTokenOf(
      new Request("https://x.example", authorization === null ? {} : { headers: { authorization } }),
    );

  test("is a workload's where it has three parts and is no key of ours", ({ expect }) => {
    expect([of("Bearer a.b.c"), of("bearer a..")]).toEqual(["a.b.c", "a.."]);
    for (const other of [
      null,
      "",
      "a.b.c",
      "Bearera.b.c",
      "Basic a.b.c",
      "x Bearer a.b.c",
      "Bearer a.b",
      "Bearer a.b.c.d",
      "Bearer hp_a.b.c",
      "Bearer a.b.c x",
      "Bearer a.b.c, d",
      "Bearer a.b.c,",
    ]) {
      expect(of(other), String(other)).toBeNull();
    }
  });
});

describe("T8 a workload's token", () => {
  test("gets the agent of its claims in, with what agents may do, until it ends", async ({ expect }) => {
    for (const pair of [rsa, ec, ed]) {
      const stage = new Stage();
      const { workspace, issuer, registry } = stage;
      const { principal, snapshot, standing } = await stage.asks(stage.token({}, pair));
      expect(principal).toEqual({
        workspace,
        kind: "agent",
        id: "agent:demo",
        scopes: ["actions:request", "actions:read"],
        keyId: keyIdOf(issuer, "agent:demo"),
      });
      expect(snapshot).toEqual(registry.snapshot);
      const holder = { kind: "workload", agent: "agent:demo", issuer: "ci" };
      expect(standing).toEqual({ holder, epoch: 3, endsAt: start + 300_000 });
    }
  });

  test("is of the workspace default where the header names none", async ({ expect }) => {
    const stage = new Stage();
    const env = envOf({ default: new RegistryStandIn(stage.registry.snapshot) });
    const request = (headers: Record<string, string>): Request =>
      new Request("https://x.example", { headers: { authorization: `Bearer ${stage.token()}`, ...headers } });
    forget("default");
    const [real, clock] = [globalThis.fetch, Date.now];
    globalThis.fetch = fetchFrom(() => stage.answers ?? {});
    Date.now = () => start;
    try {
      expect((await authenticate(request({}), env, start)).principal.workspace).toBe("default");
    } finally {
      [globalThis.fetch, Date.now] = [real, clock];
    }
  });

  test.for(["engine", "", "No Workspace", "acme, rival"])(
    "for %j, which is no workspace, is refused",
    async (workspace, { expect }) => {
      const stage = new Stage();
      await expect(stage.asks(stage.token(), { "holdpoint-workspace": workspace })).rejects.toMatchObject(
        refused("Holdpoint-Workspace names no workspace"),
      );
      expect(stage.asked).toEqual([]);
    },
  );

  const untrusted =
    "its issuer is not one that this workspace trusts; `Holdpoint-Workspace` says which one is meant";
  test("of an issuer that the workspace does not trust is refused, and nobody is called", async ({
    expect,
  }) => {
    const stage = new Stage();
    for (const iss of [
      "https://evil.example",
      `${stage.issuer.issuer}/`,
      "",
      stage.issuer.issuer.toUpperCase(),
    ]) {
      await expect(stage.asks(stage.token({ iss }))).rejects.toMatchObject(refused(untrusted));
    }
    await expect(stage.asks(stage.token(), { "holdpoint-workspace": newWorkspace() })).rejects.toMatchObject(
      refused(untrusted),
    );
    const { issuers: _, ...none } = snapshotOf({ version: 2 });
    stage.registry.snapshot = none;
    stage.now += 5_000;
    await expect(stage.asks(stage.token())).rejects.toMatchObject(refused(untrusted));
    expect(stage.asked).toEqual([]);
  });

  const noToken = "it is not a JSON Web Token with an issuer (`iss`)";
  test("that is none is refused before anybody is asked", async ({ expect }) => {
    const stage = new Stage();
    const { iss: _, ...nameless } = stage.claims();
    const header = { alg: "EdDSA", kid: "ed" };
    for (const text of [
      "a.b.c",
      jws(header, nameless, signerOf(ed)),
      jws(header, { ...nameless, iss: 7 }, signerOf(ed)),
      // A header that is none, before claims that name an issuer.
      `x.${encode(stage.claims())}.c`,
    ]) {
      await expect(stage.asks(text)).rejects.toMatchObject(refused(noToken));
    }
    expect([stage.asked, stage.registry.asked]).toEqual([[], []]);
  });

  test("of more than 8192 bytes is refused unread, and one of 8192 is read", async ({ expect }) => {
    const stage = new Stage();
    const long = "it is longer than 8192 bytes";
    const text = stage.token();
    await expect(stage.asks(text.padEnd(8_193, "A"))).rejects.toMatchObject(refused(long));
    expect(stage.registry.asked).toEqual([]);
    await expect(stage.asks(text.padEnd(8_192, "A"))).rejects.not.toMatchObject(refused(long));
  });

  const spoilt: [string, string, (stage: Stage) => string][] = [
    ["is over", "it has expired (`exp`)", (stage) => stage.token({ exp: start / 1_000 - 30 })],
    [
      "was issued too long ago",
      "it was issued too long ago (`iat`)",
      (stage) => stage.token({ iat: start / 1_000 - 3_631 }),
    ],
    ["has no end", "it lacks the claim `exp`", (stage) => stage.token({ exp: undefined })],
    ["has no beginning", "it lacks the claim `iat`", (stage) => stage.token({ iat: undefined })],
    ["has no audience", "it lacks the claim `aud`", (stage) => stage.token({ aud: undefined })],
    [
      "is for another",
      "its audience (`aud`) is not holdpoint/acme",
      (stage) => stage.token({ aud: "holdpoint/rival" }),
    ],
    ["begins later", "it is not valid yet (`nbf`)", (stage) => stage.token({ nbf: start / 1_000 + 31 })],
    [
      "is from the future",
      "it was issued in the future (`iat`)",
      (stage) => stage.token({ iat: start / 1_000 + 31 }),
    ],
    ["has an end that is no time", "its end (`exp`) is not a time", (stage) => stage.token({ exp: "later" })],
    [
      "is signed with a shared secret",
      "it is not signed with RS256, ES256, EdDSA",
      (stage) => jws({ alg: "HS256", kid: "ed" }, stage.claims(), hmac("secret")),
    ],
    [
      "names a key that is not there",
      "its issuer has no such key (`kid`)",
      (stage) => stage.token({}, newer),
    ],
    [
      "is signed by another",
      "its signature is not its issuer's",
      (stage) => stage.token({}, { ...newer, kid: "ed" }),
    ],
    [
      "asks for what nobody knows",
      "it is not a signed JSON Web Token",
      (stage) => stage.token({}, ed, { crit: ["x"], x: 1 }),
    ],
    [
      "fits no rule",
      "no rule of this issuer fits the claims of the token",
      (stage) => stage.token({ repository: "evil/shop" }),
    ],
    [
      "fits two agents",
      "the claims of the token fit rules for agent:demo and agent:other",
      (stage) => stage.token({ repository: "x", team: "both" }),
    ],
    [
      "is for an agent that is off",
      "agent:idle is not an active agent of this workspace",
      (stage) => stage.token({ repository: "x", team: "idle" }),
    ],
    [
      "is for an agent that is not there",
      "agent:nobody is not an active agent of this workspace",
      (stage) => stage.token({ repository: "x", team: "nobody" }),
    ],
  ];
  test.for(spoilt)("that %s is refused, and it is said: %s", async ([, what, forge], { expect }) => {
    const stage = new Stage();
    await expect(stage.asks(forge(stage))).rejects.toMatchObject(refused(what));
  });

  test("that does not say which of several keys is refused", async ({ expect }) => {
    const stage = new Stage();
    stage.answers = stage.discovery([ed.jwk, newer.jwk]);
    await expect(stage.asks(stage.token({}, ed, { kid: undefined }))).rejects.toMatchObject(
      refused("it does not name one key (`kid`)"),
    );
  });

  test("by an algorithm that the workspace did not list is refused", async ({ expect }) => {
    const stage = new Stage({ algorithms: ["RS256"] });
    await stage.asks(stage.token({}, rsa));
    await expect(stage.asks(stage.token())).rejects.toMatchObject(refused("it is not signed with RS256"));
  });

  test("is taken half a minute to either side of its times", async ({ expect }) => {
    const stage = new Stage({ maxTokenAge: "10m" });
    const seconds = start / 1_000;
    for (const change of [{ exp: seconds - 29 }, { nbf: seconds + 30 }, { iat: seconds - 630 }]) {
      expect((await stage.asks(stage.token(change))).principal.id).toBe("agent:demo");
    }
    await expect(stage.asks(stage.token({ iat: seconds - 631 }))).rejects.toMatchObject(
      refused("it was issued too long ago (`iat`)"),
    );
  });
});

describe("a principal that a token has proven", () => {
  const { issuer, registry } = new Stage();
  const principal = (keyId: string, id = "agent:demo"): Principal => ({
    workspace: "default",
    kind: "agent",
    id,
    scopes: [],
    keyId,
  });
  const snapshot = registry.snapshot ?? snapshotOf();

  test("stands while the agent is active and the issuer unchanged", ({ expect }) => {
    const own = principal(keyIdOf(issuer, "agent:demo"));
    expect(own.keyId).toMatch(/^oidc:ci:[0-9a-f]{16}:agent:demo$/u);
    expect(tokenHolds(own, snapshot)).toBe(true);
    expect(tokenHolds(own, { ...snapshot, issuers: [{ ...issuer, audience: "another" }] })).toBe(false);
    expect(tokenHolds(own, { ...snapshot, issuers: [] })).toBe(false);
    const { issuers: _, ...none } = snapshot;
    expect(tokenHolds(own, none)).toBe(false);
    const gone = { ...directory, agents: {} };
    expect(tokenHolds(own, { ...snapshot, directory: gone })).toBe(false);
    expect(tokenHolds(principal(keyIdOf(issuer, "agent:idle"), "agent:idle"), snapshot)).toBe(false);
    expect(tokenHolds(principal(keyIdOf(issuer, "agent:other")), snapshot)).toBe(false);
  });
});
