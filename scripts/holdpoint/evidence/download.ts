import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { Client, EvidenceItem } from "../../../client/index.ts";
import { Bundle } from "../../../schemas/bundle.ts";
import { EvidenceItem as Item } from "../../../schemas/evidence-list.ts";
import { Checkpoint } from "../../../schemas/ledger.ts";
import { CliError, exitCodes } from "../exit-code.ts";
import { progressMark, writeWhole } from "./files.ts";

/** The first half of an export: everything is fetched into a folder that nobody takes for a whole one, and can be gone on with. */

/** What is asked for. `since` and `until` are RFC 3339. */
export type Question = {
  readonly since: string | null;
  readonly until: string | null;
  readonly type: string | null;
  /** The size of a checkpoint that was kept. */
  readonly kept: number | null;
};

/** What an unfinished export has to remember: what was asked, as it was typed, and what that came to when it began. */
const Progress = v.object({
  format: v.literal("holdpoint-export/1"),
  typed: v.string(),
  question: v.object({
    since: v.nullable(v.string()),
    until: v.nullable(v.string()),
    type: v.nullable(v.string()),
    kept: v.nullable(v.number()),
  }),
  checkpoint: Checkpoint,
  items: v.array(Item),
});
export type Progress = v.InferOutput<typeof Progress>;

/** As many bundles are asked for at once. */
const atOnce = 4;
const page = 100;

/**
 * The export that was begun in `folder`, or a new one. `typed` says what somebody asked for, as they typed it: the same words go
 * on with the same checkpoint, other words begin anew. @throws CliError where the folder is somebody else's.
 */
export async function begin(
  client: Client,
  folder: string,
  typed: string,
  question: Question,
): Promise<Progress> {
  const path = join(folder, progressMark);
  const begun = existsSync(path) ? v.safeParse(Progress, JSON.parse(readFileSync(path, "utf8"))) : null;
  if (begun?.success === true && begun.output.typed === typed) return begun.output;
  // One that was killed before it had its mark holds at most the beginnings of that.
  const strange = existsSync(folder) && readdirSync(folder).some((name) => name !== `${progressMark}.tmp`);
  if (strange && begun?.success !== true) {
    const detail = `${folder} is in the way and no unfinished export: move it, or name another folder.`;
    throw new CliError(detail, exitCodes.usage);
  }
  const { items, checkpoint } = await listAll(client, question);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const progress: Progress = { format: "holdpoint-export/1", typed, question, checkpoint, items };
  writeWhole(path, JSON.stringify(progress));
  return progress;
}

/** Every action that was asked for, and the checkpoint that was signed after the last of them had been seen. */
async function listAll(
  client: Client,
  { since, until, type }: Question,
): Promise<Pick<Progress, "items" | "checkpoint">> {
  const items: EvidenceItem[] = [];
  let after = 0;
  for (;;) {
    const found = await client.evidence.list({
      ...(since !== null && { since }),
      ...(until !== null && { until }),
      ...(type !== null && { type }),
      after,
      limit: page,
    });
    items.push(...found.items);
    if (found.nextAfter === null) return { items, checkpoint: found.checkpoint };
    after = found.nextAfter;
  }
}

export const bundlePath = (folder: string, { number, action }: EvidenceItem): string =>
  join(folder, "bundles", `${number}-${action}.json`);

/** Fetches every bundle that is not there yet, all proven in one checkpoint. `done` hears how many are there. */
export async function fetchBundles(
  client: Client,
  folder: string,
  { items, checkpoint, question }: Progress,
  done: (count: number) => void,
): Promise<void> {
  mkdirSync(join(folder, "bundles"), { recursive: true, mode: 0o700 });
  const missing = items.filter((item) => !existsSync(bundlePath(folder, item)));
  let count = items.length - missing.length;
  const options = {
    at: checkpoint.size,
    ...(question.kept !== null && question.kept > 0 && { since: question.kept }),
  };
  const worker = async (): Promise<void> => {
    for (let item = missing.shift(); item !== undefined; item = missing.shift()) {
      const bundle = await client.evidence.bundle(item.action, options);
      if (!v.is(Bundle, bundle) || bundle.action !== item.action || bundle.number !== item.number) {
        missing.length = 0;
        throw new CliError(`What the engine answered for ${item.action} is no bundle of it.`);
      }
      writeWhole(bundlePath(folder, item), `${JSON.stringify(bundle)}\n`);
      count += 1;
      done(count);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** One bundle from the folder. */
export function readBundle(folder: string, item: EvidenceItem): Bundle {
  return v.parse(Bundle, JSON.parse(readFileSync(bundlePath(folder, item), "utf8")));
}
