import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import * as v from "valibot";
import { lockOf, StartError } from "./lock.ts";
import { endWorkerd, killWorkerd } from "./workerd.ts";

/** What the running engine says about itself, so that a second one can name it and a later one can clean up after it. */
const EngineFile = v.object({
  pid: v.number(),
  url: v.nullable(v.string()),
  workerd: v.array(v.number()),
});
type EngineFile = v.InferOutput<typeof EngineFile>;

/** What the engine that runs on a folder says about itself, or what one that was killed has left there; null where there is nothing. */
export const engineFileIn = (folder: string): EngineFile | null => read(folder, "engine.json", EngineFile);

/** What `npm start` leaves for the command line and for scripts: where the engine is and a key for each starter principal. */
export const DevFile = v.object({
  url: v.string(),
  workspace: v.string(),
  keys: v.record(v.string(), v.string()),
});
export type DevFile = v.InferOutput<typeof DevFile>;

export { StartError };

/** The state folder, held by this process alone until `release` or until the process is gone, however it went. */
export class State {
  readonly folder: string;
  readonly #lock: DatabaseSync;
  #engine: EngineFile = { pid: process.pid, url: null, workerd: [] };

  /**
   * Takes the folder, making it when it is not there.
   *
   * The lock is one of the operating system's, taken through SQLite: it ends with its process, so kill -9 leaves
   * nothing locked and no pid has to be guessed about.
   * @param flag the option that it was named by, for the messages
   * @throws StartError naming the other engine's pid and address, or why the folder cannot be used.
   */
  constructor(folder: string, flag = "--state") {
    this.folder = resolve(folder);
    const lock = lockOf(this.folder, flag);
    if (lock === null) throw new StartError(describeOther(this.folder, flag, engineFileIn(this.folder)));
    this.#lock = lock;
  }

  /** Where workerd keeps the objects. */
  get storage(): string {
    return join(this.folder, "storage");
  }

  /**
   * Ends every workerd an earlier engine left behind when it was killed: one that still has the storage open would
   * write to it beside the new one.
   */
  async endStrays(): Promise<void> {
    const left = await endWorkerd(engineFileIn(this.folder)?.workerd ?? []);
    if (left.length > 0) {
      throw new StartError(`A workerd left by an earlier engine does not end: kill -9 ${left.join(" ")}`);
    }
    this.#saveEngine();
  }

  /** Forgets everything but the lock: objects, keys, the set-up token. */
  reset(): void {
    for (const name of ["storage", "dev.json", "setup-token", "seal-key"]) {
      rmSync(join(this.folder, name), { recursive: true, force: true });
    }
  }

  /** The token that allows the first operator key to be minted. Made once and kept, so that set-up can be repeated. */
  setupToken(): string {
    const path = join(this.folder, "setup-token");
    if (!existsSync(path)) this.#write("setup-token", randomBytes(32).toString("base64url"));
    return readFileSync(path, "utf8").trim();
  }

  /** What secrets, and what actions hold, are sealed with in storage. Made once and kept beside it: without it nobody can open them. */
  sealKey(): string {
    const path = join(this.folder, "seal-key");
    if (!existsSync(path)) this.#write("seal-key", randomBytes(32).toString("base64"));
    return readFileSync(path, "utf8").trim();
  }

  get devFilePath(): string {
    return join(this.folder, "dev.json");
  }

  /** The keys of an earlier set-up, or null where there was none or its file cannot be understood. */
  devFile(): DevFile | null {
    return read(this.folder, "dev.json", DevFile);
  }

  saveDevFile(file: DevFile): void {
    this.#write("dev.json", `${JSON.stringify(file, null, 2)}\n`);
  }

  workerdStarted(pid: number): void {
    this.#engine.workerd.push(pid);
    this.#saveEngine();
  }

  workerdEnded(pid: number): void {
    this.#engine.workerd = this.#engine.workerd.filter((other) => other !== pid);
    this.#saveEngine();
  }

  serving(url: string): void {
    this.#engine.url = url;
    this.#saveEngine();
  }

  /** Ends what is left of this engine's workerd and lets the folder go. Synchronous, so that it can run on exit. */
  release(): void {
    this.#engine.workerd.forEach(killWorkerd);
    rmSync(join(this.folder, "engine.json"), { force: true });
    if (this.#lock.isOpen) this.#lock.close();
  }

  #saveEngine(): void {
    this.#write("engine.json", JSON.stringify(this.#engine));
  }

  /** Whole or not at all, and for the owner's eyes only. */
  #write(name: string, text: string): void {
    const path = join(this.folder, name);
    const draft = `${path}.new`;
    writeFileSync(draft, text, { mode: 0o600 });
    // The mode above is ignored where a draft was left over from a crash.
    chmodSync(draft, 0o600);
    renameSync(draft, path);
  }
}

function read<Schema extends v.GenericSchema>(
  folder: string,
  name: string,
  schema: Schema,
): v.InferOutput<Schema> | null {
  try {
    return v.parse(schema, JSON.parse(readFileSync(join(folder, name), "utf8")));
  } catch {
    return null;
  }
}

function describeOther(folder: string, flag: string, other: EngineFile | null): string {
  const who = other === null ? "Another engine" : `Another engine (process ${other.pid})`;
  const where = other?.url ? ` at ${other.url}` : "";
  return (
    `${who} is running on ${folder}${where}.\n` +
    `Use that one, stop it${other === null ? "" : ` (kill ${other.pid})`}, or start this one with ${flag} OTHER_FOLDER --port OTHER_PORT.`
  );
}
