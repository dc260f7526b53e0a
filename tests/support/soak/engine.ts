import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { prepare, type Prepared } from "../../../scripts/selfhost/prepared.ts";
import { endServing, spawnWorkerd, untilServing } from "../../../scripts/selfhost/workerd.ts";
import { freePort } from "../../../scripts/start/port.ts";
import { setUp } from "../../../scripts/start/setup.ts";
import { State } from "../../../scripts/start/state.ts";
import { type Cast, castOf } from "../actors.ts";

/** What one look at a running engine finds. Bytes, but for `files`: how many it has open. */
export type Look = { readonly memory: number; readonly disk: number; readonly files: number };

/** An engine under plain workerd whose process can be looked at. */
export type Soaked = {
  readonly cast: Cast;
  readonly look: () => Look;
  /** What it has written, to standard error. */
  readonly errors: () => string;
  readonly end: () => Promise<void>;
};

const starter = fileURLToPath(new URL("../../../scripts/starter", import.meta.url));
/**
 * So often the control keeps what it was sent: its leak is to show within minutes, in which an engine that has just been started may
 * grow by some twenty megabytes of its own.
 */
export const keptTimes = 32;
/** The control: every body that comes in is kept for ever. Of the bundle, not of the sources, so that the rest is the product. */
const leak = {
  from: "const bytes = new Uint8Array(size);\n  let offset = 0;",
  to: `const bytes = new Uint8Array(size);
  for (let n = 0; n < ${keptTimes}; n += 1) (globalThis.keptForEver ??= []).push(new Uint8Array(size).fill(1));
  let offset = 0;`,
} as const;

/** Starts the engine as `npm run selfhost` does, in a folder of its own; with `leaks`, the control. */
export async function startSoaked({ leaks }: { leaks: boolean }): Promise<Soaked> {
  const folder = mkdtempSync(join(tmpdir(), "holdpoint-soak-"));
  const built = await prepare(() => undefined);
  const prepared = leaks ? leaking(built, join(folder, "build")) : built;
  const state = new State(join(folder, "data"), "--data");
  const port = await freePort("127.0.0.1");
  const url = `http://127.0.0.1:${port}`;
  const child = spawnWorkerd({
    prepared,
    folder: state.folder,
    storage: state.storage,
    host: "127.0.0.1",
    port,
    origin: null,
    sweepMs: 60_000,
    reachesPrivate: true,
    settings: {
      HOLDPOINT_SEAL_KEY: state.sealKey(),
      HOLDPOINT_SETUP_TOKEN: state.setupToken(),
      HOLDPOINT_LOCAL: "true",
    },
  });
  const pid = child.pid ?? 0;
  process.once("exit", () => child.kill("SIGKILL"));
  let errors = "";
  await untilServing(url, child);
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
  child.stdout?.resume();
  const { keys } = await setUp(state, url, starter);
  return {
    cast: castOf({ url, keys }),
    look: () => ({ memory: memoryOf(pid), disk: diskOf(state.storage), files: filesOf(pid) }),
    errors: () => errors,
    end: async () => {
      await endServing(child);
      state.release();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A build of the same product that keeps every body. */
function leaking(built: Prepared, folder: string): Prepared {
  cpSync(built.folder, folder, { recursive: true });
  const path = join(folder, "engine", built.engine.module);
  const text = readFileSync(path, "utf8");
  if (text.split(leak.from).length !== 2) throw new Error(`the bundle does not have this once: ${leak.from}`);
  writeFileSync(path, text.replace(leak.from, leak.to));
  return { ...built, folder };
}

/** The proportional set size, which counts a page that others map too only in part. */
function memoryOf(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Pss:\s+(\d+) kB$/mu.exec(rollup)?.[1]) * 1_024;
}

const filesOf = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;

/** POSIX counts `blocks` in 512 bytes whatever the file system's own block size is. */
const blockBytes = 512;

/** Without SQLite's write-ahead logs: they are written over and over, and their size says when it last tidied up. */
function diskOf(folder: string): number {
  let sum = 0;
  for (const entry of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (entry.endsWith("-wal") || entry.endsWith("-shm")) continue;
    try {
      sum += statSync(join(folder, entry)).blocks * blockBytes;
    } catch {
      // Put away meanwhile.
    }
  }
  return sum;
}
