import { styleText } from "node:util";
import { table } from "../bench/table.ts";
import { assumedActiveMs, billOf, type Line, sumOf } from "./prices.ts";
import type { Findings, Run } from "./run.ts";

/** What one standard life may take. */
export const targets = { rowsWritten: 40, objectRequests: 10 } as const;

const bold = (text: string): string => styleText("bold", text);
const two = (value: number): string => value.toFixed(2);

/** Everything as text for a person. */
export function printed({ together, apart, slow }: Findings): string {
  const bill = billOf(together.totals, together.cpuMs);
  return [
    bold("One standard life: asked for, two approvals, one webhook, claimed, reported"),
    table(["per life", "at once", "target", "apart", "slow"], summary([together, apart, slow])),
    `At once: the average of ${together.lives} lives that go on together; this is the standard. Apart: ${apart.lives} one after another with pauses
longer than the queues gather, so that they share nothing. Slow: ${slow.lives} at once whose approvers take 40 s.
Counted in workerd by metering storage, bindings and batches. Left out: setting up keys, policy and endpoint, once.
An alarm that is still set will be one more request to an object.`,
    bold("Price"),
    table(["", "per life", "US$ a million lives", ""], [...bill.map(billLine), total(bill)]),
    `Cloudflare's published prices of 2026 on the Workers Paid plan, beyond what it includes. CPU is all of workerd's on this
machine, SQLite and HTTP too, so it is too high. Duration assumes ${assumedActiveMs} ms of 128 MB for each request to an object.`,
    bold("Rows, by what wrote or read them"),
    table(["", "statement", "times", "written", "read"], statementLines(together)),
    bold("Requests to objects"),
    table(["from", "to", "at once", "apart", "slow"], requestLines([together, apart, slow])),
    bold("Queues"),
    table(["", "messages", "operations"], queueLines(together)),
  ].join("\n\n");
}

/** One line a figure; the target is held against the first run. */
function summary(runs: readonly Run[]): string[][] {
  const line = (name: string, of: (run: Run) => number, target?: number): string[] => {
    const [first = "", ...others] = runs.map((run) => two(of(run)));
    const met = target === undefined ? "" : Number(first) <= target ? `≤ ${target}` : `≤ ${target} OVER`;
    return [name, first, met, ...others];
  };
  return [
    line("rows written", ({ totals }) => totals.rowsWritten, targets.rowsWritten),
    line("rows read", ({ totals }) => totals.rowsRead),
    line("object requests", ({ totals }) => totals.objectRequests, targets.objectRequests),
    line("queue operations", ({ totals }) => totals.queueOperations),
    line("Worker requests", ({ totals }) => totals.workerRequests),
    line("alarms still set", ({ alarmsLeft }) => alarmsLeft),
    line("webhooks received", ({ webhooks }) => webhooks),
  ];
}

const billLine = ({ item, amount, usd, how }: Line): string[] => [
  item,
  amount < 0.1 ? amount.toFixed(4) : two(amount),
  usd.toFixed(3),
  how,
];
const total = (bill: readonly Line[]): string[] => ["together", "", sumOf(bill).toFixed(2), ""];

function statementLines({ counts, lives }: Run): string[][] {
  return counts.statements
    .toSorted((a, b) => a.by.localeCompare(b.by) || b.rowsWritten - a.rowsWritten)
    .map(({ by, statement, times, rowsWritten, rowsRead }) => [
      by,
      statement,
      ...[times, rowsWritten, rowsRead].map((amount) => two(amount / lives)),
    ]);
}

const keyOf = ({ from, to }: { from: string; to: string }): string => `${from}\n${to}`;

const requestsOf = ({ counts, lives }: Run, key: string): string =>
  two((counts.objectRequests.find((request) => keyOf(request) === key)?.times ?? 0) / lives);

function requestLines(runs: readonly Run[]): string[][] {
  const keys = new Set(runs.flatMap(({ counts }) => counts.objectRequests.map(keyOf)));
  return [...keys].map((key) => [...key.split("\n"), ...runs.map((run) => requestsOf(run, key))]);
}

const queueLines = ({ counts, lives }: Run): string[][] =>
  counts.queues.map(({ queue, messages, writes, reads, deletes }) => [
    queue,
    two(messages / lives),
    two((writes + reads + deletes) / lives),
  ]);
