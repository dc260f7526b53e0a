import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import type { BreakGlassTerms, GlassUseList } from "../../schemas/break-glass.ts";
import { type Cast, castOf, contractOf, type Person } from "../support/actors.ts";
import { refusalOf, refusedAnswer, type Named, type Sending } from "../support/caller.ts";
import { CommandLine } from "../support/command-line.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** Going round the approvers in an emergency, and answering for it. */

let engine: TestEngine;
let cast: Cast;

const type = "test.glass";
const two = {
  all: [
    { seat: "dba", n: 1, from: ["group:dba"] },
    { seat: "security", n: 1, from: ["group:security"] },
  ],
};

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  const { operator } = cast;
  await operator.adopts(
    contractOf(type, { rule: two, breakGlass: { by: ["group:oncall"], perPersonPerDay: 50 } }),
    contractOf("test.rare", { rule: two, breakGlass: { by: ["group:oncall"], perPersonPerDay: 1 } }),
    contractOf("test.soon", { rule: two, breakGlass: { by: ["group:oncall"], reviewDue: "1s" } }),
    contractOf("test.never", { rule: two }),
  );
});

afterAll(async () => {
  await engine?.stop();
});

const reason = "The site is down and nobody of the DBAs answers";
const breaks = (
  who: Person,
  { id, digest }: Named,
  more: Record<string, unknown> = {},
  sending?: Sending,
): Promise<ActionView> =>
  who.post(
    `/v1/actions/${id}/break-glass`,
    { digest, reason, incident: "INC-1042", confirm: true, ...more },
    sending,
  );
const reviews = (
  who: Person,
  { id }: { id: string },
  more: Record<string, unknown> = {},
): Promise<ActionView> =>
  who.post(`/v1/actions/${id}/break-glass/review`, {
    verdict: "justified",
    note: "I was called too",
    ...more,
  });
const uses = async (state: string): Promise<GlassUseList["items"]> =>
  (await cast.operator.get<GlassUseList>(`/v1/break-glass?state=${state}`)).items;

describe("P28 an emergency override with a reason and a notice:", () => {
  test("one person with the right approves alone; it runs, and the log says who, why and round whom", async ({
    expect,
  }) => {
    const { demo, bob, carol } = cast;
    const asked = await demo.asks({ type });
    const broken = await breaks(bob, asked);
    expect(broken).toMatchObject({
      state: "approved",
      votes: [],
      breakGlass: { by: "person:bob", incident: "INC-1042", reason, overdue: false, review: null },
    });
    expect(broken.deadlines.review).toBe(broken.breakGlass?.reviewDue);
    const log = await bob.readsLog(asked);
    expect(log.find((event) => event.type === "broke_glass")).toMatchObject({
      actor: { kind: "person", id: "person:bob" },
      reason,
      data: {
        incident: "INC-1042",
        skipped: [{ seat: "dba" }, { seat: "security" }],
        told: expect.arrayContaining(["person:alice", "person:carol"]),
      },
    });
    const claim = await demo.claims(asked);
    await demo.reports(claim, "succeeded");
    // The review outlives the run.
    const after = await reviews(carol, asked, { verdict: "unjustified", note: "The DBA was in the room" });
    expect(after).toMatchObject({
      state: "executed",
      deadlines: { review: null },
      breakGlass: { review: { by: "person:carol", verdict: "unjustified", note: "The DBA was in the room" } },
    });
    expect((await uses("all")).find((use) => use.action === asked.id)).toMatchObject({
      person: "person:bob",
      incident: "INC-1042",
      review: { by: "person:carol", verdict: "unjustified" },
    });
  });

  test("whoever lacks the right, owns the agent or is a machine is refused, and nothing is left of it", async ({
    expect,
  }) => {
    const { demo, carol, omar, operator } = cast;
    await operator.seats("oncall", "omar");
    const asked = await demo.asks({ type });
    const body = { digest: asked.digest, reason, incident: "INC-1", confirm: true };
    expect((await refusalOf(breaks(carol, asked))).code).toBe("not_eligible");
    expect((await refusalOf(breaks(omar, asked))).detail).toContain("owns the agent that asks");
    const byMachine = await refusalOf(demo.post(`/v1/actions/${asked.id}/break-glass`, body));
    expect(byMachine.code).toBe("forbidden");
    const byOperator = await refusalOf(operator.post(`/v1/actions/${asked.id}/break-glass`, body));
    expect(byOperator).toMatchObject({
      code: "not_eligible",
      detail: expect.stringContaining("Only people"),
    });
    expect((await demo.sees(asked)).state).toBe("pending");
    expect((await uses("all")).filter((use) => use.action === asked.id)).toEqual([]);
    await operator.unseats("oncall", "omar");
  });

  test("nobody can where the contract does not say so", async ({ expect }) => {
    const { demo, bob } = cast;
    const asked = await demo.asks({ type: "test.never" });
    expect(await refusalOf(breaks(bob, asked))).toMatchObject({
      code: "not_eligible",
      detail: expect.stringContaining("lets nobody break it"),
    });
  });

  test("every field that is wrong is named, and nothing happens", async ({ expect }) => {
    const { demo, bob } = cast;
    const asked = await demo.asks({ type });
    const problem = await refusalOf(
      breaks(
        bob,
        { id: asked.id, digest: "sha256:no" },
        { reason: "too short", incident: " ", confirm: false, force: 1 },
      ),
    );
    expect(problem.code).toBe("invalid_body");
    expect(problem.errors?.map(({ pointer }) => pointer).toSorted()).toEqual([
      "/confirm",
      "/digest",
      "/force",
      "/incident",
      "/reason",
    ]);
    const other = await refusalOf(breaks(bob, { id: asked.id, digest: `sha256:${"0".repeat(64)}` }));
    expect(other.code).toBe("digest_mismatch");
    expect((await demo.sees(asked)).seq).toBe(asked.seq);
  });

  test("it does not outlive the deadline, a denial, or a type that is switched off", async ({ expect }) => {
    const { demo, bob, alice, operator } = cast;
    const denied = await alice.denies(await demo.asks({ type }));
    expect(await refusalOf(breaks(bob, denied))).toMatchObject({ code: "wrong_state", state: "denied" });
    const parts = { rule: two, breakGlass: { by: ["group:oncall"] } };
    await operator.adopts(contractOf("test.off", parts));
    const asked = await demo.asks({ type: "test.off" });
    await operator.adopts(contractOf("test.off", { ...parts, mode: "disabled" }));
    expect(await refusalOf(breaks(bob, asked))).toMatchObject({
      code: "wrong_state",
      state: "cancelled",
      stateDetail: "policy",
    });
    expect((await uses("all")).filter((use) => [denied.id, asked.id].includes(use.action))).toEqual([]);
  });

  test("the same call again is the same use and gets the same answer", async ({ expect }) => {
    const { demo, bob } = cast;
    const asked = await demo.asks({ type });
    const key = `once-${asked.id}`;
    const first = await breaks(bob, asked, {}, { key });
    const again = await breaks(bob, asked, {}, { key });
    expect(again.seq).toBe(first.seq);
    // Another call comes too late, and takes nothing of the first one's use with it.
    expect((await refusalOf(breaks(bob, asked))).code).toBe("wrong_state");
    expect((await uses("open")).filter((use) => use.action === asked.id)).toHaveLength(1);
  });

  test("whoever broke the glass is looked at again at the claim", async ({ expect }) => {
    const { demo, operator } = cast;
    const dora = await operator.hires("dora", "oncall");
    const asked = await demo.asks({ type });
    await breaks(dora, asked);
    await operator.unseats("oncall", "dora");
    expect(await refusalOf(demo.claims(asked))).toMatchObject({
      state: "cancelled",
      stateDetail: "quorum_lost",
    });
  });

  test("as often a day as the policy allows", async ({ expect }) => {
    const { demo, operator } = cast;
    const finn = await operator.hires("finn", "oncall");
    await breaks(finn, await demo.asks({ type: "test.rare" }));
    const second = await demo.asks({ type: "test.rare" });
    const answer = await refusedAnswer(breaks(finn, second));
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(86_000);
    expect((await demo.sees(second)).state).toBe("pending");
  });

  test("an overdue review is told, and blocks that person until somebody else has reviewed it", async ({
    expect,
  }) => {
    const { demo, carol, operator } = cast;
    const gina = await operator.hires("gina", "oncall");
    const asked = await breaks(gina, await demo.asks({ type: "test.soon" }));
    const overdue = await demo.waitsFor(asked, asked.seq);
    expect(overdue.breakGlass?.overdue).toBe(true);
    expect((await demo.readsLog(asked)).at(-1)?.type).toBe("review_overdue");
    expect((await uses("overdue")).map((use) => use.action)).toContain(asked.id);
    const next = await demo.asks({ type });
    expect(await refusalOf(breaks(gina, next))).toMatchObject({
      code: "forbidden",
      detail: expect.stringContaining(asked.id),
    });
    expect((await refusalOf(reviews(gina, asked))).code).toBe("not_eligible");
    expect(await reviews(carol, asked)).toMatchObject({ breakGlass: { overdue: false } });
    expect((await breaks(gina, next)).state).toBe("approved");
  });

  test("T26 a review is by a second principal, once, and needs a verdict and a note", async ({ expect }) => {
    const { demo, bob, alice, omar, carol } = cast;
    const asked = await breaks(bob, await demo.asks({ type }));
    expect((await refusalOf(reviews(bob, asked))).code).toBe("not_eligible");
    // Omar is an operator, and owns the agent.
    expect((await refusalOf(reviews(omar, asked))).code).toBe("not_eligible");
    const empty = await refusalOf(reviews(alice, asked, { verdict: "fine", note: "", more: true }));
    expect(empty.errors?.map(({ pointer }) => pointer).toSorted()).toEqual(["/more", "/note", "/verdict"]);
    await reviews(alice, asked);
    expect((await refusalOf(reviews(carol, asked))).code).toBe("wrong_state");
    const unbroken = await demo.asks({ type });
    expect((await refusalOf(reviews(carol, unbroken))).code).toBe("wrong_state");
  });

  test("the terms say beforehand who may, what is skipped and who is told", async ({ expect }) => {
    const { demo, bob, carol } = cast;
    const { id } = await demo.asks({ type });
    const terms = (who: Person): Promise<BreakGlassTerms> => who.get(`/v1/actions/${id}/break-glass`);
    expect(await terms(bob)).toMatchObject({
      mayBreak: { allowed: true, because: null },
      mayReview: { allowed: false },
      skips: [
        { seat: "dba", missing: 1 },
        { seat: "security", missing: 1 },
      ],
      tells: expect.arrayContaining(["person:alice", "person:carol"]),
      reviewDueMs: 72 * 3_600_000,
      perPersonPerDay: 50,
    });
    expect((await terms(carol)).mayBreak).toEqual({
      allowed: false,
      because: "the policy gives you no right to",
    });
    expect((await refusalOf(carol.get("/v1/break-glass"))).code).toBe("forbidden");
    expect((await bob.get<GlassUseList>("/v1/break-glass")).items.length).toBeGreaterThan(0);
  });
});

describe("on the command line", () => {
  const why = ["--incident", "INC-7", "--reason", reason];

  test("it shows what would run, asks for a typed target, and takes --yes where nobody can be asked", async ({
    expect,
  }) => {
    const cli = new CommandLine(engine);
    try {
      const { id } = await cast.demo.asks({ type });
      const asked = await cli.run("break-glass", id, "--as", "person:bob", ...why);
      expect(asked.code).toBe(2);
      expect(asked.stderr).toContain("skipped: 1 × dba, 1 × security");
      expect(asked.stderr).toContain("say --yes");
      expect((await cast.demo.sees({ id })).state).toBe("pending");
      const done = await cli.run("break-glass", id, "--as", "person:bob", ...why, "--yes");
      expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/ approved.*; review due 20/u) });
      const shown = await cli.run("show", id);
      expect(shown.stdout).toContain("GLASS BROKEN");
      expect(shown.stdout).toContain(reason);
      const own = await cli.run(
        "review",
        id,
        "--as",
        "person:bob",
        "--verdict",
        "justified",
        "--note",
        "mine",
      );
      expect(own).toMatchObject({ code: 6, stderr: expect.stringContaining("not_eligible") });
      const verdict = ["--verdict", "unjustified", "--note", "The DBA was there"];
      const reviewed = await cli.json<ActionView>("review", id, "--as", "person:alice", ...verdict);
      expect(reviewed.breakGlass?.review).toMatchObject({ by: "person:alice", verdict: "unjustified" });
    } finally {
      cli.close();
    }
  });

  test("what is wrong with it is said by field, and an unknown verdict is a usage error", async ({
    expect,
  }) => {
    const cli = new CommandLine(engine);
    try {
      const { id } = await cast.demo.asks({ type });
      const short = ["--incident", "INC-7", "--reason", "now!", "--yes"];
      const refused = await cli.run("break-glass", id, "--as", "person:bob", ...short);
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("/reason") });
      const usage = await cli.run("review", id, "--as", "person:alice", "--verdict", "fine", "--note", "x");
      expect(usage.code).toBe(2);
      expect((await cli.run("break-glass", id, "--as", "person:bob")).code).toBe(2);
    } finally {
      cli.close();
    }
  });
});
