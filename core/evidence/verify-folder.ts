import { sameBytes } from "../bytes.ts";
import { parseCheckpoint, splitNote, type CheckpointLines } from "./note.ts";
import { Report, type Finding, type Tools } from "./verify-finding.ts";
import { checkAgainstKept, checkSignatures, type Growth, type Trust } from "./verify-keys.ts";
import { readLog, type LogFacts } from "./verify-log.ts";
import { clip } from "./verify-read.ts";
import { guarded, verifyExported } from "./verify.ts";
import { outside } from "./rederive.ts";

/** An export folder's parts. Bundles and lines are taken one at a time, so that neither has to fit into memory. */
export type Folder = {
  readonly bundles: Iterable<{ readonly name: string; readonly value: unknown }>;
  /** The texts of the log's lines, from the first on. */
  readonly lines: Iterable<string>;
  /** The note that the export was made at. */
  readonly checkpoint: string;
  /** What was asked for, times as RFC 3339: by its own word. */
  readonly question: {
    readonly since: string | null;
    readonly until: string | null;
    readonly type: string | null;
  };
};

/** All that can be checked of an export: each bundle, and the whole log with its numbers. Never throws for what it holds. */
export function verifyFolder(folder: Folder, trust: Trust, tools: Tools): Finding[] {
  const report = new Report();
  const findings: Finding[] = [];
  guarded(report, () => {
    const tree = checkpointOf(folder.checkpoint, report);
    if (tree === null) return;
    const sizes = [tree, ...trust.kept.flatMap(({ note }) => quietly(note) ?? [])].map(({ size }) => size);
    const facts = readLog(folder.lines, new Set(sizes), tools, report);
    checkRoot(tree, facts, report);
    const known = [...new Set([...keysOf(facts), ...trust.keys])];
    const signedBy = checkSignatures(folder.checkpoint, null, known, tools, report);
    const growth: Growth = (size) => facts.roots.get(size) ?? null;
    checkAgainstKept(trust, { tree, signedBy, keyed: facts.keyed }, known, growth, tools, report);
    const seen = new Map<number, string>();
    for (const { name, value } of folder.bundles) {
      const own = new Report(clip(name));
      const number = verifyExported(value, trust, facts, tools, own);
      findings.push(...own.findings);
      if (number === null) continue;
      if (seen.has(number)) report.failed("gaps", `There are two bundles of action ${number}.`, clip(name));
      seen.set(number, name);
    }
    checkGaps(folder, facts, seen, report);
    for (const says of outside) report.notProven("outside", says);
  });
  return [...findings, ...report.findings];
}

/** The keys that the log itself names, line by line. */
const keysOf = ({ key, keyed }: LogFacts): string[] => [
  ...(key === null ? [] : [key]),
  ...keyed.map(({ line }) => line.key),
];

function checkpointOf(note: string, report: Report): CheckpointLines | null {
  const split = splitNote(note);
  const lines = split.ok ? parseCheckpoint(split.value.text) : split;
  if (lines.ok) return lines.value;
  report.failed(
    "signatures",
    `The checkpoint of the export cannot be read: ${clip(lines.error)}.`,
    "checkpoint",
  );
  return null;
}

/** The size of a kept checkpoint, whatever else is wrong with it: that is said where each bundle is held against it. */
function quietly(note: string): CheckpointLines | null {
  const split = splitNote(note);
  const lines = split.ok ? parseCheckpoint(split.value.text) : split;
  return lines.ok ? lines.value : null;
}

function checkRoot({ origin, size, root }: CheckpointLines, facts: LogFacts, report: Report): void {
  const own = facts.roots.get(size);
  if (facts.size !== size || own === undefined || !sameBytes(own, root)) {
    report.failed(
      "lines",
      `The ${facts.size} lines of the log are not the ${size} that its checkpoint is signed over: one was changed, dropped or added.`,
      "ledger.jsonl",
    );
  }
  if (facts.origin !== origin) {
    report.failed("lines", "The log calls itself otherwise than its checkpoint.", "ledger.jsonl");
  }
  report.conclude(
    "lines",
    `The ${size} lines of the log come to the root that is signed, and hang together.`,
  );
}

/** Numbers without a gap, and for each finished action of the time that was asked for its bundle. */
function checkGaps(
  { question }: Folder,
  { actions }: LogFacts,
  seen: ReadonlyMap<number, string>,
  report: Report,
): void {
  const from = question.since === null ? -Infinity : Date.parse(question.since);
  const to = question.until === null ? Infinity : Date.parse(question.until);
  const missing = actions.filter(({ number, at }) => at >= from && at < to && !seen.has(number));
  if (question.type !== null) {
    report.notProven(
      "gaps",
      `Only actions of the type ${clip(question.type)} were asked for, so that what is missing of others is not known.`,
    );
  } else {
    for (const { number, action, lines } of missing) {
      if (lines.sealed.length > 0) {
        report.failed("gaps", `Action ${number}, ${clip(action)}, is over, and its bundle is missing.`);
      } else {
        report.notProven("gaps", `Action ${number}, ${clip(action)}, is not over, and has no bundle here.`);
      }
    }
  }
  report.conclude(
    "gaps",
    `The ${actions.length} actions of the log are numbered without a gap; ${seen.size} of them are here.`,
  );
}
