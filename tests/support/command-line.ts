import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DevFile } from "../../scripts/start/state.ts";

const main = fileURLToPath(new URL("../../scripts/holdpoint/main.ts", import.meta.url));
/** Through this a command runs as `npx holdpoint` starts it. */
export const launcher = fileURLToPath(new URL("../../scripts/holdpoint.mjs", import.meta.url));

export type Ended = { code: number | null; stdout: string; stderr: string };

/** A command line that was started and may still run. */
export type Started = {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The action that it said it asked for. */
  readonly action: () => Promise<string>;
  /** Resolves when its stderr holds `text`. */
  readonly says: (text: string) => Promise<void>;
  readonly ended: Promise<Ended>;
};

/** Somebody's terminal: a folder with a dev.json, and the commands typed in it. */
export class CommandLine {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "holdpoint-cli-")));
  readonly #running = new Set<ChildProcess>();

  constructor({ url, workspace, keys }: DevFile) {
    mkdirSync(join(this.folder, ".holdpoint"), { mode: 0o700 });
    const file: DevFile = { url, workspace, keys };
    writeFileSync(join(this.folder, ".holdpoint", "dev.json"), JSON.stringify(file), { mode: 0o600 });
  }

  /** Starts `holdpoint …` without waiting for its end. */
  start(
    args: readonly string[],
    options: { env?: Record<string, string>; entry?: string; stdin?: string } = {},
  ): Started {
    const { HOLDPOINT_URL: _url, HOLDPOINT_KEY: _key, ...env } = process.env;
    const child = spawn(process.execPath, [options.entry ?? main, ...args], {
      cwd: this.folder,
      env: { ...env, ...options.env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#running.add(child);
    child.stdin.on("error", () => undefined).end(options.stdin ?? "");
    let stdout = "";
    let stderr = "";
    const listeners = new Set<() => void>();
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      for (const listener of listeners) listener();
    });
    const ended = new Promise<Ended>((resolve) => {
      child.on("close", (code) => {
        this.#running.delete(child);
        for (const listener of listeners) listener();
        resolve({ code, stdout, stderr });
      });
    });
    const until = (find: (text: string) => string | undefined): Promise<string> =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          const found = find(stderr);
          const over = child.exitCode !== null || child.signalCode !== null;
          if (found !== undefined) resolve(found);
          else if (over) reject(new Error(`it ended without saying what was waited for: ${stderr}`));
          if (found !== undefined || over) listeners.delete(look);
        };
        listeners.add(look);
        look();
      });
    return {
      child,
      stdout: () => stdout,
      stderr: () => stderr,
      action: () => until((text) => /act_[A-Za-z0-9_-]{22}/u.exec(text)?.[0]),
      says: async (text) => void (await until((said) => (said.includes(text) ? text : undefined))),
      ended,
    };
  }

  /** Runs `holdpoint …` to its end. */
  run(...args: string[]): Promise<Ended> {
    return this.start(args).ended;
  }

  /** The parsed document of `holdpoint … --json`. */
  async json<Answer = Record<string, unknown>>(...args: string[]): Promise<Answer> {
    const { stdout, stderr } = await this.run(...args, "--json");
    try {
      return JSON.parse(stdout) as Answer;
    } catch {
      throw new Error(`no JSON document: ${stdout}\n${stderr}`);
    }
  }

  /** Ends what still runs and removes the folder. */
  close(): void {
    for (const child of this.#running) child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}
