import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { type Cast, castOf, contractOf } from "../support/actors.ts";
import { refusalOf } from "../support/caller.ts";
import { CommandLine } from "../support/command-line.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** What is stopped in an emergency stops at once, whatever else is said of it, and goes on only when somebody says so. */

let engine: TestEngine;
let cast: Cast;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
});

afterAll(async () => {
  await engine?.stop();
});

type Switches = { switches: { scope: string; reason: string; by: string }[] };
const kill = (scope: string, reason = "INC-7"): Promise<unknown> =>
  cast.operator.post("/v1/kill-switches", { scope, reason });
const release = (scope: string): Promise<unknown> =>
  cast.operator.post("/v1/kill-switches/release", { scope });
/** Runs with a switch engaged, and releases it whatever happens. */
async function killed(scope: string, work: () => Promise<void>): Promise<void> {
  await kill(scope);
  try {
    await work();
  } finally {
    await release(scope);
  }
}
const approved = async (parts: Record<string, unknown> = {}): Promise<ActionView> =>
  cast.bob.approves(await cast.demo.asks(parts));

describe("a kill switch", () => {
  test("cancels what waits, by itself and with its reason", async ({ expect }) => {
    const { demo } = cast;
    const [pending, agreed] = [await demo.asks(), await approved()];
    await killed("host.shell", async () => {
      for (const action of [pending, agreed]) {
        const stopped = await demo.waitsFor(action, action.seq);
        expect(stopped).toMatchObject({ state: "cancelled", detail: "policy" });
        expect((await demo.readsLog(action)).at(-1)).toMatchObject({
          type: "cancelled",
          actor: { kind: "engine" },
          reason: expect.stringContaining("INC-7"),
        });
      }
    });
  });

  test("denies by policy what is asked for while it is engaged, and says why", async ({ expect }) => {
    await killed("host.*", async () => {
      expect(await cast.demo.asks()).toMatchObject({
        state: "denied",
        decision: { outcome: "deny", because: "host.* is stopped by service:operator: INC-7" },
      });
    });
    expect(await cast.demo.asks()).toMatchObject({ state: "pending" });
  });

  test("refuses a claim at once, and votes", async ({ expect }) => {
    const { demo, bob } = cast;
    // Many, so that some of them are claimed before the sweep has come by.
    const agreed = await Promise.all(Array.from({ length: 12 }, () => approved()));
    const waiting = await Promise.all(Array.from({ length: 4 }, () => demo.asks()));
    await killed("*", async () => {
      const claims = await Promise.all(agreed.map((action) => refusalOf(demo.claims(action))));
      const votes = await Promise.all(waiting.map((action) => refusalOf(bob.approves(action))));
      for (const refused of [...claims, ...votes]) {
        expect(refused).toMatchObject({
          status: 409,
          code: "wrong_state",
          state: "cancelled",
          stateDetail: "policy",
        });
      }
    });
    for (const action of [...agreed, ...waiting]) {
      expect((await demo.readsLog(action)).map(({ type }) => type)).not.toContain("claimed");
    }
  });

  test("leaves other types alone", async ({ expect }) => {
    const action = await approved();
    await killed("db.*", async () => {
      const { action: claimed } = await cast.demo.claims(action);
      expect(claimed.state).toBe("executing");
    });
  });

  test("lets what runs go on, and be rolled back", async ({ expect }) => {
    const { demo, bob } = cast;
    const running = await demo.claims(await approved({ rollbackPlan: { argv: ["undo"] } }));
    await killed("*", async () => {
      await demo.heartbeats(running);
      await demo.reports(running, "succeeded");
      expect(await bob.rollsBack(running.action)).toMatchObject({ state: "rolling_back" });
      const undo = await demo.claims(running.action);
      expect(await demo.reports(undo, "succeeded")).toMatchObject({ state: "rolled_back" });
    });
  });

  test("goes before a policy that allows, and before a freeze", async ({ expect }) => {
    const { operator, demo } = cast;
    await operator.adopts(contractOf("kill.free", { decide: [{ then: "allow" }] }));
    const action = await demo.asks({ type: "kill.free" });
    expect(action.state).toBe("approved");
    await killed("kill.*", async () => {
      expect(await refusalOf(demo.claims(action))).toMatchObject({
        state: "cancelled",
        stateDetail: "policy",
      });
      expect(await demo.asks({ type: "kill.free" })).toMatchObject({ state: "denied" });
    });
  });

  test("is an operator's, and nobody else's", async ({ expect }) => {
    const { demo, alice, auditor, omar, operator } = cast;
    for (const who of [demo, alice]) {
      const body = { scope: "*", reason: "no" };
      expect(await refusalOf(who.post("/v1/kill-switches", body))).toMatchObject({ status: 403 });
      expect(await refusalOf(who.post("/v1/kill-switches/release", { scope: "*" }))).toMatchObject({
        status: 403,
      });
    }
    expect((await auditor.get<Switches>("/v1/kill-switches")).switches).toEqual([]);
    const isOperator = (
      await operator.get<{ items: { id: string; members: string[] }[] }>("/v1/groups")
    ).items.some(({ id, members }) => id === "operators" && members.includes(omar.id));
    if (!isOperator) await operator.seats("operators", "omar");
    await omar.post("/v1/kill-switches", { scope: "db.*", reason: "a person may, too" });
    expect((await auditor.get<Switches>("/v1/kill-switches")).switches).toMatchObject([
      { scope: "db.*", by: "person:omar", reason: "a person may, too" },
    ]);
    await omar.post("/v1/kill-switches/release", { scope: "db.*" });
  });

  test("engaged twice stays as it was; released twice says that there is none", async ({ expect }) => {
    await kill("host.*", "first");
    expect(await kill("host.*", "second")).toMatchObject({ reason: "first" });
    const { switches } = await cast.auditor.get<Switches>("/v1/kill-switches");
    expect(switches).toHaveLength(1);
    await release("host.*");
    expect(await refusalOf(release("host.*"))).toMatchObject({ status: 404 });
  });

  test("that would stop nothing is refused and names what there is", async ({ expect }) => {
    expect(await refusalOf(kill("hsot.*"))).toMatchObject({
      status: 422,
      errors: [{ pointer: "/scope", detail: expect.stringContaining("host.shell") }],
    });
    for (const scope of ["", "Host.*", "a b", "__proto__ "]) {
      expect(await refusalOf(kill(scope)), scope).toMatchObject({
        status: 422,
        errors: [{ pointer: "/scope" }],
      });
    }
    expect(await refusalOf(cast.operator.post("/v1/kill-switches", { scope: "*" }))).toMatchObject({
      errors: [{ pointer: "/reason" }],
    });
  });

  test("T17 a glob that would backtrack stops nothing but what it fits", async ({ expect }) => {
    await cast.operator.adopts(contractOf(`kill.${"a".repeat(90)}`, {}));
    const hostile = `${"*a".repeat(50)}*b`;
    expect(await refusalOf(kill(hostile))).toMatchObject({ status: 422, errors: [{ pointer: "/scope" }] });
  });

  test("is seen by whoever looks at the figures", async ({ expect }) => {
    await killed("host.shell", async () => {
      expect(await cast.operator.get("/v1/metrics")).toMatchObject({
        switches: [{ scope: "host.shell", reason: "INC-7" }],
      });
      const { text } = await cast.operator.send("GET", "/metrics");
      expect(text).toContain("\nholdpoint_kill_switches 1\n");
    });
    const { text } = await cast.operator.send("GET", "/metrics");
    expect(text).toContain("\nholdpoint_kill_switches 0\n");
  });

  test("survives a power cut, and what it has not cancelled yet is never claimed", async ({ expect }) => {
    const action = await approved();
    await kill("*", "power cut");
    await engine.kill9();
    engine = await engine.restart();
    cast = castOf(engine);
    expect(await refusalOf(cast.demo.claims(action))).toMatchObject({
      state: "cancelled",
      stateDetail: "policy",
    });
    await release("*");
    expect(await cast.demo.asks()).toMatchObject({ state: "pending" });
  });
});

describe("npx holdpoint kill", () => {
  test("stops and lets go on, loudly, and lists what is stopped", async ({ expect }) => {
    const line = new CommandLine(engine);
    try {
      expect((await line.run("kill")).stdout).toContain("Nothing is stopped.");
      const done = await line.run("kill", "db.*", "--reason", "The database is moving");
      expect(done).toMatchObject({
        code: 0,
        stderr: expect.stringContaining("db.* is stopped by service:operator"),
      });
      expect((await line.run("kill")).stdout).toMatch(/db\.\*.*The database is moving/u);
      expect(await line.json("kill")).toMatchObject({ switches: [{ scope: "db.*" }] });
      expect(await line.run("kill", "nothing.at.all", "--reason", "x")).toMatchObject({ code: 1 });
      expect(await line.run("kill", "*")).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("--reason"),
      });
      expect(await line.run("unkill", "db.*")).toMatchObject({ code: 0 });
      expect((await line.run("unkill", "db.*")).code).not.toBe(0);
    } finally {
      line.close();
    }
  });
});
