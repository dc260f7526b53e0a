import { faultText } from "../core/fault.ts";
import type { Refusal } from "../core/refusal.ts";
import { refusal } from "../core/refusal.ts";
import type { Result } from "../core/result.ts";
import type { PurgeStanding } from "../objects/ledger/keeping.ts";
import type { PurgeAsked } from "../objects/ledger/purge.ts";
import type { State } from "../schemas/action.ts";
import { limits } from "../schemas/limits.ts";
import type { PurgeState } from "../schemas/purge.ts";
import { copiesOf, copiesTo } from "./evidence-copies.ts";
import { forget } from "./known.ts";
import { eachOf } from "./repair.ts";
import { actionOf, boardOf, ledgerOf, registryOf } from "./stubs.ts";

/**
 * Forgets a whole workspace: every action down to its tombstone, then the Board and what was copied out, then its people, keys and
 * rules. The ledger knows how far it has come; each step may be done again, so that it goes on from wherever it was cut off. What
 * stays are the log, its tree, checkpoints and keys, for bundles that somebody has kept.
 */

/** Actions that one run tells: some hundred calls a second make this half of a minute's cron. */
const maxPerRun = 3_000;
/** What runs: it would end in nothing that anybody could read. */
const running: readonly State[] = ["executing", "rolling_back"];
/** So many of them are named. */
const named = 10;

export type PurgeOrder = PurgeAsked & { readonly cancelRunning: boolean };

/** Why nothing may be forgotten now, or null. What runs is asked of the Board, which may be a moment behind. */
export async function purgeRefused(
  env: Env,
  workspace: string,
  order: PurgeOrder,
  now: number,
): Promise<Refusal | null> {
  if (!order.cancelRunning) {
    const ids = (await runningIn(env, workspace)).filter((id) => id !== order.under);
    if (ids.length > 0) {
      const some = ids.slice(0, named).join(", ");
      const which =
        ids.length > named ? `${some} and more are` : `${some} ${ids.length === 1 ? "is" : "are"}`;
      const detail = `Nothing is forgotten while something runs: ${which} running. Wait for the end, or say cancelRunning: true.`;
      return { code: "conflict", detail };
    }
  }
  return ledgerOf(env, workspace).purgeRefusal({ by: order.by, under: order.under }, now);
}

async function runningIn(env: Env, workspace: string): Promise<string[]> {
  const board = boardOf(env, workspace);
  const pages = await Promise.all(running.map((state) => board.list({ state, limit: limits.listPage })));
  return pages.flatMap(({ items }) => items.map(({ id }) => id));
}

/** Begins it, with a line of the log, and stops everything. Asked again under the same action it goes on. */
export async function startPurge(
  env: Env,
  workspace: string,
  order: PurgeOrder,
  now: number,
): Promise<Result<PurgeStanding, Refusal>> {
  const refused = await purgeRefused(env, workspace, order, now);
  if (refused !== null) return refusal(refused.code, refused.detail);
  const { by, under } = order;
  const begun = await ledgerOf(env, workspace).beginPurge({ by, under }, now);
  if (begun.ok) await stopAll(env, workspace, begun.value.state);
  return begun;
}

/** Nothing new is asked for, decided or run from here on. */
async function stopAll(env: Env, workspace: string, { by, since }: PurgeState): Promise<void> {
  const reason = "The workspace is being forgotten.";
  await registryOf(env, workspace).engageSwitch({ scope: "*", reason, by: by.id, at: since });
  forget(workspace);
}

/** Goes on with what was begun, as far as one run comes. @returns how many actions did not answer. */
export async function goOnPurging(
  env: Env,
  workspace: string,
  now: number,
  state: PurgeState,
): Promise<{ failed: number }> {
  switch (state.stage) {
    case "actions":
      return purgeActions(env, workspace, now, state);
    case "stores":
      return purgeStores(env, workspace, now, state);
    case "people":
      return state.closesAt === null || state.closesAt <= now
        ? purgePeople(env, workspace, now, state)
        : { failed: 0 };
    case "done":
      return purgeLate(env, workspace, now);
    case "reopened":
      return { failed: 0 };
  }
}

async function purgeActions(
  env: Env,
  workspace: string,
  now: number,
  state: PurgeState,
): Promise<{ failed: number }> {
  await stopAll(env, workspace, state);
  const { failed } = await tellActions(env, workspace, now);
  if (failed > 0) return { failed };
  const next = await ledgerOf(env, workspace).advancePurge("actions", now);
  return next?.stage === "stores" ? goOnPurging(env, workspace, now, next) : { failed: 0 };
}

async function tellActions(
  env: Env,
  workspace: string,
  now: number,
): Promise<{ told: number; failed: number }> {
  const sum = { told: 0, failed: 0 };
  const ledger = ledgerOf(env, workspace);
  while (sum.told < maxPerRun && sum.failed === 0) {
    const page = await ledger.nextToPurge(limits.listPage);
    if (page.length === 0) break;
    const ids = page.map(({ action }) => action);
    const { done, failed } = await purgeEach(env, workspace, now, ids);
    await ledger.notePurged({ done, failed, upTo: Math.max(...page.map(({ number }) => number)) }, now);
    sum.told += page.length;
    sum.failed += failed.length;
  }
  return sum;
}

async function purgeStores(
  env: Env,
  workspace: string,
  now: number,
  state: PurgeState,
): Promise<{ failed: number }> {
  const { failed, all } = await purgeUnseen(env, workspace, now, state);
  if (!all) return { failed };
  await boardOf(env, workspace).purge();
  const bucket = copiesTo(env);
  if (bucket !== null) await removeCopies(bucket, workspace);
  await ledgerOf(env, workspace).advancePurge("stores", now);
  return { failed: 0 };
}

/** Pages of the Board that one run looks at. */
const maxPages = 300;

/** Actions that only the Board knows: of before there was a log, or whose news has not come to it yet. */
async function purgeUnseen(
  env: Env,
  workspace: string,
  now: number,
  { boardRow }: PurgeState,
): Promise<{ failed: number; all: boolean }> {
  const ledger = ledgerOf(env, workspace);
  let row = boardRow;
  for (let pages = 0; pages < maxPages; pages += 1) {
    if (row === 0) return { failed: 0, all: true };
    const page = await boardOf(env, workspace).since("", row, limits.listPage);
    const ids = page.ids.length === 0 ? [] : await ledger.unseen(page.ids);
    const { failed } = await purgeEach(env, workspace, now, ids);
    if (failed.length > 0) return { failed: failed.length, all: false };
    row = page.nextRow ?? 0;
    await ledger.noteLooked(row, now);
  }
  return { failed: 0, all: row === 0 };
}

async function purgeEach(
  env: Env,
  workspace: string,
  now: number,
  ids: readonly string[],
): Promise<{ done: string[]; failed: string[] }> {
  const done: string[] = [];
  const failed: string[] = [];
  const tell = async (id: string): Promise<void> => {
    await actionOf(env, workspace, id).purge(now);
    done.push(id);
  };
  await eachOf(ids, tell, (id, error) => {
    failed.push(id);
    console.error("not forgotten yet", workspace, id, faultText(error));
  });
  return { done, failed };
}

/** A bucket that is locked refuses, and this is tried again: what is to stay there is not ours to say. */
async function removeCopies(bucket: R2Bucket, workspace: string): Promise<void> {
  for (;;) {
    const { objects } = await bucket.list({ prefix: copiesOf(workspace) });
    if (objects.length === 0) return;
    await bucket.delete(objects.map(({ key }) => key));
  }
}

async function purgePeople(
  env: Env,
  workspace: string,
  now: number,
  { under }: PurgeState,
): Promise<{ failed: number }> {
  // Whatever has come in since goes first: afterwards nobody could ask after it. The action that all this is done under is the
  // newest of all, and nobody may have heard of it yet.
  const { failed: late } = await tellActions(env, workspace, now);
  const { failed: own } = await purgeEach(env, workspace, now, under === null ? [] : [under]);
  const failed = late + own.length;
  if (failed > 0) return { failed };
  await boardOf(env, workspace).purge();
  await registryOf(env, workspace).purge();
  forget(workspace);
  await ledgerOf(env, workspace).advancePurge("people", now);
  return { failed: 0 };
}

/** News that was still on its way: of actions that the ledger sees only now. */
async function purgeLate(env: Env, workspace: string, now: number): Promise<{ failed: number }> {
  const { told, failed } = await tellActions(env, workspace, now);
  if (told > 0) await boardOf(env, workspace).purge();
  return { failed };
}
