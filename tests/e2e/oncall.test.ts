import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "vitest";
import { type Agent, type Cast, castOf, contractOf } from "../support/actors.ts";
import { Caller, refusalOf } from "../support/caller.ts";
import { CommandLine } from "../support/command-line.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** Who is on call, whose a target is, and when nothing may start: looked up at the vote and at the claim. */

let engine: TestEngine;
let cast: Cast;
/** A key of an integration that may say who is on call, and nothing else. */
let pager: Caller;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  const key = await cast.operator.givesKey("service:pager", { scopes: ["oncall:write"] });
  pager = new Caller("service:pager", engine.url, key);
});

afterAll(async () => {
  await engine?.stop();
});

const soon = (ms = 60_000): string => new Date(Date.now() + ms).toISOString();
/** A local date and time in UTC, so many minutes from now. */
const localIn = (minutes: number): string =>
  new Date(Date.now() + minutes * 60_000).toISOString().slice(0, 16);
const scheduleOf = (person: string, parts: object = {}): object => ({
  timeZone: "UTC",
  rotations: [{ people: [`person:${person}`], starts: "2026-01-05T09:00", every: "7d" }],
  ...parts,
});
const says = (name: string, people: string[], until = soon()): Promise<unknown> =>
  pager.post(`/v1/oncall/${name}`, { people: people.map((id) => `person:${id}`), until });
const pointers = (refused: { errors?: { pointer: string }[] | undefined }): string[] =>
  (refused.errors ?? []).map(({ pointer }) => pointer);

describe("a schedule", () => {
  test("says whose vote counts, and shows who is on call and who is next", async ({ expect }) => {
    const { operator, demo, alice, carol } = cast;
    await operator.put("/v1/schedules/primary", {
      ...scheduleOf("alice"),
      overrides: [{ person: "person:carol", from: localIn(60), until: localIn(120) }],
    });
    expect(await operator.get("/v1/oncall/primary")).toMatchObject({
      name: "primary",
      people: ["person:alice"],
      source: "schedule",
      until: null,
      next: { people: ["person:carol"], at: `${localIn(60)}:00.000Z` },
    });
    await operator.adopts(
      contractOf("oncall.page", { rule: { seat: "pager", n: 1, from: ["oncall:primary"] } }),
    );
    const action = await demo.asks({ type: "oncall.page" });
    expect(await refusalOf(carol.approves(action))).toMatchObject({ status: 403, code: "not_eligible" });
    expect(await alice.approves(action)).toMatchObject({ state: "approved" });
    expect((await demo.claims(action)).action.state).toBe("executing");
  });

  test("of people or places that are not there is refused", async ({ expect }) => {
    const { operator } = cast;
    const faults: [object, string][] = [
      [scheduleOf("nobody"), "/rotations/0/people/0"],
      [scheduleOf("alice", { timeZone: "Europe/Atlantis" }), "/timeZone"],
      [scheduleOf("alice", { timeZone: "+01:00" }), "/timeZone"],
      [
        scheduleOf("alice", {
          overrides: [{ person: "person:nobody", from: localIn(1), until: localIn(2) }],
        }),
        "/overrides/0/person",
      ],
      [scheduleOf("alice", { rotations: [] }), "/rotations"],
    ];
    for (const [body, pointer] of faults) {
      const refused = await refusalOf(operator.put("/v1/schedules/broken", body));
      expect(refused).toMatchObject({ status: 422 });
      expect(pointers(refused)).toEqual([pointer]);
    }
    expect(await operator.send("GET", "/v1/oncall/broken")).toMatchObject({ status: 404 });
  });

  test("keeps who is in it from being removed without a word", async ({ expect }) => {
    const { operator } = cast;
    await operator.hires("fred");
    await operator.put("/v1/schedules/freds", scheduleOf("fred"));
    expect(await operator.send("DELETE", "/v1/people/fred")).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining("the schedule freds") },
    });
    expect(await operator.send("DELETE", "/v1/schedules/freds")).toMatchObject({ status: 200 });
    expect(await operator.send("DELETE", "/v1/people/fred")).toMatchObject({ status: 200 });
  });

  test("that a rule names must be there, so that somebody can decide (P25)", async ({ expect }) => {
    const contract = contractOf("oncall.none", {
      rule: { seat: "pager", n: 1, from: ["oncall:unheard-of"] },
    });
    expect(pointers(await refusalOf(cast.operator.adopts(contract)))).toContainEqual(
      expect.stringMatching(/^\/document\/contracts\/\d+\/rule\/from\/0$/u),
    );
  });
});

describe("another system", () => {
  test("says who is on call with a key for that alone, before the schedule and until it ends", async ({
    expect,
  }) => {
    const { operator, demo, alice, bob } = cast;
    await operator.put("/v1/schedules/fed", scheduleOf("alice"));
    await operator.adopts(contractOf("oncall.fed", { rule: { seat: "pager", n: 1, from: ["oncall:fed"] } }));
    const until = soon(2_500);
    expect(await pager.post("/v1/oncall/fed", { people: ["person:bob"], until })).toMatchObject({
      people: ["person:bob"],
      source: "webhook",
      until,
      next: { at: until, people: ["person:alice"] },
    });
    const [first, second] = [
      await demo.asks({ type: "oncall.fed" }),
      await demo.asks({ type: "oncall.fed" }),
    ];
    expect(await refusalOf(alice.approves(first))).toMatchObject({ status: 403 });
    expect(await bob.approves(first)).toMatchObject({ state: "approved" });
    await delay(Date.parse(until) - Date.now() + 5);
    expect(await refusalOf(bob.approves(second))).toMatchObject({ status: 403 });
    expect(await alice.approves(second)).toMatchObject({ state: "approved" });
    // Bob's turn was over when it was claimed, and he had it when he voted.
    expect((await demo.claims(first)).action.state).toBe("executing");
  });

  test("that falls silent leaves nobody on call, where there is no schedule", async ({ expect }) => {
    const { operator, demo, bob } = cast;
    const until = soon(1_500);
    await says("silent", ["bob"], until);
    await operator.adopts(
      contractOf("oncall.silent", { rule: { seat: "pager", n: 1, from: ["oncall:silent"] } }),
    );
    const action = await demo.asks({ type: "oncall.silent" });
    await delay(Date.parse(until) - Date.now() + 5);
    expect(await refusalOf(bob.approves(action))).toMatchObject({ status: 403, code: "not_eligible" });
    expect(await operator.get("/v1/oncall/silent")).toMatchObject({ people: [], source: "none", until });
  });

  test("may do nothing else with its key", async ({ expect }) => {
    for (const [method, path] of [
      ["GET", "/v1/people"],
      ["GET", "/v1/oncall"],
      ["GET", "/v1/actions"],
      ["PUT", "/v1/schedules/primary"],
      ["POST", "/v1/delegations"],
      ["POST", "/v1/kill-switches"],
      ["GET", "/v1/policy"],
    ] as const) {
      const body = method === "GET" ? undefined : {};
      expect((await pager.send(method, path, body)).status, `${method} ${path}`).toBe(403);
    }
    for (const who of [cast.demo, cast.alice, cast.auditor]) {
      const refused = await refusalOf(
        who.post("/v1/oncall/primary", { people: ["person:alice"], until: soon() }),
      );
      expect(refused).toMatchObject({ status: 403, code: "forbidden" });
    }
  });

  test("is refused strangers, the past, and what would last too long", async ({ expect }) => {
    const day = 86_400_000;
    const bad: [object, string][] = [
      [{ people: ["person:nobody"], until: soon() }, "/people/0"],
      [{ people: ["agent:demo"], until: soon() }, "/people/0"],
      [{ people: ["person:bob"], until: soon(-1) }, "/until"],
      [{ people: ["person:bob"], until: soon(14 * day + 60_000) }, "/until"],
      [{ people: ["person:bob"], until: "tomorrow" }, "/until"],
      [{ people: ["person:bob"] }, "/until"],
      [{ people: ["person:bob"], until: soon(), scope: "admin" }, "/scope"],
    ];
    for (const [body, pointer] of bad) {
      const refused = await refusalOf(pager.post("/v1/oncall/strange", body));
      expect(refused).toMatchObject({ status: 422 });
      expect(pointers(refused)).toEqual([pointer]);
    }
    for (const name of ["__proto__", "constructor", "A%20B", "%ff"]) {
      const { status } = await pager.send("POST", `/v1/oncall/${name}`, { people: [], until: soon() });
      expect([404, 422], name).toContain(status);
    }
    await says("fortnight", ["bob"], soon(14 * day - 60_000));
  });

  test("that says the same under one key is answered the same, and takes it back", async ({ expect }) => {
    const body = { people: ["person:bob"], until: soon() };
    const first = await pager.post("/v1/oncall/again", body, { key: "again" });
    await pager.post("/v1/oncall/again", { ...body, people: ["person:alice"] });
    expect(await pager.post("/v1/oncall/again", body, { key: "again" })).toEqual(first);
    expect(await cast.operator.get("/v1/oncall/again")).toMatchObject({ people: ["person:alice"] });
    expect(await pager.send("DELETE", "/v1/oncall/again")).toMatchObject({ status: 200 });
    expect(await pager.send("DELETE", "/v1/oncall/again")).toMatchObject({ status: 404 });
  });
});

describe("P20 a grant fired after the right to it was gone:", () => {
  test("a turn on call that ends by the clock takes no vote back, being taken out of the schedule does", async ({
    expect,
  }) => {
    const { operator, demo, alice } = cast;
    const rota = "/v1/schedules/rota";
    await operator.put(rota, scheduleOf("alice"));
    await operator.adopts(
      contractOf("oncall.rota", { rule: { seat: "pager", n: 1, from: ["oncall:rota"] } }),
    );
    const [kept, lost] = [await demo.asks({ type: "oncall.rota" }), await demo.asks({ type: "oncall.rota" })];
    await alice.approves(kept);
    await alice.approves(lost);
    // Carol takes over, and alice stays in the rotation.
    await operator.put(
      rota,
      scheduleOf("carol", {
        overrides: [{ person: "person:alice", from: localIn(600), until: localIn(660) }],
      }),
    );
    expect((await demo.claims(kept)).action.state).toBe("executing");
    await operator.put(rota, scheduleOf("carol"));
    expect(await refusalOf(demo.claims(lost))).toMatchObject({
      state: "cancelled",
      stateDetail: "quorum_lost",
    });
  });

  test("an owner of the target who is none any more, a manager who has changed", async ({ expect }) => {
    const { operator, demo, alice, bob } = cast;
    await operator.put("/v1/owners", { owners: [{ targets: ["prod-db-*"], owner: "person:alice" }] });
    await operator.put("/v1/people/omar", { name: "Omar", manager: "person:bob" });
    const rule = {
      all: [
        { seat: "owner", n: 1, from: ["owner-of-target"] },
        { seat: "manager", n: 1, from: ["manager-of-requester"] },
      ],
    };
    await operator.adopts(contractOf("oncall.owned", { rule }));
    const ask = async (): ReturnType<Agent["asks"]> => {
      const action = await demo.asks({ type: "oncall.owned" });
      await alice.approves(action);
      return bob.approves(action);
    };
    const [first, second, third] = [await ask(), await ask(), await ask()];
    expect(first.state).toBe("approved");
    expect((await demo.claims(first)).action.state).toBe("executing");
    await operator.put("/v1/owners", {
      owners: [
        { targets: ["*"], owner: "group:dba" },
        { targets: ["prod-db-*"], owner: "person:alice" },
      ],
    });
    // Alice is of the group dba as well, so she still answers for it.
    expect((await demo.claims(second)).action.state).toBe("executing");
    await operator.put("/v1/people/omar", { name: "Omar", manager: "person:carol" });
    expect(await refusalOf(demo.claims(third))).toMatchObject({
      state: "cancelled",
      stateDetail: "quorum_lost",
    });
  });

  test("owners who are not there are refused", async ({ expect }) => {
    const put = (owner: string): Promise<unknown> =>
      cast.operator.put("/v1/owners", { owners: [{ targets: ["*"], owner }] });
    for (const owner of ["person:nobody", "group:nothing", "agent:demo", "omar"]) {
      expect(pointers(await refusalOf(put(owner))), owner).toEqual(["/owners/0/owner"]);
    }
  });
});

describe("P7 policy tightened while paused; the old approval went through:", () => {
  test("a rule that now asks for whoever is on call stops what was approved without them", async ({
    expect,
  }) => {
    const { operator, demo, bob } = cast;
    await operator.put("/v1/schedules/tight", scheduleOf("carol"));
    await operator.adopts(contractOf("oncall.tight", {}));
    const action = await bob.approves(await demo.asks({ type: "oncall.tight" }));
    expect(action.state).toBe("approved");
    await operator.adopts(
      contractOf("oncall.tight", {
        rule: {
          all: [
            { seat: "oncall", n: 1, from: ["group:oncall"] },
            { seat: "pager", n: 1, from: ["oncall:tight"] },
          ],
        },
      }),
    );
    expect(await refusalOf(demo.claims(action))).toMatchObject({
      state: "cancelled",
      stateDetail: "quorum_lost",
    });
  });

  test("a turn under the tighter version is remembered, too", async ({ expect }) => {
    const { operator, demo, bob, carol } = cast;
    const rule = (...from: string[]): object => ({ seat: "s", n: 1, from });
    await operator.put("/v1/schedules/later", scheduleOf("carol"));
    await operator.adopts(
      contractOf("oncall.later", {
        rule: { all: [rule("group:oncall"), { seat: "t", n: 1, from: ["group:security"] }] } as never,
      }),
    );
    const action = await demo.asks({ type: "oncall.later" });
    await operator.adopts(
      contractOf("oncall.later", {
        rule: { all: [rule("group:oncall"), { seat: "t", n: 1, from: ["oncall:later"] }] } as never,
      }),
    );
    await bob.approves(action);
    expect(await carol.approves(action)).toMatchObject({ state: "approved" });
    await operator.put(
      "/v1/schedules/later",
      scheduleOf("alice", {
        overrides: [{ person: "person:carol", from: localIn(600), until: localIn(660) }],
      }),
    );
    expect((await demo.claims(action)).action.state).toBe("executing");
  });
});

describe("a freeze", () => {
  test("keeps what is approved from starting, says until when, and lets it be rolled back", async ({
    expect,
  }) => {
    const { operator, demo, bob } = cast;
    await operator.adopts(contractOf("frozen.deploy", { rollback: { window: "10m" } }));
    const asks = async (): ReturnType<Agent["asks"]> =>
      demo.asks({ type: "frozen.deploy", rollbackPlan: { undo: true } });
    const [before, during] = [await bob.approves(await asks()), await bob.approves(await asks())];
    const run = await demo.claims(before);
    await demo.reports(run, "succeeded");
    const { document } = await operator.get<{ document: object }>("/v1/policy");
    const until = localIn(120);
    const freeze = {
      name: "sale",
      timeZone: "UTC",
      types: ["frozen.*"],
      from: localIn(-60),
      until,
      because: "The sale is on",
    };
    await operator.post("/v1/policy", { document: { ...document, freezes: [freeze] } });
    try {
      const refused = await demo.send("POST", `/v1/actions/${during.id}/claim`, { digest: during.digest });
      expect(refused).toMatchObject({
        status: 423,
        body: {
          code: "frozen",
          state: "approved",
          until: `${until}:00.000Z`,
          detail: expect.stringContaining("The sale is on"),
        },
      });
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(3_600);
      const shown = { name: "sale", until: `${until}:00.000Z`, because: "The sale is on" };
      expect(await demo.sees(during)).toMatchObject({ state: "approved", freeze: shown });
      const asked = await asks();
      expect(await bob.approves(asked)).toMatchObject({ state: "approved", freeze: shown });
      expect(await demo.get<{ warnings: string[] }>(`/v1/actions/${asked.id}/card`)).toMatchObject({
        warnings: [`Frozen until ${until}:00.000Z (sale): The sale is on`],
      });
      // What was done before may be undone.
      expect(await bob.rollsBack(before)).toMatchObject({ state: "rolling_back" });
      expect((await demo.claims(before)).action.state).toBe("rolling_back");
      // Another type is not frozen.
      expect((await demo.claims(await bob.approves(await demo.asks()))).action).not.toHaveProperty("freeze");
      // And a kill switch goes before it.
      await operator.post("/v1/kill-switches", { scope: "frozen.*", reason: "INC-9" });
      expect(await refusalOf(demo.claims(during))).toMatchObject({ code: "wrong_state", state: "cancelled" });
      await operator.post("/v1/kill-switches/release", { scope: "frozen.*" });
    } finally {
      await operator.post("/v1/policy", { document });
    }
    expect((await demo.claims(await bob.approves(await asks()))).action.state).toBe("executing");
  });

  test("in a place that does not exist does not publish, and the version in force stays", async ({
    expect,
  }) => {
    const { operator } = cast;
    const { document, version } = await operator.get<{ document: object; version: string }>("/v1/policy");
    const freeze = {
      name: "x",
      timeZone: "Europe/Atlantis",
      from: localIn(0),
      until: localIn(1),
      because: "x",
    };
    const refused = await refusalOf(
      operator.post("/v1/policy", { document: { ...document, freezes: [freeze] } }),
    );
    expect(pointers(refused)).toEqual(["/document/freezes/0/timeZone"]);
    expect(await operator.get("/v1/policy")).toMatchObject({ version });
  });
});

describe("npx holdpoint oncall", () => {
  test("shows who is on call, sets somebody, and takes it back", async ({ expect }) => {
    const line = new CommandLine(engine);
    try {
      await cast.operator.put("/v1/schedules/cli", scheduleOf("alice"));
      expect((await line.run("oncall", "cli")).stdout).toMatch(/cli\s+person:alice\s+the schedule/u);
      expect(await line.run("oncall", "set", "cli", "--person", "carol", "--for", "8h")).toMatchObject({
        code: 0,
      });
      expect((await line.run("oncall")).stdout).toMatch(
        /cli\s+person:carol\s+set until then\s+8 h: person:alice/u,
      );
      expect(await line.json("oncall", "cli")).toMatchObject({ source: "webhook", people: ["person:carol"] });
      expect(await line.run("oncall", "set", "cli", "--person", "carol", "--for", "30d")).toMatchObject({
        code: 1,
        stderr: expect.stringContaining("14 days"),
      });
      expect(await line.run("oncall", "clear", "cli")).toMatchObject({ code: 0 });
      expect((await line.run("oncall", "cli")).stdout).toContain("person:alice");
      expect((await line.run("oncall", "nobody-knows")).code).not.toBe(0);
    } finally {
      line.close();
    }
  });
});
