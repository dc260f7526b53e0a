import type { LedgerEntry } from "../../schemas/ledger.ts";
import { sameBytes } from "../bytes.ts";
import { leafHash } from "./merkle.ts";
import type { CheckpointLines } from "./note.ts";
import { append, emptyFrontier, rootAt, tileWidth, type Frontier } from "./tiles.ts";
import type { Report, Tools } from "./verify-finding.ts";
import { readLine, type ProvenLine } from "./verify-lines.ts";
import { clip, type ReadBundle } from "./verify-read.ts";

/** The lines of a whole log, as an export has them: read once, one after the other. */

type LineKind = "sealed" | "erased" | "conflict";
/** What the log says of one action, by index. */
export type Heard = {
  readonly number: number;
  readonly action: string;
  /** Epoch ms at which the log first saw it. */
  readonly at: number;
  readonly opened: number;
  readonly lines: Record<LineKind, number[]>;
};

export type LogFacts = {
  readonly workspace: string | null;
  readonly size: number;
  /** The roots that it had at the sizes that were asked for. */
  readonly roots: ReadonlyMap<number, Uint8Array>;
  /** The name and the key that its first line gives; null where that is not there. */
  readonly origin: string | null;
  readonly key: string | null;
  readonly keyed: readonly ProvenLine<"key">[];
  /** By number: the first is 1. */
  readonly actions: readonly Heard[];
};

/** Reads a log and holds its lines against each other. `wanted`: sizes to give the root of. */
export function readLog(
  lines: Iterable<string>,
  wanted: ReadonlySet<number>,
  tools: Tools,
  report: Report,
): LogFacts {
  const reader = new Reader(wanted, tools, report);
  for (const text of lines) reader.take(text);
  return reader.done();
}

const maxFaults = 20;

class Reader {
  readonly #wanted: ReadonlySet<number>;
  readonly #tools: Tools;
  readonly #report: Report;
  #tree: Frontier = emptyFrontier;
  #leaves: Uint8Array[] = [];
  #size = 0;
  #at = 0;
  #faults = 0;
  #workspace: string | null = null;
  #first: Extract<LedgerEntry, { kind: "log" }> | null = null;
  readonly #roots = new Map<number, Uint8Array>();
  readonly #keyed: ProvenLine<"key">[] = [];
  readonly #actions: Heard[] = [];
  readonly #names = new Set<string>();

  constructor(wanted: ReadonlySet<number>, tools: Tools, report: Report) {
    this.#wanted = wanted;
    this.#tools = tools;
    this.#report = report;
    this.#note();
  }

  take(text: string): void {
    const index = this.#size;
    this.#leaves.push(leafHash(text, this.#tools.sha256));
    this.#size += 1;
    if (this.#leaves.length === tileWidth) this.#grow();
    this.#note();
    const read = readLine(text);
    if (!read.ok) return this.#fault(index, `cannot be read: ${clip(read.error)}`);
    const line = read.value;
    this.#workspace ??= line.workspace;
    if (line.workspace !== this.#workspace) this.#fault(index, "is of another workspace");
    if (line.at < this.#at) this.#fault(index, "is earlier than the one before it");
    this.#at = line.at;
    this.#put(line, index);
  }

  #put(line: LedgerEntry, index: number): void {
    if ((line.kind === "log") !== (index === 0)) {
      this.#fault(index, "is not where the log gets its name, or should be");
    }
    switch (line.kind) {
      case "log":
        this.#first ??= line;
        return;
      case "key":
        this.#keyed.push({ index, line });
        return;
      case "opened": {
        const { number, action, at } = line;
        if (number !== this.#actions.length + 1) {
          this.#report.failed(
            "gaps",
            `Line ${index} opens number ${number}, and ${this.#actions.length + 1} comes next.`,
          );
        }
        if (this.#names.has(action)) this.#fault(index, "opens an action that has a number already");
        this.#names.add(action);
        this.#actions.push({
          number,
          action,
          at,
          opened: index,
          lines: { sealed: [], erased: [], conflict: [] },
        });
        return;
      }
      case "sealed":
      case "erased":
      case "conflict": {
        const heard = this.#actions[line.number - 1];
        if (heard === undefined || heard.action !== line.action) {
          this.#fault(index, "is of an action that has no such number");
        } else heard.lines[line.kind].push(index);
        return;
      }
      case "access":
      case "held":
      case "released":
      case "purging":
        return;
    }
  }

  done(): LogFacts {
    this.#grow();
    return {
      workspace: this.#workspace,
      size: this.#size,
      roots: this.#roots,
      origin: this.#first?.origin ?? null,
      key: this.#first?.key ?? null,
      keyed: this.#keyed,
      actions: this.#actions,
    };
  }

  #note(): void {
    if (!this.#wanted.has(this.#size)) return;
    this.#grow();
    this.#roots.set(this.#size, rootAt(this.#tree, this.#tools.sha256));
  }

  #grow(): void {
    if (this.#leaves.length === 0) return;
    this.#tree = append(this.#tree, this.#leaves, this.#tools.sha256).frontier;
    this.#leaves = [];
  }

  #fault(index: number, what: string): void {
    this.#faults += 1;
    // What is wrong with one line is mostly wrong with all.
    if (this.#faults > maxFaults) return;
    this.#report.failed("lines", `Line ${index} of the log ${what}.`);
  }
}

/** Whether a bundle leaves nothing out that the log says of its action, nor has another log than the export's. */
export function checkHeard(
  { bundle }: ReadBundle,
  tree: CheckpointLines,
  facts: LogFacts,
  report: Report,
): void {
  const { log, number, action, workspace } = bundle;
  const root = facts.roots.get(tree.size);
  if (root === undefined || !sameBytes(root, tree.root)) {
    report.failed("lines", "It was proven in another checkpoint than that of the export.", "log.checkpoint");
    return;
  }
  if (facts.workspace !== workspace) report.failed("lines", "It is of another workspace than the log.");
  const heard = facts.actions[number - 1];
  if (heard === undefined || heard.action !== action) {
    report.failed("lines", `The log has no action ${number} of this name.`);
    return;
  }
  const { sealed, erased, conflict } = heard.lines;
  const missing = [
    ...(log.opened.index === heard.opened ? [] : ["the line that opened it"]),
    ...((log.sealed?.index ?? -1) === (sealed.at(-1) ?? -1) ? [] : ["the last line that sealed it"]),
    ...(sameIndexes(log.erased, erased) ? [] : ["a line by which values were let go of"]),
    ...(sameIndexes(log.conflicts, conflict) ? [] : ["a contradiction"]),
    ...(sameIndexes(
      log.keyed,
      facts.keyed.map(({ index }) => index),
    )
      ? []
      : ["a line that brought in a key"]),
  ];
  for (const what of missing) report.failed("lines", `It leaves out what the log says: ${what}.`);
}

const sameIndexes = (shown: readonly { readonly index: number }[], indexes: readonly number[]): boolean =>
  shown.length === indexes.length &&
  shown.every(({ index }) => indexes.includes(index)) &&
  new Set(shown.map(({ index }) => index)).size === indexes.length;
