import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import type { PolicyInput } from "../../schemas/policy.ts";
import { type Cast, castOf, contractOf } from "../support/actors.ts";
import { refusalOf } from "../support/caller.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** What the conditions of a policy make of requests, over HTTP. */

let engine: TestEngine;
let cast: Cast;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
});

afterAll(async () => {
  await engine?.stop();
});

type Contract = PolicyInput["contracts"][number];
const whole = { type: "integer", minimum: 0 };
const args = {
  type: "object",
  properties: { amount: whole, note: { type: "string" } },
  required: ["amount"],
};
const payment = (type: string, decide: Contract["decide"], parts: Partial<Contract> = {}): Contract =>
  contractOf(type, { args, decide, ...parts });
const asks = (type: string, amount: number, more: object = {}): Promise<ActionView> =>
  cast.demo.asks({ type, args: { amount, ...more } });

describe("a request is allowed, gated or denied by its arguments", () => {
  beforeAll(async () => {
    await cast.operator.adopts(
      payment("pay.tiers", [
        { when: "args.amount > 100000", then: "deny", because: "more than an agent may send" },
        { when: "args.amount <= 500 && 'controlled-remediation' in agent.roles", then: "allow" },
      ]),
      payment("pay.exact", [{ when: "args.amount == 9007199254740991", then: "allow" }]),
      payment("pay.unsure", [{ when: "args.note == 'urgent'", then: "allow" }]),
      payment("pay.forbidden", [{ when: "args.note == 'urgent'", then: "deny" }]),
    );
  });

  test("the first entry that holds decides, and people where none does", async ({ expect }) => {
    expect(await asks("pay.tiers", 500)).toMatchObject({ state: "approved", decision: { outcome: "allow" } });
    expect(await asks("pay.tiers", 501)).toMatchObject({ state: "pending", decision: { outcome: "gate" } });
    expect(await asks("pay.tiers", 100_001)).toMatchObject({
      state: "denied",
      decision: { outcome: "deny", because: "more than an agent may send" },
    });
  });

  test("whole numbers are exact up to 2^53 - 1", async ({ expect }) => {
    expect(await asks("pay.exact", 2 ** 53 - 1)).toMatchObject({ decision: { outcome: "allow" } });
    const next = await asks("pay.exact", 2 ** 53 - 2);
    expect(next.decision).toMatchObject({ outcome: "gate" });
    expect(next.decision.errors).toBeUndefined();
  });

  test("a condition that cannot be evaluated gates what it would allow, denies what it would deny, and is reported", async ({
    expect,
  }) => {
    const errors = [{ entry: 0, detail: "line 1, column 5: field not found: note" }];
    expect(await asks("pay.unsure", 1)).toMatchObject({
      state: "pending",
      decision: { outcome: "gate", errors },
    });
    expect(await asks("pay.unsure", 1, { note: "urgent" })).toMatchObject({ state: "approved" });
    const denied = await asks("pay.forbidden", 1);
    expect(denied).toMatchObject({ state: "denied", decision: { outcome: "deny", errors } });
    expect(await cast.demo.get(`/v1/actions/${denied.id}`)).toMatchObject({ decision: { errors } });
  });

  test("a condition that does not read is not published, and the version in force stays", async ({
    expect,
  }) => {
    const before = await cast.operator.get<{ version: string }>("/v1/policy");
    const refused = await refusalOf(
      cast.operator.adopts(
        payment("pay.wrong", [
          { when: "args.amuont > 3", then: "deny" },
          { when: "nothing()\n  && x", then: "deny" },
          { when: `args.note == "${"x".repeat(2_048)}"`, then: "deny" },
        ]),
      ),
    );
    expect(refused.status).toBe(422);
    const where = await cast.operator.get<{ version: string }>("/v1/policy");
    expect(where.version).toBe(before.version);
    expect(refused.errors?.map(({ pointer }) => pointer.replace(/^.*\/decide/u, ""))).toEqual(["/2/when"]);
    const again = await refusalOf(
      cast.operator.adopts(payment("pay.wrong", [{ when: "args.amuont > 3", then: "deny" }])),
    );
    expect(again.errors?.[0]?.detail).toBe("line 1, column 5: args has no field amuont; it has amount, note");
  });
});

describe("what was decided is held against the version in force at the claim", () => {
  test("a condition that denies by now cancels it, one that allows does not loosen it", async ({
    expect,
  }) => {
    const type = "pay.changing";
    await cast.operator.adopts(payment(type, [{ when: "args.amount <= 500", then: "allow" }]));
    const allowed = await asks(type, 500);
    const gated = await asks(type, 501);
    await cast.operator.adopts(
      payment(type, [
        { when: "args.amount == 500", then: "deny" },
        { when: "args.amount == 501", then: "allow" },
      ]),
    );
    expect(await refusalOf(cast.demo.claims(allowed))).toMatchObject({
      state: "cancelled",
      stateDetail: "policy",
    });
    expect(await refusalOf(cast.demo.claims(gated))).toMatchObject({ code: "wrong_state", state: "pending" });
    expect(await cast.bob.approves(gated)).toMatchObject({ state: "approved" });
  });
});

describe("the condition of a seat", () => {
  test("is held against each person, and an error counts nobody", async ({ expect }) => {
    const type = "pay.seated";
    const rule = (where: string): Partial<Contract> => ({
      rule: { seat: "oncall", n: 1, from: ["group:oncall"], where },
    });
    await cast.operator.adopts(
      payment(type, [], rule("args.amount <= 500 || 'dba' in person.groups")),
      payment("pay.seatless", [], rule("args.note == person.id")),
    );
    const small = await asks(type, 500);
    expect(await cast.bob.approves(small)).toMatchObject({ state: "approved" });
    const large = await asks(type, 501);
    expect(await refusalOf(cast.bob.approves(large))).toMatchObject({
      code: "not_eligible",
      detail: expect.stringContaining('the condition of seat "oncall" does not hold'),
    });
    expect(await cast.alice.approves(large)).toMatchObject({ state: "approved" });
    const broken = await asks("pay.seatless", 1);
    expect(await refusalOf(cast.alice.approves(broken))).toMatchObject({
      code: "not_eligible",
      detail: expect.stringContaining("could not be evaluated: line 1, column 5: field not found: note"),
    });
  });
});

describe("sums over a window of time (T10)", () => {
  const list: Contract["decide"] = [
    { when: "sum(args.amount) by agent, type over 24h > 10000", then: "gate", because: "over 10000 a day" },
    { then: "allow" },
  ];

  test("nine fragments of 1,200 asked for at once: from the one that crosses 10,000 on they are gated", async ({
    expect,
  }) => {
    await cast.operator.adopts(payment("pay.fragments", list));
    const asked = await Promise.all(Array.from({ length: 9 }, () => asks("pay.fragments", 1_200)));
    const outcomes = asked.map(({ decision }) => decision.outcome).toSorted();
    expect(outcomes).toEqual([...Array.from({ length: 8 }, () => "allow"), "gate"]);
    const next = await asks("pay.fragments", 1);
    expect(next.decision).toMatchObject({ outcome: "gate", because: "over 10000 a day" });
    for (const { id, digest, decision } of asked.filter((each) => each.decision.outcome === "allow")) {
      // What was measured is kept: the claim is judged by the sums of the request and not by those of now.
      expect(await cast.demo.claims({ id, digest })).toMatchObject({ fence: 1, action: { decision } });
    }
  });

  test("without the sum the same nine are all allowed", async ({ expect }) => {
    const each: Contract["decide"] = [{ when: "args.amount > 10000", then: "gate" }, { then: "allow" }];
    await cast.operator.adopts(payment("pay.single", each));
    const asked = await Promise.all(Array.from({ length: 9 }, () => asks("pay.single", 1_200)));
    expect(new Set(asked.map(({ decision }) => decision.outcome))).toEqual(new Set(["allow"]));
  });

  test("a repeat under the same key counts once, and what is refused counts for nothing", async ({
    expect,
  }) => {
    const type = "pay.repeats";
    const denying: Contract["decide"] = [
      { when: "sum(args.amount) by agent, type over 24h > 1000", then: "deny" },
      { then: "allow" },
    ];
    await cast.operator.adopts(payment(type, denying));
    const body = { type, args: { amount: 900 } };
    const first = await cast.demo.asks(body, { key: "fragment-1" });
    expect(await cast.demo.asks(body, { key: "fragment-1" })).toMatchObject({ id: first.id });
    expect(await asks(type, 200)).toMatchObject({ state: "denied" });
    expect(await asks(type, 100)).toMatchObject({ state: "approved" });
    // A key that was used cannot take back what was counted under it.
    await refusalOf(cast.demo.asks({ type, args: { amount: 5_000 } }, { key: "fragment-1" }));
    await refusalOf(cast.demo.asks({ type, args: { amount: 0 } }, { key: "fragment-1" }));
    expect(await asks(type, 1)).toMatchObject({ state: "denied" });
  });

  test("an amount that is not whole or is below 0 is an error, and makes no room", async ({ expect }) => {
    const type = "pay.others";
    const loose = { ...args, properties: { ...args.properties, amount: { type: "number" } } };
    await cast.operator.adopts(payment(type, list, { args: loose }));
    expect(await asks(type, 10_000)).toMatchObject({ state: "approved" });
    expect(await asks(type, 1)).toMatchObject({ state: "pending" });
    expect(await asks(type, 0.5)).toMatchObject({
      state: "pending",
      decision: { errors: [{ entry: 0, detail: expect.stringContaining("was not measured") }] },
    });
    expect(await asks(type, -10_000)).toMatchObject({
      state: "pending",
      decision: { errors: [{ entry: 0 }] },
    });
    expect(await asks(type, 1)).toMatchObject({ state: "pending" });
  });
});
