import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { progressOn } from "./progress.ts";
import { greeting } from "./selfhost/greeting.ts";
import { restoringName } from "./selfhost/manifest.ts";
import { demandSense, type Options, optionsOf, reachable, warningsOf } from "./selfhost/options.ts";
import { prepare, type Prepared } from "./selfhost/prepared.ts";
import { endServing, spawnWorkerd, untilServing } from "./selfhost/workerd.ts";
import { demandFree, freePort } from "./start/port.ts";
import { setUp, signInLink } from "./start/setup.ts";
import { Shutdown } from "./start/shutdown.ts";
import { type DevFile, StartError, State } from "./start/state.ts";

const starterFolder = fileURLToPath(new URL("starter", import.meta.url));
const lookMs = 60_000;
/** What the command line reads, and what only --local may say. */
const notTheEngines: ReadonlySet<string> = new Set(["HOLDPOINT_URL", "HOLDPOINT_KEY", "HOLDPOINT_LOCAL"]);

await main(optionsOf(process.argv)).catch((error: unknown) => {
  console.error(error instanceof StartError ? error.message : error);
  process.exit(1);
});

async function main(options: Options): Promise<void> {
  const progress = progressOn({ isSilent: options.json });
  const prepared = (): Promise<Prepared> => prepare(() => progress.start("Building what is to be served"));
  if (options.prepare) return void progress.succeed(`Ready to be served: ${(await prepared()).folder}`);
  demandSense(options);

  const state = new State(options.data, "--data");
  process.on("exit", () => state.release());
  demandWholeData(state);
  await state.endStrays();
  await demandFree(options.port, { host: options.host, command: "npm run selfhost" });
  const built = await prepared();
  progress.start("Starting the engine");
  const url = await serve(options, built, state);
  const starter = options.starter ? await setUp(state, url, starterFolder) : null;
  const text = options.json ? "" : await greetingFor(options, state, url, starter);
  progress.stop();
  const { workspace = null, keys = {} } = starter ?? {};
  console.log(options.json ? JSON.stringify({ url, data: state.folder, workspace, keys }) : text);
}

/** Starts workerd and answers for it until this process ends: the one does not outlive the other. @returns its address */
async function serve(options: Options, prepared: Prepared, state: State): Promise<string> {
  const { host } = options;
  const port = options.port === 0 ? await freePort(host) : options.port;
  const url = `http://${reachable(host)}:${port}`;
  const shutdown = new Shutdown();
  const child = spawnWorkerd({
    prepared,
    folder: state.folder,
    storage: state.storage,
    host,
    port,
    origin: options.origin ?? null,
    sweepMs: options.sweepEvery * 1_000,
    reachesPrivate: options.privateNetworks || options.local,
    settings: settingsOf(state, options.local),
  });
  watch(child, state);
  shutdown.before(() => endServing(child));
  await untilServing(url, child);
  child.once("exit", (code, signal) => {
    void shutdown.failed(
      `workerd has ended unexpectedly (${signal ?? code}). What was acknowledged is on disk.`,
    );
  });
  for (const stream of [child.stdout, child.stderr]) stream?.pipe(process.stderr);
  state.serving(url);
  setInterval(() => void lookAfter(url), lookMs);
  return url;
}

/** A request a minute keeps the timer of the sweep going where nobody else sends any. Its failure is seen by whoever else calls. */
async function lookAfter(url: string): Promise<void> {
  try {
    await (await fetch(`${url}/healthz`)).text();
  } catch {
    // The engine is ending, or held for a back-up.
  }
}

/** Its process is on file from its start, whatever ends this one: the next start ends what is left of it. */
function watch(child: ChildProcess, state: State): void {
  const { pid } = child;
  if (pid === undefined) return;
  state.workerdStarted(pid);
  tellLauncher({ started: pid });
  child.once("exit", () => {
    state.workerdEnded(pid);
    tellLauncher({ ended: pid });
  });
}

/** @throws StartError where the data is a part of what it should be. */
function demandWholeData(state: State): void {
  const { folder, storage } = state;
  if (existsSync(join(folder, restoringName))) {
    throw new StartError(
      `${folder} was not restored to its end. Remove it and restore again: npm run selfhost:restore -- --help`,
    );
  }
  const hasKey = process.env["HOLDPOINT_SEAL_KEY"] !== undefined || existsSync(join(folder, "seal-key"));
  // A new key in its place would open nothing of what is there.
  if (hasKey || !existsSync(storage)) return;
  throw new StartError(
    `${folder} holds data, but not the key that it is sealed with. Put the file seal-key back, or set HOLDPOINT_SEAL_KEY.`,
  );
}

/** Settings of channels and sign-in come from this process's environment; the two secrets from there or from the data folder. */
function settingsOf(state: State, isLocal: boolean): Record<string, string> {
  const given = Object.entries(process.env).flatMap(([name, value]) =>
    name.startsWith("HOLDPOINT_") && !notTheEngines.has(name) && value !== undefined ? [[name, value]] : [],
  );
  return {
    HOLDPOINT_SEAL_KEY: process.env["HOLDPOINT_SEAL_KEY"] ?? state.sealKey(),
    ...Object.fromEntries(given),
    HOLDPOINT_SETUP_TOKEN: state.setupToken(),
    ...(isLocal && { HOLDPOINT_LOCAL: "true" }),
  };
}

async function greetingFor(
  options: Options,
  state: State,
  url: string,
  file: DevFile | null,
): Promise<string> {
  const signIn = file === null ? "" : await signInLink(file, "person:bob");
  return greeting({
    url: options.origin ?? url,
    folder: shown(state.folder),
    setupTokenFile: shown(join(state.folder, "setup-token")),
    starter: file === null ? null : { file, path: shown(state.devFilePath), signIn },
    warnings: warningsOf(options),
  });
}

/** Where a launcher is listening. One that has just been killed is found out elsewhere, so a failure here is nobody's news. */
function tellLauncher(message: { started: number } | { ended: number }): void {
  process.send?.(message, undefined, undefined, () => undefined);
}

/** A path as a person would write it from here. */
function shown(path: string): string {
  const short = relative(".", path);
  return short.startsWith("..") ? path : short;
}
