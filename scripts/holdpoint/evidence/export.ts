import { appendFileSync, closeSync, fsyncSync, openSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Client, EvidenceItem } from "../../../client/index.ts";
import { splitNote, type CheckpointLines } from "../../../core/evidence/note.ts";
import type { Checkpoint, LogKey } from "../../../schemas/ledger.ts";
import { csvRow } from "../render/csv.ts";
import {
  accessHead,
  accessRow,
  actionSection,
  pageHead,
  pageTail,
  type Cover,
} from "../render/evidence-page.ts";
import { accountOf } from "./account.ts";
import { begin, fetchBundles, readBundle, type Progress, type Question } from "./download.ts";
import { writeFigures } from "./figures.ts";
import { doneMark, moveInto, progressMark, sumsOf, writeWhole } from "./files.ts";
import { accessesOf, consistencyOf, fetchLog } from "./log.ts";
import { readmeText } from "./readme.ts";
import { accessTable, headingsOf, rowsOf, tableNames } from "./tables.ts";

/** The second half of an export: what was fetched, as an auditor can read it, and the folder in its place. */

export type Asked = {
  readonly folder: string;
  /** What was typed: the same again goes on with an export that was not finished. */
  readonly typed: string;
  readonly question: Question;
  /** A checkpoint that was kept, and its note as it stands in the file. */
  readonly kept: { readonly lines: CheckpointLines; readonly note: string } | null;
};

/** What `summary.json` says. */
export type Summary = {
  readonly format: "holdpoint-export/1";
  readonly exportedAt: string;
  readonly workspace: string;
  readonly question: Question;
  readonly actions: number;
  readonly events: number;
  readonly votes: number;
  readonly accesses: number;
  /** Actions of which the log holds a contradiction. */
  readonly contradictions: readonly string[];
  readonly checkpoint: Pick<Checkpoint, "origin" | "size" | "root">;
  readonly consistentSince: number | null;
  /** SHA-256 of every other file. */
  readonly files: Readonly<Record<string, string>>;
};

/** Told while it goes on. */
export type Told = (what: "actions" | "lines" | "pages", count: number, of: number) => void;

/**
 * Exports evidence into `folder`, by way of `folder.partial`, which is there only until everything is in it.
 * @throws CliError, HoldpointError
 */
export async function exportEvidence(client: Client, asked: Asked, told: Told): Promise<Summary> {
  const partial = `${asked.folder}.partial`;
  const progress = await begin(client, partial, asked.typed, asked.question);
  const { items, checkpoint } = progress;
  const proof = asked.kept === null ? null : await consistencyOf(client, asked.kept.lines, checkpoint);
  await fetchBundles(client, partial, progress, (count) => told("actions", count, items.length));
  await fetchLog(client, partial, checkpoint, (count) => told("lines", count, checkpoint.size));
  const rendered = await render(client, partial, progress, told);
  if (asked.kept !== null && proof !== null) writeKept(partial, checkpoint, asked.kept, proof);
  const summary: Summary = { ...rendered, files: sumsOf(partial, [progressMark, doneMark]) };
  writeWhole(join(partial, doneMark), `${JSON.stringify(summary, null, 2)}\n`);
  moveInto(partial, asked.folder);
  // Only now: cut off before this, it is still known for what it is, and gone on with.
  rmSync(join(asked.folder, progressMark));
  return summary;
}

async function render(
  client: Client,
  folder: string,
  { items, checkpoint, question }: Progress,
  told: Told,
): Promise<Omit<Summary, "files">> {
  const exportedAt = new Date(checkpoint.at).toISOString();
  const { workspace } = await client.whoami();
  const { origin, size, root } = checkpoint;
  const { since, until, type } = question;
  const cover: Cover = {
    workspace,
    exportedAt,
    since,
    until,
    type,
    actions: items.length,
    origin,
    size,
    root,
  };
  const counts = await writeReadable(folder, items, cover, told);
  writeCheckpoint(folder, checkpoint, (await client.ledger.status()).keys);
  const figures = await writeFigures(client, folder);
  writeWhole(join(folder, "README.txt"), readmeText(cover, { kept: question.kept !== null, figures }));
  return {
    format: "holdpoint-export/1",
    exportedAt,
    workspace,
    question,
    actions: items.length,
    ...counts,
    checkpoint: { origin, size, root },
    consistentSince: question.kept,
  };
}

type Counts = Pick<Summary, "events" | "votes" | "accesses" | "contradictions">;

/** The page and the tables. One bundle at a time is in memory, however many there are. */
async function writeReadable(
  folder: string,
  items: readonly EvidenceItem[],
  cover: Cover,
  told: Told,
): Promise<Counts> {
  const page = new Growing(join(folder, "index.html"), pageHead(cover));
  const files = tableNames.map((name) => ({ name, file: new Growing(join(folder, name), headingsOf(name)) }));
  const counts = { events: 0, votes: 0, accesses: 0 };
  const contradictions: string[] = [];
  for (const [index, item] of items.entries()) {
    const account = accountOf(readBundle(folder, item));
    page.add(actionSection(account));
    for (const { name, file } of files) file.add(rowsOf(name, account));
    counts.events += account.steps.length;
    counts.votes += account.votes.length;
    if (account.lines.conflicts.length > 0) contradictions.push(item.action);
    told("pages", index + 1, items.length);
  }
  const accesses = new Growing(join(folder, "access.csv"), csvRow(accessTable.headings));
  page.add(accessHead);
  const from = cover.since === null ? 0 : Date.parse(cover.since);
  const to = cover.until === null ? Infinity : Date.parse(cover.until);
  for await (const access of accessesOf(folder, from, to)) {
    accesses.add(accessTable.row(access));
    page.add(accessRow(access));
    counts.accesses += 1;
  }
  page.add(pageTail);
  for (const { file } of [...files, { file: page }, { file: accesses }]) file.close();
  return { ...counts, contradictions };
}

/** A file that grows, begun anew. */
class Growing {
  readonly #file: number;

  constructor(path: string, head: string) {
    this.#file = openSync(path, "w", 0o600);
    this.add(head);
  }

  add(text: string): void {
    appendFileSync(this.#file, text);
  }

  close(): void {
    fsyncSync(this.#file);
    closeSync(this.#file);
  }
}

/** The checkpoint in the forms that other people's tools take. */
function writeCheckpoint(folder: string, { origin, note, ssh }: Checkpoint, keys: readonly LogKey[]): void {
  const write = (name: string, text: string): void => writeWhole(join(folder, name), text);
  const split = splitNote(note);
  write("checkpoint", note);
  write("checkpoint.txt", split.ok ? split.value.text : "");
  for (const [index, signature] of ssh.entries()) {
    write(index === 0 ? "checkpoint.sig" : `checkpoint.${index + 1}.sig`, signature);
  }
  const signers = keys.map((key) => `${origin} namespaces="holdpoint-checkpoint" ${key.ssh}\n`);
  write("allowed_signers", signers.join(""));
  write("log.vkey", keys.map(({ vkey }) => `${vkey}\n`).join(""));
}

/** The kept checkpoint, and the proof that leads from it to this one. */
function writeKept(
  folder: string,
  { size }: Checkpoint,
  kept: NonNullable<Asked["kept"]>,
  proof: readonly string[],
): void {
  const since = kept.lines.size;
  writeWhole(join(folder, "kept-checkpoint"), kept.note);
  writeWhole(join(folder, "consistency.json"), `${JSON.stringify({ since, size, proof })}\n`);
}
