import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import policy from "../../scripts/starter/policy.json" with { type: "json" };
import { ActionView } from "../../schemas/action.ts";
import type { GuardrailStanding, Heard } from "../../schemas/guardrail.ts";
import { sweep } from "../../workers/cron.ts";
import { eventDeps } from "../../workers/queue.ts";
import { catchMessages, stubOf } from "./one-action.ts";
import { day, must } from "./registries.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** What clean history proposes is an action that people decide: the automatic path never loosens by itself. */

beforeEach(() => void catchMessages());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const type = "rail.clean";
const guardrail = { floor: "allow", ceiling: "deny", coolOff: "1d", cleanRuns: 10, harmPerThousand: 500 };

const registryOf = ({ name }: Workspace) => env.REGISTRY.getByName(`${name}/registry`);

let made = 0;
/** A workspace with a guardrail and these operators; `own`: further contracts. */
async function guarded(
  operators: readonly string[],
  own: object[] = [],
  more: object = {},
): Promise<Workspace> {
  made += 1;
  const workspace = await openWorkspace(`loosening-${made}`);
  const members = operators.map((name) => `person:${name}`);
  await must(registryOf(workspace).putGroup({ id: "operators", members }, "test", Date.now()));
  const contract = {
    type,
    class: "test",
    risk: "high",
    args: { type: "object" },
    roles: ["controlled-remediation"],
    rule: { seat: "oncall", n: 1, from: ["group:oncall"] },
    guardrail: { ...guardrail, ...more },
  };
  const document = { ...policy, contracts: [...policy.contracts, contract, ...own] };
  await must(registryOf(workspace).publishPolicy({ document, actor: "test", note: null, now: Date.now() }));
  return workspace;
}

const heard = (kind: Heard["kind"], action: number): Heard => ({
  kind,
  action: `act_${action}`,
  seq: 5,
  at: Date.now(),
  type,
});
const cleanRuns = (count: number, from = 0): Heard[] =>
  Array.from({ length: count }, (_, index) => heard("clean", from + index));
/** As the consumer of the queue does. */
const learns = (workspace: Workspace, signals: Heard[]): Promise<void> =>
  eventDeps(env).learn(workspace.name, signals);

const standing = async (workspace: Workspace): Promise<GuardrailStanding> =>
  (await registryOf(workspace).guardrails(Date.now()))[0]!;
async function look(workspace: Workspace, id: string): Promise<ActionView | null> {
  const text = await stubOf(workspace, id).view();
  return text === null ? null : v.parse(ActionView, JSON.parse(text));
}
/** The action of what is proposed. */
async function proposed(workspace: Workspace): Promise<ActionView> {
  const { proposal } = await standing(workspace);
  const action = proposal === null ? null : await look(workspace, proposal.action);
  if (action === null) throw new Error("nothing is proposed");
  return action;
}
const votes = (workspace: Workspace, who: string, action: ActionView, decision: "approve" | "deny") =>
  workspace.call(`person:${who}`, "POST", `/v1/actions/${action.id}/votes`, {
    decision,
    digest: action.digest,
    reason: "we looked",
  });
const waiting = async (workspace: Workspace): Promise<string[]> =>
  (await registryOf(workspace).waitingProposals()).map(({ action }) => action);

describe("a proposal to loosen", () => {
  test.for([["alice"], ["alice", "bob"]])(
    "T23 waits as an action with its figures, and loosens on the word of an operator: %j",
    async (operators, { expect }) => {
      const workspace = await guarded(operators);
      await learns(workspace, cleanRuns(9));
      expect(await waiting(workspace)).toEqual([]);
      await learns(workspace, cleanRuns(1, 100));
      const action = await proposed(workspace);
      expect(action).toMatchObject({
        type: "holdpoint.guardrail.loosen",
        state: "pending",
        requester: { kind: "engine", id: "engine" },
        target: { resource: `guardrail of ${type}` },
        args: {
          type,
          from: "rule",
          to: "one",
          cleanRuns: 10,
          incidents: 0,
          since: null,
          otherOperators: operators.length,
        },
      });
      expect(action.args["harmHighPerMillion"]).toBe(277_533);
      expect(await standing(workspace)).toMatchObject({ level: "rule", proposal: { action: action.id } });
      expect(await votes(workspace, "alice", action, "approve")).toMatchObject({ status: 200 });
      expect(await look(workspace, action.id)).toMatchObject({ state: "executed" });
      expect(await standing(workspace)).toMatchObject({
        level: "one",
        proposal: null,
        history: [
          {
            event: "loosened",
            from: "rule",
            to: "one",
            because: expect.stringContaining(action.id),
            evidence: { tally: { clean: 10 }, actions: [action.id] },
          },
          { event: "proposed", by: "engine" },
        ],
      });
    },
  );

  test("T23 is never let through by itself, whatever policy says and though nobody is an operator", async ({
    expect,
  }) => {
    const open = {
      type: "holdpoint.guardrail.loosen",
      class: "engine",
      risk: "high",
      decide: [{ then: "allow" }],
      rule: { seat: "operator", n: 1, from: ["group:oncall"] },
    };
    for (const workspace of [await guarded(["alice", "bob"], [open]), await guarded([])]) {
      await learns(workspace, cleanRuns(10));
      await sweep(env, Date.now());
      const action = await proposed(workspace);
      expect(action).toMatchObject({ state: "pending", decision: { outcome: "gate" } });
      expect(await standing(workspace)).toMatchObject({ level: "rule" });
    }
  });

  test("that policy refuses is refused at once", async ({ expect }) => {
    const shut = {
      type: "holdpoint.guardrail.loosen",
      class: "engine",
      risk: "high",
      decide: [{ when: "args.cleanRuns < 1000", then: "deny", because: "too few" }],
      rule: { seat: "operator", n: 1, from: ["group:operators"] },
    };
    const workspace = await guarded(["alice", "bob"], [shut]);
    await learns(workspace, cleanRuns(10));
    expect(await standing(workspace)).toMatchObject({
      level: "rule",
      proposal: null,
      cleanRunsToGo: 20,
      history: [{ event: "refused", because: "policy refuses it: too few" }, { event: "proposed" }],
    });
    expect(await waiting(workspace)).toEqual([]);
  });

  test("is one action, however often its messages come and whoever asks for it", async ({ expect }) => {
    const workspace = await guarded(["alice", "bob"]);
    const signals = cleanRuns(10);
    await learns(workspace, signals);
    const action = await proposed(workspace);
    for (let again = 0; again < 3; again += 1) {
      await Promise.all([learns(workspace, signals), sweep(env, Date.now())]);
    }
    // A run more changes no figure of what people are looking at.
    await learns(workspace, cleanRuns(1, 50));
    expect(await waiting(workspace)).toEqual([action.id]);
    expect(await proposed(workspace)).toMatchObject({
      id: action.id,
      digest: action.digest,
      seq: action.seq,
    });
  });

  test("is asked for by the sweep where the Worker died over it, between any two steps", async ({
    expect,
  }) => {
    const workspace = await guarded(["alice", "bob"]);
    await registryOf(workspace).learn(cleanRuns(10), Date.now());
    const { proposal } = await standing(workspace);
    expect(await look(workspace, proposal!.action)).toBeNull();
    await sweep(env, Date.now());
    expect(await proposed(workspace)).toMatchObject({ id: proposal!.action, state: "pending" });

    const other = await guarded(["alice", "bob"]);
    const namespace = Object.getPrototypeOf(env.ACTIONS);
    const getByName: (name: string) => unknown = namespace.getByName;
    let looks = 0;
    const died = vi.spyOn(namespace, "getByName").mockImplementation(function (this: unknown, ...named) {
      const name = String(named[0]);
      // The first is whether it is there already, the second would make it.
      if (/act_[0-9a-f]{22}$/u.test(name) && ++looks > 1) throw new Error("the Worker died");
      return getByName.call(this, name);
    });
    await learns(other, cleanRuns(10));
    died.mockRestore();
    const [kept] = await waiting(other);
    expect((await standing(other)).proposal).toMatchObject({ action: kept });
    expect(await look(other, kept!)).toBeNull();
    await learns(other, cleanRuns(1, 70));
    await sweep(env, Date.now());
    expect(await proposed(other)).toMatchObject({ id: kept, state: "pending", args: { cleanRuns: 10 } });
    await votes(other, "bob", await proposed(other), "approve");
    expect(await standing(other)).toMatchObject({ level: "one" });
  });

  test("that is denied is refused: the next one takes twice the clean runs, and is another action", async ({
    expect,
  }) => {
    const workspace = await guarded(["alice", "bob"]);
    await learns(workspace, cleanRuns(10));
    const action = await proposed(workspace);
    await votes(workspace, "bob", action, "deny");
    expect(await standing(workspace)).toMatchObject({
      level: "rule",
      proposal: null,
      cleanRunsToGo: 20,
      history: [{ event: "refused", because: expect.stringContaining(action.id) }, { event: "proposed" }],
    });
    await learns(workspace, cleanRuns(19, 100));
    expect((await standing(workspace)).proposal).toBeNull();
    await learns(workspace, cleanRuns(1, 200));
    expect((await proposed(workspace)).id).not.toBe(action.id);
  });

  test("that nobody decides in its seven days is refused, and its action is over", async ({ expect }) => {
    const workspace = await guarded(["alice", "bob"]);
    await learns(workspace, cleanRuns(10));
    const action = await proposed(workspace);
    vi.useFakeTimers({ now: Date.now() + 7 * day + 60_000, toFake: ["Date"] });
    await sweep(env, Date.now());
    await sweep(env, Date.now());
    expect((await look(workspace, action.id))?.state).toMatch(/^(?:expired|cancelled)$/u);
    expect(await standing(workspace)).toMatchObject({ level: "rule", proposal: null, cleanRunsToGo: 20 });
    expect(await waiting(workspace)).toEqual([]);
  });

  test("T23 never loosens once an incident has come, approved before or after", async ({ expect }) => {
    for (const approved of ["after the incident", "never"]) {
      // At its ceiling an incident withdraws what is proposed and moves no level.
      const workspace = await guarded(["alice", "bob"], [], { ceiling: "rule" });
      await learns(workspace, cleanRuns(10));
      const action = await proposed(workspace);
      const [change] = await registryOf(workspace).loosenings(Date.now());
      await learns(workspace, [heard("harm", 900)]);
      if (approved !== "never") await votes(workspace, "alice", action, "approve");
      await sweep(env, Date.now());
      await sweep(env, Date.now());
      expect(await standing(workspace)).toMatchObject({ level: "rule", proposal: null });
      expect(await look(workspace, action.id), approved).toMatchObject({
        state: "cancelled",
        detail: approved === "never" ? "requester" : "drift",
      });
      expect(await waiting(workspace)).toEqual([]);
      expect((await standing(workspace)).history.map(({ event }) => event)).toEqual([
        "withdrawn",
        "proposed",
      ]);
      // Nor does the Registry for a Worker that was at it already, with the very change that was kept.
      const decided = { actor: "engine", because: "late", now: Date.now(), action: action.id };
      expect(await registryOf(workspace).loosen(change!.change, decided)).toMatchObject({ ok: false });
    }
  });

  test("of an operator, to open what stands at deny, waits for another one", async ({ expect }) => {
    const workspace = await guarded(["alice", "bob"], [], { start: "rulePlusOne" });
    const asks = (who: string) =>
      workspace.call(`person:${who}`, "POST", `/v1/guardrails/${type}/proposal`, { reason: "it is mended" });
    await learns(workspace, [heard("harm", 1)]);
    expect(await standing(workspace)).toMatchObject({ level: "deny" });
    expect(await asks("alice")).toMatchObject({ status: 409 });
    vi.useFakeTimers({ now: Date.now() + day + 1, toFake: ["Date"] });
    expect(await asks("carol")).toMatchObject({ status: 403 });
    const { status, body } = await asks("alice");
    expect([status, body]).toMatchObject([
      202,
      { requester: { kind: "person", id: "person:alice" }, args: { from: "deny", to: "rulePlusOne" } },
    ]);
    const action = await proposed(workspace);
    expect(await votes(workspace, "alice", action, "approve")).toMatchObject({ status: 403 });
    expect(await standing(workspace)).toMatchObject({ level: "deny" });
    await votes(workspace, "bob", action, "approve");
    expect(await standing(workspace)).toMatchObject({ level: "rulePlusOne", proposal: null });
  });

  test("of the only operator there is opens it, and says loudly that nobody else has agreed", async ({
    expect,
  }) => {
    const workspace = await guarded(["alice"], [], { start: "rulePlusOne" });
    await learns(workspace, [heard("harm", 1)]);
    vi.useFakeTimers({ now: Date.now() + day + 1, toFake: ["Date"] });
    const path = `/v1/guardrails/${type}/proposal`;
    expect(await workspace.call("person:alice", "POST", path, { reason: "it is mended" })).toMatchObject({
      status: 200,
      body: { level: "rulePlusOne", warning: expect.stringContaining("without a second person") },
    });
    expect((await standing(workspace)).history[0]).toMatchObject({
      event: "loosened",
      by: "person:alice",
      because: "it is mended",
    });
  });
});
