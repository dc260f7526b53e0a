import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { setUp } from "../start/setup.ts";
import { DevFile, State } from "../start/state.ts";
import { type Bundle, bundle, workerdBinary } from "../workerd/bundle.ts";
import { workerdConfig } from "../workerd/config.ts";
import { Driver } from "./driver.ts";
import { type Group, spawnGroup } from "./group.ts";

/** What is measured, and how it runs: as `npm start` runs it, or under plain `workerd serve` with objects on disk. */
export type Subject = "engine" | "floor";
export type Mode = "start" | "workerd";

const scripts = fileURLToPath(new URL("..", import.meta.url));
const configs = {
  engine: join(scripts, "..", "wrangler.toml"),
  floor: join(scripts, "bench", "floor.toml"),
} as const;

/**
 * Starts a server on empty data; the engine then has the starter policy and directory.
 * @param inspected plain workerd is to let a debugger in.
 */
export async function startServer(subject: Subject, mode: Mode, inspected = false): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), `holdpoint-bench-${subject}-`));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "storage"));
  const built = mode === "workerd" ? await bundle(configs[subject], join(folder, "bundle")) : null;
  const server = new Server(subject, folder, await freePort(), built, inspected ? await freePort() : null);
  await server.begin();
  return server;
}

export type Keys = Readonly<Record<"agentKey" | "reviewerKey" | "operatorKey", string>>;

/** One server with data of its own on a port of its own. */
export class Server {
  readonly subject: Subject;
  readonly url: string;
  /** Where its objects are on disk. */
  readonly storage: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #bundle: Bundle | null;
  /** The port of the inspector; null where nobody is let in. */
  readonly #inspector: number | null;
  #group: Group | null = null;
  #driver: Driver | null = null;
  #keys: Keys = { agentKey: "", reviewerKey: "", operatorKey: "" };

  /** `built`: what plain workerd is to serve; null to run as `npm start` runs it. */
  constructor(
    subject: Subject,
    folder: string,
    port: number,
    built: Bundle | null,
    inspector: number | null = null,
  ) {
    this.subject = subject;
    this.url = `http://127.0.0.1:${port}`;
    this.storage = join(folder, "storage");
    this.#folder = folder;
    this.#port = port;
    this.#bundle = built;
    this.#inspector = inspector;
  }

  /** The first start: waits until it is ready to be driven. */
  async begin(): Promise<void> {
    const group = this.launch();
    if (this.#bundle === null) await group.firstLine;
    await untilHealthy(this.url, group);
    this.#keys = await this.#made();
    this.#driver = new Driver({ url: this.url, ...this.#keys });
  }

  /** Those of the agent and of the reviewer that the driver is, and one of who changes the directory. */
  get keys(): Keys {
    return this.#keys;
  }

  /** Where a debugger finds the Worker of plain workerd, and the file that it runs. */
  get inspected(): { readonly url: string; readonly module: string } {
    if (this.#inspector === null || this.#bundle === null) throw new Error("the server lets no debugger in");
    return {
      url: `http://127.0.0.1:${this.#inspector}`,
      module: join(this.#folder, "bundle", this.#bundle.module),
    };
  }

  get driver(): Driver {
    if (this.#driver === null) throw new Error("the server has not been started");
    return this.#driver;
  }

  get group(): Group {
    if (this.#group === null) throw new Error("the server has not been started");
    return this.#group;
  }

  /** Starts the processes and does not wait for them. After `group.kill()` the same data and port are taken again. */
  launch(): Group {
    this.#group = this.#bundle === null ? this.#launchAsStart() : this.#launchWorkerd(this.#bundle);
    return this.#group;
  }

  async stop(): Promise<void> {
    await this.#group?.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #launchAsStart(): Group {
    const args =
      this.subject === "engine"
        ? [join(scripts, "start.ts"), "--json", "--port", String(this.#port), "--state", this.#folder]
        : [join(scripts, "bench", "serve.ts"), configs.floor, String(this.#port), this.storage];
    return spawnGroup(process.execPath, args, { channel: true });
  }

  #launchWorkerd(built: Bundle): Group {
    const token = this.#withState((state) => state.setupToken());
    const vars = { HOLDPOINT_LOCAL: "true", HOLDPOINT_SETUP_TOKEN: token };
    const config = join(this.#folder, "bundle", "workerd.capnp");
    writeFileSync(config, workerdConfig(built, this.storage, this.subject === "engine" ? vars : {}));
    const args = ["serve", config, "--socket-addr", `http=127.0.0.1:${this.#port}`];
    if (this.#inspector !== null) args.push(`--inspector-addr=127.0.0.1:${this.#inspector}`);
    return spawnGroup(workerdBinary(), args, { channel: false });
  }

  /** The floor takes any. `npm start` has made the engine's and left them in the state folder; plain workerd has not. */
  async #made(): Promise<Keys> {
    if (this.subject === "floor") return { agentKey: "agent", reviewerKey: "reviewer", operatorKey: "" };
    const made =
      this.#bundle === null
        ? v.parse(DevFile, JSON.parse(readFileSync(join(this.#folder, "dev.json"), "utf8")))
        : await this.#withState((state) => setUp(state, this.url, join(scripts, "starter")));
    const key = (name: string): string => made.keys[name] ?? "";
    return {
      agentKey: key("agent:demo"),
      reviewerKey: key("person:bob"),
      operatorKey: key("person:omar"),
    };
  }

  #withState<Made>(work: (state: State) => Made): Made {
    const state = new State(this.#folder);
    try {
      return work(state);
    } finally {
      state.release();
    }
  }
}

/** How long a server may take to answer; a busy machine starts one in a few seconds. */
const readyMs = 60_000;

/** Asks until it answers well. @returns the time (`performance.now()`) at which it did. */
export async function untilHealthy(url: string, group: Group): Promise<number> {
  const until = performance.now() + readyMs;
  while (performance.now() < until && !group.ended()) {
    try {
      const answer = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5_000) });
      await answer.text();
      if (answer.ok) return performance.now();
    } catch {
      // Not yet.
    }
    await delay(10);
  }
  throw new Error(`${url} does not answer:\n${group.errors()}`);
}

export async function freePort(): Promise<number> {
  const server = createServer();
  return await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === "object" && address !== null) resolve(address.port);
        else reject(new Error("no port"));
      });
    });
  });
}
