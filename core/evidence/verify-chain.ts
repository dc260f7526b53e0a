import type { Report } from "./verify-finding.ts";
import type { ReadBundle, ReadEntry } from "./verify-read.ts";

/** Whether the entries are one action's, in their order, each holding the hash of the one before (invariant I5). */
export function checkChain({ bundle, entries, asked }: ReadBundle, report: Report): void {
  for (const [index, read] of entries.entries()) {
    const where = `entry ${index + 1}`;
    for (const fault of faultsOf(read, entries[index - 1], index)) report.failed("chain", fault, where);
    const { workspace, action, target } = read.entry;
    if (workspace !== bundle.workspace || action !== bundle.action) {
      report.failed("chain", "It is an entry of another action or workspace.", where);
    }
    if (target.sha256 !== asked?.values["/target"]?.sha256) {
      report.failed("chain", "It is about another target than the request.", where);
    }
  }
  if (entries.length === 0) return;
  report.conclude(
    "chain",
    `The ${entries.length} entries are one unbroken chain: none was dropped, added, swapped or re-timed in between.`,
  );
}

function faultsOf({ entry }: ReadEntry, before: ReadEntry | undefined, index: number): string[] {
  const { seq, at, type, state, detail, outcome, prev } = entry;
  return [
    ...(seq === index + 1
      ? []
      : [`Its number is ${seq} and should be ${index + 1}: one is missing or too many.`]),
    ...(prev === (before?.hash ?? null)
      ? []
      : [
          "It does not hold the hash of the entry before it: one of them was changed, dropped, added or swapped.",
        ]),
    ...(at >= (before?.entry.at ?? 0) ? [] : ["Its time is before that of the entry before it."]),
    ...((type === "requested") === (index === 0) ? [] : [firstFault(index)]),
    ...(outcome === (detail === null ? state : `${state}{${detail}}`)
      ? []
      : ["Its outcome is not the state that it says."]),
  ];
}

const firstFault = (index: number): string =>
  index === 0 ? "The first entry is not the request." : "It is a request, and only the first entry is one.";
