import { createHash } from "node:crypto";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { spawnSync } from "node:child_process";
import { Command } from "commander";
import * as v from "valibot";
import { progressOn } from "../progress.ts";
import { StartError } from "../start/lock.ts";
import { filesBelow, Manifest, manifestName, measured, restoringName, secretNames } from "./manifest.ts";
import { stepsOn } from "./steps.ts";

type Options = { from: string; data: string; manifest?: string; json: boolean };

const options = new Command("npm run selfhost:restore --")
  .description(
    "Puts a back-up into an empty data folder, after every file of it has been found to be what was backed up.",
  )
  .requiredOption("--from <folder>", "the back-up")
  .requiredOption("--data <folder>", "the data folder to be: empty, or not there yet")
  .option("--manifest <hash>", "sha256:…, as the back-up printed it: refuse any other back-up")
  .option("--json", "print one line of JSON: data, files, bytes, madeAt, secrets", false)
  .addHelpText(
    "after",
    `
What happened after the back-up is gone; whatever was due meanwhile is due at once when the engine starts. As root, the files are given
to the owner of the data folder.
Example:
  npm run selfhost:restore -- --from /var/backups/holdpoint/2026-01-31 --data /var/lib/holdpoint`,
  )
  .parse()
  .opts<Options>();

const progress = progressOn({ isSilent: options.json });
const tell = stepsOn(progress);
try {
  const from = resolve(options.from);
  const data = resolve(options.data);
  const manifest = readManifest(from);
  demandEmpty(data);
  await demandWhole(from, manifest);
  await putBack(from, data, manifest);
  progress.stop();
  const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
  const { madeAt, secrets } = manifest;
  const made = { data, files: manifest.files.length, bytes, madeAt, secrets };
  const told = `Restored to ${data}: ${made.files} files, ${(bytes / 1e6).toFixed(1)} MB, as of ${madeAt}.`;
  const key = secrets
    ? ""
    : "\nIt needs the seal key of then, in HOLDPOINT_SEAL_KEY or in the file seal-key.";
  console.log(
    options.json ? JSON.stringify(made) : `${told}${key}\nStart it: npm run selfhost -- --data ${data}`,
  );
} catch (error) {
  progress.stop();
  console.error(error instanceof StartError ? error.message : error);
  process.exitCode = 1;
}

function readManifest(from: string): Manifest {
  let text: string;
  try {
    text = readFileSync(join(from, manifestName), "utf8");
  } catch {
    throw new StartError(`${from} is no back-up: there is no ${manifestName} in it that can be read.`);
  }
  const hash = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  if (options.manifest !== undefined && options.manifest !== hash) {
    throw new StartError(`This is another back-up, or it was changed: its manifest is ${hash}.`);
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Manifest), text);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new StartError(
    `${manifestName} cannot be understood: ${v.getDotPath(issue) ?? "all of it"}: ${issue.message}`,
  );
}

/** @throws StartError unless the target is not there yet, or a folder with nothing in it. */
function demandEmpty(data: string): void {
  const stat = statSync(data, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (stat.isDirectory() && readdirSync(data).length === 0) return;
  throw new StartError(
    `${data} is not empty. A restore never writes over data: name a new folder, or move this one away.`,
  );
}

/** Every file is there, none besides, and each as it was. Nothing is written before all of them have been looked at. */
async function demandWhole(from: string, { files }: Manifest): Promise<void> {
  const expected = new Set([manifestName, ...files.map(({ path }) => path)]);
  const surplus = filesBelow(from).filter((path) => !expected.has(path));
  const faults = surplus.map((path) => `${path} is not of the back-up`);
  for (const [index, file] of files.entries()) {
    const fault = await faultOf(join(from, file.path), file);
    if (fault !== null) faults.push(`${file.path} ${fault}`);
    tell("Checking", index + 1, files.length);
  }
  if (faults.length === 0) return;
  const shown = faults.slice(0, 10).join("\n  ");
  const more = faults.length > 10 ? `\n  and ${faults.length - 10} more` : "";
  throw new StartError(`The back-up is not what was backed up; nothing was restored:\n  ${shown}${more}`);
}

async function faultOf(path: string, file: Manifest["files"][number]): Promise<string | null> {
  if (!existsSync(path)) return "is missing";
  const { bytes, sha256 } = await measured(path);
  if (bytes !== file.bytes) return `has ${bytes} bytes instead of ${file.bytes}`;
  return sha256 === file.sha256 ? null : "has other content";
}

/** A mark stands in the folder until all of it is on disk, so that an engine does not start on a part of it. */
async function putBack(from: string, data: string, { files }: Manifest): Promise<void> {
  const owner = statSync(data, { throwIfNoEntry: false });
  mkdirSync(data, { recursive: true, mode: 0o700 });
  const mark = join(data, restoringName);
  writeFileSync(mark, `from ${from}\n`);
  for (const [index, file] of files.entries()) {
    const to = join(data, file.path);
    mkdirSync(dirname(to), { recursive: true, mode: 0o700 });
    copyFileSync(join(from, file.path), to);
    if ((await faultOf(to, file)) !== null) {
      throw new StartError(`${to} did not come to be what it should. ${data} is of no use: remove it.`);
    }
    tell("Restoring", index + 1, files.length);
  }
  for (const name of secretNames) if (existsSync(join(data, name))) chmodSync(join(data, name), 0o600);
  if (owner !== undefined && process.getuid?.() === 0) giveTo(data, owner);
  spawnSync("sync");
  rmSync(mark);
}

/** To whoever the folder belongs to, as a restore by root would else leave what the engine's own user cannot open. */
function giveTo(data: string, { uid, gid }: { uid: number; gid: number }): void {
  for (const entry of readdirSync(data, { withFileTypes: true, recursive: true })) {
    chownSync(join(entry.parentPath, entry.name), uid, gid);
  }
}
