import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, beforeEach, describe, test, vi } from "vitest";
import type { Command } from "../../core/machine/command.ts";
import { foldAll } from "../../core/machine/fold.ts";
import type { Action } from "../../objects/action/action.ts";
import type { Known, Reply } from "../../objects/action/messages.ts";
import type { ActionView, ClaimAnswer, State } from "../../schemas/action.ts";
import type { Payload } from "../../schemas/stored.ts";
import { callsOn, catchMessages, kept, stubOf, typesOf, type Stub } from "./one-action.ts";
import { current } from "./registries.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** Every write of every command, failing at each step: nothing of it is there, and the next try succeeds. */

let workspace: Workspace;
let known: Known;

beforeAll(async () => {
  workspace = await openWorkspace("f-faults");
  const url = "https://hooks.example.com/in";
  for (let made = 0; made < 2; made += 1) {
    await workspace.call("service:operator", "POST", "/v1/webhooks", { url });
  }
  const registry = env.REGISTRY.getByName(`${workspace.name}/registry`);
  const { policy, directory, endpoints } = await current({ registry, workspace: workspace.name });
  const roles = policy!.document.roles;
  known = { policyVersion: policy!.version, directory, roles, operator: false, subscribers: endpoints };
});
beforeEach(() => void catchMessages());
afterEach(() => void vi.restoreAllMocks());

type Ready = { readonly action: ActionView; readonly stub: Stub; readonly claim: ClaimAnswer };

/** An action that has got to a state in which a command is taken. */
async function ready(state: State): Promise<Ready> {
  const action = await workspace.ask({ rollbackPlan: { argv: ["undo"] } });
  const calls = callsOn(workspace, action);
  const one = { action, stub: stubOf(workspace, action.id) };
  const none: ClaimAnswer = { lease: "", fence: 0, grant: "", expiresAt: "", action };
  if (state === "denied") await calls.deny();
  if (state === "pending" || state === "denied") return { ...one, claim: none };
  await calls.approve();
  if (state === "approved") return { ...one, claim: none };
  const claim = await calls.claim();
  if (state === "executed") await calls.report(claim, "succeeded");
  return { ...one, claim };
}

type Case = {
  readonly from: State;
  readonly command: (ready: Ready) => Command;
  readonly makes: readonly string[];
};
const bob = { kind: "person", id: "person:bob" } as const;
const demo = { kind: "agent", id: "agent:demo" } as const;
const vote =
  (decision: "approve" | "deny" | "withdraw") =>
  ({ action: { digest } }: Ready): Command => ({
    type: "vote",
    actor: bob,
    decision,
    digest,
    reason: "so",
    via: "api",
  });
const report =
  (outcome: "succeeded" | "failed", off = 0) =>
  ({ claim: { lease, fence } }: Ready): Command => {
    const effect = outcome === "failed" ? "partial" : "none";
    const rest = { summary: "x", evidence: null, startupMs: null };
    return { type: "report", actor: demo, lease, fence: fence + off, outcome, effect, ...rest };
  };

/** Every command that writes, from a state that takes it, with the events it makes. */
const commands: Record<string, Case> = {
  "a vote": { from: "pending", command: vote("withdraw"), makes: ["voted"] },
  "the vote that closes the quorum": {
    from: "pending",
    command: vote("approve"),
    makes: ["voted", "approved"],
  },
  "a denial": { from: "pending", command: vote("deny"), makes: ["voted", "denied"] },
  "a cancel": {
    from: "pending",
    command: () => ({ type: "cancel", actor: demo, reason: "no" }),
    makes: ["cancelled"],
  },
  "a revoke": {
    from: "approved",
    command: () => ({ type: "revoke", actor: bob, reason: "no" }),
    makes: ["cancelled"],
  },
  "a claim": {
    from: "approved",
    command: ({ action: { digest } }) => ({
      type: "claim",
      actor: demo,
      digest,
      preconditions: null,
      leaseId: "lse_1",
    }),
    makes: ["claimed"],
  },
  "a heartbeat": {
    from: "executing",
    command: ({ claim: { lease, fence } }) => ({ type: "heartbeat", actor: demo, lease, fence }),
    makes: ["heartbeat"],
  },
  "a report of success": { from: "executing", command: report("succeeded"), makes: ["executed"] },
  "a report of failure": {
    from: "executing",
    command: report("failed"),
    makes: ["failed", "rollback_started"],
  },
  "a stale report": { from: "executing", command: report("succeeded", 1), makes: ["fenced_report"] },
  "a rollback": {
    from: "executed",
    command: () => ({ type: "rollback", actor: bob, reason: "no" }),
    makes: ["rollback_started"],
  },
  "a late vote": { from: "denied", command: vote("approve"), makes: ["late_command"] },
};

/** Tells an action something from the inside, so that what it throws is a value here. */
function tell(
  stub: Stub,
  command: Command,
  key: string,
  breaks: (sql: SqlStorage) => () => void,
): Promise<Reply | string> {
  return runInDurableObject(stub, (instance: Action, { storage }) => {
    const mend = breaks(storage.sql);
    try {
      return instance.tell({ command, known, key, fingerprint: "the same", origin: "https://x.invalid" });
    } catch (error) {
      return String(error);
    } finally {
      mend();
    }
  });
}

/** Lets the n-th statement that writes throw. */
const failingNth =
  (failing: number) =>
  (sql: SqlStorage): (() => void) => {
    const exec = sql.exec.bind(sql);
    let writes = 0;
    const spy = vi.spyOn(sql, "exec").mockImplementation(((query: string, ...bindings: unknown[]) => {
      const writing = /^\s*(?:CREATE|INSERT|UPDATE|DELETE)/u.test(query);
      if (writing && ++writes === failing) throw new Error("disk is full");
      return exec(query, ...bindings);
    }) as typeof sql.exec);
    return () => spy.mockRestore();
  };

/** Lets SQLite itself abort the statement, before or after the row is written. */
const failingAt =
  (step: string) =>
  (sql: SqlStorage): (() => void) => {
    sql.exec(`CREATE TRIGGER broken ${step} BEGIN SELECT RAISE(ABORT, 'disk is full'); END`);
    return () => void sql.exec("DROP TRIGGER broken");
  };

const triggers = [
  "BEFORE INSERT ON events",
  "AFTER INSERT ON events",
  "BEFORE UPDATE ON docs",
  "AFTER UPDATE ON docs",
];

describe("a write that fails", () => {
  test.for(Object.keys(commands))(
    "in %s leaves everything as it was, and the same command then succeeds",
    async (name, { expect }) => {
      const { from, command, makes } = commands[name]!;
      const one = await ready(from);
      const before = await kept(one.stub);
      const send = (breaks: (sql: SqlStorage) => () => void): Promise<Reply | string> =>
        tell(one.stub, command(one), "the key", breaks);
      for (const step of triggers) {
        expect([step, await send(failingAt(step))]).toEqual([step, expect.stringContaining("disk is full")]);
        expect(await kept(one.stub)).toEqual(before);
      }
      let failed = 0;
      while (typeof (await send(failingNth(failed + 1))) === "string") {
        failed += 1;
        expect([failed, await kept(one.stub)]).toEqual([failed, before]);
      }
      const after = await kept(one.stub);
      // One write an event, one a sink of each, and the state.
      expect(failed).toBe(makes.length + (after.outbox.length - before.outbox.length) + 1);
      expect(typesOf(after).slice(before.events.length)).toEqual(makes);
      expect(foldAll(after.payload, after.events)).toEqual(after.stored.state);
      const again = await send(() => () => undefined);
      const refused = ["a stale report", "a late vote"].includes(name);
      expect(again).toMatchObject({ kind: refused ? "refused" : "done" });
      expect((await kept(one.stub)).events).toHaveLength(after.events.length + (refused ? 1 : 0));
    },
  );

  test("in a create, whichever it is, leaves nothing, and the same request is then taken in", async ({
    expect,
  }) => {
    const { payload } = await kept((await ready("pending")).stub);
    const { createdAt: _, ...asked } = payload;
    const id = `act_${"f".repeat(22)}`;
    const stub = stubOf(workspace, id);
    let failed = 0;
    while (typeof (await createBroken(stub, { ...asked, id }, failed + 1)) === "string") {
      failed += 1;
      expect([failed, await everything(stub)]).toEqual([failed, { tables: [], alarm: null }]);
    }
    // The tables, the payload, the event, a row for each of two endpoints, the state.
    expect(failed).toBe(6);
    const { stored, events, outbox, alarm } = await kept(stub);
    expect([stored.state.state, events.length, outbox.length]).toEqual(["pending", 1, 2]);
    expect(alarm).not.toBeNull();
  });

  test("of an acknowledgement or a failed delivery leaves its row as it was", async ({ expect }) => {
    const { stub } = await ready("pending");
    const before = await kept(stub);
    const { sink } = before.outbox[0]!;
    const failure = { seq: 1, sink, error: "answered 500", permanent: false, retryAfterMs: null };
    const works: Record<string, [work: (instance: Action) => void, status: string]> = {
      "a failed try": [(instance) => instance.deliveryFailed(failure), "open"],
      "the last try": [(instance) => instance.deliveryFailed({ ...failure, permanent: true }), "dead"],
      "sent again": [(instance) => void instance.redeliver({ seq: 1, sink }), "open"],
      "an acknowledgement": [(instance) => instance.acknowledge([{ seq: 1, sink }]), "delivered"],
    };
    let last = before.outbox;
    for (const [name, [work, status]] of Object.entries(works)) {
      const broken = await inside(stub, work, failingAt("BEFORE UPDATE ON outbox"));
      const { outbox } = await kept(stub);
      expect([name, broken, outbox]).toEqual([name, expect.stringContaining("disk is full"), last]);
      expect(await inside(stub, work, () => () => undefined)).toBeNull();
      last = (await kept(stub)).outbox;
      expect([name, last[0]?.status]).toEqual([name, status]);
    }
  });
});

describe("an alarm", () => {
  test("that cannot write anything down does not throw, and goes off again", async ({ expect }) => {
    const { stub } = await ready("pending");
    await runInDurableObject(stub, (_, { storage }) => void failingAt("BEFORE UPDATE ON docs")(storage.sql));
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 3_600_000 });
    try {
      expect(await runDurableObjectAlarm(stub)).toBe(true);
      const alarm = await runInDurableObject(stub, (_, { storage }) => storage.getAlarm());
      expect(alarm).toBeGreaterThan(Date.now());
      await runInDurableObject(stub, (_, { storage }) => void storage.sql.exec("DROP TRIGGER broken"));
      expect(await runDurableObjectAlarm(stub)).toBe(true);
      expect((await kept(stub)).stored.state.state).toBe("expired");
    } finally {
      vi.useRealTimers();
    }
  });
});

function inside(
  stub: Stub,
  work: (instance: Action) => void,
  breaks: (sql: SqlStorage) => () => void,
): Promise<string | null> {
  return runInDurableObject(stub, (instance: Action, { storage }) => {
    const mend = breaks(storage.sql);
    try {
      work(instance);
      return null;
    } catch (error) {
      return String(error);
    } finally {
      mend();
    }
  });
}

function createBroken(
  stub: Stub,
  payload: Omit<Payload, "createdAt">,
  failing: number,
): Promise<Reply | string> {
  return runInDurableObject(stub, (instance: Action, { storage }) => {
    const mend = failingNth(failing)(storage.sql);
    try {
      return instance.create({
        payload,
        known,
        channels: [],
        key: "the key",
        fingerprint: "f",
        origin: "https://x.invalid",
      });
    } catch (error) {
      return String(error);
    } finally {
      mend();
    }
  });
}

const everything = (stub: Stub): Promise<unknown> =>
  runInDurableObject(stub, async (_, { storage }) => ({
    tables: storage.sql
      .exec("SELECT name FROM sqlite_master WHERE name NOT LIKE '\\_%' ESCAPE '\\'")
      .toArray(),
    alarm: await storage.getAlarm(),
  }));
