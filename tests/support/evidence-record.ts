import * as v from "valibot";
import { classOf } from "../../core/evidence/payload.ts";
import { splitNote } from "../../core/evidence/note.ts";
import { append, emptyFrontier, rootAt } from "../../core/evidence/tiles.ts";
import { leafHash } from "../../core/evidence/merkle.ts";
import { encodeBase64 } from "../../core/base64.ts";
import { verifyFolder } from "../../core/evidence/verify-folder.ts";
import { verifyBundle, type Finding } from "../../core/evidence/verify.ts";
import { tools } from "../../scripts/holdpoint/verify/tools.ts";
import type { Bundle } from "../../schemas/bundle.ts";
import { isCommitment, parseEntry } from "../../schemas/evidence.ts";
import { parseLine, type Checkpoint, type LedgerEntry } from "../../schemas/ledger.ts";
import { Retention, retentionClasses, type RetentionClass } from "../../schemas/retention.ts";
import { sha256 } from "./log-keys.ts";
import { sha256Hex } from "./evidence.ts";

/** An engine's evidence as an auditor takes it away in the end, held against what callers were told on the way. */

/** A checkpoint that somebody was given. */
export type KeptCheckpoint = Pick<Checkpoint, "size" | "root" | "note">;
/** So many entries of an action, and the hash of the last, as a bundle once showed them. */
export type Shown = { readonly action: string; readonly events: number; readonly head: string };
/** `acknowledged`: it was answered that the class is gone. One that was not may have come to nothing, to its line, or to its end. */
export type Erase = {
  readonly action: string;
  readonly class: RetentionClass;
  readonly acknowledged: boolean;
};

export type EvidenceRecord = {
  /** The lines of the log up to the last checkpoint. */
  readonly lines: readonly string[];
  readonly checkpoint: KeptCheckpoint;
  /** Given out before. */
  readonly kept: readonly KeptCheckpoint[];
  /** The log's verifier keys, as they were handed out before anything was killed. */
  readonly keys: readonly string[];
  /** By action, each proven at the last checkpoint and shown to go on from the first that was kept. */
  readonly bundles: ReadonlyMap<string, Bundle>;
  /** Actions whose end was acknowledged. */
  readonly ended: ReadonlySet<string>;
  readonly shown: readonly Shown[];
  readonly erases: readonly Erase[];
};

/** Every check at once, in words that begin with what is wrong: a gap, a fork, half of a purge, or what the verifier says. */
export function faultsOf(record: EvidenceRecord): string[] {
  return [
    ...gapsIn(record.lines),
    ...forksIn(record.lines, [...record.kept, record.checkpoint]),
    ...unsaid(record),
    ...[...record.bundles].flatMap(([action, bundle]) => sealAmiss(action, bundle)),
    ...rewritten(record),
    ...erasuresAmiss(record),
    ...verified(record),
  ];
}

type LineOf<Kind extends LedgerEntry["kind"]> = Extract<LedgerEntry, { kind: Kind }>;
const isOf =
  <Kind extends LedgerEntry["kind"]>(kind: Kind) =>
  (line: LedgerEntry): line is LineOf<Kind> =>
    line.kind === kind;

/** Numbers that leave one out or come twice, lines about what has no number, time that goes back, and contradictions. */
export function gapsIn(texts: readonly string[]): string[] {
  const faults: string[] = [];
  const numbers = new Map<string, number>();
  let last = 0;
  for (const [index, line] of texts.map(parseLine).entries()) {
    if (line.at < last) faults.push(`gap: line ${index} is earlier than the one before it`);
    last = line.at;
    if ((line.kind === "log") !== (index === 0)) {
      faults.push(`gap: line ${index} is no place for ${line.kind}`);
    }
    if (line.kind === "opened") {
      if (line.number !== numbers.size + 1) {
        faults.push(`gap: line ${index} opens ${line.number} after ${numbers.size}`);
      }
      if (numbers.has(line.action)) faults.push(`gap: line ${index} opens ${line.action} again`);
      numbers.set(line.action, line.number);
    } else if ("number" in line && numbers.get(line.action) !== line.number) {
      faults.push(`gap: line ${index} is about ${line.action}, which has no number ${line.number}`);
    }
    if (line.kind === "conflict") faults.push(`fork: ${line.action} contradicts itself in line ${index}`);
  }
  return faults;
}

/** Checkpoints that these lines do not lead to. */
export function forksIn(
  lines: readonly string[],
  checkpoints: readonly Omit<KeptCheckpoint, "note">[],
): string[] {
  const faults: string[] = [];
  let tree = emptyFrontier;
  for (const { size, root } of checkpoints.toSorted((one, other) => one.size - other.size)) {
    if (size > lines.length) {
      faults.push(`fork: a checkpoint of ${size} lines was signed, and there are ${lines.length}`);
      continue;
    }
    const leaves = lines.slice(tree.size, size).map((line) => leafHash(line, sha256));
    ({ frontier: tree } = append(tree, leaves, sha256));
    if (encodeBase64(rootAt(tree, sha256)) !== root) {
      faults.push(`fork: the first ${size} lines are not those of a checkpoint that was signed`);
    }
  }
  return faults;
}

/** What was acknowledged as over, and is not in the log or has no seal there. */
function unsaid({ ended, lines, bundles }: EvidenceRecord): string[] {
  const opened = new Set(
    lines
      .map(parseLine)
      .filter(isOf("opened"))
      .map(({ action }) => action),
  );
  return [...ended].flatMap((action) => {
    if (!opened.has(action)) return [`gap: ${action} was acknowledged, and the log has never seen it`];
    const bundle = bundles.get(action);
    if (bundle === undefined) return [`gap: there is no bundle of ${action}`];
    return bundle.log.sealed === null ? [`gap: ${action} is over, and has no seal`] : [];
  });
}

/** A seal over other entries than there are, or not over all of them. */
function sealAmiss(action: string, { entries, log }: Bundle): string[] {
  if (log.sealed === null) return [];
  const line = parseLine(log.sealed.text);
  if (line.kind !== "sealed") return [`fork: ${action} is sealed by a line ${line.kind}`];
  const last = entries.at(-1);
  if (last === undefined) return [];
  const isWhole = line.events === entries.length && line.head === hashOf(last.text);
  return isWhole ? [] : [`fork: the seal of ${action} is not over its ${entries.length} entries`];
}

const hashOf = (text: string): string => `sha256:${sha256Hex(text)}`;

/** Entries that somebody was shown, and that are others now. Of an action without entries its seal still says which was the last. */
function rewritten({ shown, bundles }: EvidenceRecord): string[] {
  return shown.flatMap(({ action, events, head }) => {
    const { entries = [], log } = bundles.get(action) ?? {};
    const then = entries[events - 1];
    if (then !== undefined) {
      return hashOf(then.text) === head ? [] : [`fork: entry ${events} of ${action} was another one`];
    }
    const line = entries.length > 0 || !log?.sealed ? null : parseLine(log.sealed.text);
    const sealed = line?.kind === "sealed" ? line : { events: 0, head: "" };
    const isCovered = sealed.events > events || (sealed.events === events && sealed.head === head);
    return isCovered ? [] : [`fork: entry ${events} of ${action} was shown, and is not there`];
  });
}

/** What there is of a class in a bundle: values that can be opened, and those that cannot. */
type Left = { there: number; gone: number };

/** By class; null where there are no entries any more. */
export function leftIn({ entries, contract }: Bundle): Map<RetentionClass, Left> | null {
  if (entries.length === 0) return null;
  const { retention } = v.parse(v.object({ retention: Retention }), contract);
  const left = new Map<RetentionClass, Left>();
  for (const [index, { text, openings }] of entries.entries()) {
    for (const [pointer, part] of committedIn(text, index)) {
      const name = classOf({ retention }, part);
      const sum = left.get(name) ?? { there: 0, gone: 0 };
      sum[Object.hasOwn(openings, pointer) ? "there" : "gone"] += 1;
      left.set(name, sum);
    }
  }
  return left;
}

/** Where something is committed to, with the part of the contract that says how long it lives. */
function committedIn(text: string, index: number): [pointer: string, part: string][] {
  const { reason, data } = parseEntry(text);
  if (index === 0) {
    const { values } = v.parse(v.object({ values: v.record(v.string(), v.unknown()) }), data["payload"]);
    return Object.keys(values).map((pointer) => [pointer, pointer]);
  }
  const found: [pointer: string, part: string][] = [];
  if (isCommitment(reason)) found.push(["/reason", "/words"]);
  if (isCommitment(data["evidence"])) found.push(["/data/evidence", "/report"]);
  return found;
}

/** Classes that went by half, without a line, or not although that was acknowledged; and lines that nobody asked for. */
function erasuresAmiss({ lines, bundles, erases }: EvidenceRecord): string[] {
  const said = Map.groupBy(lines.map(parseLine).filter(isOf("erased")), ({ action }) => action);
  const asked = Map.groupBy(erases, ({ action }) => action);
  return [...bundles].flatMap(([action, bundle]) => {
    const own = (said.get(action) ?? []).map((line) => line.class);
    const left = leftIn(bundle);
    const wanted = asked.get(action) ?? [];
    return retentionClasses.flatMap((name) => {
      const isSaid = own.filter((one) => one === name).length;
      // With the evidence goes everything, and each class of it has its line.
      const tried = wanted.filter((one) => one.class === name || one.class === "compliance");
      const acknowledged = tried.some((one) => one.acknowledged && one.class === name);
      const { there, gone } = stateOf(bundle, left, name, isSaid > 0);
      const faults: string[] = [];
      if (gone > 0 && left !== null && !bundle.erased.some((one) => one.class === name)) {
        faults.push("gone, and the action does not say so");
      }
      if (there > 0 && gone > 0) faults.push(`${there} of ${there + gone} values are left`);
      if (gone > 0 && isSaid === 0) faults.push("gone, and the log does not say so");
      if (isSaid > 1) faults.push(`the log says ${isSaid} times that it goes`);
      if (isSaid > 0 && tried.length === 0) faults.push("the log says that it goes, and nobody asked");
      if (acknowledged && (there > 0 || isSaid === 0)) faults.push("acknowledged as gone, and still there");
      return faults.map((fault) => `half-purge: ${action} ${name}: ${fault}`);
    });
  });
}

/** The values of a class and, as one more, what the bundle itself says of it; of no entries nothing but that they are gone. */
function stateOf(
  { erased }: Bundle,
  left: ReadonlyMap<RetentionClass, Left> | null,
  name: RetentionClass,
  isSaid: boolean,
): Left {
  if (left === null) return { there: 0, gone: isSaid || name === "compliance" ? 1 : 0 };
  const { there, gone } = left.get(name) ?? { there: 0, gone: 0 };
  const isGone = erased.some((one) => one.class === name);
  return { there, gone: gone + (isGone ? 1 : 0) };
}

/** What the verifier has against the whole export, and against each bundle by itself with the first checkpoint that was kept. */
function verified({ lines, checkpoint, kept, keys, bundles }: EvidenceRecord): string[] {
  const names = kept.map(({ note }, nth) => ({ name: `kept ${nth + 1}`, note }));
  const question = { since: null, until: null, type: null };
  const folder = {
    bundles: [...bundles].map(([name, value]) => ({ name, value })),
    lines,
    checkpoint: checkpoint.note,
    question,
  };
  const first = kept.reduce<KeptCheckpoint | null>(
    (least, one) => (least === null || one.size < least.size ? one : least),
    null,
  );
  const trust = { keys, kept: first === null ? [] : [{ name: "the first kept", note: first.note }] };
  const alone = [...bundles.values()].flatMap((bundle) => verifyBundle(bundle, trust, tools));
  return [...verifyFolder(folder, { kept: names, keys }, tools), ...alone].flatMap(faultIn);
}

const faultIn = ({ status, open, check, says, where }: Finding): string[] =>
  status === "failed" || open === true ? [`verifier: ${check}: ${says} ${where}`] : [];

/** A checkpoint as its note says it. @throws Error for what is none */
export function keptFrom(note: string): KeptCheckpoint {
  const split = splitNote(note);
  const [, size = "", root = ""] = split.ok ? split.value.text.split("\n") : [];
  if (root === "") throw new Error(`no checkpoint: ${note}`);
  return { size: Number(size), root, note };
}
