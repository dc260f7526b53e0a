import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { startReceiver } from "../receiver.ts";
import { Slack, SlackUser } from "../slack.ts";
import type { Build } from "./build.ts";
import { CrashEngine } from "./engine.ts";
import { behind, faultsOf, undone } from "./judge.ts";
import { type Life, Stage } from "./lives.ts";

/** Looks, half a second apart, at which nothing may have moved before a life is over: a queue's next batch or an alarm may be due. */
const quietLooks = 10;
/** Several leases of a send, each twice as long as the one before. */
const drainMs = 600_000;

/** Data of its own, a receiver of webhooks and a Slack, all ready. */
export async function openStage(build: Build): Promise<{ stage: Stage; close: () => Promise<void> }> {
  const [receiver, slack] = await Promise.all([startReceiver(), Slack.start()]);
  const folder = mkdtempSync(join(tmpdir(), "holdpoint-crash-"));
  const engine = await CrashEngine.start(folder, build, slack.settings);
  const bobInSlack = new SlackUser(slack, () => engine.file.url, slack.users["bob"] ?? "");
  const stage = new Stage({ engine, receiver, slack, bobInSlack });
  await stage.prepare();
  const close = async (): Promise<void> => {
    await engine.stop();
    await Promise.all([receiver.close(), slack.stop()]);
  };
  return { stage, close };
}

/** Lives each life once on a cold engine. @returns the points that were reached, with the first life that reached them. */
export async function reachedBy(
  stage: Stage,
  lives: Readonly<Record<string, Life>>,
): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const [name, life] of Object.entries(lives)) {
    await stage.engine.restart();
    await life(stage);
    let [before, reached] = [0, await stage.engine.reached()];
    while (undone(stage) > 0 || reached.length > before) {
      before = reached.length;
      await delay(500);
      reached = await stage.engine.reached();
    }
    for (const n of reached) if (!found.has(n)) found.set(n, name);
  }
  return found;
}

/**
 * Lives a life on an engine that dies at a point of it.
 * @param cold begin with nothing remembered: some places are come to only then.
 * @returns whether it died there
 */
export async function crashAt(stage: Stage, n: number, life: Life, cold: boolean): Promise<boolean> {
  const { engine } = stage;
  const before = engine.crashes.length;
  if (cold) await engine.restart();
  await engine.arm(n);
  await life(stage);
  await quietAfter(stage, before);
  if (engine.crashes.length === before) {
    // It may come to the point this very moment.
    await engine.disarm().catch(() => undefined);
  }
  if (engine.crashes.length === before) return false;
  await engine.crashed;
  return true;
}

/** Comes back when it has died, or when nothing is left of the life that could still come to a point, however long that takes. */
async function quietAfter(stage: Stage, before: number): Promise<void> {
  const { engine } = stage;
  const end = Date.now() + drainMs;
  let [quiet, seen] = [0, -1];
  while (engine.crashes.length === before && quiet < quietLooks && Date.now() < end) {
    await Promise.race([engine.crashed, delay(500)]);
    // It may die while it is asked.
    const reached = (await engine.reached().catch(() => null))?.length ?? -1;
    quiet = reached === seen && undone(stage) === 0 ? quiet + 1 : 0;
    seen = reached;
  }
}

/** What is wrong once all that was lost on the way has had its time to come again. */
export async function judged(stage: Stage): Promise<string[]> {
  const end = Date.now() + drainMs;
  let faults = ["it was not looked at"];
  while (faults.length > 0 && Date.now() < end) {
    await delay(500);
    const open = undone(stage);
    const late = open > 0 ? [] : await behind(stage);
    faults =
      open > 0
        ? [`${open} rows of outboxes are not delivered`]
        : late.map((id) => `${id}: the Board is behind`);
    if (faults.length === 0) faults = await faultsOf(stage);
  }
  return faults;
}
