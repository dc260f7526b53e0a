import { switchFor } from "../core/kill-switch.ts";
import type { KillSwitch } from "../schemas/kill-switch.ts";
import { limits } from "../schemas/limits.ts";
import { restoreRows } from "./repair.ts";
import { actionOf, boardOf, registryOf } from "./stubs.ts";

/** Actions that one run cancels in one workspace: some hundred calls a second make this half of a minute's cron. */
const maxPerRun = 3_000;

export type Stopped = { found: number; failed: number };

/**
 * Cancels what waits although a kill switch is engaged for it, and shows it on the Board. What is left over, or did not answer, is
 * for the next run; it can neither be decided nor run meanwhile, because votes and claims look at the switches themselves.
 */
export async function stopWaiting(
  env: Env,
  workspace: string,
  switches: readonly KillSwitch[],
): Promise<Stopped> {
  const sum: Stopped = { found: 0, failed: 0 };
  if (switches.length === 0) return sum;
  for (let row: number | null = 0; row !== null && sum.found < maxPerRun;) {
    const page: { items: { id: string; type: string }[]; nextRow: number | null } = await boardOf(
      env,
      workspace,
    ).waiting(row, limits.listPage);
    const ids = page.items.filter(({ type }) => switchFor(switches, type) !== null).map(({ id }) => id);
    const stop = async (id: string): Promise<void> => actionOf(env, workspace, id).stop([...switches]);
    const stopped = ids.length === 0 ? 0 : await restoreRows(env, workspace, ids, stop);
    sum.found += ids.length;
    sum.failed += ids.length - stopped;
    row = page.nextRow;
  }
  return sum;
}

/**
 * Longer than any isolate goes by what it knew before (`freshMs` in known.ts) and than the Board takes to hear of a request: what was
 * let in before the switch was seen everywhere is on the Board by then.
 */
const seenEverywhereMs = 7_000;

/** The first two runs after a switch was engaged: one at once, and one for what was on its way. The sweep makes all further ones. */
export async function stopAtOnce(env: Env, workspace: string, engaged: KillSwitch): Promise<void> {
  await stopWaiting(env, workspace, [engaged]);
  await new Promise((resolve) => setTimeout(resolve, seenEverywhereMs));
  // By then it may have been released.
  await stopKilled(env, workspace);
}

/** The same with the switches as the Registry has them this moment. */
export async function stopKilled(env: Env, workspace: string): Promise<Stopped> {
  return stopWaiting(env, workspace, await registryOf(env, workspace).switches());
}
