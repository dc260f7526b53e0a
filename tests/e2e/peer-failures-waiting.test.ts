import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { createClient } from "../../client/index.ts";
import type { ActionView } from "../../schemas/action.ts";
import { type Cast, castOf, contractOf, requestOf } from "../support/actors.ts";
import { refusalOf } from "../support/caller.ts";
import { startEngine, type TestEngine } from "../support/server.ts";
import { seqsOf } from "../support/stream.ts";

/** Whoever waits, comes late or comes with others. Rows of other trackers, in their own terms. */

let engine: TestEngine;
let cast: Cast;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
});

afterAll(async () => {
  await engine?.stop();
});

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();

/** An action whose time is over. */
async function expired(parts: Record<string, unknown> = {}): Promise<ActionView> {
  const action = await cast.demo.asks({ notAfter: inMs(1_500), ...parts });
  const over = await cast.demo.waitsFor(action, action.seq, 10);
  if (over.state !== "expired") throw new Error(`it is ${over.state}`);
  return over;
}

const ended: Record<string, () => Promise<ActionView>> = {
  denied: async () => cast.bob.denies(await cast.demo.asks()),
  cancelled: async () => cast.demo.cancels(await cast.demo.asks()),
  approved: async () => cast.bob.approves(await cast.demo.asks()),
  expired,
  executed: async () => {
    const action = await cast.bob.approves(await cast.demo.asks());
    return cast.demo.reports(await cast.demo.claims(action), "succeeded");
  },
};

describe("P8 a decision made before the wait was registered was lost:", () => {
  test("decide, then wait: a socket, a long-poll and the client have it at once", async ({ expect }) => {
    const { demo, bob } = cast;
    const action = await bob.approves(await demo.asks());
    const started = performance.now();
    const stream = await demo.follows(action);
    await stream.until(({ messages }) => messages.length === 3);
    expect(stream.messages.map(({ event }) => event.type)).toEqual(["requested", "voted", "approved"]);
    expect(stream.messages.at(-1)?.action).toEqual(action);
    expect(await demo.waitsFor(action, 1)).toEqual(action);
    const client = createClient({ url: engine.url, key: demo.key ?? "" });
    expect(await client.wait(action.id)).toEqual(action);
    expect(performance.now() - started).toBeLessThan(10_000);
    await stream.close();
  });

  test("also one that is made between the look and the wait", async ({ expect }) => {
    const { demo, bob } = cast;
    for (let round = 0; round < 10; round += 1) {
      const action = await demo.asks();
      const [seen] = await Promise.all([demo.waitsFor(action, action.seq), bob.approves(action)]);
      expect(seen).toMatchObject({ state: "approved", seq: 3 });
    }
  });
});

describe("P10 a late click said “approved” and did nothing:", () => {
  test.for(Object.keys(ended))(
    "a click on one that is %s is answered with the true state and recorded as late",
    async (state, { expect }) => {
      const { alice, demo } = cast;
      const action = await ended[state]!();
      const refused = await refusalOf(alice.approves(action));
      expect(refused).toMatchObject({ status: 409, code: "wrong_state", state, stateDetail: action.detail });
      expect(refused.detail).toContain("too late");
      const log = await demo.readsLog(action);
      expect(refused.seq).toBe(log.at(-1)?.seq);
      expect(log.at(-1)).toMatchObject({
        type: "late_command",
        state,
        actor: { id: "person:alice" },
        data: { command: "vote", decision: "approve" },
      });
      expect(await demo.sees(action)).toMatchObject({ state, votes: action.votes, outcome: action.outcome });
    },
  );

  test("late clicks are kept as evidence only so often, and answered every time", async ({ expect }) => {
    const { alice, demo } = cast;
    const action = await ended["denied"]!();
    for (let click = 0; click < 70; click += 1) {
      expect(await refusalOf(alice.approves(action))).toMatchObject({ status: 409, state: "denied" });
    }
    const log = await demo.readsLog(action);
    expect(log.filter(({ type }) => type === "late_command")).toHaveLength(64);
  });
});

describe("P11 a late deny was recorded as a timeout:", () => {
  test("it is recorded as a late deny", async ({ expect }) => {
    const { bob, demo } = cast;
    const action = await expired();
    const refused = await refusalOf(bob.denies(action));
    expect(refused).toMatchObject({ status: 409, state: "expired", stateDetail: "pending" });
    expect(refused.detail).toContain("deny came too late");
    const log = await demo.readsLog(action);
    expect(log.map(({ type }) => type)).toEqual(["requested", "expired", "late_command"]);
    expect(log.at(-1)).toMatchObject({
      actor: { kind: "person", id: "person:bob" },
      reason: "too dangerous today",
      data: { command: "vote", decision: "deny" },
    });
  });

  test("also when it is the deny itself that finds the time over", async ({ expect }) => {
    const { bob, demo } = cast;
    const action = await demo.asks({ notAfter: inMs(1_000) });
    // No alarm is waited for: whichever of the two comes first, the order in the log is the same.
    await delay(1_002);
    expect(await refusalOf(bob.denies(action))).toMatchObject({ state: "expired", stateDetail: "pending" });
    const log = await demo.readsLog(action);
    expect(log.map(({ type }) => type)).toEqual(["requested", "expired", "late_command"]);
  });
});

describe("P15 one gated call held or discarded the others of its batch:", () => {
  test("each call has its own object and verdict", async ({ expect }) => {
    const { demo, bob, operator } = cast;
    await operator.adopts(
      contractOf("p15.free", { decide: [{ then: "allow" }] }),
      contractOf("p15.barred", { decide: [{ then: "deny", because: "use the batch runner" }] }),
    );
    const items = ["host.shell", "p15.free", "p15.barred", "p15.unknown", "p15.free"].map((type) => ({
      action: type === "host.shell" ? requestOf() : { ...requestOf({ type }) },
    }));
    const { items: verdicts } = await demo.post<{
      items: { status: number; action?: ActionView; problem?: object }[];
    }>("/v1/actions/batch", { items: [...items, { action: { nothing: "here" } }] });
    expect(verdicts.map(({ status, action }) => [status, action?.state])).toEqual([
      [201, "pending"],
      [201, "approved"],
      [201, "denied"],
      [422, undefined],
      [201, "approved"],
      [422, undefined],
    ]);
    expect(verdicts[3]).toMatchObject({
      problem: { code: "invalid_body", errors: [{ pointer: "/items/3/action/type" }] },
    });
    expect(verdicts[5]).toMatchObject({ problem: { code: "invalid_body" } });
    const [gated, free, , , last] = verdicts.map(({ action }) => action);
    expect(new Set(verdicts.flatMap(({ action }) => action?.id ?? [])).size).toBe(4);
    for (const action of [free!, last!]) await demo.reports(await demo.claims(action), "succeeded");
    await bob.denies(gated!);
    expect(await demo.sees(free!)).toMatchObject({ state: "executed" });
    expect(await demo.sees(gated!)).toMatchObject({ state: "denied" });
  });

  test("and in a batch of votes, each its own digest", async ({ expect }) => {
    const { demo, bob } = cast;
    const ask = (host: string): Promise<ActionView> => demo.asks({ args: { argv: ["reboot", host] } });
    const [first, second, third] = [await ask("a"), await ask("b"), await ask("c")];
    const vote = (action: ActionView, digest = action.digest): object => ({
      action: action.id,
      digest,
      decision: "approve",
    });
    const strange = `act_${"x".repeat(22)}`;
    const { items } = await bob.post<{ items: { status: number; problem?: { code: string } }[] }>(
      "/v1/votes/batch",
      { items: [vote(first), vote(second, first.digest), { ...vote(third), action: strange }, vote(third)] },
    );
    expect(items.map(({ status, problem }) => problem?.code ?? status)).toEqual([
      200,
      "digest_mismatch",
      "not_found",
      200,
    ]);
    const states = await Promise.all([first, second, third].map((action) => demo.sees(action)));
    expect(states.map(({ state }) => state)).toEqual(["approved", "pending", "approved"]);
  });
});

describe("P19 denied after approval although credentials were out:", () => {
  test("revoke works until claim", async ({ expect }) => {
    const { demo, bob, omar, operator, alice } = cast;
    for (const who of [bob, omar, operator]) {
      const action = await bob.approves(await demo.asks());
      expect(await refusalOf(alice.revokes(action))).toMatchObject({ status: 403, code: "forbidden" });
      expect(await who.revokes(action)).toMatchObject({ state: "cancelled", detail: "revoked" });
      expect(await refusalOf(demo.claims(action))).toMatchObject({ status: 409, state: "cancelled" });
    }
  });

  test("afterwards it is 409 and rollback is offered", async ({ expect }) => {
    const { demo, bob } = cast;
    const action = await bob.approves(await demo.asks({ rollbackPlan: { argv: ["undo"] } }));
    const claim = await demo.claims(action);
    const refused = await refusalOf(bob.revokes(action));
    expect(refused).toMatchObject({ status: 409, code: "wrong_state", state: "executing" });
    expect(refused.detail).toContain("rolled back");
    expect((await demo.readsLog(action)).at(-1)).toMatchObject({
      type: "late_command",
      data: { command: "revoke" },
    });
    await demo.reports(claim, "succeeded");
    expect(await refusalOf(bob.revokes(action))).toMatchObject({ status: 409, state: "executed" });
    expect(await bob.rollsBack(action)).toMatchObject({ state: "rolling_back" });
    const undo = await demo.claims(action);
    expect(undo).toMatchObject({ fence: 2, action: { lease: { purpose: "rollback" } } });
    expect(await demo.reports(undo, "succeeded")).toMatchObject({ state: "rolled_back" });
  });
});

describe("P25 a parked request told nobody; no approver existed:", () => {
  const group = (name: string, n = 1): object => ({ seat: name, n, from: [`group:${name}`] });
  const rules: Record<string, { rule: object; risk?: string; at: string }> = {
    "a group that is not there": { rule: group("nobody-there"), at: "/rule/from/0" },
    "a group without members": { rule: group("p25-empty"), at: "/rule" },
    "more people than there are": { rule: group("security", 2), at: "/rule" },
    "one person for two seats": {
      rule: { all: [group("dba"), { ...group("alice"), from: ["person:alice"] }] },
      at: "/rule",
    },
    "somebody who is not there": { rule: { seat: "one", n: 1, from: ["person:nobody"] }, at: "/rule/from/0" },
    "nobody but the agent's owner": { rule: { seat: "me", n: 1, from: ["person:omar"] }, at: "/rule" },
    "one person for a critical action": { rule: group("security"), risk: "critical", at: "/rule" },
    "no seat at all": { rule: { all: [] }, at: "/rule/all" },
    "a seat for none": { rule: group("security", 0), at: "/rule/n" },
  };

  test.for(Object.keys(rules))("publishing a rule that asks for %s fails", async (name, { expect }) => {
    const { operator } = cast;
    await operator.put("/v1/groups/p25-empty", { members: [] });
    const before = await operator.get<{ version: string }>("/v1/policy");
    const { at, ...parts } = rules[name]!;
    const refused = await refusalOf(operator.adopts(contractOf("p25.rule", parts as object)));
    expect(refused).toMatchObject({ status: 422, code: "invalid_body" });
    const pointers = refused.errors?.map(({ pointer }) => pointer) ?? [];
    expect(pointers.map((pointer) => pointer.replace(/^\/document\/contracts\/\d+/u, ""))).toContain(at);
    expect((await operator.get<{ version: string }>("/v1/policy")).version).toBe(before.version);
    expect(await refusalOf(cast.demo.asks({ type: "p25.rule" }))).toMatchObject({ status: 422 });
  });
});

describe("P29 a wait that died at five minutes; a wait that must never expire:", () => {
  test("a waiter that goes away takes nothing with it", async ({ expect }) => {
    const { demo, bob } = cast;
    const action = await demo.asks();
    const stream = await demo.follows(action);
    await stream.close();
    const gone = new AbortController();
    const poll = fetch(`${engine.url}/v1/actions/${action.id}?wait=30&afterSeq=1`, {
      headers: { authorization: `Bearer ${demo.key}` },
      signal: gone.signal,
    });
    await delay(100);
    gone.abort();
    await expect(poll).rejects.toThrow();
    expect(await demo.waitsFor(action, action.seq, 1)).toEqual(action);
    expect(await bob.approves(action)).toMatchObject({ state: "approved" });
    const back = await demo.follows(action, action.seq);
    await back.until(({ messages }) => messages.length === 2);
    expect(seqsOf(back)).toEqual([2, 3]);
    await back.close();
  });

  test("an action ends by its own clock while nobody is connected", async ({ expect }) => {
    const { demo } = cast;
    const action = await demo.asks({ notAfter: inMs(1_000) });
    await delay(1_000);
    const types = async (): Promise<string[]> => (await demo.readsLog(action)).map(({ type }) => type);
    await expect.poll(types, { timeout: 10_000 }).toEqual(["requested", "expired"]);
    const [, expiry] = await demo.readsLog(action);
    expect(Date.parse(expiry!.at)).toBeGreaterThanOrEqual(Date.parse(action.deadlines.pending!));
  });

  test("a poll that ends without news says so and the action waits on", async ({ expect }) => {
    const { demo } = cast;
    const action = await demo.asks();
    const started = performance.now();
    expect(await demo.waitsFor(action, action.seq, 1)).toEqual(action);
    expect(performance.now() - started).toBeGreaterThan(900);
    expect(await demo.sees(action)).toMatchObject({ state: "pending", seq: 1 });
  });

  test("an action may wait for thirty days", async ({ expect }) => {
    const { demo, operator } = cast;
    await operator.adopts(contractOf("p29.long", { clocks: { pendingTtl: "30d" } }));
    const action = await demo.asks({ type: "p29.long" });
    const days = (Date.parse(action.deadlines.pending ?? "") - Date.parse(action.createdAt)) / 86_400_000;
    expect(days).toBeCloseTo(30, 3);
  });
});
