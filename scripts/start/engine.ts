import { subscribe } from "node:diagnostics_channel";
import { ChildProcess } from "node:child_process";
import { enableCompileCache } from "node:module";
import { basename } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import quiet from "../quiet.json" with { type: "json" };
import { StartError } from "./state.ts";

/** The running Worker, as `npm start` drives it. */
export type Engine = {
  readonly url: string;
  /** Runs the scheduled handler once, which Cloudflare's cron does in production and nothing does locally. */
  readonly sweep: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

export type EngineOptions = {
  readonly config: string;
  readonly port: number;
  readonly storage: string;
  readonly setupToken: string;
  /** 32 bytes of base64; one in this process's environment is taken instead. Without either, secrets are not sealed. */
  readonly sealKey?: string;
  /** Whether checkpoints and copies of evidence go into a bucket as well: R2 as it is on this machine, beside the objects. */
  readonly bucket?: boolean;
  readonly onStarted: (pid: number) => void;
  readonly onEnded: (pid: number) => void;
};

/** How long the Worker may take to answer its first request: workerd starts in well under a second on a free machine. */
const readyMs = 30_000;
/** How long wrangler may take to put everything away before it is left to the kill in `State.release`. */
const stopMs = 3_000;

/**
 * Starts the Worker of wrangler.toml on 127.0.0.1 with its objects on disk, and waits until it answers.
 * @throws StartError when it does not answer in time.
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  watchWorkerd(options);
  // Or wrangler looks for updates, reports usage, fetches a sample request and writes log files. It reads some of
  // this while it loads, so it is loaded after.
  Object.assign(process.env, quiet);
  // Wrangler is large, and compiling it is a fifth of what a start costs this process.
  enableCompileCache();
  const { unstable_startWorker } = await import("wrangler");
  const worker = await unstable_startWorker({
    config: options.config,
    // Nothing but what is given here: a stray .env must not change what a fresh clone does.
    envFiles: [],
    bindings: {
      ...(options.sealKey !== undefined && {
        HOLDPOINT_SEAL_KEY: { type: "plain_text", value: options.sealKey } as const,
      }),
      ...passedOn(process.env),
      HOLDPOINT_SETUP_TOKEN: { type: "plain_text", value: options.setupToken },
      HOLDPOINT_LOCAL: { type: "plain_text", value: "true" },
      ...(options.bucket === true && {
        EVIDENCE: { type: "r2_bucket", bucket_name: "holdpoint-evidence" } as const,
      }),
    },
    dev: {
      server: { hostname: "127.0.0.1", port: options.port },
      inspector: false,
      persist: options.storage,
      logLevel: "error",
      watch: false,
    },
  });
  await worker.ready;
  const url = (await worker.url).origin;
  await untilHealthy(url);
  return {
    url,
    // By address: the worker object's own `scheduled` asks the proxy in front of the Worker, which has none.
    sweep: async () => {
      const answer = await fetch(`${url}/cdn-cgi/local/scheduled?cron=${encodeURIComponent("* * * * *")}`);
      const text = await answer.text();
      if (!answer.ok || !text.includes("ok")) throw new Error(`${answer.status} ${text.slice(0, 200)}`);
    },
    stop: async () => {
      await Promise.race([worker.dispose(), delay(stopMs, undefined, { ref: false })]);
    },
  };
}

/** Settings of channels and sign-in, which a deployment has as variables and secrets, come from this process's environment. */
function passedOn(environment: NodeJS.ProcessEnv): Record<string, { type: "plain_text"; value: string }> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      name.startsWith("HOLDPOINT_") && !ofTheClient.has(name) && value !== undefined
        ? [[name, { type: "plain_text", value }]]
        : [],
    ),
  );
}

/** What the command line reads; an engine has no use for them. */
const ofTheClient: ReadonlySet<string> = new Set(["HOLDPOINT_URL", "HOLDPOINT_KEY"]);

/**
 * Tells of every workerd the moment it starts, before wrangler has finished starting: whatever kills this process
 * next, the pid is on file.
 */
function watchWorkerd({ onStarted, onEnded }: EngineOptions): void {
  subscribe("child_process", (message) => {
    const child = childOf(message);
    child?.once("spawn", () => {
      const { pid } = child;
      if (pid === undefined || basename(child.spawnfile) !== "workerd") return;
      onStarted(pid);
      child.once("exit", () => onEnded(pid));
    });
  });
}

function childOf(message: unknown): ChildProcess | null {
  if (typeof message !== "object" || message === null || !("process" in message)) return null;
  return message.process instanceof ChildProcess ? message.process : null;
}

async function untilHealthy(url: string): Promise<void> {
  const until = Date.now() + readyMs;
  let last = "no answer";
  while (Date.now() < until) {
    try {
      const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) });
      const text = await answer.text();
      if (answer.ok) return;
      last = `${answer.status} ${text.slice(0, 200)}`;
    } catch (error) {
      last = error instanceof Error ? error.message : String(error);
    }
    await delay(100);
  }
  throw new StartError(`The engine started but ${url}/healthz does not answer well: ${last}`);
}
