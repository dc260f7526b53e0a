import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { progressOn } from "./progress.ts";
import { type Engine, startEngine } from "./start/engine.ts";
import { greeting } from "./start/greeting.ts";
import { demandFree } from "./start/port.ts";
import { operatorsWarning, setUp, signInLink } from "./start/setup.ts";
import { Shutdown } from "./start/shutdown.ts";
import { StartError, State } from "./start/state.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const defaultPort = 8787;
const defaultState = ".holdpoint";
const sweepMs = 60_000;

type Options = { port: number; reset: boolean; state: string; bucket: boolean; json: boolean };

const options = new Command("npm start --")
  .description("Runs Holdpoint on this machine: the Worker in workerd on 127.0.0.1, its data on disk.")
  .option("--port <number>", "port to listen on; 0 takes any free one", parsePort, defaultPort)
  .option("--state <folder>", "where data, keys and the lock are kept", defaultState)
  .option("--reset", "forget everything kept there and start afresh", false)
  .option(
    "--bucket",
    "keep checkpoints and copies of finished actions' evidence in a local R2 bucket too",
    false,
  )
  .option("--json", "print one line of JSON (url, workspace, keys) when ready, and nothing else", false)
  .addHelpText(
    "after",
    `
Keys for the starter people and agents are written to dev.json in the state folder, which \`npx holdpoint\` reads.
Examples:
  npm start
  npm start -- --port 9000 --state ../holdpoint-state
  npm start -- --reset`,
  )
  .parse()
  .opts<Options>();

await main(options).catch((error: unknown) => {
  console.error(error instanceof StartError ? error.message : error);
  process.exit(1);
});

async function main({ port, reset, state: folder, bucket, json }: Options): Promise<void> {
  const progress = progressOn({ isSilent: json });
  const state = new State(folder);
  process.on("exit", () => state.release());
  const shutdown = new Shutdown();
  await state.endStrays();
  await demandFree(port);
  if (reset) state.reset();

  progress.start("Starting the engine");
  const engine = await startEngine({
    config: join(root, "wrangler.toml"),
    port,
    storage: state.storage,
    setupToken: state.setupToken(),
    sealKey: state.sealKey(),
    bucket,
    onStarted: (pid) => {
      state.workerdStarted(pid);
      tellLauncher({ started: pid });
    },
    onEnded: (pid) => {
      state.workerdEnded(pid);
      tellLauncher({ ended: pid });
      void shutdown.failed(
        "workerd has ended unexpectedly. Start again: whatever was acknowledged is on disk.",
      );
    },
  });
  shutdown.before(engine.stop);
  state.serving(engine.url);
  progress.text = "Loading the starter policy and directory";
  const file = await setUp(state, engine.url, join(root, "scripts", "starter"));
  const signIn = json ? "" : await signInLink(file, "person:bob");
  const warning = json ? null : await operatorsWarning(file);
  progress.stop();
  const isDefault = state.folder === join(root, defaultState);
  const devFile = shown(state.devFilePath);
  console.log(json ? JSON.stringify(file) : greeting(file, { devFile, isDefault, signIn, warning }));
  keepSweeping(engine);
}

/** Where a launcher is listening. One that has just been killed is found out elsewhere, so a failure here is nobody's news. */
function tellLauncher(message: { started: number } | { ended: number }): void {
  process.send?.(message, undefined, undefined, () => undefined);
}

/** Cron never fires locally, so this process is the cron. Says so once when a sweep fails, and again when that changes. */
function keepSweeping(engine: Engine): void {
  let lastComplaint = "";
  setInterval(() => {
    engine.sweep().then(
      () => (lastComplaint = ""),
      (error: unknown) => {
        const complaint = error instanceof Error ? error.message : String(error);
        if (complaint !== lastComplaint) console.error(`The sweep for overdue actions failed: ${complaint}`);
        lastComplaint = complaint;
      },
    );
  }, sweepMs);
}

/** A path as a person would write it from here. */
function shown(path: string): string {
  const short = relative(".", path);
  return short.startsWith("..") ? path : short;
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError("A port is a whole number from 0 to 65535.");
}
