import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as v from "valibot";
import { type Group, spawnGroup } from "./group.ts";
import { peerAt } from "./peer-driver.ts";
import { freePort } from "./server.ts";
import type { Keeper } from "./trip.ts";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = join(here, "peers");

/** What a user could take instead. Those with an adapter have packages of their own, which are not the project's. */
export const peers = [
  { name: "pg-listen", title: "Postgres LISTEN/NOTIFY" },
  { name: "restate", title: "Restate awakeables" },
  { name: "dbos", title: "DBOS on Postgres" },
  { name: "langgraph", title: "LangGraph on Postgres" },
  { name: "workflows", title: "Cloudflare Workflows, local" },
] as const;
export type PeerName = (typeof peers)[number]["name"];

export type Peer = {
  readonly title: string;
  /** What is on the disk when it acknowledges. */
  readonly durable: string;
  readonly keeper: Keeper;
  readonly errors: () => string;
  readonly stop: () => Promise<void>;
};

/** Nothing here reports to anybody. */
const quiet = {
  DO_NOT_TRACK: "1",
  LANGCHAIN_TRACING_V2: "false",
  LANGSMITH_TRACING: "false",
  RESTATE_DISABLE_TELEMETRY: "true",
  SCARF_ANALYTICS: "false",
};

const Lock = v.object({
  packages: v.record(
    v.string(),
    v.object({ version: v.optional(v.string()), optional: v.optional(v.boolean()) }),
  ),
});

function packagesOf(file: string): v.InferOutput<typeof Lock>["packages"] {
  return v.parse(Lock, JSON.parse(readFileSync(file, "utf8"))).packages;
}

/** Whether every package of the lock file is there in its version; those for other machines need not be. */
function isInstalled(): boolean {
  const installed = join(folder, "node_modules", ".package-lock.json");
  if (!existsSync(installed)) return false;
  const there = packagesOf(installed);
  return Object.entries(packagesOf(join(folder, "package-lock.json"))).every(
    ([path, { version, optional }]) => path === "" || optional === true || there[path]?.version === version,
  );
}

const installHelp =
  "`npm ci` in scripts/bench/peers failed: it needs the npm registry once. Without --peers it is not needed.";

/** Installs the peers' own packages into their folder, once. @throws Error that says what to do */
export async function installPeers(tell: (text: string) => void): Promise<void> {
  Object.assign(process.env, quiet);
  if (isInstalled()) return;
  tell("installing the peers' packages (the first time only, 300 MB)");
  const args = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
  try {
    await promisify(execFile)("npm", args, { cwd: folder });
  } catch (error) {
    const told = error instanceof Error ? error.message.slice(0, 1_000) : "";
    throw new Error(`${installHelp}\n${told}`, { cause: error });
  }
}

const Ready = v.object({ url: v.string(), durable: v.optional(v.string()) });
/** How long a peer may take until it can be asked: Postgres has to make its files first. */
const readyMs = 120_000;
const stopMs = 10_000;

const workflowsDurable =
  "as `wrangler dev` runs them: one SQLite object for each instance, synced to the disk";

/** Starts a peer on empty data. @throws Error whose message says why it cannot be measured */
export async function startPeer({ name, title }: { name: PeerName; title: string }): Promise<Peer> {
  const data = mkdtempSync(join(tmpdir(), `holdpoint-bench-${name}-`));
  const remove = (): void => rmSync(data, { recursive: true, force: true });
  process.on("exit", remove);
  const args =
    name === "workflows"
      ? [join(here, "serve.ts"), join(here, "workflows.toml"), String(await freePort()), data]
      : [join(folder, `${name}.mjs`), data];
  const group = spawnGroup(process.execPath, args, { channel: true });
  const stop = async (): Promise<void> => {
    await stopGroup(group);
    remove();
  };
  const line = await Promise.race([
    group.firstLine.catch((error: unknown) => new Error(reasonOf(group.errors() || String(error)))),
    delay(readyMs, new Error(`it was not ready after ${readyMs / 1_000} s`), { ref: false }),
  ]);
  if (line instanceof Error) {
    await stop();
    throw line;
  }
  const { url, durable = workflowsDurable } = v.parse(Ready, JSON.parse(line));
  return { title, durable, keeper: peerAt(url), errors: group.errors, stop };
}

/** Asks it to end, so that a database puts itself away, and ends it where it does not. */
async function stopGroup(group: Group): Promise<void> {
  if (!group.ended()) process.kill(group.pid, "SIGTERM");
  const until = performance.now() + stopMs;
  while (!group.ended() && performance.now() < until) await delay(50);
  await group.kill();
}

/** What an adapter said before it ended: the error's own sentence where there is one. */
export function reasonOf(said: string): string {
  const sentence = /^(?:\w*Error(?: \[\w+\])?): (.+)$/mu.exec(said)?.[1];
  return sentence ?? (said.trim().slice(-300) || "it ended without a word");
}
