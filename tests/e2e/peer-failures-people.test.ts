import { randomUUID } from "node:crypto";
import { compactVerify, createRemoteJWKSet, exportJWK, generateKeyPair, jwtVerify, SignJWT } from "jose";
import { afterAll, beforeAll, describe, test } from "vitest";
import { verifyGrant, type KeySet } from "../../client/index.ts";
import { type Cast, castOf, contractOf } from "../support/actors.ts";
import { refusalOf } from "../support/caller.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** Who may agree, and whether they still do. Rows of other trackers, in their own terms. */

let engine: TestEngine;
let cast: Cast;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
});

afterAll(async () => {
  await engine?.stop();
});

const oncall = { seat: "oncall", n: 1, from: ["group:oncall"] };
const security = { seat: "security", n: 1, from: ["group:security"] };

describe("P2 a client forged an approved call:", () => {
  const keySet = (): Promise<KeySet> => cast.stranger.get("/.well-known/jwks.json");

  test("the grant of a claim verifies with jose against the published keys", async ({ expect }) => {
    const { demo, bob } = cast;
    const action = await bob.approves(await demo.asks());
    const { grant, fence } = await demo.claims(action);
    const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", engine.url));
    const { payload, protectedHeader } = await jwtVerify(grant, keys, {
      algorithms: ["EdDSA"],
      issuer: engine.url,
      subject: "agent:demo",
      typ: "holdpoint-grant+jwt",
    });
    expect(protectedHeader.kid).toBe((await keySet()).keys[0]?.kid);
    const { id, type, target, digest, workspace } = action;
    expect(payload).toMatchObject({ action: id, type, target, digest, fence, workspace, purpose: "execute" });
    await expect(
      verifyGrant(grant, { jwks: await keySet(), expect: { actionId: id, digest } }),
    ).resolves.toBeTruthy();
  });

  test("one that is unsigned, re-keyed, altered, of another action or expired does not verify", async ({
    expect,
  }) => {
    const { demo, bob } = cast;
    const action = await bob.approves(await demo.asks());
    const { grant } = await demo.claims(action);
    const jwks = await keySet();
    const [head = "", body = "", signature = ""] = grant.split(".");
    const decode = (part: string): Record<string, unknown> =>
      JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>;
    const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
    const thief = await generateKeyPair("EdDSA", { extractable: true });
    const rekeyed = await new SignJWT(decode(body))
      .setProtectedHeader({ ...decode(head), alg: "EdDSA" })
      .sign(thief.privateKey);
    const carried = await new SignJWT(decode(body))
      .setProtectedHeader({ ...decode(head), alg: "EdDSA", jwk: await exportJWK(thief.publicKey) })
      .sign(thief.privateKey);
    const forged = [
      `${encode({ ...decode(head), alg: "none" })}.${body}.`,
      `${head}.${encode({ ...decode(body), digest: `sha256:${"0".repeat(64)}` })}.${signature}`,
      `${head}.${encode({ ...decode(body), exp: 4_000_000_000 })}.${signature}`,
      `${head}.${body}.`,
      rekeyed,
      carried,
    ];
    const keys = createRemoteJWKSet(new URL("/.well-known/jwks.json", engine.url));
    const check = { jwks, expect: { actionId: action.id, digest: action.digest } };
    for (const jws of forged) {
      await expect(verifyGrant(jws, check)).rejects.toMatchObject({ code: "bad_grant" });
      await expect(compactVerify(jws, keys)).rejects.toThrow();
    }
    const later = Date.now() + 2 * 3_600_000;
    await expect(verifyGrant(grant, { ...check, now: later })).rejects.toMatchObject({ code: "bad_grant" });
    const currentDate = new Date(later);
    await expect(jwtVerify(grant, keys, { currentDate })).rejects.toMatchObject({ code: "ERR_JWT_EXPIRED" });
    const elsewhere = { ...check, expect: { ...check.expect, actionId: "act_another" } };
    await expect(verifyGrant(grant, elsewhere)).rejects.toMatchObject({ code: "bad_grant" });
  });

  test("no agent approves: not its own request, not another's", async ({ expect }) => {
    const { demo, other, operator } = cast;
    const action = await demo.asks();
    const vote = { decision: "approve", digest: action.digest };
    for (const machine of [demo, other, operator]) {
      const refused = await refusalOf(machine.post(`/v1/actions/${action.id}/votes`, vote));
      expect(refused.status).toBe(403);
    }
    expect(await refusalOf(demo.claims(action))).toMatchObject({ code: "wrong_state", state: "pending" });
    expect(await demo.sees(action)).toMatchObject({ seq: expect.any(Number), state: "pending", votes: [] });
  });
});

describe("P7 policy tightened while paused; the old approval went through:", () => {
  test("`tighten` stops it at quorum", async ({ expect }) => {
    const { demo, bob, carol, operator } = cast;
    await operator.adopts(contractOf("p7.quorum", { rule: oncall }));
    const action = await demo.asks({ type: "p7.quorum" });
    await operator.adopts(contractOf("p7.quorum", { rule: { all: [oncall, security] } }));
    expect(await bob.approves(action)).toMatchObject({ state: "pending" });
    expect(await carol.approves(action)).toMatchObject({ state: "approved" });
  });

  test("`tighten` stops it at claim", async ({ expect }) => {
    const { demo, bob, operator } = cast;
    await operator.adopts(contractOf("p7.claim", { rule: oncall }));
    const action = await bob.approves(await demo.asks({ type: "p7.claim" }));
    await operator.adopts(contractOf("p7.claim", { rule: { all: [oncall, security] } }));
    const refused = await refusalOf(demo.claims(action));
    expect(refused).toMatchObject({ status: 409, state: "cancelled", stateDetail: "quorum_lost" });
    expect(await demo.sees(action)).toMatchObject({ state: "cancelled", detail: "quorum_lost", lease: null });
  });

  test("a type that is disabled stops at vote and at claim", async ({ expect }) => {
    const { demo, bob, operator } = cast;
    await operator.adopts(contractOf("p7.disabled", {}));
    const waiting = await demo.asks({ type: "p7.disabled" });
    const ready = await bob.approves(await demo.asks({ type: "p7.disabled" }));
    await operator.adopts(contractOf("p7.disabled", { mode: "disabled" }));
    for (const attempt of [() => bob.approves(waiting), () => demo.claims(ready)]) {
      expect(await refusalOf(attempt())).toMatchObject({ state: "cancelled", stateDetail: "policy" });
    }
  });

  test("loosening never helps what waits already", async ({ expect }) => {
    const { demo, bob, operator } = cast;
    await operator.adopts(contractOf("p7.loosened", { rule: { all: [oncall, security] } }));
    const action = await demo.asks({ type: "p7.loosened" });
    await operator.adopts(contractOf("p7.loosened", { rule: oncall }));
    expect(await bob.approves(action)).toMatchObject({ state: "pending" });
  });

  test("`pin` keeps the version it was asked under", async ({ expect }) => {
    const { demo, bob, operator } = cast;
    await operator.adopts(contractOf("p7.pinned", { rule: oncall, onChange: "pin" }));
    const action = await demo.asks({ type: "p7.pinned" });
    await operator.adopts(contractOf("p7.pinned", { rule: { all: [oncall, security] } }));
    expect(await bob.approves(action)).toMatchObject({ state: "approved" });
    expect((await demo.claims(action)).action.state).toBe("executing");
  });
});

describe("P20 a grant fired after the right to it was gone:", () => {
  test.for([
    ["left the group", (name: string) => cast.operator.unseats("p20", name)],
    ["was switched off", (name: string) => cast.operator.put(`/v1/people/${name}`, { active: false })],
    ["was removed", (name: string) => cast.operator.send("DELETE", `/v1/people/${name}`)],
  ] as const)("the claim re-checks every voter, and finds one who %s", async ([, leave], { expect }) => {
    const { demo, operator, bob } = cast;
    await operator.seats("p20", "bob");
    const name = `p20-${randomUUID().slice(0, 8)}`;
    const voter = await operator.hires(name, "p20");
    await operator.adopts(contractOf("p20.run", { rule: { seat: "team", n: 1, from: ["group:p20"] } }));
    const [lost, kept] = [await demo.asks({ type: "p20.run" }), await demo.asks({ type: "p20.run" })];
    expect(await voter.approves(lost)).toMatchObject({ state: "approved" });
    expect(await bob.approves(kept)).toMatchObject({ state: "approved" });
    await leave(name);
    expect(await refusalOf(demo.claims(lost))).toMatchObject({
      status: 409,
      code: "wrong_state",
      state: "cancelled",
      stateDetail: "quorum_lost",
    });
    expect((await demo.claims(kept)).action.state).toBe("executing");
  });

  test("a reviewer who leaves before the quorum no longer counts towards it", async ({ expect }) => {
    const { demo, operator, alice, bob } = cast;
    for (const name of ["alice", "bob"]) await operator.seats("p20-two", name);
    const voter = await operator.hires("p20-leaver", "p20-two");
    await operator.adopts(contractOf("p20.two", { rule: { seat: "team", n: 2, from: ["group:p20-two"] } }));
    const action = await voter.approves(await demo.asks({ type: "p20.two" }));
    await operator.unseats("p20-two", "p20-leaver");
    expect(await alice.approves(action)).toMatchObject({ state: "pending", seats: [{ filled: 1 }] });
    expect(await bob.approves(action)).toMatchObject({ state: "approved" });
  });
});

describe("P24 one person in two hats was a quorum:", () => {
  const twoHats = {
    all: [
      { seat: "security", n: 1, from: ["group:p24-sec"] },
      { seat: "dba", n: 1, from: ["group:p24-dba"] },
    ],
  };

  test("one person fills one seat, however many groups they are in", async ({ expect }) => {
    const { demo, operator } = cast;
    const both = await operator.hires("p24-both", "p24-sec", "p24-dba");
    const dba = await operator.hires("p24-dba", "p24-dba");
    await operator.adopts(contractOf("p24.hats", { rule: twoHats }));
    const action = await demo.asks({ type: "p24.hats" });
    expect(await both.approves(action)).toMatchObject({ state: "pending" });
    expect(await both.approves(action)).toMatchObject({ state: "pending", votes: [{ person: both.id }] });
    expect(await dba.approves(action)).toMatchObject({ state: "approved" });
    // The other way round the matching has to move the first voter to the seat that only they can fill.
    const turned = await demo.asks({ type: "p24.hats" });
    expect(await dba.approves(turned)).toMatchObject({ state: "pending" });
    expect(await both.approves(turned)).toMatchObject({ state: "approved" });
  });

  test("somebody and the one they delegate to are one person", async ({ expect }) => {
    const { demo, operator } = cast;
    const sec = await operator.hires("p24-boss", "p24-sec");
    const deputy = await operator.hires("p24-deputy", "p24-dba");
    await operator.hires("p24-more", "p24-dba");
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const delegation = { from: sec.id, to: deputy.id, groups: ["p24-sec"], until };
    await operator.post("/v1/delegations", delegation);
    await operator.adopts(contractOf("p24.deputy", { rule: twoHats }));
    const action = await demo.asks({ type: "p24.deputy" });
    expect(await sec.approves(action)).toMatchObject({ state: "pending" });
    expect(await deputy.approves(action)).toMatchObject({ state: "pending" });
    await operator.post("/v1/delegations/remove", { from: sec.id, to: deputy.id });
    expect(await deputy.approves(action)).toMatchObject({ state: "approved" });
  });
});

describe("P27 hard-wired no-self-approval stops one-person teams:", () => {
  const alone = { seat: "me", n: 1, from: ["person:omar"] };

  test("separation of duties is a contract's setting, and off is shown", async ({ expect }) => {
    const { demo, omar, operator } = cast;
    await operator.adopts(contractOf("p27.alone", { rule: alone, separationOfDuties: { owner: false } }));
    const action = await demo.asks({ type: "p27.alone" });
    expect(action.separationOfDuties).toEqual({ owner: false });
    expect(await omar.approves(action)).toMatchObject({
      state: "approved",
      separationOfDuties: { owner: false },
    });
  });

  test("it is on by default: the agent's owner does not count", async ({ expect }) => {
    const { demo, omar, operator } = cast;
    const rule = { any: [alone, { ...oncall, n: 2 }] };
    await operator.adopts(contractOf("p27.default", { rule }));
    const action = await demo.asks({ type: "p27.default" });
    expect(action.separationOfDuties).toEqual({ owner: true });
    expect(await refusalOf(omar.approves(action))).toMatchObject({ status: 403, code: "not_eligible" });
    expect(await demo.sees(action)).toEqual(action);
  });

  test("it is off only below critical", async ({ expect }) => {
    const { operator } = cast;
    const rule = { all: [oncall, security] };
    const contract = contractOf("p27.critical", {
      rule,
      risk: "critical",
      separationOfDuties: { owner: false },
    });
    const refused = await refusalOf(operator.adopts(contract));
    expect(refused).toMatchObject({ status: 422, code: "invalid_body" });
    expect(refused.errors?.map(({ pointer }) => pointer)).toEqual([
      expect.stringMatching(/^\/document\/contracts\/\d+\/separationOfDuties\/owner$/u),
    ]);
  });
});
