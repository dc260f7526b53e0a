import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from "jose";
import { afterAll, beforeAll, describe, it } from "vitest";
import { castOf, contractOf } from "../support/actors.ts";
import { refusalOf } from "../support/caller.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** A stand-in for a team's Access: its key set, and tokens as it signs them. */
const audience = "an-application-audience-tag";
let team: Server;
let issuer: string;
let key: CryptoKey;
let otherKey: CryptoKey;
let engine: TestEngine;

beforeAll(async () => {
  const pair = await generateKeyPair("RS256");
  ({ privateKey: key } = pair);
  ({ privateKey: otherKey } = await generateKeyPair("RS256"));
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: "one", alg: "RS256", use: "sig" };
  team = createServer((incoming, answer) => {
    const found = incoming.url === "/cdn-cgi/access/certs";
    answer.writeHead(found ? 200 : 404, { "content-type": "application/json" });
    answer.end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => team.listen(0, "127.0.0.1", resolve));
  issuer = `http://127.0.0.1:${(team.address() as AddressInfo).port}`;
  process.env["HOLDPOINT_ACCESS_TEAM"] = issuer;
  process.env["HOLDPOINT_ACCESS_AUD"] = audience;
  engine = await startEngine();
  await put("bob", { name: "Bob", email: "Bob@Example.com" });
  await put("alice", { name: "Alice", email: "shared@example.com" });
  await put("kim", { name: "Kim", email: "kim@example.com" });
});
afterAll(async () => {
  delete process.env["HOLDPOINT_ACCESS_TEAM"];
  delete process.env["HOLDPOINT_ACCESS_AUD"];
  team.close();
  await engine.stop();
});

async function put(person: string, body: unknown): Promise<Response> {
  return await fetch(`${engine.url}/v1/people/${person}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${engine.keys["operator"]}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

type Change = {
  claims?: Record<string, unknown>;
  key?: CryptoKey | Uint8Array;
  alg?: string;
  kid?: string;
  issuer?: string;
  audience?: string;
  expires?: string;
};

function token(change: Change = {}): Promise<string> {
  return new SignJWT({ email: "bob@example.com", ...change.claims })
    .setProtectedHeader({ alg: change.alg ?? "RS256", kid: change.kid ?? "one" })
    .setSubject("7335d417-61da-459d-899c-0a01c76a2f94")
    .setIssuedAt()
    .setIssuer(change.issuer ?? issuer)
    .setAudience([change.audience ?? audience])
    .setExpirationTime(change.expires ?? "1h")
    .sign(change.key ?? key);
}

const session = async (jwt: string): Promise<{ status: number; person: unknown }> => {
  const answer = await fetch(`${engine.url}/v1/session`, { headers: { "cf-access-jwt-assertion": jwt } });
  const body = (await answer.json()) as { person?: unknown };
  return { status: answer.status, person: body.person };
};

describe("Cloudflare Access", () => {
  it("signs in the one active person with the token's e-mail address", async ({ expect }) => {
    expect(await session(await token())).toEqual({ status: 200, person: "person:bob" });
  });

  it("signs in nobody with a token that is not exactly right", async ({ expect }) => {
    const [header, payload] = (await token()).split(".");
    const unsigned = `${Buffer.from('{"alg":"none","kid":"one"}').toString("base64url")}.${payload}.`;
    const wrong: Record<string, string> = {
      "signed by another key": await token({ key: otherKey }),
      "of an unknown key": await token({ kid: "two" }),
      "for another application": await token({ audience: "another" }),
      "of another team": await token({ issuer: "https://other.cloudflareaccess.com" }),
      "that is over": await token({ expires: "-1h" }),
      "without a signature": unsigned,
      "with a signature that is none": `${header}.${payload}.AAAA`,
      "signed with a shared secret": await token({ alg: "HS256", key: new Uint8Array(32) }),
      "of a service": await token({ claims: { email: undefined, common_name: "ci.access" } }),
      "of a service that says it has an address": await token({ claims: { common_name: "ci.access" } }),
      "with an address that is a person's but for the Kelvin sign": await token({
        claims: { email: "\u212Aim@example.com" },
      }),
      "with an address that has white space": await token({ claims: { email: "bob@example.com " } }),
      "with an address that nobody has": await token({ claims: { email: "eve@example.com" } }),
      "that is no token": "x",
    };
    for (const [what, jwt] of Object.entries(wrong)) expect((await session(jwt)).status, what).toBe(401);
  });

  it("T7 leads to one person: an address is nobody else's, and two ids of one human have one voice", async ({
    expect,
  }) => {
    const twin = await put("carol", { name: "Carol", email: "Shared@EXAMPLE.com" });
    expect(twin.status).toBe(422);
    expect(await twin.json()).toMatchObject({
      errors: [{ pointer: "/email", detail: expect.stringContaining("person:alice") }],
    });
    expect((await put("carol", { name: "Carol", email: "shared@example.com", active: false })).status).toBe(
      200,
    );
    expect(await session(await token({ claims: { email: "shared@example.com" } }))).toEqual({
      status: 200,
      person: "person:alice",
    });
    expect((await put("carol", { name: "Carol", email: "shared@example.com", active: true })).status).toBe(
      422,
    );
    expect((await put("carol", { name: "Carol" })).status).toBe(200);
  });

  it("T7 counts one human once, however they prove who they are and whatever id they use", async ({
    expect,
  }) => {
    const { demo, operator, bob, alice, carol } = castOf(engine);
    await put("bob", { name: "Bob", email: "bob@example.com", sameAs: ["person:alice"] });
    await operator.seats("oncall", "carol");
    await operator.adopts(
      contractOf("two.hands", { rule: { seat: "oncall", n: 2, from: ["group:oncall"] } }),
    );
    const action = await demo.asks({ type: "two.hands" });
    const vote = { decision: "approve", digest: action.digest };
    const headers = {
      "cf-access-jwt-assertion": await token(),
      origin: engine.url,
      "x-holdpoint-csrf": "1",
      "content-type": "application/json",
    };
    const path = `${engine.url}/v1/actions/${action.id}/votes`;
    const byAccess = await fetch(path, { method: "POST", headers, body: JSON.stringify(vote) });
    expect(await byAccess.json()).toMatchObject({ state: "pending", seats: [{ filled: 1 }] });
    expect(await bob.approves(action)).toMatchObject({ state: "pending", seats: [{ filled: 1 }] });
    expect(await alice.approves(action)).toMatchObject({ state: "pending", seats: [{ filled: 1 }] });
    expect(await carol.approves(action)).toMatchObject({ state: "approved" });
    // The same human owns the agent that asks, under another id.
    await put("bob", { name: "Bob", email: "bob@example.com", sameAs: ["person:omar"] });
    const own = await demo.asks({ type: "two.hands" });
    expect(await refusalOf(bob.approves(own))).toMatchObject({ status: 403, code: "not_eligible" });
  });

  it("does not let a signed-in browser be used by another site", async ({ expect }) => {
    const ticket = (headers: Record<string, string>): Promise<Response> =>
      fetch(`${engine.url}/v1/tickets`, { method: "POST", headers, body: "{}" });
    const jwt = { "cf-access-jwt-assertion": await token() };
    expect((await ticket(jwt)).status).toBe(403);
    expect((await ticket({ ...jwt, origin: engine.url, "x-holdpoint-csrf": "1" })).status).toBe(201);
  });
});
