import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { statOf } from "../../processes.ts";
import { type Server, startServer, type Subject } from "../server.ts";
import { keeperOf, measureTrips } from "../trip.ts";
import { byRoom, type Calls, callsOf, placesIn } from "./calls.ts";
import { sampled } from "./sampler.ts";
import { syncsOf } from "./syncs.ts";

/** Where the time of a life goes, of the engine and of the floor: under plain workerd, where there is nothing else in the process. */
export type Profile = {
  readonly subject: Subject;
  readonly clients: number;
  readonly lives: number;
  readonly perSecond: number;
  /** Of the server's process, user and system, a life; null where the system does not tell (no /proc). */
  readonly processorMs: number | null;
  /** A life, by what was synced; null without strace. */
  readonly syncs: Readonly<Record<string, number>> | null;
  /** Of sampled time in which something was done, in ms a life, the most first. */
  readonly rooms: readonly { readonly room: string; readonly ms: number }[];
  readonly calls: Calls;
  /** Lives while the calls were sampled, which makes each of them slower. */
  readonly sampledLives: number;
};

const clients = 16;
const warmUpSeconds = 2;

/** `seconds`: how long each of the three ways of looking takes. */
export async function measureProfile(seconds: number, tell: (step: string) => void): Promise<Profile[]> {
  const found: Profile[] = [];
  for (const subject of ["floor", "engine"] as const) {
    tell(`profile: starting the ${subject}`);
    const server = await startServer(subject, "workerd", true);
    try {
      found.push(await profileOf(server, seconds, tell));
    } finally {
      await server.stop();
    }
  }
  return found;
}

async function profileOf(server: Server, seconds: number, tell: (step: string) => void): Promise<Profile> {
  const { subject, group } = server;
  const keeper = keeperOf(server.driver);
  let lives = 0;
  const drive = async (): Promise<number> => {
    const { durable } = await measureTrips(keeper, clients, seconds);
    lives = durable.count;
    return durable.perSecond;
  };
  await measureTrips(keeper, clients, warmUpSeconds);
  tell(`profile: ${subject}, processor time`);
  const before = cpuMsOf(group.pid);
  const perSecond = await drive();
  const after = cpuMsOf(group.pid);
  const alone = lives;
  tell(`profile: ${subject}, calls`);
  const { module, url } = server.inspected;
  const samples = await sampled(url, drive);
  const map = JSON.parse(readFileSync(`${module}.map`, "utf8"));
  const calls = callsOf(samples, placesIn(map, dirname(module), root));
  const sampledLives = lives;
  // Last, as it makes each life take much longer.
  tell(`profile: ${subject}, syncs`);
  const syncs = await syncsOf(group.pid, `${module}.strace`, drive);
  return {
    subject,
    clients,
    lives: alone,
    perSecond,
    processorMs: before === null || after === null ? null : (after - before) / alone,
    syncs:
      syncs === null
        ? null
        : Object.fromEntries(Object.entries(syncs).map(([what, count]) => [what, count / lives])),
    rooms: byRoom(calls).map(({ room, us }) => ({ room, ms: us / 1_000 / sampledLives })),
    calls,
    sampledLives,
  };
}

const root = fileURLToPath(new URL("../../../", import.meta.url));

function cpuMsOf(pid: number): number | null {
  try {
    return statOf(pid).cpuMs;
  } catch {
    return null;
  }
}
