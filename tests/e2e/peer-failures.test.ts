import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { type Cast, castOf, contractOf, requestOf } from "../support/actors.ts";
import { refusalOf, Refused } from "../support/caller.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** What runs is what was approved, once, and only as long as it is approved. Rows of other trackers, in their own terms. */

let engine: TestEngine;
let cast: Cast;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
});

afterAll(async () => {
  await engine?.stop();
});

async function approved(parts: Record<string, unknown> = {}): Promise<ActionView> {
  return cast.bob.approves(await cast.demo.asks(parts));
}

const typesOf = (log: { type: string }[]): string[] => log.map(({ type }) => type);

describe("P1 approved one thing, executed another:", () => {
  test("a claim with another digest is refused and changes nothing", async ({ expect }) => {
    const { demo } = cast;
    const [safe, dangerous] = [await approved(), await approved({ args: { argv: ["rm", "-rf", "/"] } })];
    const before = await demo.readsLog(safe);
    const refused = await refusalOf(demo.claims({ id: safe.id, digest: dangerous.digest }));
    expect(refused).toMatchObject({ status: 409, code: "digest_mismatch", state: "approved", seq: safe.seq });
    expect(await demo.sees(safe)).toEqual(safe);
    expect(await demo.readsLog(safe)).toEqual(before);
    expect((await demo.claims(safe)).action.digest).toBe(safe.digest);
  });

  test("a vote on another digest is refused and does not count", async ({ expect }) => {
    const { demo, bob } = cast;
    const [shown, other] = [await demo.asks(), await demo.asks({ args: { argv: ["reboot"] } })];
    const refused = await refusalOf(bob.approves({ id: shown.id, digest: other.digest }));
    expect(refused).toMatchObject({ status: 409, code: "digest_mismatch", state: "pending", seq: 1 });
    expect(await demo.sees(shown)).toMatchObject({ state: "pending", seq: 1, votes: [] });
  });

  test("what is given back to run is what was approved, to the byte of every argument", async ({
    expect,
  }) => {
    const argv = ["sh", "-c", "echo 'a  b' \"$HOME\" \\ é 漢 🙂"];
    const action = await approved({ args: { argv, cwd: "/srv/ünïcode" } });
    const { action: claimed } = await cast.demo.claims(action);
    expect(claimed.args).toEqual({ argv, cwd: "/srv/ünïcode" });
    expect(claimed.digest).toBe(action.digest);
  });
});

describe("P3 an approval was executed twice:", () => {
  test("the second claim is refused, whatever became of the first", async ({ expect }) => {
    const { demo, other, bob, operator } = cast;
    await operator.adopts(contractOf("p3.quick", { clocks: { executionMax: "1s" } }));
    const ends: Record<string, (action: ActionView) => Promise<unknown>> = {
      executing: async (action) => demo.claims(action),
      executed: async (action) => demo.reports(await demo.claims(action), "succeeded"),
      failed: async (action) => demo.reports(await demo.claims(action), "failed"),
      "failed because its lease was lost": async (action) => {
        const { action: claimed } = await demo.claims(action);
        return demo.waitsFor(action, claimed.seq, 10);
      },
    };
    for (const [end, reach] of Object.entries(ends)) {
      const action = await bob.approves(await demo.asks({ type: "p3.quick" }));
      await reach(action);
      const { state, seq } = await demo.sees(action);
      expect(end).toContain(state);
      for (const executor of [demo, other]) {
        const refused = await refusalOf(executor.claims(action));
        expect(refused).toMatchObject({ status: 409, state });
        expect(["leased", "wrong_state"]).toContain(refused.code);
        expect(refused.seq).toBeGreaterThanOrEqual(seq);
      }
      expect(typesOf(await demo.readsLog(action)).filter((type) => type === "claimed")).toHaveLength(1);
    }
  });

  test("of twenty claims at the same moment one is given", async ({ expect }) => {
    const action = await approved();
    const claims = Array.from({ length: 20 }, (_, index) =>
      (index % 2 ? cast.demo : cast.other).claims(action),
    );
    const settled = await Promise.allSettled(claims);
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(typesOf(await cast.demo.readsLog(action))).toEqual(["requested", "voted", "approved", "claimed"]);
  });
});

describe("P4 the claim's answer was lost, so it was approved and run again:", () => {
  test("the same claim key gets the same grant, and later the same outcome", async ({ expect }) => {
    const { demo } = cast;
    const action = await approved();
    const first = await demo.claims(action, { key: "p4" });
    const again = await demo.claims(action, { key: "p4" });
    expect(again).toEqual(first);
    await demo.heartbeats(first);
    const reported = await demo.reports(first, "succeeded");
    const later = await demo.claims(action, { key: "p4" });
    const { lease, fence, grant } = first;
    expect(later).toMatchObject({ lease, fence, grant });
    expect(later.action).toEqual(reported);
    expect(later.action.outcome).toMatchObject({ outcome: "succeeded" });
    expect(typesOf(await demo.readsLog(action)).filter((type) => type === "claimed")).toHaveLength(1);
  });

  test("twenty times the same claim at the same moment is one claim", async ({ expect }) => {
    const action = await approved();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => cast.demo.claims(action, { key: "p4" })),
    );
    expect(new Set(answers.map(({ grant, lease }) => `${lease} ${grant}`)).size).toBe(1);
  });
});

describe("P5 a declined call ran after resume:", () => {
  test("nothing leaves denied", async ({ expect }) => {
    const { demo, bob, alice, omar, operator } = cast;
    const denied = await bob.denies(await demo.asks({ rollbackPlan: { argv: ["true"] } }));
    expect(denied).toMatchObject({ state: "denied", votes: [{ person: "person:bob", decision: "deny" }] });
    const held = { action: denied, lease: "lse_made-up", fence: 1 };
    const attempts = [
      () => alice.approves(denied),
      () => bob.approves(denied),
      () => bob.withdraws(denied),
      () => demo.claims(denied),
      () => demo.heartbeats(held),
      () => demo.reports(held, "succeeded"),
      () => demo.cancels(denied),
      () => omar.revokes(denied),
      () => operator.revokes(denied),
      () => alice.rollsBack(denied),
      () => demo.asks({ supersedes: denied.id }),
    ];
    for (const attempt of attempts) {
      const refused = await refusalOf(attempt());
      expect(refused).toMatchObject({ status: 409, code: "wrong_state", state: "denied" });
    }
    const log = await demo.readsLog(denied);
    expect(log.slice(2).map(({ state }) => state)).toEqual(log.slice(2).map(() => "denied"));
    expect(typesOf(log)).not.toContain("claimed");
  });
});

describe("P6 editing the tool name bypassed the target tool's rule:", () => {
  test("a changed payload is a new action, judged anew by the rule of its own type", async ({ expect }) => {
    const { demo, other } = cast;
    const mail = { type: "email.send", args: { to: ["a@example.com"], subject: "Hello", body: "Hi" } };
    const refund = { type: "payment.refund", args: { payment: "pay_1", amount: 100, currency: "EUR" } };
    const agreed = await approved(mail);
    expect(await refusalOf(other.asks({ ...refund, supersedes: agreed.id }))).toMatchObject({ status: 403 });
    const edited = await demo.asks({ ...refund, supersedes: agreed.id });
    expect(edited).toMatchObject({ state: "pending", votes: [], supersedes: agreed.id, risk: "critical" });
    expect(edited.seats.map(({ seat }) => seat)).toEqual(["oncall", "security"]);
    expect(edited.digest).not.toBe(agreed.digest);
    expect(await demo.sees(agreed)).toMatchObject({ state: "cancelled", detail: "superseded" });
    expect(await refusalOf(demo.claims(agreed))).toMatchObject({ code: "wrong_state", state: "cancelled" });
    expect(await refusalOf(demo.claims(edited))).toMatchObject({ code: "wrong_state", state: "pending" });
    expect(await refusalOf(demo.claims({ id: edited.id, digest: agreed.digest }))).toMatchObject({
      status: 409,
    });
  });

  test("there is no call that edits one", async ({ expect }) => {
    const { demo } = cast;
    const action = await demo.asks();
    for (const method of ["PUT", "PATCH", "DELETE"]) {
      const answer = await demo.send(method, `/v1/actions/${action.id}`, requestOf({ type: "email.send" }));
      expect(answer).toMatchObject({ status: 405, body: { code: "method_not_allowed" } });
    }
    expect(await demo.sees(action)).toEqual(action);
  });

  test("naming a harmless tool in the target does not open a type", async ({ expect }) => {
    const { demo } = cast;
    const refused = await refusalOf(demo.asks({ type: "code.analyse", args: {} }));
    expect(refused).toMatchObject({ status: 422, errors: [{ pointer: "/type" }] });
    const target = { resource: "prod-db-1", segment: "build", tool: "git" };
    expect(await refusalOf(demo.asks({ target }))).toMatchObject({ status: 403, code: "out_of_scope" });
  });
});

describe("P18 an approver lowered the number of approvals while approving:", () => {
  test.for(["n", "seats", "quorum", "requiredApprovals", "rule", "person", "counts", "state", "at", "via"])(
    "a vote body with the field %s is refused",
    async (field, { expect }) => {
      const { demo, alice } = cast;
      const action = await demo.asks({ type: "db.migrate", args: { migration: "0042.sql" } });
      const refused = await refusalOf(alice.approves(action, { more: { [field]: 1 } }));
      expect(refused).toMatchObject({
        status: 422,
        code: "invalid_body",
        errors: [{ pointer: `/${field}` }],
      });
      expect(await demo.sees(action)).toEqual(action);
    },
  );
});

describe("P21 stop reported success and stopped nothing:", () => {
  test("a cancelled action can never be claimed, not before and not after its approval", async ({
    expect,
  }) => {
    const { demo, other, alice } = cast;
    for (const action of [await demo.asks(), await approved()]) {
      expect(await demo.cancels(action)).toMatchObject({ state: "cancelled", detail: "requester" });
      for (const executor of [demo, other]) {
        const refused = await refusalOf(executor.claims(action));
        expect(refused).toMatchObject({ status: 409, code: "wrong_state", state: "cancelled" });
      }
      expect(await refusalOf(alice.approves(action))).toMatchObject({ state: "cancelled" });
      expect(await demo.sees(action)).toMatchObject({ state: "cancelled", lease: null });
    }
  });

  test("a stop and a start at the same moment never both succeed", async ({ expect }) => {
    const { demo } = cast;
    for (let round = 0; round < 24; round += 1) {
      const action = await approved();
      const calls = { stop: () => demo.cancels(action), start: () => demo.claims(action) };
      const order = round % 2 ? (["stop", "start"] as const) : (["start", "stop"] as const);
      const settled = await Promise.allSettled(order.map((name) => calls[name]()));
      expect(settled.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
      const winner = order[settled.findIndex(({ status }) => status === "fulfilled")];
      expect((await demo.sees(action)).state).toBe(winner === "stop" ? "cancelled" : "executing");
    }
  });
});

describe("P22 two clicks at the same moment, two effects:", () => {
  test("two votes that would each close the quorum make one approved event", async ({ expect }) => {
    const { demo, alice, bob } = cast;
    for (let round = 0; round < 30; round += 1) {
      const action = await demo.asks();
      const votes = round % 2 ? [alice, bob] : [bob, alice];
      const settled = await Promise.allSettled(votes.map((person) => person.approves(action)));
      expect(settled.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
      const late = settled.find((one) => one.status === "rejected");
      expect(late?.reason).toBeInstanceOf(Refused);
      expect(late?.reason.answer).toMatchObject({
        status: 409,
        body: { code: "wrong_state", state: "approved", seq: 4 },
      });
      expect(typesOf(await demo.readsLog(action))).toEqual([
        "requested",
        "voted",
        "approved",
        "late_command",
      ]);
    }
  });

  test("the last two of a quorum, and the same click four times over, make one approved event", async ({
    expect,
  }) => {
    const { demo, alice, bob } = cast;
    for (let round = 0; round < 15; round += 1) {
      const action = await demo.asks({ type: "db.migrate", args: { migration: "0042.sql" } });
      const clicks = [alice, bob, alice, bob, alice, bob, alice, bob];
      const settled = await Promise.allSettled(
        clicks.map((person) => person.approves(action, { key: `click of ${person.id}` })),
      );
      expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(clicks.length);
      expect(typesOf(await demo.readsLog(action))).toEqual(["requested", "voted", "voted", "approved"]);
      await demo.claims(action);
    }
  });
});
