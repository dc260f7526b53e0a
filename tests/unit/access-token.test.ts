import { randomUUID } from "node:crypto";
import { describe, test } from "vitest";
import type { Principal } from "../../schemas/principal.ts";
import type { Snapshot } from "../../schemas/snapshot.ts";
import type { Standing } from "../../schemas/standing.ts";
import {
  directory,
  envOf,
  newSession,
  newWorkspace,
  RegistryStandIn,
  snapshotOf,
  workerModule,
} from "../support/entrance.ts";
import { fetchFrom, jws, pairOf, signerOf } from "../support/forged/jwt.ts";

type Access = { workspace: string; person: string; signedInAt: number; endsAt: number; epoch: number };
const { accessPerson } = await workerModule<{
  accessPerson: (request: Request, env: object) => Promise<Access | null | undefined>;
}>("workers/access.ts");
const { authenticate } = await workerModule<{
  authenticate: (
    request: Request,
    env: object,
    now: number,
  ) => Promise<{ principal: Principal; snapshot: Snapshot; standing: Standing }>;
}>("workers/auth.ts");
const { forget } = await workerModule<{ forget: (workspace: string) => void }>("workers/known.ts");

const own = pairOf("RS256", "access");
const stranger = pairOf("RS256", "stranger");
const issuer = "https://acme.cloudflareaccess.com";
const local = "http://127.0.0.1:8788";
const certs = (at: string): Record<string, unknown> => ({
  [`${at}/cdn-cgi/access/certs`]: { keys: [own.jwk, pairOf("ES256", "ec").jwk] },
});

/** Access's keys come by the network: from this table, and from nowhere else. */
const network = fetchFrom(() => ({ ...certs(issuer), ...certs(local) }));
async function online<Value>(run: () => Promise<Value>): Promise<Value> {
  const before = globalThis.fetch;
  globalThis.fetch = network;
  try {
    return await run();
  } finally {
    globalThis.fetch = before;
  }
}

/** Access is asked by the clock of this machine. */
const seconds = Math.floor(Date.now() / 1_000);
const claims = {
  iss: issuer,
  aud: ["application"],
  email: "bob@example.com",
  sub: "7d2f",
  iat: seconds - 10,
  exp: seconds + 600,
};
const token = (change: object = {}, pair = own, head: object = {}): string =>
  jws({ alg: pair.alg, kid: pair.kid, ...head }, { ...claims, ...change }, signerOf(pair));

const team = { HOLDPOINT_ACCESS_TEAM: "acme", HOLDPOINT_ACCESS_AUD: "application" };
function opened(settings: Record<string, string> = team, snapshot: Snapshot | null = snapshotOf()) {
  const workspace = newWorkspace();
  const registry = new RegistryStandIn(snapshot);
  const env = envOf({ [workspace]: registry }, { HOLDPOINT_ACCESS_WORKSPACE: workspace, ...settings });
  const requestOf = (text: string | null, more: Record<string, string> = {}): Request => {
    const headers = { ...(text !== null && { "cf-access-jwt-assertion": text }), ...more };
    return new Request("https://holdpoint.example/v1/whoami", { headers });
  };
  const shown = (text: string | null): ReturnType<typeof accessPerson> =>
    online(() => accessPerson(requestOf(text), env));
  return { workspace, registry, env, requestOf, shown };
}

describe("T7 a token of Cloudflare Access", () => {
  test("gets the one person of its address in, until it ends", async ({ expect }) => {
    const { workspace, shown } = opened();
    expect(await shown(token())).toEqual({
      workspace,
      person: "person:bob",
      signedInAt: claims.iat * 1_000,
      endsAt: claims.exp * 1_000,
      snapshot: snapshotOf(),
      epoch: 3,
    });
  });

  test("belongs to the workspace default where none is set", async ({ expect }) => {
    const registry = new RegistryStandIn(snapshotOf());
    const { requestOf } = opened();
    const env = envOf({ default: registry }, team);
    forget("default");
    expect(await online(() => accessPerson(requestOf(token()), env))).toMatchObject({ workspace: "default" });
  });

  test("is asked of the Registry each time, so that who has left is out at once", async ({ expect }) => {
    const { registry, shown } = opened();
    expect(await shown(token())).not.toBeNull();
    const people = {
      ...directory.people,
      "person:bob": { ...directory.people["person:bob"]!, active: false },
    };
    registry.snapshot = snapshotOf({ version: 2, directory: { ...directory, people } });
    expect(await shown(token())).toBeNull();
  });

  const spoilt: [string, () => string][] = [
    ["for another application", () => token({ aud: ["another"] })],
    ["for none", () => token({ aud: undefined })],
    ["of another team", () => token({ iss: "https://rival.cloudflareaccess.com" })],
    ["that is over", () => token({ exp: seconds - 1 })],
    ["that is not valid yet", () => token({ nbf: seconds + 600 })],
    ["by another's key", () => token({}, { ...stranger, kid: "access" })],
    ["by a key that is not in the set", () => token({}, stranger)],
    ["by another algorithm than Access signs with", () => token({}, pairOf("ES256", "ec"))],
    ["without an address", () => token({ email: undefined })],
    ["whose address is none", () => token({ email: "bob" })],
    ["without a subject", () => token({ sub: undefined })],
    ["of a service, whose subject is empty", () => token({ sub: "" })],
    ["of a service, which has a common name", () => token({ common_name: "ci.access" })],
    ["without a beginning", () => token({ iat: undefined })],
    ["without an end", () => token({ exp: undefined })],
    ["of somebody whom the directory does not have", () => token({ email: "eve@example.com" })],
    ["of somebody who is not active", () => token({ email: "gone@example.com" })],
    ["that is no token", () => "x"],
    ["that is empty", () => ""],
  ];
  test.for(spoilt)("%s is refused", async ([, forge], { expect }) => {
    expect(await opened().shown(forge())).toBeNull();
  });

  test("is refused where nobody has made the workspace", async ({ expect }) => {
    expect(await opened(team, null).shown(token())).toBeNull();
  });

  test("is verified with the team's own keys, which are read once", async ({ expect }) => {
    // A copy that has read none yet.
    const fresh = await workerModule<{ accessPerson: typeof accessPerson }>(
      `workers/access.ts?copy=${randomUUID()}`,
    );
    const { env, requestOf } = opened();
    const asked: string[] = [];
    const before = globalThis.fetch;
    globalThis.fetch = (input, init) => {
      asked.push(input instanceof Request ? input.url : String(input));
      return network(input, init);
    };
    try {
      for (const text of [token(), token(), token({ sub: "7d30" })]) {
        expect(await fresh.accessPerson(requestOf(text), env)).toMatchObject({ person: "person:bob" });
      }
    } finally {
      globalThis.fetch = before;
    }
    expect(asked).toEqual([`${issuer}/cdn-cgi/access/certs`]);
  });

  test("is nothing where Access is not configured, or where none is sent", async ({ expect }) => {
    expect(await opened().shown(null)).toBeUndefined();
    for (const settings of [
      {},
      { HOLDPOINT_ACCESS_TEAM: "acme" },
      { HOLDPOINT_ACCESS_AUD: "application" },
      { ...team, HOLDPOINT_ACCESS_TEAM: "" },
      { ...team, HOLDPOINT_ACCESS_AUD: "" },
      { ...team, HOLDPOINT_ACCESS_WORKSPACE: "No Workspace" },
    ]) {
      expect(await opened(settings).shown(token())).toBeUndefined();
    }
  });

  test("is of a team by its name alone, and of an address on a developer's own machine only", async ({
    expect,
  }) => {
    const developer = { ...team, HOLDPOINT_ACCESS_TEAM: local, HOLDPOINT_LOCAL: "true" };
    expect(await opened(developer).shown(token({ iss: local }))).toMatchObject({ person: "person:bob" });
    const { HOLDPOINT_LOCAL: _, ...elsewhere } = developer;
    for (const settings of [
      elsewhere,
      { ...team, HOLDPOINT_ACCESS_TEAM: "acme.evil" },
      { ...team, HOLDPOINT_ACCESS_TEAM: "evil.example/acme" },
      { ...team, HOLDPOINT_ACCESS_TEAM: "ACME" },
      { ...developer, HOLDPOINT_ACCESS_TEAM: `x${local}` },
      { ...developer, HOLDPOINT_ACCESS_TEAM: `${local}x` },
      { ...developer, HOLDPOINT_ACCESS_TEAM: "http://127.0.0.1:" },
      { ...developer, HOLDPOINT_ACCESS_TEAM: "https://evil.example" },
    ]) {
      await expect(opened(settings).shown(token())).rejects.toThrow(
        "HOLDPOINT_ACCESS_TEAM is the team's name alone",
      );
    }
    // Also there a name is a name.
    const named = { ...team, HOLDPOINT_LOCAL: "true" };
    expect(await opened(named).shown(token())).toMatchObject({ person: "person:bob" });
  });
});

describe("T7 a caller with a token of Cloudflare Access", () => {
  const now = Date.now();
  const unauthenticated = { code: "unauthenticated" };

  test("is that person, signed in when the token was issued", async ({ expect }) => {
    const { workspace, env, requestOf } = opened();
    const { principal, standing } = await online(() => authenticate(requestOf(token()), env, now));
    expect(principal).toMatchObject({
      workspace,
      kind: "person",
      id: "person:bob",
      keyId: "access:person:bob",
      signedInAt: claims.iat * 1_000,
    });
    expect(principal.scopes).toContain("votes:write");
    const holder = { kind: "access", person: "person:bob" };
    expect(standing).toEqual({ holder, epoch: 3, endsAt: claims.exp * 1_000 });
  });

  test("is refused with a token that is none, also beside a session that is good", async ({ expect }) => {
    const { workspace, registry, env, requestOf } = opened();
    const times = { signedInAt: now, endsAt: now + 60_000 };
    const cookie = `__Host-holdpoint=${newSession(registry, workspace, "person:bob", times).text}`;
    const asked = (text: string | null): Promise<unknown> =>
      online(() => authenticate(requestOf(text, { cookie }), env, now));
    await expect(asked(null)).resolves.toMatchObject({ principal: { id: "person:bob" } });
    await expect(asked("x")).rejects.toMatchObject(unauthenticated);
  });
});
