import { faultText } from "../core/fault.ts";
import { limits } from "../schemas/limits.ts";
import type { PurgeState } from "../schemas/purge.ts";
import { carryOutLeft } from "./carry-out.ts";
import { copySealed } from "./evidence-copies.ts";
import { openLoosenings } from "./loosening.ts";
import { goOnPurging } from "./purging.ts";
import { eachOf, restoreRows } from "./repair.ts";
import { stopKilled } from "./stopping.ts";
import { actionOf, boardOf, engineOf, ledgerOf } from "./stubs.ts";

/** An alarm that is due this moment is not lost; the Board, too, hears of it a second or so later. */
const graceMs = 15_000;
/** A line of a log that has waited this long for its checkpoint was forgotten by the log's alarm. */
const unsignedMs = 120_000;
/** Overdue actions a run looks at in one workspace: some 100 calls a second make this half of a minute's cron. */
const maxPerRun = 3_000;

export type Swept = { workspaces: number; overdue: number; failed: number };

/**
 * Finds actions whose deadline has passed although their alarm has not run, and pokes them (semantics §6). A poke that
 * changes nothing shows that only the Board was behind, so its row is put right as well and the next run is quiet.
 * Before that, what kill switches stop is cancelled where that has not happened at once, what is proposed for guardrails is asked for, and
 * what people have agreed to of the engine's own is carried out.
 */
export async function sweep(env: Env, now: number): Promise<Swept> {
  const workspaces = await engineOf(env).workspaces();
  const swept = { workspaces: workspaces.length, overdue: 0, failed: 0 };
  for (const workspace of workspaces) {
    const purging = await sweptBy(swept, ["what is forgotten", workspace], () => purgingOf(env, workspace));
    if (purging !== null) {
      const goOn = async (): Promise<void> => add(swept, await goOnPurging(env, workspace, now, purging));
      await sweptBy(swept, ["what is forgotten", workspace], goOn);
      continue;
    }
    for (const [what, step] of steps) {
      await sweptBy(swept, [what, workspace], () => step(env, workspace, now, swept));
    }
  }
  return swept;
}

type Step = (env: Env, workspace: string, now: number, swept: Swept) => Promise<void>;

/** What a workspace is swept for, in this order. One that fails keeps up none of the others. */
const steps: readonly (readonly [string, Step])[] = [
  ["kill switches", async (env, workspace, _, swept) => add(swept, await stopKilled(env, workspace))],
  ["proposals", async (env, workspace, now, swept) => add(swept, await openLoosenings(env, workspace, now))],
  ["changes", async (env, workspace, now, swept) => add(swept, await carryOutLeft(env, workspace, now))],
  [
    "the log",
    async (env, workspace, now, swept) => {
      await ledgerOf(env, workspace).poke(unsignedMs, now);
      add(swept, { failed: await copySealed(env, workspace, now) });
    },
  ],
  ["actions of before", async (env, workspace, _, swept) => add(swept, await wakeOld(env, workspace))],
  [
    "what is due to be let go of",
    async (env, workspace, now, swept) => add(swept, await letGo(env, workspace, now)),
  ],
  [
    "deadlines",
    async (env, workspace, now, swept) => {
      const { found, failed } = await sweepWorkspace(env, workspace, now);
      swept.overdue += found;
      add(swept, { failed });
    },
  ],
];

function add(swept: Swept, { failed }: { failed: number }): void {
  swept.failed += failed;
}

/** What `run` answers; null where it failed, which is counted and said. */
async function sweptBy<Value>(
  swept: Swept,
  about: readonly string[],
  run: () => Promise<Value>,
): Promise<Value | null> {
  try {
    return await run();
  } catch (error) {
    swept.failed += 1;
    console.error("not swept:", ...about, faultText(error));
    return null;
  }
}

/** How far the forgetting of a workspace has come, for which nothing else is done then; null where nobody has asked for it. */
async function purgingOf(env: Env, workspace: string): Promise<PurgeState | null> {
  const standing = await ledgerOf(env, workspace).purge();
  return standing === null || standing.state.stage === "reopened" ? null : standing.state;
}

/** Wakes actions that have slept since before what they hold had a time to go at; each once. */
async function wakeOld(env: Env, workspace: string): Promise<{ failed: number }> {
  const board = boardOf(env, workspace);
  const ids = await board.sleeping(limits.listPage);
  const woken: string[] = [];
  const wake = async (id: string): Promise<void> => {
    await actionOf(env, workspace, id).poke();
    woken.push(id);
  };
  await eachOf(ids, wake, (id, error) => console.error("not woken yet", workspace, id, faultText(error)));
  if (woken.length > 0) await board.woken(woken);
  return { failed: ids.length - woken.length };
}

/**
 * Pokes actions that still hold what is due and no hold keeps, such as after a release: then there may be thousands at once. The
 * longest overdue come first, and those among them that cannot let go must not keep up the others.
 */
async function letGo(env: Env, workspace: string, now: number): Promise<{ failed: number }> {
  const { overdue } = await ledgerOf(env, workspace).chores(now - graceMs, maxPerRun, now);
  let failed = 0;
  await eachOf(
    overdue,
    async (id) => actionOf(env, workspace, id).poke(),
    (id, error) => {
      failed += 1;
      console.error("not let go of yet", workspace, id, faultText(error));
    },
  );
  return { failed };
}

async function sweepWorkspace(
  env: Env,
  workspace: string,
  now: number,
): Promise<{ found: number; failed: number }> {
  const sum = { found: 0, failed: 0 };
  const seen = new Set<string>();
  while (sum.found < maxPerRun) {
    // Those that did not move come first again, so ask for as many more.
    const ids = await boardOf(env, workspace).overdue(now - graceMs, limits.listPage + sum.failed);
    const fresh = ids.filter((id) => !seen.has(id));
    if (fresh.length === 0) break;
    for (const id of fresh) seen.add(id);
    const poke = async (id: string): Promise<void> => actionOf(env, workspace, id).poke();
    const restored = await restoreRows(env, workspace, fresh, poke);
    sum.found += fresh.length;
    sum.failed += fresh.length - restored;
  }
  return sum;
}
