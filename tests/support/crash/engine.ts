import { subscribe } from "node:diagnostics_channel";
import { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import * as v from "valibot";
import quiet from "../../../scripts/quiet.json" with { type: "json" };
import { setUp } from "../../../scripts/start/setup.ts";
import { type DevFile, State } from "../../../scripts/start/state.ts";
import { killWorkerd } from "../../../scripts/start/workerd.ts";
import { Refused } from "../caller.ts";

import type { Mortal } from "../mortal.ts";
import type { Build } from "./build.ts";

const starter = fileURLToPath(new URL("../../../scripts/starter", import.meta.url));

/** Whatever runs the engine's own code of a test build: every workerd that this process has started. */
const workerds = new Set<number>();
subscribe("child_process", (message) => {
  const { process: child } = message as { process?: unknown };
  if (!(child instanceof ChildProcess)) return;
  child.once("spawn", () => {
    const { pid } = child;
    if (pid === undefined || !child.spawnfile.endsWith("workerd")) return;
    workerds.add(pid);
    child.once("exit", () => workerds.delete(pid));
  });
});
process.on("exit", () => workerds.forEach(killWorkerd));

/**
 * An engine of a test build that is killed at the point that is armed and begins again on the same data, port and settings. It is
 * one workerd with its objects on disk, and with the queues in its memory; no other process has a part of the engine.
 */
export class CrashEngine {
  /** Points at which it was killed, in their order. */
  readonly crashes: number[] = [];
  /** Calls that were sent again because no answer came. */
  repeats = 0;
  /** Whatever the engine has said that is no crash point. */
  readonly said: string[] = [];
  readonly stateDir: string;
  readonly #state: State;
  readonly #config: string;
  readonly #settings: Record<string, string>;
  #miniflare: Miniflare | null = null;
  #file: DevFile | null = null;
  #up = Promise.withResolvers<void>();
  #crashed = Promise.withResolvers<void>();

  private constructor(folder: string, config: string, settings: Record<string, string>) {
    this.stateDir = join(folder, "state");
    this.#state = new State(this.stateDir);
    this.#config = config;
    this.#settings = settings;
  }

  static async start(
    folder: string,
    { config }: Build,
    settings: Record<string, string> = {},
  ): Promise<CrashEngine> {
    const engine = new CrashEngine(folder, config, settings);
    await engine.#launch(0);
    return engine;
  }

  /** Its address and keys. */
  get file(): DevFile {
    if (this.#file === null) throw new Error("the engine has not been started");
    return this.#file;
  }

  /** The same as an engine that is killed from outside. */
  asMortal(): Mortal {
    const { url, keys } = this.file;
    const restart = async (): Promise<Mortal> => {
      await this.restart();
      return this.asMortal();
    };
    const { stateDir } = this;
    return { url, keys, stateDir, kill9: () => this.#kill(), restart, stop: () => this.stop() };
  }

  /** From now on it dies at this point, once. */
  async arm(n: number): Promise<void> {
    this.#crashed = Promise.withResolvers();
    // Something in the background may come to the point before this is answered.
    await this.#control("POST", `?arm=${n}`).catch(() => undefined);
  }

  async disarm(): Promise<void> {
    await this.#control("POST", "");
  }

  /** The points that its process has reached. */
  reached(): Promise<number[]> {
    return this.#control("GET", "");
  }

  /** Resolves once it has died at the armed point and is there again. */
  get crashed(): Promise<void> {
    return this.#crashed.promise;
  }

  /** Until it is answered: a connection that breaks and a 5xx are no answer, and are sent again as a client does. */
  async persist<Answer>(send: () => Promise<Answer>): Promise<Answer> {
    for (;;) {
      await this.#up.promise;
      try {
        return await send();
      } catch (error) {
        if (error instanceof Refused && error.answer.status < 500) throw error;
        this.repeats += 1;
        await delay(30);
      }
    }
  }

  /** Does what is due, which cron does in production. */
  async sweep(): Promise<void> {
    await this.persist(async () => {
      const cron = encodeURIComponent("* * * * *");
      const answer = await fetch(`${this.file.url}/cdn-cgi/local/scheduled?cron=${cron}`);
      await answer.text();
      if (!answer.ok) throw new Error(`the sweep answered ${answer.status}`);
    });
  }

  /** A cold start after a kill -9: nothing is remembered but what was written. */
  async restart(): Promise<void> {
    await this.#kill();
    await this.#launch(Number(new URL(this.file.url).port));
  }

  async stop(): Promise<void> {
    await this.#kill();
    this.#state.release();
    rmSync(join(this.stateDir, ".."), { recursive: true, force: true });
  }

  async #control(method: string, query: string): Promise<number[]> {
    const answer = await fetch(`${this.file.url}/crash-points${query}`, { method });
    return v.parse(v.array(v.number()), await answer.json());
  }

  /** Ends the process with SIGKILL, whatever it is at. */
  async #kill(): Promise<void> {
    this.#up = Promise.withResolvers();
    const miniflare = this.#miniflare;
    this.#miniflare = null;
    await miniflare?.dispose();
  }

  async #launch(port: number): Promise<void> {
    Object.assign(process.env, quiet);
    const miniflare: Miniflare = new Miniflare(
      await this.#options(port, (log) => this.#heard(miniflare, log)),
    );
    this.#miniflare = miniflare;
    const url = (await miniflare.ready).origin;
    this.#file = this.#state.devFile() ?? (await setUp(this.#state, url, starter));
    this.#file = { ...this.#file, url };
    this.#up.resolve();
  }

  async #options(
    port: number,
    handleStructuredLogs: (log: { message: string }) => void,
  ): Promise<ConstructorParameters<typeof Miniflare>[0]> {
    const { unstable_getMiniflareWorkerOptions } = await import("wrangler");
    const { workerOptions, main } = unstable_getMiniflareWorkerOptions(this.#config);
    // These are about files that wrangler would find by itself; here there is one.
    const { modulesRules: _, rootPath: __, ...rest } = workerOptions as Record<string, unknown>;
    const worker = {
      ...rest,
      name: "holdpoint",
      modules: true,
      scriptPath: main,
      modulesRoot: join(this.#config, ".."),
      bindings: {
        ...this.#settings,
        HOLDPOINT_SEAL_KEY: this.#state.sealKey(),
        HOLDPOINT_SETUP_TOKEN: this.#state.setupToken(),
        HOLDPOINT_LOCAL: "true",
      },
    };
    return convertV4MiniflareOptions({
      host: "127.0.0.1",
      port,
      cf: false,
      telemetry: { enabled: false },
      resourcePersistencePath: join(this.#state.storage, "v3"),
      // Where a killed process leaves things goes with the rest.
      resourceTmpPath: join(this.stateDir, "tmp"),
      unsafeTriggerHandlers: true,
      handleStructuredLogs,
      workers: [worker as never],
    });
  }

  #heard(miniflare: Miniflare, { message }: { message: string }): void {
    const point = /^crash point (\d+)/u.exec(message)?.[1];
    if (point === undefined) {
      this.said.push(message);
      return;
    }
    if (miniflare !== this.#miniflare) return;
    this.crashes.push(Number(point));
    const { resolve, reject } = this.#crashed;
    this.#crashed.promise.catch(() => undefined);
    this.restart().then(resolve, reject);
  }
}
