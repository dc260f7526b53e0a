import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startEngine } from "../start/engine.ts";
import { setUp } from "../start/setup.ts";
import { type DevFile, State } from "../start/state.ts";
import { killWorkerd } from "../start/workerd.ts";
import { Meter } from "./meter.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

export type MeteredEngine = { readonly engine: DevFile; readonly meter: Meter };

/**
 * Starts the engine as `npm start` does, with the counting Worker in place of its own, on a free port and on data of its
 * own, which are gone with this process.
 */
export async function startMetered(): Promise<MeteredEngine> {
  const folder = mkdtempSync(join(tmpdir(), "holdpoint-cost-"));
  const state = new State(folder);
  const pids = new Set<number>();
  process.on("exit", () => {
    pids.forEach(killWorkerd);
    state.release();
    rmSync(folder, { recursive: true, force: true });
  });
  const { url } = await startEngine({
    config: configIn(folder),
    port: 0,
    storage: state.storage,
    setupToken: state.setupToken(),
    sealKey: state.sealKey(),
    onStarted: (pid) => pids.add(pid),
    onEnded: (pid) => pids.delete(pid),
  });
  const engine = await setUp(state, url, join(root, "scripts", "starter"));
  return { engine, meter: new Meter(url, pids) };
}

/** The engine's own configuration, queues and all, with another entry point. */
function configIn(folder: string): string {
  const own = readFileSync(join(root, "wrangler.toml"), "utf8");
  const entry = join(root, "scripts", "cost", "counting-worker.ts");
  const path = join(folder, "wrangler.toml");
  // Without the page, which would answer where the counters are read.
  const changed = own
    .replace(/^main = .*$/mu, `main = ${JSON.stringify(entry)}`)
    .replace(/^\[assets\]\n(?:(?!\[).*\n)*/mu, "");
  if (changed === own) throw new Error("wrangler.toml names no entry point");
  writeFileSync(path, changed);
  return path;
}
