import { SELF } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, describe, test, vi } from "vitest";
import { lastLookMs } from "../../objects/ledger/purge.ts";
import { ActionView } from "../../schemas/action.ts";
import { Hash } from "../../schemas/evidence.ts";
import { sweep } from "../../workers/cron.ts";
import { goOnPurging } from "../../workers/purging.ts";
import { isProven, linesOf, overOf, signersOf } from "./ledger-lines.ts";
import {
  blockedEnv,
  canary,
  dyingAfter,
  everything,
  lived,
  objects,
  patience,
  rowsOf,
  votes,
} from "./lived.ts";
import type { Workspace } from "./workspace.ts";

/** A workspace that is forgotten leaves its log, and nothing that anybody wrote in it. */

afterEach(() => {
  vi.restoreAllMocks();
});

const asks = (workspace: Workspace, who = "person:alice", parts: object = {}) =>
  workspace.call(who, "POST", "/v1/workspace/purge", {
    confirm: workspace.name,
    reason: "The pilot is over",
    ...parts,
  });

/** Lets the sweep come by until nothing is left to be done. */
async function sweeps(name: string): Promise<void> {
  for (let minute = 1; minute < 10; minute += 1) {
    await sweep(env, Date.now() + minute * lastLookMs);
    const standing = await objects(name).ledger.purge();
    if (standing?.state.stage === "done") return;
  }
  throw new Error("it never came to an end");
}

describe("a workspace that is forgotten", () => {
  test("leaves no value in any row of any store, and another one as it was", async ({ expect }) => {
    const { workspace, ids } = await lived("p-gone");
    const other = await lived("p-other");
    const otherBefore = await everything("p-other", other.ids);
    expect(await everything("p-gone", ids)).toContain(canary);
    const begun = await asks(workspace);
    expect(begun).toMatchObject({
      status: 200,
      body: { workspace: "p-gone", stage: "actions", left: 5, warning: expect.stringContaining("operators") },
    });
    await sweeps("p-gone");
    const left = await everything("p-gone", ids);
    expect(left).not.toContain(canary);
    for (const word of ["person:bob", "agent:demo", "host.shell", "prod-hosts", "oncall"]) {
      expect(left).not.toContain(word);
    }
    // Who asked for it stands in the log, like everything else in it, and nowhere else.
    expect(
      left.split("\n").filter((row) => row.includes("person:alice") && !row.startsWith("lines ")),
    ).toEqual([expect.stringMatching(/^purge /u)]);
    expect(await everything("p-other", other.ids)).toBe(otherBefore);
    expect((await other.workspace.call("person:alice", "GET", `/v1/actions/${other.ids[0]!}`)).status).toBe(
      200,
    );
  });

  test("lets nobody in any more, and says so to those who watch before", async ({ expect }) => {
    const { workspace } = await lived("p-in");
    await asks(workspace);
    await sweep(env, Date.now());
    const last = await workspace.call("person:alice", "GET", "/v1/workspace/purge");
    expect(last).toMatchObject({
      status: 200,
      body: { stage: "people", done: 5, left: 0, failed: 0, checkpoint: { size: expect.any(Number) } },
    });
    await sweeps("p-in");
    for (const who of ["person:alice", "service:operator", "agent:demo"]) {
      expect((await workspace.call(who, "GET", "/v1/actions")).status).toBe(401);
    }
  });

  test("keeps a log in which everything is still proven that was proven before", async ({ expect }) => {
    const { workspace, ids } = await lived("p-log");
    const { ledger } = objects("p-log");
    const before = await ledger.prove(ids[0]!, null, null, Date.now());
    const told = JSON.parse((await objects("p-log").action(ids[0]!).evidence())!);
    const { head } = v.parse(v.object({ seen: v.object({ head: Hash }) }), told).seen;
    await asks(workspace);
    await sweeps("p-log");
    const keys = await ledger.logKeys(Date.now());
    const after = await ledger.prove(ids[0]!, null, before!.checkpoint.size, Date.now());
    expect(signersOf(after!.checkpoint, keys)).toEqual([keys[0]!.vkey]);
    expect(after!.number).toBe(before!.number);
    expect(after!.sealed?.text).toBe(before!.sealed?.text);
    expect(after!.sealed?.text).toContain(head);
    for (const proven of [after!.opened, after!.sealed!]) {
      expect(isProven(proven, after!.checkpoint)).toBe(true);
    }
    expect(after!.consistency?.proof.length).toBeGreaterThan(0);
    expect((await linesOf(ledger)).map(({ kind }) => kind)).toContain("purging");
  });

  test("leaves none of its copies in the bucket, and those of a workspace whose name begins so", async ({
    expect,
  }) => {
    const bucket = (env as unknown as { EVIDENCE: R2Bucket }).EVIDENCE;
    const names = ["evidence/p-bucket/1-act_a-3.json", "evidence/p-bucket/2-act_b-3.json"];
    const others = ["evidence/p-bucket-2/1-act_a-3.json", "evidence/p-bucke/1-act_a-3.json"];
    for (const name of [...names, ...others]) await bucket.put(name, canary);
    const { workspace } = await lived("p-bucket", { actions: 1 });
    await asks(workspace);
    await sweeps("p-bucket");
    expect((await bucket.list({ prefix: "evidence/p-bucket/" })).objects).toEqual([]);
    for (const name of others) expect(await bucket.head(name)).not.toBeNull();
  });

  test("is forgotten from where it was cut off, wherever that is", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { workspace, ids } = await lived("p-cut", { actions: 4 });
    const { ledger } = objects("p-cut");
    await asks(workspace);
    const stages = new Set<string>();
    for (let calls = 0; calls < 200; calls += 1) {
      const state = (await ledger.purge())!.state;
      stages.add(state.stage);
      if (state.stage === "done") break;
      const dying = dyingAfter(Math.floor(calls / 2), calls % 2 === 0);
      await goOnPurging(dying, "p-cut", Date.now() + calls * lastLookMs, state).catch(() => undefined);
    }
    expect([...stages]).toEqual(["actions", "stores", "people", "done"]);
    expect((await ledger.purge())!.state).toMatchObject({ done: 4, failed: [] });
    expect(await everything("p-cut", ids)).not.toContain(canary);
  });

  test("asks again those that did not answer, and does not go on without them", async ({ expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { workspace, ids } = await lived("p-fails");
    const { ledger } = objects("p-fails");
    await asks(workspace);
    const deaf = blockedEnv("ACTIONS", `p-fails/${ids[2]!}`);
    const state = (await ledger.purge())!.state;
    expect(await goOnPurging(deaf, "p-fails", Date.now(), state)).toEqual({ failed: 1 });
    expect(await ledger.purge()).toMatchObject({ state: { stage: "actions", failed: [ids[2]] }, left: 1 });
    await sweeps("p-fails");
    expect(await everything("p-fails", ids)).not.toContain(canary);
  });

  test("brings nothing back by news that was on its way, nor by a request that is tried again", async ({
    expect,
  }) => {
    const { workspace, ids } = await lived("p-late");
    const { ledger, board, action } = objects("p-late");
    const [first = ""] = ids;
    const news = await board.list({ limit: 1 });
    const late = v.parse(v.string(), await action(first).refresh());
    await asks(workspace);
    await sweeps("p-late");
    await board.apply([JSON.parse(late)]);
    expect((await board.list({ limit: 10 })).items).toEqual([]);
    expect(news.items).toHaveLength(1);
    // An action that the log hears of only now.
    const unheard = "act_unheardunheardunheard1";
    await ledger.record([overOf(unheard, 3, { type: `${canary}.type` })], Date.now());
    await sweep(env, Date.now() + 20 * lastLookMs);
    expect(await rowsOf(ledger)).not.toContain(canary);
    expect(await ledger.purge()).toMatchObject({ state: { stage: "done" }, left: 0 });
  });

  test("can be made again under its name, by whoever has the setup token, once it is gone", async ({
    expect,
  }) => {
    const { workspace } = await lived("p-again");
    await asks(workspace);
    const make = () => remade("p-again");
    expect((await make()).status).toBe(409);
    await sweeps("p-again");
    expect((await make()).status).toBe(201);
    const { workspace: again, ids } = await lived("p-again", { actions: 2 });
    await sweep(env, Date.now());
    expect((await again.call("person:alice", "GET", `/v1/actions/${ids[0]!}`)).status).toBe(200);
    expect(await objects("p-again").ledger.purge()).toMatchObject({ state: { stage: "reopened" } });
  });
});

describe("nothing is forgotten", () => {
  test("while anything is held, and the hold is named", async ({ expect }) => {
    const { workspace } = await lived("p-held");
    const put = await workspace.call("person:alice", "POST", "/v1/holds", {
      scope: "type:host.shell",
      reason: "Case 2031",
    });
    const { id } = v.parse(v.object({ id: v.string() }), put.body);
    const refused = await asks(workspace);
    expect(refused).toMatchObject({ status: 409, body: { detail: expect.stringContaining(id) } });
    expect(await objects("p-held").ledger.count("purging")).toBe(0);
    await workspace.call("person:alice", "POST", `/v1/holds/${id}/release`, { reason: "closed" });
    expect((await asks(workspace)).status).toBe(200);
  });

  test("while something runs, unless that is said; and then it is", async ({ expect }) => {
    const { workspace, ids } = await lived("p-runs");
    const running = ids[1]!;
    await votes(workspace, "person:bob", running, "approve");
    const { body } = await workspace.call("agent:demo", "GET", `/v1/actions/${running}`);
    const { digest } = v.parse(ActionView, body);
    await workspace.call("agent:demo", "POST", `/v1/actions/${running}/claim`, { digest });
    await vi.waitFor(async () => {
      const { items } = await objects("p-runs").board.list({ state: "executing", limit: 10 });
      if (items.length === 0) throw new Error("the Board has not heard yet");
    }, patience);
    expect(await asks(workspace)).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining(running) },
    });
    expect((await asks(workspace, "person:alice", { cancelRunning: true })).status).toBe(200);
    await sweeps("p-runs");
    expect(await everything("p-runs", ids)).not.toContain(canary);
  });

  test("for another name, for a service, for an agent, nor for somebody who does not run the engine", async ({
    expect,
  }) => {
    const { workspace } = await lived("p-no", { actions: 1 });
    expect(await asks(workspace, "person:alice", { confirm: "p-other" })).toMatchObject({
      status: 422,
      body: { errors: [{ pointer: "/confirm" }] },
    });
    const who = [
      ["service:operator", "not_eligible"],
      ["agent:demo", "not_eligible"],
      ["person:bob", "forbidden"],
    ] as const;
    for (const [one, code] of who) {
      expect(await asks(workspace, one)).toMatchObject({ status: 403, body: { code } });
    }
    expect(await objects("p-no").ledger.count("purging")).toBe(0);
  });

  test("alone where there are two operators: the other one agrees first", async ({ expect }) => {
    const { workspace, ids } = await lived("p-two", { operators: ["person:alice", "person:bob"] });
    const asked = await asks(workspace);
    expect(asked).toMatchObject({
      status: 202,
      body: { type: "holdpoint.workspace.purge", state: "pending" },
    });
    const { id } = v.parse(ActionView, asked.body);
    expect((await workspace.call("person:alice", "GET", "/v1/workspace/purge")).status).toBe(404);
    await votes(workspace, "person:bob", id, "approve");
    await vi.waitFor(async () => {
      if ((await objects("p-two").ledger.purge()) === null) throw new Error("not carried out yet");
    });
    await sweeps("p-two");
    expect(await everything("p-two", [...ids, id])).not.toContain(canary);
  });
});

/** Calls the HTTP API as whoever runs the engine. */
async function remade(name: string): Promise<{ status: number }> {
  const init = {
    method: "POST",
    headers: { authorization: "Bearer a-setup-token-for-tests-only" },
    body: JSON.stringify({ name }),
  };
  const { status } = await SELF.fetch("https://holdpoint.invalid/v1/workspaces", init);
  return { status };
}
