import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fillBoth, type Pair } from "./cells.ts";
import type { Pending, Waiter } from "./driver.ts";
import { footprintOf } from "./footprint.ts";
import type { Mode, Server, Subject } from "./server.ts";
import { summarise, type Summary } from "./statistics.ts";

/** Agents that wait at the same time, each on a WebSocket of its own for an action of its own. */
export type Waiting = {
  readonly mode: Mode;
  readonly subject: Subject;
  readonly wanted: number;
  readonly held: number;
  /** Files and connections that one process may have open; null where the system does not tell. */
  readonly descriptors: number | null;
  /** Bytes that the server's processes grew by for each of them, after `idleSeconds` without work; null where the system does not tell. */
  readonly memory: number | null;
  /** Connections that ended before their decision. */
  readonly dropped: number;
  /** Of a sample, each decided while all others waited: how long until it was told, and how many never were. */
  readonly told: Summary;
  readonly untold: number;
};

export type WaitingPlan = {
  readonly wanted: number;
  readonly maxFillSeconds: number;
  /** An object is put away after ten seconds without work; 0 leaves out that it is. */
  readonly idleSeconds: number;
  readonly tell: (step: string, detail?: string) => void;
};

/** The limit of this process, which its servers inherit; null where there is no /proc. */
export function descriptorLimit(): number | null {
  try {
    const soft = /^Max open files\s+(\d+)/mu.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}

/** An object that is at work has three files open, and some hundred are while waiters are added. */
const spareDescriptors = 4_000;
/** Under `npm start` a proxy stands before the Worker, which was seen to have four open for each waiter. */
const connections: Record<Mode, number> = { start: 4, workerd: 1 };

/** How many can wait at once with that limit. */
export function mostWaiters(wanted: number, mode: Mode, limit: number | null): number {
  if (limit === null) return wanted;
  return Math.max(0, Math.min(wanted, Math.floor((limit - spareDescriptors) / connections[mode])));
}

export async function measureWaiters(pair: Pair, mode: Mode, plan: WaitingPlan): Promise<Waiting[]> {
  const descriptors = descriptorLimit();
  const most = mostWaiters(plan.wanted, mode, descriptors);
  await fillBoth(pair, most, plan.maxFillSeconds, (at) => plan.tell(`${mode}: filling for waiters`, at));
  const found: Waiting[] = [];
  for (const subject of ["engine", "floor"] as const) {
    const { server, pool } = pair[subject];
    const actions = Array.from({ length: Math.min(most, pool.size) }, () => pool.take()).filter(
      (action) => action !== undefined,
    );
    const figures = await hold(server, actions, { ...plan, name: `${mode}, ${subject}` });
    found.push({ mode, subject, wanted: plan.wanted, descriptors, ...figures });
  }
  return found;
}

type Held = { readonly action: Pending; readonly waiter: Waiter };
type Figures = Pick<Waiting, "held" | "memory" | "dropped" | "told" | "untold">;

async function hold(
  server: Server,
  actions: readonly Pending[],
  { name, idleSeconds, tell }: WaitingPlan & { name: string },
): Promise<Figures> {
  const memoryNow = (): number | null => footprintOf(server.group.pid, server.storage).memory;
  tell(`${name}: leaving it alone for ${idleSeconds} s`);
  await delay(idleSeconds * 1_000);
  const before = memoryNow();
  let dropped = 0;
  const held = await openAll(server, actions, (open) =>
    tell(`${name}: waiters`, `${open} of ${actions.length}`),
  );
  for (const { waiter } of held) waiter.resumed.catch(() => (dropped += 1));
  tell(`${name}: ${held.length} wait; leaving it alone for ${idleSeconds} s`);
  await delay(idleSeconds * 1_000);
  const after = memoryNow();
  const memory = before === null || after === null ? null : (after - before) / held.length;
  const lost = dropped;
  tell(`${name}: deciding some of ${held.length}`);
  const sample = held.filter((_, index) => index % Math.ceil(held.length / sampleSize) === 0);
  const figures = await decideEach(server, sample);
  for (const { waiter } of held) waiter.close();
  return { held: held.length, memory, dropped: lost, ...figures };
}

const openers = 4;
/** So that no more than some hundred objects are at work at once: each has files open. */
const openPauseMs = 20;

async function openAll(
  server: Server,
  actions: readonly Pending[],
  tick: (open: number) => void,
): Promise<Held[]> {
  const held: Held[] = [];
  const left = [...actions];
  const run = async (): Promise<void> => {
    for (let action = left.pop(); action !== undefined; action = left.pop()) {
      held.push({ action, waiter: await server.driver.wait(action, "websocket") });
      tick(held.length);
      await delay(openPauseMs);
    }
  };
  await Promise.all(Array.from({ length: openers }, run));
  return held;
}

const sampleSize = 200;
const toldWithinMs = 30_000;

async function decideEach(
  server: Server,
  sample: readonly Held[],
): Promise<Pick<Waiting, "told" | "untold">> {
  const samples: number[] = [];
  let untold = 0;
  const started = performance.now();
  for (const { action, waiter } of sample) {
    const asked = performance.now();
    await server.driver.approve(action);
    const at = await Promise.race([
      waiter.resumed.catch(() => null),
      delay(toldWithinMs, null, { ref: false }),
    ]);
    if (at === null) untold += 1;
    else samples.push(at - asked);
  }
  return { told: summarise(samples, performance.now() - started), untold };
}
