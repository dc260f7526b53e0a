import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, describe, test, vi } from "vitest";
import { lastLookMs } from "../../objects/ledger/purge.ts";
import { ActionView, ClaimAnswer } from "../../schemas/action.ts";
import { EvidenceList } from "../../schemas/evidence-list.ts";
import { sweep } from "../../workers/cron.ts";
import { blockedEnv, canary, everything, lived, objects, patience, votes } from "./lived.ts";
import type { Workspace } from "./workspace.ts";

/** A workspace is forgotten while something else goes on in it, or while the machine that does it dies. */

afterEach(() => {
  vi.restoreAllMocks();
});

const asks = (workspace: Workspace, parts: object = {}) =>
  workspace.call("person:alice", "POST", "/v1/workspace/purge", {
    confirm: workspace.name,
    reason: "The pilot is over",
    ...parts,
  });

/** Lets the sweep come by until nothing is left to be done. */
async function sweeps(name: string): Promise<void> {
  for (let minute = 1; minute < 20; minute += 1) {
    await sweep(env, Date.now() + minute * lastLookMs);
    const standing = await objects(name).ledger.purge();
    if (standing?.state.stage === "done") return;
  }
  throw new Error("it never came to an end");
}

async function rollingBack(workspace: Workspace, id: string): Promise<ClaimAnswer> {
  const post = async (who: string, verb: string, body: object): Promise<unknown> => {
    const answer = await workspace.call(who, "POST", `/v1/actions/${id}/${verb}`, body);
    if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
    return answer.body;
  };
  await votes(workspace, "person:bob", id, "approve");
  const { digest } = v.parse(
    ActionView,
    (await workspace.call("agent:demo", "GET", `/v1/actions/${id}`)).body,
  );
  const { lease, fence } = v.parse(ClaimAnswer, await post("agent:demo", "claim", { digest }));
  await post("agent:demo", "report", { lease, fence, outcome: "succeeded", summary: `${canary}-summary` });
  await post("person:bob", "rollback", { reason: `${canary}-harm` });
  const claimed = v.parse(ClaimAnswer, await post("agent:demo", "claim", { digest }));
  await vi.waitFor(async () => {
    const { items } = await objects(workspace.name).board.list({ state: "rolling_back", limit: 10 });
    if (items.length === 0) throw new Error("the Board has not heard yet");
  }, patience);
  return claimed;
}

describe("a workspace that is to be forgotten", () => {
  test("in the middle of a rollback is refused, naming it; and where that is said it ends nowhere", async ({
    expect,
  }) => {
    const { workspace, ids } = await lived("pm-rollback");
    const { id: running } = await workspace.ask({ rollbackPlan: { argv: [canary] } });
    const { lease, fence } = await rollingBack(workspace, running);
    const refused = await asks(workspace);
    expect(refused).toMatchObject({ status: 409, body: { code: "conflict" } });
    expect(JSON.stringify(refused.body)).toContain(`while something runs: ${running} is running`);
    expect(await objects("pm-rollback").ledger.count("purging")).toBe(0);

    expect((await asks(workspace, { cancelRunning: true })).status).toBe(200);
    await sweep(env, Date.now());
    // The executor that comes back is told, and brings nothing back.
    const report = { lease, fence, outcome: "succeeded", summary: `${canary}-undone` };
    const late = await workspace.call("agent:demo", "POST", `/v1/actions/${running}/report`, report);
    expect(late).toMatchObject({ status: 404 });
    await sweeps("pm-rollback");
    expect(await everything("pm-rollback", [...ids, running])).not.toContain(canary);
  });

  test("is not held any more from the moment that it has begun, and says so", async ({ expect }) => {
    const { workspace, ids } = await lived("pm-held");
    expect((await asks(workspace)).status).toBe(200);
    const put = await workspace.call("person:alice", "POST", "/v1/holds", { scope: "all", reason: "Case 7" });
    expect(put).toMatchObject({
      status: 409,
      body: {
        code: "conflict",
        detail: "The workspace is being forgotten: nothing of it can be held any more.",
      },
    });
    expect(await objects("pm-held").ledger.count("held")).toBe(0);
    await sweeps("pm-held");
    expect(await everything("pm-held", ids)).not.toContain(canary);
  });

  test("while its evidence is exported ends the export with the reason, and not with an empty bundle", async ({
    expect,
  }) => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { workspace, ids } = await lived("pm-export");
    const read = (path: string) => workspace.call("service:operator", "GET", path);
    const list = v.parse(EvidenceList, (await read("/v1/evidence")).body);
    expect(list.items.map(({ action }) => action)).toEqual(ids);
    const bundle = (id: string) => read(`/v1/actions/${id}/evidence?at=${list.checkpoint.size}`);
    expect((await bundle(ids[0]!)).status).toBe(200);

    await asks(workspace);
    // One does not answer yet and stays whole until it does; the others are gone already.
    await sweep(blockedEnv("ACTIONS", `pm-export/${ids[2]!}`), Date.now());
    const gone = await bundle(ids[1]!);
    expect(gone).toMatchObject({ status: 410, body: { code: "gone" } });
    expect(JSON.stringify(gone.body)).toContain("The workspace is being forgotten since");
    expect(JSON.stringify(gone.body)).toContain(ids[1]);
    expect(await bundle(ids[2]!)).toMatchObject({ status: 200, body: { action: ids[2] } });
    await sweeps("pm-export");
    expect((await bundle(ids[2]!)).status).toBe(401);
  });
});

describe("the forgetting of a workspace that dies in the middle of a store", () => {
  /** The storage of one object is emptied, and its process ends before anything is written into it again. */
  async function diesEmptied(stub: DurableObjectStub): Promise<() => number> {
    let deaths = 0;
    await runInDurableObject(stub, (_, { storage }) => {
      const deleteAll = storage.deleteAll.bind(storage);
      vi.spyOn(storage, "deleteAll").mockImplementationOnce(async () => {
        await deleteAll();
        deaths += 1;
        throw new Error("killed");
      });
    });
    return () => deaths;
  }

  const places: [what: string, stubOf: (name: string, ids: readonly string[]) => DurableObjectStub][] = [
    ["an action", (name, ids) => objects(name).action(ids[2] ?? "")],
    ["the Board", (name) => objects(name).board],
    ["the Registry", (name) => objects(name).registry],
  ];
  test.for(places)("of %s goes on from there", async ([what, stubOf], { expect }) => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    const name = `pm-dies-${what.split(" ").at(-1)?.toLowerCase() ?? ""}`;
    const { workspace, ids } = await lived(name);
    await asks(workspace);
    const stub = stubOf(name, ids);
    const deaths = await diesEmptied(stub);
    for (let minute = 1; minute < 10 && deaths() === 0; minute += 1) {
      await sweep(env, Date.now() + minute * lastLookMs);
    }
    expect(deaths()).toBe(1);
    expect((await objects(name).ledger.purge())?.state.stage).not.toBe("done");
    await evictDurableObject(stub);
    await sweeps(name);
    expect(await objects(name).ledger.purge()).toMatchObject({ state: { done: 5, failed: [] }, left: 0 });
    expect(await everything(name, ids)).not.toContain(canary);
    // Once, in the log.
    expect(await objects(name).ledger.count("purging")).toBe(1);
  });
});
