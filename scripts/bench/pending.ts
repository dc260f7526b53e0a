import { setTimeout as delay } from "node:timers/promises";
import type { Pair } from "./cells.ts";
import { type Footprint, footprintOf } from "./footprint.ts";
import type { Pool } from "./load.ts";
import { type Server, type Mode, type Subject, untilHealthy } from "./server.ts";
import { median } from "./statistics.ts";

/** What one pending action takes up, in bytes; null where the system does not tell. */
export type Share = { readonly memory: number | null; readonly disk: number };

export type PendingFootprint = {
  readonly mode: Mode;
  /** Right after the actions were made, or after a while in which nothing was asked. */
  readonly when: "busy" | "idle";
  readonly pending: Readonly<Record<Subject, number>>;
  readonly engine: Share;
  readonly floor: Share;
};

export type Restart = {
  readonly mode: Mode;
  readonly pending: Readonly<Record<Subject, number>>;
  readonly engine: Recovery;
  readonly floor: Recovery;
};

/** Seconds since the new start; `lost`: actions made before the kill that could not be decided after it. */
export type Recovery = {
  readonly healthy: number;
  readonly firstDecided: number;
  readonly decided: number;
  readonly lost: number;
};

export type Baseline = Readonly<Record<Subject, Footprint>>;

const takenBy = ({ group, storage }: Server): Footprint => footprintOf(group.pid, storage);

/** What both take up now. */
export function baselineOf(pair: Pair): Baseline {
  return { engine: takenBy(pair.engine.server), floor: takenBy(pair.floor.server) };
}

/** The growth since `before`, shared out over the pending actions. */
export function shareOf(
  pair: Pair,
  before: Baseline,
  kind: Pick<PendingFootprint, "mode" | "when">,
): PendingFootprint {
  const now = baselineOf(pair);
  const share = (subject: Subject): Share => {
    const count = pair[subject].pool.size;
    const [from, to] = [before[subject], now[subject]];
    const memory = from.memory === null || to.memory === null ? null : (to.memory - from.memory) / count;
    return { memory, disk: (to.disk - from.disk) / count };
  };
  return { ...kind, pending: sizes(pair), engine: share("engine"), floor: share("floor") };
}

export const sizes = (pair: Pair): Record<Subject, number> => ({
  engine: pair.engine.pool.size,
  floor: pair.floor.pool.size,
});

const oldDecisions = 20;

/** kill -9 of everything, and a start on the same data, `rounds` times in turn; the medians. */
export async function measureRestart(pair: Pair, mode: Mode, rounds: number): Promise<Restart> {
  const pending = sizes(pair);
  const found: Record<Subject, Recovery[]> = { engine: [], floor: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of ["engine", "floor"] as const) {
      const { server, pool } = pair[subject];
      found[subject].push(await restart(server, pool));
    }
  }
  return { mode, pending, engine: middle(found.engine), floor: middle(found.floor) };
}

function middle(recoveries: readonly Recovery[]): Recovery {
  const sum = (of: (recovery: Recovery) => number): number => recoveries.map(of).reduce((a, b) => a + b, 0);
  return {
    healthy: median(recoveries.map(({ healthy }) => healthy)),
    firstDecided: median(recoveries.map(({ firstDecided }) => firstDecided)),
    decided: sum(({ decided }) => decided),
    lost: sum(({ lost }) => lost),
  };
}

async function restart(server: Server, pool: Pool): Promise<Recovery> {
  await server.group.kill();
  const started = performance.now();
  const since = (at: number): number => (at - started) / 1_000;
  const healthy = since(await untilHealthy(server.url, server.launch()));
  let firstDecided = Number.NaN;
  let decided = 0;
  let lost = 0;
  for (let tries = 0; tries < oldDecisions; tries += 1) {
    const action = pool.take();
    if (action === undefined) break;
    if (!(await decides(server, action))) {
      lost += 1;
      continue;
    }
    if (decided === 0) firstDecided = since(performance.now());
    decided += 1;
  }
  return { healthy, firstDecided, decided, lost };
}

/** Whether an action made before is still there and can be decided; what is not ready yet is asked again for a while. */
async function decides(server: Server, action: Parameters<Server["driver"]["approve"]>[0]): Promise<boolean> {
  const until = performance.now() + 10_000;
  for (;;) {
    try {
      await server.driver.approve(action);
      return true;
    } catch {
      if (performance.now() > until) return false;
      await delay(10);
    }
  }
}
