import { createHash } from "node:crypto";
import { closeSync, existsSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import type { Client } from "../../../client/index.ts";
import { decodeBase64, encodeBase64 } from "../../../core/base64.ts";
import { leafHash, verifyConsistency, type Sha256 } from "../../../core/evidence/merkle.ts";
import { parseCheckpoint, splitNote, type CheckpointLines } from "../../../core/evidence/note.ts";
import { append, emptyFrontier, rootAt } from "../../../core/evidence/tiles.ts";
import type { AccessView } from "../../../schemas/evidence-list.ts";
import { LedgerEntry, type Checkpoint } from "../../../schemas/ledger.ts";
import { CliError } from "../exit-code.ts";
import { linesIn } from "./files.ts";

/** The log's own lines in an export: fetched, counted, and held against the root that is signed. */

const sha256: Sha256 = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());
const page = 100;
const fileName = "ledger.jsonl";

/**
 * Fetches every line up to the checkpoint into `ledger.jsonl`, unless they are there already.
 * @throws CliError where one is missing, or where the lines do not come to the root that was signed
 */
export async function fetchLog(
  client: Client,
  folder: string,
  { size, root }: Checkpoint,
  done: (count: number) => void,
): Promise<void> {
  const path = join(folder, fileName);
  if (existsSync(path)) return;
  const file = openSync(`${path}.tmp`, "w", 0o600);
  let tree = emptyFrontier;
  try {
    while (tree.size < size) {
      const from = tree.size;
      const { items } = await client.evidence.lines({ from, size, limit: page });
      const gap = items.findIndex(({ index }, position) => index !== from + position);
      if (items.length === 0 || gap !== -1) {
        throw new CliError(
          `The log has no line ${from + Math.max(gap, 0)}, and its checkpoint says ${size} lines.`,
        );
      }
      writeSync(file, items.map(({ index, text }) => `${JSON.stringify({ index, text })}\n`).join(""));
      const leaves = items.map(({ text }) => leafHash(text, sha256));
      tree = append(tree, leaves, sha256).frontier;
      done(tree.size);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  const found = encodeBase64(rootAt(tree, sha256));
  if (found !== root) {
    throw new CliError(
      `The lines of the log come to the root ${found}, and its checkpoint is signed over ${root}.`,
    );
  }
  renameSync(`${path}.tmp`, path);
}

const Line = v.pipe(v.string(), v.parseJson(), v.object({ index: v.number(), text: v.string() }));

/** The reads of evidence in a time (epoch ms), as the exported lines tell them. */
export async function* accessesOf(folder: string, since: number, until: number): AsyncGenerator<AccessView> {
  for await (const text of linesIn(join(folder, fileName))) {
    const { index, text: inner } = v.parse(Line, text);
    const line = v.parse(LedgerEntry, JSON.parse(inner));
    if (line.kind !== "access" || line.at < since || line.at >= until) continue;
    const { by, route, action, asked, outcome, at } = line;
    yield { index, at: new Date(at).toISOString(), by, route, action, asked, outcome };
  }
}

/** A checkpoint that an auditor has kept, as it stands in a file. Whose signature it bears is for the verifier to say. */
export function parseKept(note: string, path: string): CheckpointLines {
  const split = splitNote(note);
  const lines = split.ok ? parseCheckpoint(split.value.text) : split;
  if (!lines.ok) throw new CliError(`${path} is no checkpoint: ${lines.error}.`);
  return lines.value;
}

function demandGrown(kept: CheckpointLines, { origin, size }: Checkpoint): void {
  if (kept.origin !== origin) {
    throw new CliError(
      `The checkpoint that was kept is of the log ${kept.origin}, and this one is ${origin}.`,
    );
  }
  if (kept.size > size) {
    const lost = `The log has ${size} lines, and had ${kept.size} when your checkpoint was signed: lines were taken away.`;
    throw new CliError(lost);
  }
}

/**
 * The proof that the log goes on from a checkpoint that was kept, as hashes in base64.
 * @throws CliError where it does not, or where it is another log
 */
export async function consistencyOf(
  client: Client,
  kept: CheckpointLines,
  checkpoint: Checkpoint,
): Promise<string[]> {
  demandGrown(kept, checkpoint);
  const { proof } = await client.ledger.consistency({ from: kept.size, to: checkpoint.size });
  demandConsistent(kept, checkpoint, proof);
  return proof;
}

function demandConsistent(kept: CheckpointLines, { size, root }: Checkpoint, proof: readonly string[]): void {
  const hashes = proof.map((hash) => decodeBase64(hash) ?? new Uint8Array());
  const now = decodeBase64(root) ?? new Uint8Array();
  if (verifyConsistency(kept.size, size, kept.root, now, hashes, sha256)) return;
  throw new CliError(
    "The log does not go on from the checkpoint that you kept: something in its first lines was changed since.",
  );
}
