import { env } from "cloudflare:workers";
import * as v from "valibot";
import { afterEach, beforeAll, describe, test, vi } from "vitest";
import { verifyBundle } from "../../core/evidence/verify.ts";
import { verdictOf } from "../../core/evidence/verify-finding.ts";
import { Store } from "../../objects/action/store.ts";
import { Ledger } from "../../objects/ledger/ledger.ts";
import type { ErasureRequest } from "../../objects/ledger/messages.ts";
import { tools } from "../../scripts/holdpoint/verify/tools.ts";
import { bundleOf } from "../../workers/bundle.ts";
import {
  alarmAt,
  day,
  ended,
  erasedLines,
  hour,
  minute,
  planted,
  plantedIn,
  viewOf,
  workspaceKeeping,
} from "./erasing.ts";
import { objects, rowsOf } from "./lived.ts";
import { callsOn, kept, stubOf } from "./one-action.ts";
import type { Workspace } from "./workspace.ts";

/** What is let go of while something else goes on: each is done whole, or refused with the reason. */

let workspace: Workspace;
beforeAll(async () => {
  workspace = await workspaceKeeping("erasure-meanwhile");
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const erase = (id: string, name: string) =>
  workspace.call("person:alice", "POST", `/v1/actions/${id}/erase`, {
    class: name,
    reason: "a key was in it",
  });
const Held = v.object({
  id: v.string(),
  gone: v.object({ actions: v.number(), byClass: v.record(v.string(), v.number()) }),
});
const holds = async (id: string): Promise<v.InferOutput<typeof Held>> => {
  const asked = { scope: `action:${id}`, reason: "Case 7" };
  const { body } = await workspace.call("person:alice", "POST", "/v1/holds", asked);
  return v.parse(Held, body);
};
const gone = (name: string, ...more: string[]) => ({
  actions: 1,
  byClass: Object.fromEntries(
    ["ephemeral", "operational", "compliance"].map((one) => [one, [name, ...more].includes(one) ? 1 : 0]),
  ),
});
const linesOf = async (id: string): Promise<string[]> =>
  (await erasedLines(workspace)).filter(({ action }) => action === id).map((line) => line.class);

test("in the middle of a rollback nothing is let go of, because it runs", async ({ expect }) => {
  const action = await plantedIn(workspace);
  const calls = callsOn(workspace, action);
  await calls.approve();
  await calls.report(await calls.claim(), "succeeded");
  await calls.rollBack();
  const refused = { status: 409, body: { code: "wrong_state", state: "rolling_back" } };
  for (const name of ["ephemeral", "operational", "compliance"]) {
    const answer = await erase(action.id, name);
    expect(answer).toMatchObject(refused);
    expect(JSON.stringify(answer.body)).toContain("Nothing is let go of while it is open or running");
  }
  const undo = await calls.claim();
  expect(await erase(action.id, "operational")).toMatchObject(refused);
  expect(await linesOf(action.id)).toEqual([]);
  expect((await viewOf(stubOf(workspace, action.id))).args).toEqual({ argv: ["echo", planted.argument] });
  // The control: once it is over it goes.
  await calls.report(undo, "succeeded");
  expect(await erase(action.id, "operational")).toMatchObject({ status: 200 });
});

describe("a hold that is put while values go", () => {
  test("names what the log has put down, though the action has not let go of it yet; that goes", async ({
    expect,
  }) => {
    const { id, stub, end } = await ended(workspace);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(Store.prototype, "erase").mockImplementationOnce(() => {
      throw new Error("killed");
    });
    await alarmAt(stub, end + hour);
    expect((await viewOf(stub)).context).toEqual({ note: planted.context });
    const put = await holds(id);
    expect(put.gone).toEqual(gone("ephemeral"));
    await alarmAt(stub, end + hour + 30_000);
    expect((await viewOf(stub)).context).toEqual({});
    // What is due later is held.
    await alarmAt(stub, end + 8 * day);
    expect((await viewOf(stub)).target.resource).toBe(planted.target);
    expect(await linesOf(id)).toEqual(["ephemeral"]);
  });

  test("because somebody wants it keeps the rest, and what had gone is said to both", async ({ expect }) => {
    const { id, stub } = await ended(workspace);
    let put: Awaited<ReturnType<typeof holds>> | null = null;
    // oxlint-disable-next-line typescript/unbound-method -- called on the ledger that it is replaced on
    const ask = Ledger.prototype.mayErase;
    vi.spyOn(Ledger.prototype, "mayErase").mockImplementation(async function (
      this: Ledger,
      request: ErasureRequest,
      now: number,
    ) {
      if (request.class === "operational") put = await holds(id);
      return ask.call(this, request, now);
    } as unknown as typeof ask);
    const answer = await erase(id, "compliance");
    expect(put).toMatchObject({ gone: gone("ephemeral") });
    expect(answer).toMatchObject({ status: 409, body: { code: "conflict" } });
    const { id: hold } = put as unknown as v.InferOutput<typeof Held>;
    expect(JSON.stringify(answer.body)).toContain(
      `It is held by ${hold}: Case 7. Release that first. Gone before that: ephemeral.`,
    );
    const view = await viewOf(stub);
    expect(view.context).toEqual({});
    expect(view.target.resource).toBe(planted.target);
    expect(view.erased).toMatchObject([{ class: "ephemeral", by: "person:alice" }]);
    expect(await linesOf(id)).toEqual(["ephemeral"]);
  });
});

describe("an erasure that somebody wanted, whose process dies once the log has put it down", () => {
  const dies = (method: "erase" | "bury"): void => {
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(Store.prototype, method).mockImplementationOnce(() => {
      throw new Error("killed");
    });
  };

  test("is gone on with by the alarm, in the name of who wanted it", async ({ expect }) => {
    const { id, stub } = await ended(workspace);
    dies("erase");
    expect((await erase(id, "operational")).status).toBe(500);
    expect(await linesOf(id)).toEqual(["operational"]);
    const half = await kept(stub);
    expect(half.payload.target.resource).toBe(planted.target);
    const { at = 0 } = half.stored.erasing ?? {};
    expect(half.alarm).toBeLessThanOrEqual(at + minute);
    expect(await rowsOf(stub)).not.toContain("a key was in it");
    await alarmAt(stub, at + minute - 1);
    expect((await viewOf(stub)).target.resource).toBe(planted.target);
    await alarmAt(stub, at + minute);
    const view = await viewOf(stub);
    expect(view.target.resource).toBe("[erased]");
    expect(view.context).toEqual({ note: planted.context });
    expect(view.erased).toMatchObject([
      { class: "operational", by: "person:alice", because: "a key was in it" },
    ]);
    expect(await linesOf(id)).toEqual(["operational"]);
    const after = await kept(stub);
    expect(after.stored.erasing).toBeUndefined();
    expect(after.alarm).toBeGreaterThan(at + minute);
  });

  test("goes to its tombstone, also where the log cannot be reached at first", async ({ expect }) => {
    const { id, stub } = await ended(workspace);
    dies("bury");
    expect((await erase(id, "compliance")).status).toBe(500);
    expect(await linesOf(id)).toEqual(["ephemeral", "operational", "compliance"]);
    const { at = 0 } = (await kept(stub)).stored.erasing ?? {};
    const unreached = vi.spyOn(Ledger.prototype, "mayErase").mockImplementation(() => {
      throw new Error("no storage");
    });
    await alarmAt(stub, at + minute);
    expect(await stub.view()).not.toBeNull();
    unreached.mockRestore();
    await alarmAt(stub, at + 2 * minute);
    expect(await stub.view()).toBeNull();
    expect(await linesOf(id)).toEqual(["ephemeral", "operational", "compliance"]);
  });
});

describe("during an export", () => {
  test("what goes after its checkpoint is missing, and the verifier says why and what to do", async ({
    expect,
  }) => {
    const { id, stub, end } = await ended(workspace);
    const checkpoint = await objects(workspace.name).ledger.checkpoint(true, Date.now());
    const asked = { workspace: workspace.name, action: id, at: checkpoint!.size, since: null };
    const trust = { kept: [], keys: [] };

    await alarmAt(stub, end + 7 * day);
    const lessened = verifyBundle(await bundleOf(env, { ...asked, now: Date.now() }), trust, tools);
    expect(verdictOf(lessened)).toBe("proven");
    const words = (findings: typeof lessened): string => findings.map(({ says }) => says).join("\n");
    expect(words(lessened)).toContain("were let go of after its checkpoint. Get the bundle anew");

    await alarmAt(stub, end + 400 * day);
    const empty = verifyBundle(await bundleOf(env, { ...asked, now: Date.now() }), trust, tools);
    expect(verdictOf(empty)).toBe("failed");
    expect(empty.filter(({ status }) => status === "failed")).toEqual([]);
    expect(words(empty)).toContain("they were let go of after its checkpoint, such as during an export");

    const anew = verifyBundle(await bundleOf(env, { ...asked, at: null, now: Date.now() }), trust, tools);
    expect(verdictOf(anew)).toBe("proven");
    expect(words(anew)).toContain("The evidence itself was let go of");
  });
});
