import { describe, test } from "vitest";
import type { Agent } from "../../schemas/directory.ts";
import type { Issuer } from "../../schemas/issuer.ts";
import { defaultScopes, type Principal } from "../../schemas/principal.ts";
import type { Snapshot } from "../../schemas/snapshot.ts";
import { holdsKey, liveFor } from "../../workers/live.ts";
import { keyIdOf } from "../../workers/workload.ts";

/** Who came without a key of ours is looked at again, as the Registry has things this moment, before anything runs. */

const agent: Agent = { id: "agent:ci", owner: "person:omar", roles: [], segments: [], active: true };
const issuer: Issuer = {
  id: "ci",
  description: null,
  issuer: "https://ci.acme.com",
  jwksUrl: null,
  audience: "holdpoint/default",
  algorithms: ["RS256"],
  rules: [{ claims: { sub: "a" }, agent: "agent:ci" }],
  maxTokenAge: "1h",
};

let made = 0;
/** A Registry that answers with this snapshot, under a workspace of its own. */
function engineWith(parts: { agents?: Record<string, Agent>; issuers?: Issuer[] }): {
  env: Env;
  workspace: string;
} {
  made += 1;
  const { agents = { "agent:ci": agent }, issuers } = parts;
  const snapshot: Snapshot = {
    version: 1,
    policy: null,
    directory: { version: 1, people: {}, agents, groups: {}, delegations: [] },
    endpoints: [],
    links: [],
    salt: "00",
    ...(issuers !== undefined && { issuers }),
  };
  const text = JSON.stringify(snapshot);
  const registry = {
    known: async () => ({ version: 1, snapshot: text }),
    // No key has an id with a colon, so whoever comes this way is nobody.
    live: async () => ({ key: null, version: 1, snapshot: null }),
  };
  return { env: { REGISTRY: { getByName: () => registry } } as unknown as Env, workspace: `live-${made}` };
}

const lives = async (keyId: string, parts: Parameters<typeof engineWith>[0]): Promise<boolean> => {
  const { env, workspace } = engineWith(parts);
  const principal: Principal = {
    workspace,
    kind: "agent",
    id: "agent:ci",
    scopes: defaultScopes.agent,
    keyId,
  };
  return (await liveFor(env, principal, 0)) !== null;
};

describe("a token's bearer may still run something", () => {
  const keyId = keyIdOf(issuer, "agent:ci");
  const cases: [string, Parameters<typeof engineWith>[0], boolean][] = [
    ["while its issuer and its agent are as they were", { issuers: [issuer] }, true],
    ["beside other issuers", { issuers: [{ ...issuer, id: "other" }, issuer] }, true],
    ["not once the issuer is gone", { issuers: [] }, false],
    ["not where no issuer was ever there", {}, false],
    ["not once its rules are others", { issuers: [{ ...issuer, rules: [] }] }, false],
    ["not once its audience is another", { issuers: [{ ...issuer, audience: "x" }] }, false],
    ["not once its tokens may be less old", { issuers: [{ ...issuer, maxTokenAge: "5m" }] }, false],
    [
      "not once its agent is off",
      { issuers: [issuer], agents: { "agent:ci": { ...agent, active: false } } },
      false,
    ],
    ["not once its agent is gone", { issuers: [issuer], agents: {} }, false],
  ];
  test.for(cases)("%s", async ([, parts, expected], { expect }) => {
    expect(await lives(keyId, parts)).toBe(expected);
  });

  test("not as another agent", async ({ expect }) => {
    expect(await lives(keyIdOf(issuer, "agent:other"), { issuers: [issuer] })).toBe(false);
  });
});

describe("a bound Worker may still run something", () => {
  test("while its agent is active", async ({ expect }) => {
    expect(await lives("door:agent:ci", {})).toBe(true);
    expect(await lives("door:agent:ci", { agents: { "agent:ci": { ...agent, active: false } } })).toBe(false);
    expect(await lives("door:agent:ci", { agents: {} })).toBe(false);
  });
});

test("nobody else is taken for one of them", async ({ expect }) => {
  for (const keyId of [
    "slack:T1/U1",
    "access:person:bob",
    "constructor:x",
    "__proto__:x",
    "abcdefghijkl",
    "door",
    "oidc",
  ]) {
    expect(await lives(keyId, { issuers: [issuer] })).toBe(false);
  }
  const of = (keyId: string): Principal => ({
    workspace: "w",
    kind: "agent",
    id: "agent:ci",
    scopes: [],
    keyId,
  });
  expect(holdsKey(of("0aB9zZ0aB9zZ"))).toBe(true);
  expect(holdsKey(of("door:agent:ci"))).toBe(false);
});
