import { afterAll, beforeAll, describe, test } from "vitest";
import { createClient } from "../../client/index.ts";
import { states, type ActionView, type State } from "../../schemas/action.ts";
import { type Cast, type Claim, castOf, contractOf } from "../support/actors.ts";
import { Caller, refusalOf } from "../support/caller.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** What was acknowledged is there after a restart, whichever way the engine went, and goes on. */

let engine: TestEngine;
let cast: Cast;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  await cast.operator.adopts(
    contractOf("restart.quick", { clocks: { executionMax: "1s" }, rollback: { window: "30m" } }),
    contractOf("restart.undo", { rollback: { window: "30m" } }),
  );
});

afterAll(async () => {
  await engine?.stop();
});

const ways = {
  "kill -9 of the whole process group": async () => engine.kill9(),
  "a polite stop": async () => engine.stop({ keep: true }),
};
const wayNames = ["kill -9 of the whole process group", "a polite stop"] as const;

async function comesBack(): Promise<void> {
  engine = await engine.restart();
}

type Prepared = { readonly action: ActionView; readonly claim?: Claim };
const undo = { type: "restart.undo", rollbackPlan: { what: "undo" } };

async function executing(parts: Record<string, unknown> = undo): Promise<Required<Prepared>> {
  const claim = await cast.demo.claims(await cast.bob.approves(await cast.demo.asks(parts)));
  return { action: claim.action, claim };
}

async function executed(): Promise<Required<Prepared>> {
  const { claim } = await executing();
  return { claim, action: await cast.demo.reports(claim, "succeeded") };
}

async function rollingBack(): Promise<Prepared> {
  const { action, claim } = await executed();
  return { claim, action: await cast.bob.rollsBack(action) };
}

async function rollbackClaimed(): Promise<Required<Prepared>> {
  const { action } = await rollingBack();
  const claim = await cast.demo.claims(action);
  return { action: claim.action, claim };
}

/** How an action gets into each state there is. */
const reach: Record<State, () => Promise<Prepared>> = {
  pending: async () => ({ action: await cast.demo.asks(undo) }),
  approved: async () => ({ action: await cast.bob.approves(await cast.demo.asks(undo)) }),
  denied: async () => ({ action: await cast.bob.denies(await cast.demo.asks(undo)) }),
  cancelled: async () => ({ action: await cast.demo.cancels(await cast.demo.asks(undo)) }),
  expired: async () => {
    const action = await cast.demo.asks({ notAfter: new Date(Date.now() + 1_000).toISOString() });
    return { action: await cast.demo.waitsFor(action, action.seq, 10) };
  },
  executing,
  executed,
  failed: async () => {
    const { claim } = await executing({ ...undo, type: "restart.quick" });
    return { claim, action: await cast.demo.waitsFor(claim.action, claim.action.seq, 10) };
  },
  rolling_back: rollingBack,
  rolled_back: async () => {
    const { claim } = await rollbackClaimed();
    return { claim, action: await cast.demo.reports(claim, "succeeded") };
  },
  rollback_failed: async () => {
    const { claim } = await rollbackClaimed();
    return { claim, action: await cast.demo.reports(claim, "failed") };
  },
};

/** What can still be done in each state, and where it leads. A state that is not here is an end. */
const goOn: Partial<Record<State, (prepared: Prepared) => Promise<ActionView>>> = {
  pending: ({ action }) => cast.bob.approves(action),
  approved: async ({ action }) => (await cast.demo.claims(action)).action,
  executing: async ({ claim }) => {
    await cast.demo.heartbeats(claim!);
    return cast.demo.reports(claim!, "succeeded");
  },
  executed: ({ action }) => cast.bob.rollsBack(action),
  // Its lease was lost; the executor speaks after all.
  failed: ({ claim }) => cast.demo.reports(claim!, "succeeded"),
  rolling_back: async ({ action }) => cast.demo.reports(await cast.demo.claims(action), "succeeded"),
};
const next: Partial<Record<State, State>> = {
  pending: "approved",
  approved: "executing",
  executing: "executed",
  executed: "rolling_back",
  failed: "executed",
  rolling_back: "rolled_back",
};

describe("P9 a restart or deploy stranded what was waiting:", () => {
  test.for(wayNames)("after %s with actions in every state, all go on", async (way, { expect }) => {
    const { demo, alice } = cast;
    const prepared = new Map<State, Prepared>();
    for (const state of states) prepared.set(state, await reach[state]());
    const logs = new Map<State, unknown>();
    for (const [state, { action }] of prepared) logs.set(state, await demo.readsLog(action));

    await ways[way]();
    await comesBack();

    for (const [state, one] of prepared) {
      expect(one.action.state).toBe(state);
      expect(await demo.sees(one.action)).toEqual(one.action);
      expect(await demo.readsLog(one.action)).toEqual(logs.get(state));
      const step = goOn[state];
      if (step === undefined) {
        const refused = await refusalOf(alice.approves(one.action));
        expect(refused).toMatchObject({ status: 409, state, seq: one.action.seq + 1 });
      } else {
        expect(await step(one)).toMatchObject({ state: next[state] });
      }
    }
  });

  test("a rollback that was claimed before the kill ends after it", async ({ expect }) => {
    const { claim } = await rollbackClaimed();
    await engine.kill9();
    await comesBack();
    await cast.demo.heartbeats(claim);
    expect(await cast.demo.reports(claim, "succeeded")).toMatchObject({ state: "rolled_back" });
  });

  test("clocks run on while the engine is away, and are kept without a visit", async ({ expect }) => {
    const { demo } = cast;
    const action = await demo.asks({ notAfter: new Date(Date.now() + 1_500).toISOString() });
    const { claim } = await executing({ ...undo, type: "restart.quick" });
    await engine.kill9();
    await comesBack();
    // The alarms of the two, which were overdue at the start, fire by themselves and tell the stored log.
    const isOver = async (id: string): Promise<boolean> =>
      (await demo.readsLog({ id })).some(({ type }) => type === "expired" || type === "failed");
    await expect.poll(() => isOver(action.id), { timeout: 10_000 }).toBe(true);
    await expect.poll(() => isOver(claim.action.id), { timeout: 10_000 }).toBe(true);
    expect(await demo.sees(action)).toMatchObject({ state: "expired", detail: "pending" });
    expect(await demo.sees(claim.action)).toMatchObject({ state: "failed", detail: "unknown" });
  });

  test("whoever waits with the client is told after the restart", async ({ expect }) => {
    const { demo, bob } = cast;
    const action = await demo.asks();
    const waiting = createClient({ url: engine.url, key: demo.key ?? "" }).wait(action.id, {
      timeoutMs: 40_000,
    });
    await engine.kill9();
    await comesBack();
    const approved = await bob.approves(action);
    expect(await waiting).toEqual(approved);
  });
});

describe("after a restart", () => {
  test.for(wayNames)("(%s) what was stale before is stale, with the true state", async (way, { expect }) => {
    const { demo, other, alice, bob } = cast;
    const pending = await demo.asks();
    const denied = await bob.denies(await demo.asks());
    const { claim } = await executing();
    const { claim: ended, action: done } = await executed();

    await ways[way]();
    await comesBack();

    const wrong = `sha256:${"0".repeat(64)}`;
    const expected: [() => Promise<unknown>, object][] = [
      [
        () => bob.approves({ ...pending, digest: wrong }),
        { code: "digest_mismatch", state: "pending", seq: 1 },
      ],
      [() => alice.approves(denied), { code: "wrong_state", state: "denied", seq: denied.seq + 1 }],
      [() => other.claims(claim.action), { code: "leased", state: "executing", seq: claim.action.seq }],
      [
        () => demo.heartbeats({ ...claim, fence: 7 }),
        { code: "fenced", state: "executing", seq: claim.action.seq },
      ],
      [
        () => demo.reports({ ...claim, lease: "lse_another" }, "succeeded"),
        { code: "fenced", state: "executing", seq: claim.action.seq + 1 },
      ],
      [
        () => demo.reports({ ...ended, fence: 2 }, "failed"),
        { code: "fenced", state: "executed", seq: done.seq + 1 },
      ],
    ];
    for (const [attempt, refusal] of expected) {
      expect(await refusalOf(attempt())).toMatchObject({ status: 409, ...refusal });
    }
    expect(await demo.sees(pending)).toEqual(pending);
    expect(await demo.sees(done)).toMatchObject({ state: "executed", outcome: done.outcome });
  });

  test("a repeated command gets its first answer", async ({ expect }) => {
    const { demo, bob, operator } = cast;
    const [asked, key] = [await demo.asks({}, { key: "again" }), { key: "again" }];
    const approved = await bob.approves(asked, key);
    const claim = await demo.claims(asked, { key: "claim" });
    const reported = await demo.reports(claim, "succeeded", { key: "report" });
    const made = await operator.post("/v1/keys", { principal: "person:carol" }, key);

    await engine.kill9();
    await comesBack();

    expect(await demo.asks({}, key)).toEqual(asked);
    expect(await bob.approves(asked, key)).toEqual(approved);
    expect(await demo.claims(asked, { key: "claim" })).toEqual({ ...claim, action: reported });
    expect(await demo.reports(claim, "succeeded", { key: "report" })).toEqual(reported);
    expect(await operator.post("/v1/keys", { principal: "person:carol" }, key)).toEqual(made);
    expect(await refusalOf(demo.asks({ reason: "another" }, key))).toMatchObject({
      status: 422,
      code: "idempotency_conflict",
    });
    expect((await demo.readsLog(asked)).map(({ type }) => type)).toEqual([
      "requested",
      "voted",
      "approved",
      "claimed",
      "executed",
    ]);
  });

  test("what was refused to a key is refused to it still", async ({ expect }) => {
    const { operator, demo } = cast;
    type NewKey = { key: string; record: { id: string } };
    const make = (more: object = {}): Promise<NewKey> =>
      operator.post("/v1/keys", { principal: "agent:demo", ...more });
    const [revoked, rotated] = [await make(), await make()];
    const expired = await make({ expiresAt: new Date(Date.now() + 500).toISOString() });
    await operator.post(`/v1/keys/${revoked.record.id}/revoke`, {});
    const { key: fresh } = await operator.post<NewKey>(`/v1/keys/${rotated.record.id}/rotate`, {
      overlapMs: 0,
    });
    const pending = await demo.asks();

    await engine.kill9();
    await comesBack();

    const whoami = async (key: string): Promise<number> =>
      (await new Caller("whoever", engine.url, key).send("GET", "/v1/whoami")).status;
    for (const { key } of [revoked, rotated, expired]) expect(await whoami(key)).toBe(401);
    expect(await whoami(fresh)).toBe(200);
    const unknown = { ...pending, id: `act_${"x".repeat(22)}` };
    expect(await refusalOf(demo.claims(unknown))).toMatchObject({ status: 404, code: "not_found" });
    const faulty = await refusalOf(demo.asks({ args: { argv: 1 }, extra: 1 }));
    expect(faulty).toMatchObject({ status: 422, errors: [{ pointer: "/extra" }] });
  });
});
