import { readdirSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { countedAs } from "../../core/evidence/figures.ts";
import { parseLine } from "../../schemas/ledger.ts";
import { PurgeState } from "../../schemas/purge.ts";
import { fromDatabase } from "./disk.ts";
import { forksIn, gapsIn } from "./evidence-record.ts";

/** The log of one workspace as it lies on disk, read past the engine. */
export type DiskLedger = {
  readonly workspace: string;
  readonly lines: readonly string[];
  readonly checkpoints: readonly { readonly size: number; readonly root: string }[];
  /** Its rows of the actions: their numbers, what it knows of them beside hashes, and the index of the line that opened each. */
  readonly actions: readonly {
    readonly number: number;
    readonly action: string;
    readonly type: string;
    readonly opened: number;
  }[];
  /** How many lines of each kind it takes itself to have, and how many of them are signed. */
  readonly head: { readonly counts: Readonly<Record<string, number>>; readonly signed: number };
  readonly purge: PurgeState | null;
};

const Line = v.object({
  first: v.number(),
  next: v.number(),
  texts: v.pipe(v.string(), v.parseJson(), v.array(v.string())),
});
const Signed = v.object({ size: v.number(), root: v.string() });
const Row = v.object({
  number: v.number(),
  action: v.string(),
  type: v.string(),
  marks: v.pipe(v.string(), v.parseJson(), v.object({ opened: v.number() })),
});
const Head = v.object({
  body: v.pipe(
    v.string(),
    v.parseJson(),
    v.object({ counts: v.record(v.string(), v.number()), signed: v.number() }),
  ),
});
const Purge = v.object({ body: v.pipe(v.string(), v.parseJson(), PurgeState) });

/** Every log that an engine keeps, by workspace; beside a running engine, or after a kill. */
export function ledgersOnDisk(stateDir: string): Map<string, DiskLedger> {
  const folder = join(stateDir, "storage", "v3", "do", "holdpoint-Ledger");
  const names = readdirSync(folder).filter(
    (name) => name.endsWith(".sqlite") && !name.startsWith("metadata"),
  );
  const found = names.flatMap((name) => read(join(folder, name)) ?? []);
  return new Map(found.map((ledger) => [ledger.workspace, ledger]));
}

function read(path: string): DiskLedger | null {
  return fromDatabase(path, (database) => {
    database.exec("BEGIN");
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE name = 'lines'").all();
    if (tables.length === 0) return null;
    const all = <Parsed>(row: v.GenericSchema<unknown, Parsed>, query: string): Parsed[] =>
      v.parse(v.array(row), database.prepare(query).all());
    const lines = all(Line, "SELECT first, next, texts FROM lines ORDER BY first").flatMap(
      ({ texts }) => texts,
    );
    const [first] = lines;
    const [head] = all(Head, "SELECT body FROM head");
    if (first === undefined || head === undefined) return null;
    return {
      workspace: parseLine(first).workspace,
      lines,
      checkpoints: all(Signed, "SELECT size, root FROM checkpoints ORDER BY size"),
      actions: all(Row, "SELECT number, action, type, marks FROM actions ORDER BY number").map(
        ({ marks, ...row }) => ({ ...row, opened: marks.opened }),
      ),
      head: head.body,
      purge: all(Purge, "SELECT body FROM purge").at(0)?.body ?? null,
    };
  });
}

/**
 * A log whose parts do not fit each other: half of a write was kept. With its gaps, and the forks of what it has signed; only of
 * checkpoints of more than `since` lines, where those before were looked at.
 */
export function tornLedger({ lines, checkpoints, actions, head }: DiskLedger, since = 0): string[] {
  const entries = lines.map(parseLine);
  const counts: Record<string, number> = {};
  for (const name of entries.flatMap(countedAs)) counts[name] = (counts[name] ?? 0) + 1;
  const opened = entries.flatMap((line, index) =>
    line.kind === "opened" ? [`${line.number} ${line.action} ${index}`] : [],
  );
  const rows = actions.map((row) => `${row.number} ${row.action} ${row.opened}`);
  return [
    ...gapsIn(lines),
    ...forksIn(
      lines,
      checkpoints.filter(({ size }) => size > since),
    ),
    ...(sorted(counts) === sorted(head.counts) ? [] : ["torn: the log counts its lines otherwise"]),
    ...(opened.join() === rows.join() ? [] : ["torn: the rows of the actions are not those of its lines"]),
    ...(head.signed === (checkpoints.at(-1)?.size ?? 0)
      ? []
      : ["torn: it takes another checkpoint for its last"]),
  ];
}

const sorted = (counts: Readonly<Record<string, number>>): string =>
  JSON.stringify(Object.entries(counts).toSorted(([one], [other]) => (one < other ? -1 : 1)));

/** Lines that somebody has seen, or that were there before, and are not there now. */
export function lostLines(before: readonly string[], now: readonly string[]): string[] {
  const at = before.findIndex((line, index) => now[index] !== line);
  return at === -1 ? [] : [`fork: line ${at} was there, and is not any more`];
}
