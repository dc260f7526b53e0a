import { limits } from "../schemas/limits.ts";
import { carryOutLeft } from "./carry-out.ts";
import { openLoosenings } from "./loosening.ts";
import { restoreRows } from "./repair.ts";
import { stopKilled } from "./stopping.ts";
import { actionOf, boardOf, engineOf } from "./stubs.ts";

/** An alarm that is due this moment is not lost; the Board, too, hears of it a second or so later. */
const graceMs = 15_000;
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
    try {
      swept.failed += (await stopKilled(env, workspace)).failed;
    } catch (error) {
      swept.failed += 1;
      console.error("kill switches were not swept", workspace, error);
    }
    try {
      swept.failed += (await openLoosenings(env, workspace, now)).failed;
    } catch (error) {
      swept.failed += 1;
      console.error("proposals were not swept", workspace, error);
    }
    try {
      swept.failed += (await carryOutLeft(env, workspace, now)).failed;
    } catch (error) {
      swept.failed += 1;
      console.error("changes were not swept", workspace, error);
    }
    try {
      const { found, failed } = await sweepWorkspace(env, workspace, now);
      swept.overdue += found;
      swept.failed += failed;
    } catch (error) {
      swept.failed += 1;
      console.error("sweep failed", workspace, error);
    }
  }
  return swept;
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
