import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { StartError } from "../start/state.ts";
import { workerdBinary } from "../workerd/bundle.ts";
import { type Binding, configOf } from "../workerd/config.ts";
import { pageFolder, type Prepared } from "./prepared.ts";

export type SelfHostOptions = {
  readonly prepared: Prepared;
  /** The data folder, whose configuration is written anew at each start. */
  readonly folder: string;
  readonly storage: string;
  readonly host: string;
  readonly port: number;
  /** What people call it, such as `https://holdpoint.example.com`; null where the Host of a request says so. */
  readonly origin: string | null;
  readonly sweepMs: number;
  /** Whether it may connect to private networks and to this machine. */
  readonly reachesPrivate: boolean;
  /** Settings and secrets of the engine, by their names. */
  readonly settings: Readonly<Record<string, string>>;
};

/** How long workerd may take to answer its first request; it takes well under a second on a free machine. */
const readyMs = 30_000;
/** How long requests under way are waited for at the end. Whatever was acknowledged is on disk already. */
const drainMs = 3_000;

/** The configuration for these options. Secrets are named in it and come from the environment of the process. */
export function selfHostConfig(options: SelfHostOptions): string {
  const { prepared, storage, origin, sweepMs, reachesPrivate, settings } = options;
  const { engine, front, page, folder } = prepared;
  const named = Object.keys(settings).map((name): [string, Binding] => [name, { fromEnvironment: name }]);
  return configOf({
    workers: {
      front: {
        bundle: front,
        module: `/front/${front.module}`,
        bindings: {
          ENGINE: { service: "engine" },
          CONSUMERS: { service: "engine", entrypoint: "Fanout" },
          FILES: { service: "page" },
          PAGE: { json: JSON.stringify(page) },
          SWEEP_MS: { json: JSON.stringify(sweepMs) },
          ...(origin !== null && { ORIGIN: { text: origin } }),
        },
      },
      engine: { bundle: engine, module: `/engine/${engine.module}`, bindings: Object.fromEntries(named) },
    },
    folders: {
      storage: { path: storage, writable: true },
      page: { path: join(folder, pageFolder), writable: false },
    },
    storage: "storage",
    reach: reachesPrivate ? ["public", "private"] : ["public"],
    entry: "front",
  });
}

/** Starts workerd on the data folder. Its output goes to this process's standard error. */
export function spawnWorkerd(options: SelfHostOptions): ChildProcess {
  const { folder, storage, host, port, settings, prepared } = options;
  mkdirSync(storage, { recursive: true, mode: 0o700 });
  const config = join(folder, "workerd.capnp");
  writeFileSync(config, selfHostConfig(options), { mode: 0o600 });
  chmodSync(config, 0o600);
  const address = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const args = ["serve", config, "--import-path", prepared.folder, "--socket-addr", `http=${address}`];
  return spawn(workerdBinary(), args, { env: settings, stdio: ["ignore", "pipe", "pipe"] });
}

/** Waits until `url` answers. @throws StartError with what workerd said, where it ends before or takes too long. */
export async function untilServing(url: string, child: ChildProcess): Promise<void> {
  let said = "";
  const listen = (text: string): void => void (said = `${said}${text}`.slice(-2_000));
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", listen);
  const until = Date.now() + readyMs;
  let last = "no answer";
  while (Date.now() < until && child.exitCode === null && child.signalCode === null) {
    try {
      const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) });
      const text = await answer.text();
      if (answer.ok) return;
      last = `${answer.status} ${text.slice(0, 200)}`;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await delay(20);
  }
  throw new StartError(`${url} does not answer (${last}).\n${said.trim()}`);
}

/** Lets requests under way come to their end for a moment, then ends it. */
export async function endServing(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await Promise.race([ended, delay(drainMs, undefined, { ref: false })]);
  child.kill("SIGKILL");
}
