import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { vi } from "vitest";
import type { Action } from "../../objects/action/action.ts";
import { ActionView } from "../../schemas/action.ts";
import { LedgerEntry } from "../../schemas/ledger.ts";
import type { Retention } from "../../schemas/retention.ts";
import { everything, objects, patience } from "./lived.ts";
import { stubOf, type Stub } from "./one-action.ts";
import { openWorkspace, type Workspace } from "./workspace.ts";

/** Actions that hold something that is to be forgotten, and a clock that is moved. */

export const [minute, hour, day] = [60_000, 3_600_000, 86_400_000];

/** What is planted where; none of it is to be found once its class is gone. */
export const planted = {
  context: "planted-context",
  target: "planted-target",
  argument: "planted-argument",
  reason: "planted-reason",
  vote: "planted-vote",
} as const;

/** Moves the clock that objects read to a time; alarms stay on the real one. */
export function moveTo(at: number): void {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(at);
}

/** A workspace whose `host.shell` keeps things so long; people run it. */
export async function workspaceKeeping(
  name: string,
  retention: Partial<Retention> = {},
  more: Record<string, unknown> = {},
): Promise<Workspace> {
  const workspace = await openWorkspace(name);
  const { registry } = objects(name);
  await registry.putGroup({ id: "operators", members: ["person:alice"] }, "test", Date.now());
  const { body } = await workspace.call("service:operator", "GET", "/v1/policy");
  const { document } = v.parse(
    v.object({ document: v.looseObject({ contracts: v.array(v.looseObject({})) }) }),
    body,
  );
  const usual = { context: "ephemeral", payload: "operational", evidence: "compliance" };
  const contracts = document.contracts.map((one) =>
    one["type"] === "host.shell"
      ? { ...one, notify: [], retention: { ...usual, ...retention }, ...more }
      : one,
  );
  const published = await registry.publishPolicy({
    document: { ...document, contracts },
    actor: "test",
    note: null,
    now: Date.now(),
  });
  if (!published.ok) throw new Error(JSON.stringify(published.error));
  return workspace;
}

export type Ended = { readonly id: string; readonly stub: Stub; readonly end: number; readonly key: string };

/** One that was asked for with everything planted. */
export async function plantedIn(
  workspace: Workspace,
  key: string = crypto.randomUUID(),
): Promise<ActionView> {
  const request = {
    type: "host.shell",
    target: { resource: planted.target, segment: "prod-hosts" },
    args: { argv: ["echo", planted.argument] },
    reason: planted.reason,
    context: { note: planted.context },
    rollbackPlan: { argv: [planted.argument] },
  };
  const { status, body } = await workspace.call("agent:demo", "POST", "/v1/actions", request, key);
  if (status !== 201) throw new Error(JSON.stringify(body));
  return v.parse(ActionView, body);
}

/** The same, denied, known to the Board and to the log. */
export async function ended(workspace: Workspace): Promise<Ended> {
  const key = crypto.randomUUID();
  const { id, digest } = await plantedIn(workspace, key);
  const vote = { decision: "deny", digest, reason: planted.vote };
  const { status, body } = await workspace.call("person:bob", "POST", `/v1/actions/${id}/votes`, vote);
  if (status !== 200) throw new Error(JSON.stringify(body));
  const stub = stubOf(workspace, id);
  await settled(stub);
  return { id, stub, end: Date.parse(v.parse(ActionView, body).updatedAt), key };
}

/** Once the Board and the log have all of it. */
export async function settled(stub: Stub): Promise<void> {
  await vi.waitFor(async () => {
    const there = await env.ACTIONS.get(stub.id).refresh();
    const { seq } = v.parse(v.object({ seq: v.number() }), JSON.parse(there ?? "null"));
    const text = await stub.evidence();
    if (text === null || seq === 0) throw new Error("nothing there");
    if ((await boardDueOf(stub)) !== null) throw new Error("the Board has not said that it knows");
  }, patience);
}

async function boardDueOf(stub: Stub): Promise<number | null> {
  const { runInDurableObject } = await import("cloudflare:test");
  return runInDurableObject(
    stub,
    (action: Action) => action.store.load()?.stored.boardDue ?? action.store.tombstone()?.tellDue ?? null,
  );
}

/** The alarm goes off at a time. */
export async function alarmAt(stub: Stub, at: number): Promise<void> {
  moveTo(at);
  await runDurableObjectAlarm(stub);
}

export const viewOf = async (stub: Stub): Promise<ActionView> => {
  const text = await stub.view();
  return v.parse(ActionView, JSON.parse(text ?? "null"));
};

/** What is said in every row of every object of the workspace. */
export const allOf = (workspace: Workspace, ids: readonly string[]): Promise<string> =>
  everything(workspace.name, ids);

/** The lines of the log that say that something was let go of. */
export async function erasedLines(workspace: Workspace): Promise<Extract<LedgerEntry, { kind: "erased" }>[]> {
  const { ledger } = objects(workspace.name);
  const leaves = await ledger.leaves(0, Number.MAX_SAFE_INTEGER, 10_000);
  return leaves
    .map(({ text }) => v.parse(LedgerEntry, JSON.parse(text)))
    .filter((line) => line.kind === "erased");
}
