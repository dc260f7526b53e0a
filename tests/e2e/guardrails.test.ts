import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import type { GuardrailView } from "../../schemas/guardrail.ts";
import type { Rates } from "../../schemas/metrics.ts";
import { type Cast, castOf, contractOf, type Person } from "../support/actors.ts";
import { Caller, refusalOf } from "../support/caller.ts";
import { CommandLine } from "../support/command-line.ts";
import { hasPrometheus, promtool } from "../support/prometheus.ts";
import { startEngine, type TestEngine } from "../support/server.ts";
import type { StandIn } from "../support/stand-in.ts";
import { pageOf, startTeams } from "../support/teams.ts";

/** What came of actions moves the guardrails of their contracts: by itself only towards more people. */

let engine: TestEngine;
let cast: Cast;
let teams: StandIn;
let kim: Person;
let lee: Person;

const guardrail = { floor: "allow", ceiling: "deny", start: "rule", coolOff: "1h", cleanRuns: 10 } as const;
/** With ten clean runs the interval reaches to 28 %. */
const learning = { ...guardrail, harmPerThousand: 400 };

beforeAll(async () => {
  teams = await startTeams();
  engine = await startEngine({ settings: { HOLDPOINT_TEAMS: JSON.stringify({ ops: teams.url }) } });
  cast = castOf(engine);
  const tight = { ...guardrail, start: "rulePlusOne" } as const;
  const notify = ["teams:ops"];
  const dropped = [{ when: 'args.what == "drop"', then: "gate" as const }];
  // All at once and before there are more operators: from then on it takes a second one to publish.
  await cast.operator.adopts(
    contractOf("rail.harm", { guardrail }),
    contractOf("rail.meanwhile", { guardrail: { ...guardrail, ceiling: "rulePlusOne" } }),
    contractOf("rail.pinned", { guardrail, onChange: "pin" }),
    contractOf("rail.deny", { guardrail: tight }),
    contractOf("rail.clean", { guardrail: learning }),
    contractOf("rail.allow", { guardrail: { ...guardrail, start: "allow" }, decide: dropped, notify }),
    contractOf("rail.notify", { guardrail: { ...guardrail, start: "notify" }, decide: dropped, notify }),
    contractOf("rail.cli", { guardrail }),
    contractOf("rate.gated", { rollback: {} }),
    contractOf("rate.open", { decide: [{ then: "allow" }] }),
  );
  kim = await cast.operator.hires("kim", "oncall");
  lee = await cast.operator.hires("lee", "oncall");
  const members = ["omar", "kim", "lee"].map((name) => `person:${name}`);
  await cast.operator.put("/v1/groups/operators", { members });
});

afterAll(async () => {
  await engine?.stop();
  await teams?.close();
});

const standings = async (): Promise<GuardrailView[]> =>
  (await cast.operator.get<{ items: GuardrailView[] }>("/v1/guardrails")).items;
const standing = async (type: string): Promise<GuardrailView> =>
  (await standings()).find((one) => one.type === type)!;

/** The guardrail of a type once `is` holds of it: the engine hears of what happened a moment later. */
async function until(type: string, is: (one: GuardrailView) => boolean): Promise<GuardrailView> {
  for (let tries = 0; tries < 100; tries += 1) {
    const found = await standing(type);
    if (is(found)) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it stayed ${JSON.stringify(await standing(type))}`);
}

const say = (who: Caller, { id }: { id: string }, label: string, more: object = {}): Promise<ActionView> =>
  who.post(`/v1/actions/${id}/feedback`, { label, ...more });
const propose = (who: Caller, type: string, reason = "we looked"): Promise<GuardrailView> =>
  who.post(`/v1/guardrails/${type}/proposal`, { reason });

/** An action by its id, until it is there: it is asked for right after what it is about is known. */
async function seen(id: string): Promise<ActionView> {
  for (let tries = 0; tries < 100; tries += 1) {
    const { status, body } = await cast.operator.send("GET", `/v1/actions/${id}`);
    if (status === 200) return body as ActionView;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${id} is not there`);
}

async function runs(action: ActionView): Promise<ActionView> {
  const claim = await cast.demo.claims(action);
  return cast.demo.reports(claim, "succeeded");
}
const approvedRun = async (type: string): Promise<ActionView> =>
  runs(await cast.bob.approves(await cast.demo.asks({ type })));

describe("a guardrail", () => {
  test("tightens at once on a word of harm, and what is asked for next needs one more person", async ({
    expect,
  }) => {
    const { demo, operator, bob, alice } = cast;
    const action = await approvedRun("rail.harm");
    await say(alice, action, "harm", { incident: "INC-7", note: "It took the site down" });
    const after = await until("rail.harm", ({ level }) => level !== "rule");
    expect(after).toMatchObject({
      level: "rulePlusOne",
      floor: "allow",
      ceiling: "deny",
      history: [
        {
          event: "tightened",
          from: "rule",
          to: "rulePlusOne",
          by: "engine",
          because: "harm",
          evidence: { actions: [action.id], tally: { clean: 1, incidents: 1 } },
        },
      ],
    });
    expect(after.coolUntil).not.toBeNull();
    const next = await demo.asks({ type: "rail.harm" });
    expect(next.seats.map(({ n }) => n)).toEqual([1, 1]);
    expect(await bob.approves(next)).toMatchObject({ state: "pending" });
    expect(await kim.approves(next)).toMatchObject({ state: "approved" });
    const log = await operator.readsLog(action);
    expect(log.at(-1)).toMatchObject({
      type: "feedback",
      state: "executed",
      actor: { id: "person:alice" },
      reason: "It took the site down",
      data: { label: "harm", incident: "INC-7" },
    });
  });

  test("that tightens meanwhile counts for what was approved before, although the policy is the same", async ({
    expect,
  }) => {
    const { demo, bob, alice } = cast;
    const [first, second, pending] = [
      await approvedRun("rail.meanwhile"),
      await bob.approves(await demo.asks({ type: "rail.meanwhile" })),
      await demo.asks({ type: "rail.meanwhile" }),
    ];
    await say(alice, first, "missed_gate");
    await until("rail.meanwhile", ({ level }) => level === "rulePlusOne");
    expect(await refusalOf(demo.claims(second))).toMatchObject({
      state: "cancelled",
      stateDetail: "quorum_lost",
    });
    await kim.approves(pending);
    expect(await demo.sees(pending)).toMatchObject({ state: "pending" });
    expect(await bob.approves(pending)).toMatchObject({ state: "approved" });
  });

  test("with onChange pin what was approved before still runs", async ({ expect }) => {
    const { demo, bob, alice } = cast;
    const [first, second] = [
      await approvedRun("rail.pinned"),
      await bob.approves(await demo.asks({ type: "rail.pinned" })),
    ];
    await say(alice, first, "harm");
    await until("rail.pinned", ({ level }) => level === "rulePlusOne");
    expect((await demo.claims(second)).lease).toContain("lse_");
  });

  test("at deny refuses by policy, and only operators propose to open it, once it has cooled off", async ({
    expect,
  }) => {
    const { demo, operator, alice, bob } = cast;
    const action = await demo.asks({ type: "rail.deny" });
    await bob.approves(action);
    await say(alice, await runs(await kim.approves(action)), "harm");
    await until("rail.deny", ({ level }) => level === "deny");
    expect(await demo.asks({ type: "rail.deny" })).toMatchObject({
      state: "denied",
      decision: { because: "its guardrail has closed after incidents" },
    });
    for (const who of [demo, alice, operator]) {
      expect((await refusalOf(propose(who, "rail.deny"))).status, who.id).toBe(403);
    }
    expect(await refusalOf(propose(kim, "rail.deny"))).toMatchObject({
      status: 409,
      detail: expect.stringContaining("cooling off"),
    });
  });

  test("T23 clean runs only propose: an action of the engine, with its figures, that an operator decides", async ({
    expect,
  }) => {
    const { demo, operator, alice } = cast;
    for (let run = 0; run < 9; run += 1) await approvedRun("rail.clean");
    expect(await until("rail.clean", ({ tally }) => tally.clean === 9)).toMatchObject({
      level: "rule",
      proposal: null,
      cleanRunsToGo: 1,
    });
    const last = await approvedRun("rail.clean");
    const before = await until("rail.clean", ({ proposal }) => proposal !== null);
    expect(before).toMatchObject({
      level: "rule",
      proposal: { from: "rule", to: "one", evidence: { tally: { clean: 10, incidents: 0 } } },
      history: [{ event: "proposed", because: "clean" }],
    });
    const id = before.proposal?.action ?? "";
    const action = await seen(id);
    expect(action).toMatchObject({
      type: "holdpoint.guardrail.loosen",
      state: "pending",
      requester: { kind: "engine", id: "engine" },
      args: { type: "rail.clean", from: "rule", to: "one", cleanRuns: 10, incidents: 0 },
      reason: expect.stringContaining("10 clean runs and 0 incidents"),
    });
    expect(new URL(action.links.page).origin).toBe(new URL(last.links.page).origin);
    const card = await operator.get<{ facts: object[] }>(`/v1/actions/${id}/card`);
    expect(card.facts).toContainEqual({
      label: "Figures",
      kind: "words",
      lines: [
        "The guardrail of rail.clean goes from rule to one, which is looser.",
        "10 clean runs and 0 incidents since it began.",
        "Harm in at most 27.8 % of runs, by the upper end of the 95 % interval.",
      ],
    });
    const line = new CommandLine(engine);
    try {
      const { stdout, stderr } = await line.run("guardrails", "rail.clean");
      expect(stdout + stderr).toContain(`npx holdpoint approve ${id}`);
    } finally {
      line.close();
    }
    expect((await refusalOf(cast.bob.approves(action))).status).toBe(403);
    expect((await refusalOf(demo.claims(action))).status).toBe(409);
    expect(await standing("rail.clean")).toMatchObject({ level: "rule" });
    await kim.approves(action);
    expect(await seen(id)).toMatchObject({ state: "executed" });
    expect(await standing("rail.clean")).toMatchObject({
      level: "one",
      proposal: null,
      tally: { clean: 0 },
      history: [
        { event: "loosened", from: "rule", to: "one", evidence: { actions: [id] } },
        { event: "proposed" },
      ],
    });
    expect((await refusalOf(propose(alice, "rail.clean"))).status).toBe(403);
    expect((await refusalOf(propose(lee, "rail.clean"))).status).toBe(409);
    expect(await demo.asks({ type: "rail.clean" })).toMatchObject({ state: "pending" });
  });

  test("at notify lets through and tells, at allow lets through; what the list gates is still asked for", async ({
    expect,
  }) => {
    const { demo } = cast;
    const asked: Record<string, ActionView> = {};
    for (const level of ["allow", "notify"] as const) {
      asked[level] = await demo.asks({ type: `rail.${level}` });
      expect(asked[level]).toMatchObject({
        state: "approved",
        decision: { because: `its guardrail stands at ${level}` },
      });
      asked[`${level}, gated`] = await demo.asks({ type: `rail.${level}`, args: { what: "drop" } });
      expect(asked[`${level}, gated`]).toMatchObject({ state: "pending" });
    }
    const isShown = (name: string): boolean =>
      teams.received.some(({ body }) => pageOf(body) === asked[name]?.links.page);
    const told = ["allow, gated", "notify", "notify, gated"];
    await teams.until(() => told.every(isShown));
    expect(isShown("allow")).toBe(false);
  });

  test("with bounds that cannot be kept does not publish", async ({ expect }) => {
    const refusals = [
      [{ guardrail: { floor: "deny", ceiling: "one" } }, "/guardrail/floor"],
      [{ guardrail: { floor: "allow", ceiling: "one" } }, "/guardrail/start"],
      [{ guardrail, risk: "critical" }, "/guardrail/floor"],
      [{ guardrail: { ...guardrail, coolOff: "soon" } }, "/guardrail/coolOff"],
      [{ guardrail: { ...guardrail, cleanRuns: 1 } }, "/guardrail/cleanRuns"],
      [{ guardrail: { ...guardrail, floor: "never" } }, "/guardrail/floor"],
      [{ guardrail, decide: Array.from({ length: 32 }, () => ({ then: "gate" })) }, "/decide"],
    ] as const;
    for (const [parts, pointer] of refusals) {
      const refused = await refusalOf(
        cast.operator.adopts(contractOf("rail.wrong", parts as unknown as Parameters<typeof contractOf>[1])),
      );
      expect(refused.status).toBe(422);
      expect(refused.errors?.map((error) => error.pointer.replace(/^.*\/contracts\/\d+/u, ""))).toContain(
        pointer,
      );
    }
  });
});

describe("rates", () => {
  const rates = async (type: string): Promise<Rates["byType"][number] | undefined> => {
    const { rates: all } = await cast.operator.get<{ rates: Rates }>("/v1/metrics?window=24h");
    return all.byType.find(({ name }) => name === type);
  };

  test("count what was said of gates with its interval, and how runs went, in all three places", async ({
    expect,
  }) => {
    const { demo, operator, alice, bob } = cast;
    const gated = [await approvedRun("rate.gated"), await approvedRun("rate.gated")];
    await bob.denies(await demo.asks({ type: "rate.gated" }));
    await say(alice, gated[0]!, "needless_gate");
    const open = [await runs(await demo.asks({ type: "rate.open" })), await demo.asks({ type: "rate.open" })];
    await say(alice, open[0]!, "harm");
    await say(bob, open[0]!, "missed_gate");
    const told = async (): Promise<boolean> =>
      (await rates("rate.open"))?.missedGates.hits === 1 && (await rates("rate.gated"))?.success.hits === 2;
    for (let tries = 0; tries < 100 && !(await told()); tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await rates("rate.gated")).toMatchObject({
      actions: 3,
      agents: 1,
      types: 1,
      needlessGates: { hits: 1, trials: 2, labelled: 1, share: 0.5 },
      missedGates: { hits: 0, trials: 0, labelled: 0, share: null, low: 0, high: 1 },
      success: { hits: 2, trials: 2 },
      rollback: { hits: 0, trials: 2 },
      bypasses: 0,
    });
    expect(await rates("rate.open")).toMatchObject({
      actions: 2,
      missedGates: { hits: 1, trials: 2, labelled: 1 },
      success: { hits: 1, trials: 1 },
    });
    const { text } = await operator.send("GET", "/metrics");
    expect(text).toContain('\nholdpoint_needless_gate_ratio{type="rate.gated",bound="share"} 0.5\n');
    expect(text).toContain('\nholdpoint_missed_gate_ratio{type="rate.open",bound="share"} 0.5\n');
    expect(text).toContain('\nholdpoint_rated_actions{type="rate.gated",rate="success"} 2\n');
    expect(text).not.toMatch(/act_|person:|agent:/u);
    if (hasPrometheus()) {
      expect(await promtool(["check", "metrics"], text)).toEqual({ code: 0, output: "" });
    }
  });

  test("T9 an effect that nobody had claimed counts as a bypass once; one under a claim does not", async ({
    expect,
  }) => {
    const { operator, demo, alice } = cast;
    const key = await operator.givesKey("service:reconciler", { scopes: ["effects:write"] });
    const reconciler = new Caller("service:reconciler", engine.url, key);
    const effect = (more: object = {}): Promise<{ bypass: boolean; because: string; id: string | null }> =>
      reconciler.post("/v1/bypasses", {
        type: "host.shell",
        target: "prod-db-1",
        at: new Date().toISOString(),
        ...more,
      });
    const action = await cast.bob.approves(await demo.asks());
    expect(await effect({ action: action.id })).toMatchObject({ bypass: true });
    await demo.claims(action);
    expect(await effect({ action: action.id })).toEqual({
      bypass: false,
      because: expect.stringContaining(action.id),
      id: null,
    });
    const yesterday = new Date(Date.now() - 20 * 3_600_000).toISOString();
    expect(await effect({ action: action.id, target: "prod-db-2" })).toMatchObject({ bypass: true });
    const [one, two] = [
      await effect({ action: action.id, at: yesterday, evidence: { line: 7 } }),
      await effect({ action: action.id, at: yesterday, evidence: { line: 7 } }),
    ];
    expect(one).toMatchObject({ bypass: true });
    expect(two).toEqual(one);
    expect((await rates("host.shell"))?.bypasses).toBe(3);
    const { text } = await operator.send("GET", "/metrics");
    expect(text).toContain('\nholdpoint_bypasses_total{type="host.shell"} 3\n');
    const { items } = await cast.auditor.get<{ items: { id: string; reportedBy: string }[] }>("/v1/bypasses");
    expect(items).toHaveLength(3);
    expect(items[0]).toMatchObject({ id: one.id, reportedBy: "service:reconciler", evidence: { line: 7 } });
    expect((await refusalOf(alice.post("/v1/bypasses", {}))).status).toBe(403);
    for (const [more, pointer] of [
      [{ type: "no.such" }, "/type"],
      [{ at: new Date(Date.now() + 3_600_000).toISOString() }, "/at"],
      [{ at: "2020-01-01T00:00:00Z" }, "/at"],
      [{ action: "act_x" }, "/action"],
      [{ evidence: { text: "x".repeat(10_000) } }, "/evidence"],
    ] as const) {
      expect(await refusalOf(effect(more)), pointer).toMatchObject({ status: 422, errors: [{ pointer }] });
    }
  });
});

describe("the command line", () => {
  test("says what came of an action, shows it in the log, and where guardrails stand", async ({ expect }) => {
    const line = new CommandLine(engine);
    try {
      const action = await approvedRun("rail.cli");
      expect(await line.run("guardrails", "rail.cli")).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/rail\.cli\s+rule\s+allow to deny/u),
      });
      const said = ["--label", "harm", "--incident", "INC-9", "--as", "person:alice"];
      expect(await line.run("feedback", action.id, ...said)).toMatchObject({ code: 0 });
      await until("rail.cli", ({ level }) => level === "rulePlusOne");
      expect((await line.run("show", action.id)).stdout).toMatch(/feedback .*person:alice .*harm · INC-9/u);
      expect((await line.run("guardrails", "rail.cli")).stdout).toMatch(/tightened\s+rule → rulePlusOne/u);
      expect(await line.json("guardrails", "rail.cli")).toMatchObject({ items: [{ level: "rulePlusOne" }] });
      expect((await line.run("guardrails", "no.such")).code).toBe(1);
      expect((await line.run("feedback", action.id, "--label", "great")).code).toBe(2);
      expect((await line.run("guardrails", "propose", "rail.cli", "--reason", "x")).code).not.toBe(0);
    } finally {
      line.close();
    }
  });
});
