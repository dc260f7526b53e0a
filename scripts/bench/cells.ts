import type { Via } from "./driver.ts";
import { fill, measureCreate, measureResume, Pool } from "./load.ts";
import type { Mode, Server, Subject } from "./server.ts";
import { medianRound, type Ratio, ratioOf, type Summary } from "./statistics.ts";

/** The engine and the floor, run the same way, side by side. */
export type Pair = Readonly<Record<Subject, { readonly server: Server; readonly pool: Pool }>>;

export const pairOf = (engine: Server, floor: Server): Pair => ({
  engine: { server: engine, pool: new Pool() },
  floor: { server: floor, pool: new Pool() },
});

/** What is measured: how long creating takes, or how long from deciding until the waiter has it. */
export type What = { readonly work: "create" } | { readonly work: "resume"; readonly via: Via };

export type Cell = {
  readonly mode: Mode;
  readonly what: What;
  readonly clients: number;
  /** Actions that waited for their decision when it was measured; 0 where only those of the measurements did. */
  readonly pending: number;
  readonly engine: Summary;
  readonly floor: Summary;
  /** How many times the floor's latency (p50), and how many times its seconds a piece. */
  readonly latency: Ratio;
  readonly throughput: Ratio;
};

/** Creating comes last: it leaves more pending than there were. */
export const whats: readonly What[] = [
  { work: "resume", via: "websocket" },
  { work: "resume", via: "long-poll" },
  { work: "create" },
];
export const clientCounts: readonly number[] = [1, 16];

export type Effort = { readonly seconds: number; readonly rounds: number };

/**
 * One figure for both, in rounds: engine, floor, engine, floor …, so that a machine that changes its pace meanwhile does
 * so to both.
 */
export async function measureCell(
  pair: Pair,
  cell: { mode: Mode; what: What; clients: number; pending: number },
  { seconds, rounds }: Effort,
): Promise<Cell> {
  const found: Record<Subject, Summary[]> = { engine: [], floor: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of ["engine", "floor"] as const) {
      const { server, pool } = pair[subject];
      // Without a number of pending actions to keep up, decisions are on actions made for them.
      const from = cell.pending === 0 ? new Pool() : pool;
      found[subject].push(await once(server, from, cell.what, cell.clients, seconds));
    }
  }
  const { engine, floor } = found;
  return {
    ...cell,
    engine: medianRound(engine),
    floor: medianRound(floor),
    latency: ratioOf(engine.map(p50), floor.map(p50)),
    throughput: ratioOf(engine.map(pace), floor.map(pace)),
  };
}

const p50 = (round: Summary): number => round.p50;
const pace = ({ perSecond }: Summary): number => 1 / perSecond;

async function once(
  server: Server,
  pool: Pool,
  what: What,
  clients: number,
  seconds: number,
): Promise<Summary> {
  if (what.work === "create") return await measureCreate(server.driver, pool, clients, seconds);
  return await measureResume(server.driver, pool, what.via, clients, seconds);
}

const warmUpSeconds = 0.5;

/** Both compile their code and open their connections before anything counts. */
export async function warmUp(pair: Pair): Promise<void> {
  for (const { server } of [pair.engine, pair.floor]) {
    for (const what of whats) await once(server, new Pool(), what, 4, warmUpSeconds);
  }
}

/** Brings both to `size` pending actions at the same time: how long that takes is no figure. */
export async function fillBoth(
  pair: Pair,
  size: number,
  maxSeconds: number,
  tick: (text: string) => void,
): Promise<void> {
  const clients = 8;
  const report = (): void =>
    tick(`engine ${pair.engine.pool.size}, floor ${pair.floor.pool.size} of ${size}`);
  await Promise.all(
    [pair.engine, pair.floor].map(({ server, pool }) =>
      fill(server.driver, pool, size, { clients, maxSeconds, tick: report }),
    ),
  );
}
