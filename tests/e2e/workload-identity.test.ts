import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CompactSign, type CryptoKey, exportSPKI, generateKeyPair, importJWK } from "jose";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ClaimAnswer } from "../../schemas/action.ts";
import { type Cast, castOf, requestOf } from "../support/actors.ts";
import { type Answer, Caller } from "../support/caller.ts";
import { IssuerStandIn } from "../support/issuer.ts";
import { expectProblem } from "../support/sealed.ts";
import { startEngine, type TestEngine } from "../support/server.ts";
import { detailOf, github, pod, rules, trusted, whoamiAt, workload } from "../support/workloads.ts";

/** Agents that come with the token of their own platform instead of a key. */

let engine: TestEngine;
let cast: Cast;
let issuer: IssuerStandIn;

beforeAll(async () => {
  issuer = await IssuerStandIn.open();
  await issuer.adds("ec", "ES256");
  await issuer.adds("ed", "EdDSA");
  engine = await startEngine();
  cast = castOf(engine);
  const idle = { owner: "person:omar", roles: [], segments: [], active: false };
  await cast.operator.put("/v1/agents/idle", idle);
  await cast.operator.put("/v1/issuers/ci", trusted(issuer));
});

afterAll(async () => {
  await engine?.stop();
  await issuer?.close();
});

const whoami = (token: string, headers: Record<string, string> = {}): Promise<Answer> =>
  whoamiAt(engine.url, token, headers);
const seconds = (offset: number): number => Math.floor(Date.now() / 1_000) + offset;
const base64url = (text: string): string => Buffer.from(text).toString("base64url");

async function workspaceOf(name: string): Promise<Caller> {
  const token = readFileSync(join(engine.stateDir, "setup-token"), "utf8").trim();
  const { key } = await new Caller("setup", engine.url, token).post<{ key: string }>("/v1/workspaces", {
    name,
  });
  return new Caller("operator", engine.url, key);
}

describe("a workload's token", () => {
  test.for([
    ["GitHub Actions", github, "rsa", "agent:demo"],
    ["a Kubernetes service account", pod, "ec", "agent:other"],
    ["a SPIFFE workload", workload, "ed", "agent:demo"],
    ["two rules for one agent", { team: "twice" }, "rsa", "agent:demo"],
  ] as const)(
    "of %s is its agent, with the scopes of an agent's key",
    async ([, claims, kid, agent], { expect }) => {
      const answer = await whoami(await issuer.token({ claims, kid }));
      expect(answer.body).toEqual({
        workspace: "default",
        kind: "agent",
        id: agent,
        scopes: ["actions:request", "actions:read"],
        keyId: expect.stringMatching(/^oidc:ci:[0-9a-f]{16}:agent:/u),
      });
    },
  );

  test("asks, waits, claims and reports like a key, and decides as little", async ({ expect }) => {
    const agent = new Caller("ci", engine.url, await issuer.token({ claims: github }));
    const action = await agent.post<{ id: string; digest: string }>("/v1/actions", requestOf());
    expect(action).toMatchObject({ state: "pending", requester: { id: "agent:demo" } });
    const vote = { decision: "approve", digest: action.digest };
    expect((await agent.send("POST", `/v1/actions/${action.id}/votes`, vote)).status).toBe(403);
    await cast.bob.approves(action);
    // The next job has a token of its own, and is the same agent.
    const next = new Caller("ci", engine.url, await issuer.token({ claims: workload, kid: "ed" }));
    const claim = await next.post<ClaimAnswer>(`/v1/actions/${action.id}/claim`, { digest: action.digest });
    const { lease, fence } = claim;
    const report = { lease, fence, outcome: "succeeded", summary: "done" };
    expect(await next.post(`/v1/actions/${action.id}/report`, report)).toMatchObject({ state: "executed" });
  });

  const refused: Record<string, [words: string, token: () => Promise<string>]> = {
    "for another audience": ["audience", () => issuer.token({ claims: { ...github, aud: "someone-else" } })],
    "without an audience": ["`aud`", () => issuer.token({ claims: { ...github, aud: undefined } })],
    "of an issuer that is not in the list": [
      "issuer",
      () => issuer.token({ claims: { ...github, iss: "https://token.actions.githubusercontent.com" } }),
    ],
    "of an issuer that is ours but for a slash": [
      "issuer",
      () => issuer.token({ claims: { ...github, iss: `${issuer.url}/` } }),
    ],
    "without an issuer": ["`iss`", () => issuer.token({ claims: { ...github, iss: undefined } })],
    "with alg none": [
      "not signed with RS256, ES256, EdDSA",
      async () => {
        const [, payload] = (await issuer.token({ claims: github })).split(".");
        return `${base64url('{"alg":"none","kid":"rsa"}')}.${payload}.`;
      },
    ],
    "that is an HMAC made with the public key": [
      "not signed with RS256, ES256, EdDSA",
      async () => {
        const { kid: _, ...jwk } = issuer.publicKey("rsa");
        const key = await importJWK({ ...jwk, ext: true }, "RS256", { extractable: true });
        const secret = new TextEncoder().encode(await exportSPKI(key as CryptoKey));
        return issuer.token({ claims: github, alg: "HS256", key: secret });
      },
    ],
    "signed by a key that is not the issuer's": [
      "signature",
      async () => issuer.token({ claims: github, key: (await generateKeyPair("RS256")).privateKey }),
    ],
    "that brings its own key": [
      "signature",
      async () => {
        const pair = await generateKeyPair("RS256", { extractable: true });
        const header = { jwk: issuer.publicKey("rsa"), jku: `${issuer.url}/keys` };
        return issuer.token({ claims: github, key: pair.privateKey, header });
      },
    ],
    "of a key with another algorithm": [
      "such key",
      async () =>
        issuer.token({
          claims: github,
          kid: "rsa",
          alg: "ES256",
          key: (await generateKeyPair("ES256")).privateKey,
        }),
    ],
    "that has expired": ["expired", () => issuer.token({ claims: { ...github, exp: seconds(-60) } })],
    "without an end": ["`exp`", () => issuer.token({ claims: { ...github, exp: undefined } })],
    "that is not valid yet": [
      "not valid yet",
      () => issuer.token({ claims: { ...github, nbf: seconds(120) } }),
    ],
    "from the future": ["future", () => issuer.token({ claims: { ...github, iat: seconds(120) } })],
    "without a time of issue": ["`iat`", () => issuer.token({ claims: { ...github, iat: undefined } })],
    "that is too old, whatever end it has": [
      "too long ago",
      () =>
        issuer.token({
          claims: { ...github, iat: seconds(-7_200), nbf: seconds(-7_200), exp: seconds(9_999) },
        }),
    ],
    "whose end is no time": ["not a time", () => issuer.token({ claims: { ...github, exp: "soon" } })],
    "that no rule fits": ["no rule", () => issuer.token({ claims: { ...github, repository: "acme/shop2" } })],
    "whose claims are objects where texts are wanted": [
      "no rule",
      () => issuer.token({ claims: { ...github, repository: ["acme/shop"] } }),
    ],
    "that says a nested claim in two ways": [
      "no rule",
      () => issuer.token({ claims: { ...pod, "kubernetes.io.namespace": "agents" }, kid: "ec" }),
    ],
    "that two rules give to two agents": [
      "agent:demo and agent:other",
      () => issuer.token({ claims: { team: "both" } }),
    ],
    "of an agent that is switched off": [
      "not an active agent",
      () => issuer.token({ claims: { team: "idle" } }),
    ],
    "that is longer than 8 KB": [
      "longer than 8192 bytes",
      () => issuer.token({ claims: { ...github, more: "x".repeat(9_000) } }),
    ],
    "that is dots and nothing else": ["JSON Web Token", async () => "a.b.c"],
    "whose payload is a list": [
      "JSON Web Token",
      async () => `${base64url('{"alg":"RS256"}')}.${base64url("[]")}.AAAA`,
    ],
    "nested deeper than anything that means something": [
      "no rule",
      async () => {
        const deep = `${'{"a":'.repeat(700)}1${"}".repeat(700)}`;
        const [iat, exp] = [seconds(0), seconds(60)];
        const claims = `{"iss":"${issuer.url}","aud":"${issuer.audience}","iat":${iat},"exp":${exp},"__proto__":{"team":"twice"},"deep":${deep}}`;
        return new CompactSign(new TextEncoder().encode(claims))
          .setProtectedHeader({ alg: "RS256", kid: "rsa" })
          .sign(issuer.privateKey("rsa"));
      },
    ],
    "with a critical header that nobody here knows": [
      "JSON Web Token",
      async () => {
        const [, payload, signature] = (await issuer.token({ claims: github })).split(".");
        return `${base64url('{"alg":"RS256","kid":"rsa","crit":["x"],"x":1}')}.${payload}.${signature}`;
      },
    ],
  };
  test.for(Object.entries(refused))("%s is refused, saying so", async ([, [words, make]], { expect }) => {
    const token = await make();
    const answer = await whoami(token);
    expectProblem(expect, answer, "unauthenticated");
    expect(detailOf(answer)).toContain(words);
    expect(answer.headers.get("www-authenticate")).toContain('error="invalid_token"');
    expect(answer.text).not.toContain(token);
    expect((await whoami(await issuer.token({ claims: github }))).status).toBe(200);
  });

  test("T15 is nothing in another workspace, whether it is there or not", async ({ expect }) => {
    const elsewhere = await workspaceOf("elsewhere");
    const token = await issuer.token({ claims: github });
    const [there, nowhere] = [
      await whoami(token, { "holdpoint-workspace": "elsewhere" }),
      await whoami(token, { "holdpoint-workspace": "nowhere" }),
    ];
    expectProblem(expect, there, "unauthenticated");
    expect(there.text).toBe(nowhere.text);
    for (const name of ["engine", "", "NOT A NAME", "default/registry"]) {
      expectProblem(expect, await whoami(token, { "holdpoint-workspace": name }), "unauthenticated");
    }
    // Trusted there as well, for another audience: each token is good in its own place only.
    await elsewhere.put("/v1/people/omar", {});
    await elsewhere.put("/v1/agents/demo", { owner: "person:omar", roles: [], segments: [] });
    const own = { ...trusted(issuer, { audience: "holdpoint/elsewhere" }), rules: [rules[0]] };
    await elsewhere.put("/v1/issuers/ci", own);
    const theirs = await issuer.token({ claims: { ...github, aud: "holdpoint/elsewhere" } });
    expect(await whoami(theirs, { "holdpoint-workspace": "elsewhere" })).toMatchObject({
      body: { workspace: "elsewhere", id: "agent:demo" },
    });
    expect((await whoami(theirs)).status).toBe(401);
    expect((await whoami(token, { "holdpoint-workspace": "elsewhere" })).status).toBe(401);
    expect((await elsewhere.send("GET", "/v1/issuers/github")).status).toBe(404);
  });

  test("is worth nothing once its issuer is gone, has other rules, or its agent is out", async ({
    expect,
  }) => {
    const token = await issuer.token({ claims: pod, kid: "ec" });
    const action = await cast.other.asks();
    await cast.bob.approves(action);
    expect((await whoami(token)).status).toBe(200);
    await cast.operator.put("/v1/issuers/ci", trusted(issuer, { rules: [rules[0]] }));
    const claim = await new Caller("ci", engine.url, token).send("POST", `/v1/actions/${action.id}/claim`, {
      digest: action.digest,
    });
    expectProblem(expect, claim, "unauthenticated");
    await cast.operator.put("/v1/issuers/ci", trusted(issuer));
    expect((await whoami(token)).status).toBe(200);
    expect((await cast.operator.send("DELETE", "/v1/issuers/ci")).status).toBe(200);
    expect(detailOf(await whoami(token))).toContain("issuer");
    expect((await cast.operator.send("DELETE", "/v1/issuers/ci")).status).toBe(404);
    await cast.operator.put("/v1/issuers/ci", trusted(issuer));
    const temp = { owner: "person:omar", roles: [], segments: [] };
    await cast.operator.put("/v1/agents/temp", temp);
    const withTemp = [...rules, { claims: { team: "temp" }, agent: "agent:temp" }];
    await cast.operator.put("/v1/issuers/ci", trusted(issuer, { rules: withTemp }));
    const tokenOfTemp = await issuer.token({ claims: { team: "temp" } });
    expect((await whoami(tokenOfTemp)).status).toBe(200);
    await cast.operator.send("DELETE", "/v1/agents/temp");
    await cast.operator.put("/v1/agents/temp", temp);
    expect(detailOf(await whoami(tokenOfTemp))).toContain("no rule");
  });
});
