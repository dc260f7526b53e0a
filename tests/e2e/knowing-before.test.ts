import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import type { Evaluation, TestAnswer } from "../../schemas/evaluation.ts";
import type { PolicyInput } from "../../schemas/policy.ts";
import type { ReplayAnswer } from "../../schemas/replay.ts";
import { type Cast, castOf, contractOf, withContracts } from "../support/actors.ts";
import { Caller, refusalOf } from "../support/caller.ts";
import { CommandLine } from "../support/command-line.ts";
import { randomFrom } from "../support/recorded.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** What a policy would do, asked of a real engine before it does it. */

let engine: TestEngine;
let cast: Cast;
let cli: CommandLine;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  cli = new CommandLine(engine);
});

afterAll(async () => {
  cli?.close();
  await engine?.stop();
});

type Contract = PolicyInput["contracts"][number];
const args = {
  type: "object",
  properties: { amount: { type: "integer", minimum: 0 } },
  required: ["amount"],
};
const payment = (decide: Contract["decide"], parts: Partial<Contract> = {}): Contract =>
  contractOf("pay.out", { args, decide, ...parts });
const patience = { timeout: 20_000 };

const inForce = async (): Promise<PolicyInput> =>
  (await cast.operator.get<{ document: PolicyInput }>("/v1/policy")).document;
const withContract = async (contract: Contract): Promise<PolicyInput> =>
  withContracts(await inForce(), [contract]);
const fileOf = (name: string, content: unknown): string => {
  writeFileSync(join(cli.folder, name), JSON.stringify(content, null, 2));
  return name;
};
const listed = async (type: string): Promise<number> =>
  (await cast.operator.lists(`limit=100&type=${type}`)).items.length;

describe("modes", () => {
  const denies = [{ when: "args.amount > 100", then: "deny" as const, because: "too much" }];
  const asks = (amount: number): Promise<ActionView> => cast.demo.asks({ type: "pay.out", args: { amount } });

  test("shadow and warn let a request run that enforce would gate or deny, and say what it would have been", async ({
    expect,
  }) => {
    for (const mode of ["shadow", "warn"] as const) {
      await cast.operator.adopts(payment(denies, { mode }));
      const gated = await asks(5);
      expect(gated).toMatchObject({
        state: "approved",
        decision: { outcome: "allow", mode, would: { outcome: "gate" } },
      });
      const denied = await asks(500);
      expect(denied.decision.would).toEqual({ outcome: "deny", because: "too much" });
      const claimed = await cast.demo.claims(denied);
      expect(claimed.action.state).toBe("executing");
      const summaries = async () => (await cast.operator.lists("type=pay.out")).items;
      await expect
        .poll(async () => (await summaries()).find(({ id }) => id === denied.id)?.would, patience)
        .toBe("deny");
    }
  });

  test("a warning is said to whoever asks on the command line", async ({ expect }) => {
    const { stderr, code } = await cli.run(
      "request",
      "--type",
      "pay.out",
      "--target",
      "prod-db-1",
      "--segment",
      "prod-hosts",
      "--arg",
      "amount=500",
      "--reason",
      "x",
    );
    expect(code).toBe(0);
    expect(stderr).toContain("pay.out only warns; enforced, it would be denied: too much");
  });

  test("a kill switch and a role's ceiling hold in shadow too", async ({ expect }) => {
    await cast.operator.adopts(payment(denies, { mode: "shadow" }));
    const waiting = await asks(5);
    await cast.operator.post("/v1/kill-switches", { scope: "pay.*", reason: "INC-7" });
    try {
      expect(await asks(5)).toMatchObject({ state: "denied", decision: { stoppedBy: "pay.*" } });
      await refusalOf(cast.demo.claims(waiting));
      expect((await cast.demo.sees(waiting)).state).toBe("cancelled");
    } finally {
      await cast.operator.post("/v1/kill-switches/release", { scope: "pay.*" });
    }
    const outside = await refusalOf(
      cast.demo.asks({
        type: "pay.out",
        args: { amount: 5 },
        target: { resource: "x", segment: "elsewhere" },
      }),
    );
    expect(outside.code).toBe("out_of_scope");
  });
});

describe("evaluate", () => {
  const asked = (amount: number, type = "pay.out") => ({
    type,
    target: { resource: "prod-db-1", segment: "prod-hosts" },
    args: { amount },
    agent: "agent:demo",
  });
  const evaluates = (request: object, candidate: object = {}) =>
    cast.operator.post<{ version: string | null; evaluation: Evaluation }>("/v1/policy/evaluate", {
      request,
      ...candidate,
    });

  test("says what a request would get, with the sums as they stand, and changes nothing", async ({
    expect,
  }) => {
    const type = "pay.summed";
    const decide = [{ when: "sum(args.amount) by agent,type over 24h > 100", then: "deny" as const }];
    await cast.operator.adopts(contractOf(type, { args, decide }));
    await cast.demo.asks({ type, args: { amount: 60 } });
    for (let round = 0; round < 3; round += 1) {
      const within = await evaluates(asked(40, type));
      expect(within.evaluation).toMatchObject({ outcome: "gate", trace: [{ holds: false }] });
      const above = await evaluates(asked(41, type));
      expect(above.evaluation).toMatchObject({ outcome: "deny", trace: [{ holds: true }] });
    }
    expect(await cast.demo.asks({ type, args: { amount: 40 } })).toMatchObject({ state: "pending" });
    await expect.poll(() => listed(type), patience).toBe(2);
  });

  test("of a document that is not published, or of an earlier version", async ({ expect }) => {
    await cast.operator.adopts(payment([]));
    const { version: first } = await cast.operator.get<{ version: string }>("/v1/policy");
    const document = await withContract(payment([{ then: "allow", because: "a try" }]));
    expect(await evaluates(asked(1), { document })).toMatchObject({
      version: null,
      evaluation: { outcome: "allow", because: "a try" },
    });
    await cast.operator.post("/v1/policy", { document });
    expect((await evaluates(asked(1))).evaluation.outcome).toBe("allow");
    expect(await evaluates(asked(1), { version: first })).toMatchObject({
      version: first,
      evaluation: { outcome: "gate" },
    });
    expect(await refusalOf(evaluates(asked(1), { document, version: first }))).toMatchObject({ status: 422 });
    expect(await refusalOf(evaluates(asked(1), { document: { roles: 1 } }))).toMatchObject({ status: 422 });
  });

  test("agrees with what a request then gets, whatever it is", async ({ expect }) => {
    const random = randomFrom(11);
    const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
    const type = "pay.agreed";
    const decide = [
      { when: "args.amount > 900", then: "deny" as const },
      { when: "count() by agent,type over 1h > 25", then: "deny" as const },
      { when: "args.amount < 300 && target.resource != 'prod-db-2'", then: "allow" as const },
    ];
    await cast.operator.adopts(contractOf(type, { args, decide }));
    const seen = new Map<string, number>();
    for (let round = 0; round < 60; round += 1) {
      const agent = pick(["agent:demo", "agent:other"] as const);
      const resource = pick(["prod-db-1", "prod-db-2"]);
      const request = {
        type: random() < 0.05 ? "no.such" : type,
        target: { resource, segment: random() < 0.1 ? "elsewhere" : "prod-hosts" },
        args: random() < 0.1 ? { amount: "many" } : { amount: Math.floor(random() * 1_000) },
        onBehalfOf: pick([null, null, "person:bob", "person:nobody"]),
      };
      const { evaluation } = await evaluates({ ...request, agent });
      const who = agent === "agent:demo" ? cast.demo : cast.other;
      const headers = { "idempotency-key": `agreed-${round}` };
      const answer = await who.send("POST", "/v1/actions", { ...request, reason: "x" }, headers);
      const { decision } = answer.body as Partial<ActionView>;
      const got = answer.status === 201 ? decision : { outcome: "refuse" };
      expect(evaluation, JSON.stringify(request)).toMatchObject({
        outcome: got?.outcome,
        ...(decision !== undefined && { because: decision.because }),
      });
      seen.set(evaluation.outcome, (seen.get(evaluation.outcome) ?? 0) + 1);
    }
    expect([...seen.keys()].toSorted()).toEqual(["allow", "deny", "gate", "refuse"]);
  });

  test("on the command line", async ({ expect }) => {
    await cast.operator.post("/v1/policy", {
      document: await withContract(payment([{ when: "args.amount < 10", then: "allow" }])),
    });
    const { code, stdout } = await cli.run(
      "policy",
      "evaluate",
      "--type",
      "pay.out",
      "--target",
      "prod-db-1",
      "--segment",
      "prod-hosts",
      "--arg",
      "amount=50",
    );
    expect(code).toBe(0);
    for (const line of [
      "gate  pay.out: rule pay.out",
      "1. allow when args.amount < 10 → false",
      "controlled-remediation: covered",
    ]) {
      expect(stdout).toContain(line);
    }
  });
});

describe("examples", () => {
  const request = {
    type: "db.migrate",
    target: { resource: "orders-db", segment: "prod-data" },
    args: { migration: "1.sql" },
    agent: "agent:demo",
  };
  const right = {
    name: "a migration takes a dba",
    request,
    expect: { outcome: "gate", seats: { dba: ["person:alice"] } },
  };
  const wrong = { name: "a migration is nobody's business", request, expect: { outcome: "allow" } };

  test("pass and fail the same against the engine and without one", async ({ expect }) => {
    const policy = fileOf("policy.json", await inForce());
    const both = fileOf("examples.json", [right, wrong]);
    const starter = new URL("../../scripts/starter/directory.json", import.meta.url);
    const directory = fileOf("directory.json", JSON.parse(readFileSync(starter, "utf8")));
    const command = ["policy", "test", policy, "--examples", both];
    const online = await cli.json<TestAnswer>(...command);
    expect(online).toMatchObject({ passed: 1, failed: 1 });
    const offline = cli.start([...command, "--directory", directory, "--json"], {
      env: { HOLDPOINT_URL: "http://127.0.0.1:1", HOLDPOINT_KEY: "none" },
    });
    const { code, stdout } = await offline.ended;
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual(online);
    const shown = await cli.run(...command);
    expect(shown.stdout).toContain("✓ a migration takes a dba");
    expect(shown.stdout).toContain("✗ a migration is nobody's business");
    expect((await cli.run("policy", "test", policy, "--examples", fileOf("right.json", [right]))).code).toBe(
      0,
    );
  });

  test("that do not read are refused with their place", async ({ expect }) => {
    const policy = fileOf("policy.json", await inForce());
    const { code, stderr } = await cli.run(
      "policy",
      "test",
      policy,
      "--examples",
      fileOf("bad.json", [{ ...right, expect: { outcome: "maybe" } }]),
    );
    expect(code).toBe(1);
    expect(stderr).toContain("/examples/0/expect/outcome");
  });
});

describe("check", () => {
  test("places every finding in the file, and exits by what it found", async ({ expect }) => {
    const document = await withContract(
      payment([{ when: "args.amount > 5 &&\n  args.nothing == 1", then: "deny" }]),
    );
    const file = fileOf("conditions.json", document);
    const bad = await cli.run("policy", "check", file);
    expect(bad.code).toBe(1);
    const line =
      JSON.stringify(document, null, 2)
        .split("\n")
        .findIndex((one) => one.includes("args.nothing")) + 1;
    expect(bad.stdout).toMatch(
      new RegExp(`conditions\\.json:${line}:\\d+ error /contracts/\\d+/decide/0/when: `, "u"),
    );
    const looser = fileOf("looser.json", await withContract(payment([{ then: "allow" }])));
    const warned = await cli.run("policy", "check", looser);
    expect(warned).toMatchObject({ code: 0, stdout: expect.stringContaining("warning") });
    expect((await cli.run("policy", "check", looser, "--strict")).code).toBe(1);
    const twice = join(cli.folder, "twice.json");
    writeFileSync(twice, JSON.stringify(await inForce()).replace("{", '{"roles":{},'));
    expect(await cli.run("policy", "check", "twice.json")).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("twice.json:1:"),
    });
  });
});

describe("replay", () => {
  test("of some hundred actions of a real engine names exactly those that come out differently, page by page", async ({
    expect,
  }) => {
    const random = randomFrom(7);
    await cast.operator.post("/v1/policy", {
      document: await withContract(
        contractOf("pay.replayed", {
          args,
          decide: [
            { when: "args.amount > 700", then: "deny" },
            { when: "args.amount < 200", then: "allow" },
          ],
        }),
      ),
    });
    const made = new Map<string, number>();
    for (let batch = 0; batch < 3; batch += 1) {
      const amounts = Array.from({ length: 100 }, () => Math.floor(random() * 1_000));
      const items = amounts.map((amount) => ({
        action: {
          type: "pay.replayed",
          target: { resource: "prod-db-1", segment: "prod-hosts" },
          args: { amount },
          reason: "x",
        },
      }));
      const answer = await cast.demo.post<{ items: { action?: { id: string } }[] }>("/v1/actions/batch", {
        items,
      });
      for (const [index, { action }] of answer.items.entries()) made.set(action!.id, amounts[index]!);
    }
    expect(made.size).toBe(300);
    const replayable = async (): Promise<number> => {
      let seen = 0;
      let cursor: string | null = null;
      do {
        const query: string = cursor === null ? "" : `&cursor=${cursor}`;
        const page = await cast.operator.lists(`type=pay.replayed&limit=100${query}`);
        seen += page.items.length;
        cursor = page.nextCursor;
      } while (cursor !== null);
      return seen;
    };
    await expect.poll(replayable, { timeout: 60_000, interval: 500 }).toBe(300);
    const candidate = await withContract(
      contractOf("pay.replayed", {
        args,
        decide: [
          { when: "args.amount > 600", then: "deny" },
          { when: "args.amount < 100", then: "allow" },
        ],
      }),
    );
    const expected = [...made]
      .filter(([, amount]) => (amount > 600 && amount <= 700) || (amount >= 100 && amount < 200))
      .map(([id]) => id);

    const pages: ReplayAnswer[] = [];
    let cursor: string | null = null;
    do {
      const page: ReplayAnswer = await cast.operator.post("/v1/policy/replay", {
        document: candidate,
        days: 1,
        limit: 70,
        ...(cursor !== null && { cursor }),
      });
      expect(page.replayed + page.notReplayable + page.stopped).toBeLessThanOrEqual(70);
      pages.push(page);
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(pages.length).toBeGreaterThan(4);
    const changed = pages.flatMap((page) => page.changed).filter(({ type }) => type === "pay.replayed");
    expect(changed.map(({ id }) => id).toSorted()).toEqual(expected.toSorted());
    expect(expected.length).toBeGreaterThan(20);

    const whole = await cli.json<ReplayAnswer>(
      "policy",
      "replay",
      fileOf("candidate.json", candidate),
      "--days",
      "1",
    );
    expect(whole.changed.filter(({ type }) => type === "pay.replayed").map(({ id }) => id)).toEqual(
      changed.map(({ id }) => id),
    );
    const counted = whole.counts
      .filter(({ type }) => type === "pay.replayed")
      .reduce((sum, { count }) => sum + count, 0);
    expect(counted).toBe(300);
    const shown = await cli.run("policy", "replay", "candidate.json", "--days", "1");
    expect(shown.stdout).toMatch(/pay\.replayed +gate +deny +\d+/u);
  });

  test("takes a key that may read actions, and a cursor of its own", async ({ expect }) => {
    const key = await cast.operator.post<{ key: string }>("/v1/keys", {
      principal: "service:reader",
      scopes: ["policy:read"],
    });
    const reader = new Caller("service:reader", engine.url, key.key);
    expect(await refusalOf(reader.post("/v1/policy/replay", { days: 1 }))).toMatchObject({ status: 403 });
    expect(
      await refusalOf(cast.operator.post("/v1/policy/replay", { days: 1, cursor: "x.y" })),
    ).toMatchObject({ errors: [{ pointer: "/cursor" }] });
    expect(await refusalOf(cast.operator.post("/v1/policy/replay", { days: 91 }))).toMatchObject({
      status: 422,
    });
  });
});
