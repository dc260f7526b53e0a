import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { dirname, join, resolve, sep } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { Command, InvalidArgumentError } from "commander";
import { progressOn } from "../progress.ts";
import { lockOf, StartError } from "../start/lock.ts";
import { engineFileIn } from "../start/state.ts";
import { isWorkerd } from "../start/workerd.ts";
import { hold } from "./hold.ts";
import { filesBelow, type Manifest, manifestName, measured, secretNames } from "./manifest.ts";
import { settle, Snapshot } from "./snapshot.ts";
import { stepsOn } from "./steps.ts";

type Options = { data: string; to: string; secrets: boolean; longestHold: number; json: boolean };

const options = new Command("npm run selfhost:backup --")
  .description(
    "Copies the data of a self-hosted engine, running or stopped, as of one moment. One that runs is held still for the time\n" +
      "that it takes to copy what has changed since the copying began; requests wait for so long and none is lost.",
  )
  .requiredOption("--data <folder>", "the engine's data folder")
  .requiredOption("--to <folder>", "the back-up, a folder that does not exist yet")
  .option(
    "--no-secrets",
    "leave out seal key, set-up token and starter keys; without the seal key it is of no use",
  )
  .option("--longest-hold <seconds>", "give up rather than hold the engine for longer", parseSeconds, 30)
  .option("--json", "print one line of JSON: folder, files, bytes, engine, heldMs, manifest", false)
  .addHelpText(
    "after",
    `
Every file is listed in manifest.json with its SHA-256. What is printed as \`manifest\` is the hash of that list: kept elsewhere and
given to \`npm run selfhost:restore\`, it shows that nothing in the back-up has been changed since.
Example:
  npm run selfhost:backup -- --data /var/lib/holdpoint --to /var/backups/holdpoint/$(date +%F)`,
  )
  .parse()
  .opts<Options>();

const draft = `${resolve(options.to)}.partial`;
const progress = progressOn({ isSilent: options.json });
const tell = stepsOn(progress);
try {
  const made = await backUp(resolve(options.data), resolve(options.to));
  progress.stop();
  console.log(options.json ? JSON.stringify(made) : sentence(made));
} catch (error) {
  progress.stop();
  rmSync(draft, { recursive: true, force: true });
  console.error(error instanceof StartError ? error.message : error);
  process.exitCode = 1;
}

type Made = Pick<Manifest, "engine" | "heldMs"> & {
  folder: string;
  files: number;
  bytes: number;
  manifest: string;
};

async function backUp(data: string, to: string): Promise<Made> {
  demandSense(data, to);
  mkdirSync(dirname(draft), { recursive: true });
  mkdirSync(draft, { mode: 0o700 });
  const lock = lockOf(data, "--data");
  let taken;
  try {
    taken = await copyAll(data, lock);
  } finally {
    lock?.close();
  }
  settle(join(draft, "storage"), (done, all) => tell("Checking each object", done, all));
  const files = [];
  const names = filesBelow(draft);
  for (const [index, path] of names.entries()) {
    files.push({ path, ...(await measured(join(draft, path))) });
    tell("Writing down what there is", index + 1, names.length);
  }
  const manifest: Manifest = { format: "holdpoint-backup/1", ...taken, secrets: options.secrets, files };
  const text = `${JSON.stringify(manifest, null, 1)}\n`;
  writeFileSync(join(draft, manifestName), text, { mode: 0o600 });
  // On disk before it has the name of a back-up.
  spawnSync("sync");
  renameSync(draft, to);
  return {
    folder: to,
    files: files.length,
    bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
    engine: taken.engine,
    heldMs: taken.heldMs,
    manifest: `sha256:${createHash("sha256").update(text).digest("hex")}`,
  };
}

/** @throws StartError where this cannot be a back-up of that. */
function demandSense(data: string, to: string): void {
  if (!existsSync(join(data, "storage"))) {
    throw new StartError(`${data} is no engine's data folder: there is no storage in it.`);
  }
  if (existsSync(to)) throw new StartError(`${to} exists already. Name a folder that does not.`);
  if (existsSync(draft)) {
    throw new StartError(
      `${draft} is left of a back-up that was killed, or another one is being made. Remove it.`,
    );
  }
  if (`${to}${sep}`.startsWith(`${data}${sep}`)) {
    throw new StartError("A back-up inside the data folder would be lost with it. Name a folder elsewhere.");
  }
}

/** All that there is, as of one moment. `lock` keeps a stopped engine from starting meanwhile; null where one runs. */
async function copyAll(
  data: string,
  lock: DatabaseSync | null,
): Promise<Pick<Manifest, "engine" | "heldMs" | "madeAt">> {
  // Also one whose Node was killed: it goes on writing.
  const running = workerdOf(data);
  if (lock === null && running.length === 0) {
    throw new StartError(`The engine of ${data} is just starting or ending. Try again in a moment.`);
  }
  const snapshot = new Snapshot(join(data, "storage"), join(draft, "storage"));
  snapshot.copy((done, all) => tell("Copying", done, all));
  if (running.length === 0) {
    copySecrets(data);
    return { engine: "stopped", heldMs: 0, madeAt: new Date().toISOString() };
  }
  progress.text = "Holding the engine for what has changed";
  const held = await hold(running);
  const since = performance.now();
  const heldMs = (): number => Math.round(performance.now() - since);
  try {
    const madeAt = new Date().toISOString();
    snapshot.copy(() => demandShort(heldMs()));
    copySecrets(data);
    if (!held.isHeld() || workerdOf(data).join() !== running.join()) {
      throw new StartError("The engine was started again while it was copied. Try again.");
    }
    return { engine: "running", heldMs: heldMs(), madeAt };
  } finally {
    held.release();
  }
}

function workerdOf(data: string): number[] {
  return (engineFileIn(data)?.workerd ?? []).filter(isWorkerd);
}

function demandShort(heldMs: number): void {
  if (heldMs <= options.longestHold * 1_000) return;
  throw new StartError(
    `The engine would be held for longer than ${options.longestHold} s, so nothing was backed up. ` +
      "Try when less is going on, allow more with --longest-hold, or stop it first.",
  );
}

function copySecrets(data: string): void {
  if (!options.secrets) return;
  for (const name of secretNames) {
    if (existsSync(join(data, name))) copyFileSync(join(data, name), join(draft, name));
  }
}

function sentence({ folder, files, bytes, engine, heldMs, manifest }: Made): string {
  const how = engine === "running" ? `the engine was held for ${heldMs} ms` : "the engine was stopped";
  const secrets = options.secrets
    ? "It holds the seal key: keep it where nobody else reads it."
    : "WITHOUT the seal key, which it cannot be used without: keep that elsewhere.";
  return `Backed up to ${folder}: ${files} files, ${(bytes / 1e6).toFixed(1)} MB; ${how}.\n${secrets}\nmanifest ${manifest}`;
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds >= 0.1 && seconds <= 3_600) return seconds;
  throw new InvalidArgumentError("Seconds are a number from 0.1 to 3600.");
}
