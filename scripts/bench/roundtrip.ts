import { setTimeout as delay } from "node:timers/promises";
import { clientCounts } from "./cells.ts";
import { installPeers, peers, startPeer } from "./peers.ts";
import { type Mode, startServer, type Subject } from "./server.ts";
import { type Ratio, ratioOf, type Summary } from "./statistics.ts";
import { keeperOf, type Keeper, measureTrips, medianTrips, type Trips } from "./trip.ts";

/** Who takes part in the round trip: the engine and the floor in each way of running, and what one could take instead. */
type Contender = {
  readonly name: string;
  readonly subject: Subject | "peer";
  readonly mode: Mode | null;
  readonly durable: string;
  readonly keeper: Keeper;
  readonly errors: () => string;
  readonly stop: () => Promise<void>;
};

export type TripLine = {
  readonly name: string;
  readonly subject: Subject | "peer";
  readonly clients: number;
  /** Figure by figure the median of the rounds. */
  readonly trips: Trips;
};

/** How many times the cost of the other the engine's is, round by round: below 1 the engine is ahead. */
export type TripRatio = {
  readonly engine: string;
  readonly other: string;
  readonly clients: number;
  readonly create: Ratio;
  readonly resume: Readonly<Record<"p50" | "p95" | "p99", Ratio>>;
  readonly durable: Ratio;
  /** Of the seconds that a completed approval takes. */
  readonly pace: Ratio;
};

export type Roundtrip = {
  readonly lines: readonly TripLine[];
  readonly ratios: readonly TripRatio[];
  readonly durable: Readonly<Record<string, string>>;
  /** Peers that were asked for and could not be measured, and why. */
  readonly notRun: readonly { readonly name: string; readonly reason: string }[];
};

export type TripPlan = {
  readonly modes: readonly Mode[];
  readonly peers: boolean;
  readonly rounds: number;
  readonly seconds: number;
  /** What one of them still does after its last answer is not to be measured as another's time. */
  readonly pauseSeconds: number;
  readonly tell: (step: string, detail?: string) => void;
  readonly complain: (text: string) => void;
};

const modeNames: Record<Mode, string> = { start: "npm start", workerd: "plain workerd" };
const subjectNames: Record<Subject, string> = { engine: "Holdpoint", floor: "floor" };
const ownDurable = "one SQLite object for each action; each transaction is synced to the disk";

type Failed = { name: string; reason: string };
const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Everybody at the same time on this machine, measured one after another in rounds; gone afterwards. */
export async function measureRoundtrip(plan: TripPlan): Promise<Roundtrip> {
  const notRun: Failed[] = [];
  const contenders: Contender[] = [];
  try {
    await startOwn(plan, contenders);
    if (plan.peers) await startPeers(plan, contenders, notRun);
    const found = await measureAll(plan, contenders, notRun);
    return {
      lines: found.map(({ rounds, ...line }) => ({ ...line, trips: medianTrips(rounds) })),
      ratios: ratiosOf(found),
      durable: Object.fromEntries(contenders.map(({ name, durable }) => [name, durable])),
      notRun,
    };
  } finally {
    await Promise.all(contenders.map(({ stop }) => stop()));
  }
}

async function startOwn(plan: TripPlan, contenders: Contender[]): Promise<void> {
  for (const mode of plan.modes) {
    for (const subject of ["engine", "floor"] as const) {
      const name = `${subjectNames[subject]}, ${modeNames[mode]}`;
      plan.tell(`round trip: starting ${name}`);
      const server = await startServer(subject, mode);
      contenders.push({
        name,
        subject,
        mode,
        durable: ownDurable,
        keeper: keeperOf(server.driver),
        errors: () => server.group.errors(),
        stop: () => server.stop(),
      });
    }
  }
}

async function startPeers(plan: TripPlan, contenders: Contender[], notRun: Failed[]): Promise<void> {
  await installPeers((text) => plan.tell(text));
  for (const wanted of peers) {
    plan.tell(`round trip: starting ${wanted.title}`);
    try {
      const { title, ...peer } = await startPeer(wanted);
      contenders.push({ ...peer, name: title, subject: "peer", mode: null });
    } catch (error) {
      notRun.push({ name: wanted.title, reason: textOf(error) });
    }
  }
}

/** One contender's rounds with one number of clients. */
export type Rounds = Omit<TripLine, "trips"> & { readonly mode: Mode | null; readonly rounds: Trips[] };

const warmUpSeconds = 1;

async function measureAll(plan: TripPlan, contenders: Contender[], notRun: Failed[]): Promise<Rounds[]> {
  const found: Rounds[] = [];
  const out = new Set<string>();
  const turn = async (contender: Contender, clients: number, seconds: number): Promise<Trips | null> => {
    try {
      return await measureTrips(contender.keeper, clients, seconds);
    } catch (error) {
      if (contender.subject !== "peer") {
        plan.complain(`${contender.name}: ${contender.errors().slice(-2_000)}`);
        throw error;
      }
      out.add(contender.name);
      notRun.push({ name: contender.name, reason: `it failed while it was measured: ${textOf(error)}` });
      return null;
    }
  };
  for (const contender of contenders) {
    plan.tell(`round trip: warming up ${contender.name}`);
    await turn(contender, 4, Math.min(warmUpSeconds, plan.seconds));
  }
  for (const clients of clientCounts) {
    const lines = contenders.map(({ name, subject, mode }): Rounds => ({
      name,
      subject,
      mode,
      clients,
      rounds: [],
    }));
    for (let round = 1; round <= plan.rounds; round += 1) {
      for (const [index, contender] of contenders.entries()) {
        if (out.has(contender.name)) continue;
        plan.tell(`round trip, clients: ${clients}, round ${round} of ${plan.rounds}:`, contender.name);
        const trips = await turn(contender, clients, plan.seconds);
        if (trips !== null) lines[index]?.rounds.push(trips);
        await delay(plan.pauseSeconds * 1_000);
      }
    }
    found.push(...lines);
  }
  return found.filter(({ name }) => !out.has(name));
}

/** Each engine beside the floor that runs as it does, and beside every peer. */
export function ratiosOf(found: readonly Rounds[]): TripRatio[] {
  return found
    .filter(({ subject }) => subject === "engine")
    .flatMap((engine) => {
      const others = found.filter(
        ({ subject, mode, clients }) =>
          clients === engine.clients && (subject === "peer" || (subject === "floor" && mode === engine.mode)),
      );
      return others.map((other) => ratioBetween(engine, other));
    });
}

/** Seconds. */
const pace = ({ perSecond }: Summary): number => 1 / perSecond;

function ratioBetween(engine: Rounds, other: Rounds): TripRatio {
  const of = (cost: (trips: Trips) => number): Ratio =>
    ratioOf(engine.rounds.map(cost), other.rounds.map(cost));
  const resume = (share: "p50" | "p95" | "p99"): Ratio => of((trips) => trips.resume[share]);
  return {
    engine: engine.name,
    other: other.name,
    clients: engine.clients,
    create: of((trips) => trips.create.p50),
    resume: { p50: resume("p50"), p95: resume("p95"), p99: resume("p99") },
    durable: of((trips) => trips.durable.p50),
    pace: of((trips) => pace(trips.durable)),
  };
}
