import { LedgerEntry, type Proven } from "../../schemas/ledger.ts";
import { parseFields } from "../../schemas/parse.ts";
import type { RetentionClass } from "../../schemas/retention.ts";
import { decodeBase64 } from "../base64.ts";
import { ok, refuse, type Result } from "../result.ts";
import { leafHash, verifyInclusion } from "./merkle.ts";
import type { CheckpointLines } from "./note.ts";
import { isLater } from "./verify-commitments.ts";
import type { Report, Tools } from "./verify-finding.ts";
import { canonicalFault, clip, faultOf, readJson, type ReadBundle } from "./verify-read.ts";

/** Lines of the log as a bundle brings them: each with a proof that it is in the tree of the checkpoint. */

type Kind = LedgerEntry["kind"];
type LineOf<K extends Kind> = Extract<LedgerEntry, { kind: K }>;
export type ProvenLine<K extends Kind> = { readonly index: number; readonly line: LineOf<K> };

/** What the log is shown to say of the action. */
export type Lines = {
  readonly erased: ReadonlySet<RetentionClass>;
  /** How many entries the last seal covers; 0 where there is none. */
  readonly sealed: number;
  /** The keys after the first, with the lines that brought them in. */
  readonly keyed: readonly ProvenLine<"key">[];
};

/** A line by its text alone. */
export function readLine(text: string): Result<LedgerEntry, string> {
  const raw = readJson(text);
  if (!raw.ok) return raw;
  const parsed = parseFields(LedgerEntry, raw.value);
  if (!parsed.ok) return refuse(faultOf(parsed.errors));
  const fault = canonicalFault(text, raw.value);
  return fault === null ? ok(parsed.value) : refuse(fault);
}

/** Looks at every line of the bundle in the tree of its checkpoint, and holds it against the entries. */
export function checkLines(read: ReadBundle, tree: CheckpointLines, tools: Tools, report: Report): Lines {
  const { log, number } = read.bundle;
  const proven = <K extends Kind>(shown: Proven, kind: K, where: string): ProvenLine<K> | null => {
    const line = provenLine(read, shown, kind, tree, tools);
    if (line.ok) return { index: shown.index, line: line.value };
    report.failed("lines", line.error, where);
    return null;
  };
  const all = <K extends Kind>(list: readonly Proven[], kind: K): ProvenLine<K>[] =>
    list.flatMap((one, nth) => proven(one, kind, `log.${kind} ${nth + 1}`) ?? []);
  const opened = proven(log.opened, "opened", "log.opened");
  const sealed = log.sealed === null ? null : proven(log.sealed, "sealed", "log.sealed");
  const erased = all(log.erased, "erased");
  const conflicts = all(log.conflicts, "conflict");
  const keyed = all(log.keyed, "key");
  const own = [opened, sealed, ...erased, ...conflicts].filter((one) => one !== null);
  for (const { line } of own) {
    if (line.number !== number || line.action !== read.bundle.action) {
      report.failed(
        "lines",
        `A line of the log is about action ${line.number}, and the bundle is of ${number}.`,
      );
    }
  }
  checkOrder([...own, ...keyed], opened?.index ?? 0, report);
  if (opened !== null) checkOpened(read, opened.line, report);
  if (sealed !== null) checkSealed(read, sealed.line, report);
  checkErased(read, erased, report);
  for (const { index } of conflicts) {
    report.failed(
      "lines",
      `Line ${index} of the log says that this action has contradicted what it had said before.`,
    );
  }
  if (log.conflicts.length > 0 && conflicts.length === 0) report.failed("lines", "It brings contradictions.");
  conclude(read, tree, sealed?.line ?? null, report);
  return { erased: new Set(erased.map(({ line }) => line.class)), sealed: sealed?.line.events ?? 0, keyed };
}

function provenLine<K extends Kind>(
  { bundle }: ReadBundle,
  { index, text, proof }: Proven,
  kind: K,
  { size, root }: CheckpointLines,
  tools: Tools,
): Result<LineOf<K>, string> {
  const read = readLine(text);
  if (!read.ok) return refuse(`This is no line of a log: ${clip(read.error)}.`);
  const line = read.value;
  if (!isOf(line, kind)) return refuse(`This is a line "${line.kind}", and should be "${kind}".`);
  if (line.workspace !== bundle.workspace) return refuse("This line is of another workspace.");
  const hashes: Uint8Array[] = [];
  for (const step of proof) {
    const hash = decodeBase64(step);
    if (hash === null) return refuse("Its proof is not base64 in its one spelling.");
    hashes.push(hash);
  }
  return verifyInclusion(index, size, leafHash(text, tools.sha256), hashes, root, tools.sha256)
    ? ok(line)
    : refuse("It is not in the log of the checkpoint at this place: line, place, proof or root was changed.");
}

const isOf = <K extends Kind>(line: LedgerEntry, kind: K): line is LineOf<K> => line.kind === kind;

/** Later lines are not earlier, and nothing is said of an action before it is opened. */
function checkOrder(
  lines: readonly { readonly index: number; readonly line: LedgerEntry }[],
  opened: number,
  report: Report,
): void {
  const sorted = lines.toSorted((a, b) => a.index - b.index);
  for (const [nth, { index, line }] of sorted.entries()) {
    const before = sorted[nth - 1];
    if (before !== undefined && (before.index === index || before.line.at > line.at)) {
      report.failed("lines", `Line ${index} of the log is given twice, or is earlier than a line before it.`);
    }
    if (line.kind !== "key" && index < opened) {
      report.failed("lines", `Line ${index} is from before the action.`);
    }
  }
}

function checkOpened({ entries }: ReadBundle, { first }: LineOf<"opened">, report: Report): void {
  const [one] = entries;
  if (one === undefined || one.hash === first) return;
  report.failed("lines", "The first entry is not the one that the log saw first.", "log.opened");
}

function checkSealed(
  { entries }: ReadBundle,
  { events, head, state }: LineOf<"sealed">,
  report: Report,
): void {
  if (entries.length === 0) return;
  const last = entries[events - 1];
  if (last === undefined) {
    const says = `The log has sealed ${events} entries, and here are ${entries.length}: the end was cut off.`;
    report.failed("lines", says, "log.sealed");
    return;
  }
  if (last.hash !== head || last.entry.state !== state) {
    report.failed("lines", "The entries are not those that the log has sealed.", "log.sealed");
  }
}

function checkErased(
  { bundle, entries }: ReadBundle,
  erased: readonly ProvenLine<"erased">[],
  report: Report,
): void {
  const seen = new Set<RetentionClass>();
  for (const { line } of erased) {
    const { class: name, events, head } = line;
    if (seen.has(name)) report.failed("lines", `It says twice that ${name} was let go of.`);
    seen.add(name);
    if (entries.length > 0 && entries[events - 1]?.hash !== head) {
      report.failed(
        "lines",
        "The entries are not those from which values were let go of.",
        `log.erased ${name}`,
      );
    }
  }
  if (entries.length > 0) return;
  // A class that goes early is no reason for the entries to be gone: only their own is.
  if (!erased.some(({ line }) => line.evidence)) {
    if (bundle.erased.some(({ class: name }) => isLater(bundle, name))) {
      const says =
        "There are no entries: by the bundle's own words they were let go of after its checkpoint, such as during an export. Get it anew to have that proven.";
      report.open("shape", says);
      return;
    }
    report.failed(
      "shape",
      "There are no entries, and the log does not say that the evidence itself was let go of.",
    );
    return;
  }
  const says =
    "The evidence itself was let go of when its time was over, as the log says. What is left shows that there was such an action, and its first and last hash.";
  report.notProven("chain", says);
}

function conclude(
  { bundle, entries }: ReadBundle,
  { size }: CheckpointLines,
  sealed: LineOf<"sealed"> | null,
  report: Report,
): void {
  const { number } = bundle;
  if (sealed === null) {
    const says = `Not sealed yet: the log speaks for the first entry alone, and for none of the ${entries.length - 1} after it. It is sealed when the action is over.`;
    if (entries.length > 0) report.notProven("lines", says);
    return report.conclude("lines", `It is action ${number} of the log, in its first ${size} lines.`);
  }
  const more = entries.length - sealed.events;
  if (more > 0) {
    report.notProven(
      "lines",
      `The last ${more} entries are not sealed yet: the log does not speak for them.`,
    );
  }
  report.conclude(
    "lines",
    `It is action ${number} of the log, and its ${sealed.events} entries are sealed in its first ${size} lines.`,
  );
}
