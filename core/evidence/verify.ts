import { checkChain } from "./verify-chain.ts";
import { checkCards, checkCommitments, checkDigest, checkRedactions } from "./verify-commitments.ts";
import { checkContract, checkPolicy } from "./verify-contract.ts";
import { Report, type Finding, type Tools } from "./verify-finding.ts";
import {
  checkAgainstKept,
  checkListed,
  checkSignatures,
  growthOf,
  readCheckpoint,
  type Trust,
} from "./verify-keys.ts";
import { checkLines } from "./verify-lines.ts";
import { checkHeard, type LogFacts } from "./verify-log.ts";
import { readBundle } from "./verify-read.ts";
import { outside, rederive } from "./rederive.ts";

export { verdictOf, type Check, type Finding, type Tools } from "./verify-finding.ts";
export type { Kept, Trust } from "./verify-keys.ts";

/**
 * All that can be checked of one bundle, without anybody's help: whether it is what was written when it happened, whether the log
 * says so, and whether what was decided follows from it. `value` may be anything. Never throws.
 */
export function verifyBundle(value: unknown, trust: Trust, tools: Tools): Finding[] {
  const report = new Report();
  guarded(report, () => {
    if (!checkBundle(value, trust, null, tools, report)) return;
    for (const says of outside) report.notProven("outside", says);
  });
  return report.findings;
}

/** One bundle of an export: the lines of its log are at hand. @returns its number; null where it cannot be read */
export function verifyExported(
  value: unknown,
  trust: Trust,
  facts: LogFacts,
  tools: Tools,
  report: Report,
): number | null {
  let number: number | null = null;
  guarded(report, () => {
    number = checkBundle(value, trust, facts, tools, report);
  });
  return number;
}

/** A fault of ours must not pass for a good answer, nor keep the others from being told. */
export function guarded(report: Report, check: () => void): void {
  try {
    check();
  } catch (error) {
    const why = error instanceof Error ? error.message : "unknown";
    report.failed("shape", `It could not be looked at (${why}).`);
  }
}

function checkBundle(
  value: unknown,
  trust: Trust,
  facts: LogFacts | null,
  tools: Tools,
  report: Report,
): number | null {
  const read = readBundle(value, tools, report);
  if (read === null) return null;
  const { bundle } = read;
  const { log } = bundle;
  report.proven(
    "shape",
    `It is a bundle of the action ${bundle.action} of the workspace ${bundle.workspace}.`,
  );
  const contract = checkContract(read, tools, report);
  checkPolicy(read, contract, tools, report);
  const tree = readCheckpoint(log.checkpoint, bundle.workspace, report);
  if (tree === null) return bundle.number;
  const lines = checkLines(read, tree, tools, report);
  checkChain(read, report);
  checkCommitments(read, contract, lines.erased, tools, report);
  checkRedactions(read, report);
  checkDigest(read, tools, report);
  checkCards(read, tools, report);
  if (contract !== null) rederive(read, contract, report);
  const known = [...new Set([...log.keys.map(({ vkey }) => vkey), ...trust.keys])];
  const signedBy = checkSignatures(log.checkpoint.note, log.checkpoint.ssh, known, tools, report);
  checkListed(log.keys, lines.keyed, facts?.key ?? null, tools, report);
  const spoken = { tree, signedBy, keyed: lines.keyed };
  // In an export, what was kept is held against the log itself, once for all.
  if (facts === null) checkAgainstKept(trust, spoken, known, growthOf(log.consistency), tools, report);
  else checkHeard(read, tree, facts, report);
  return bundle.number;
}
