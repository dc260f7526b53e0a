import type { EvidenceFigures, RetentionFigures } from "../../schemas/evidence-figures.ts";
import { counter, metricText, type Metric, type Sample } from "../prometheus.ts";
import { readsByPrincipal } from "./figures.ts";

/** So many principals have a series of their own, those that read first: each is a series for ever. */
const ownSeries = 20;

const gauge = (name: string, help: string, samples: Sample[]): Metric => ({
  name: `holdpoint_${name}`,
  type: "gauge",
  help,
  samples,
});

/** The log, retention, what is held and who reads, to follow the text of the rest. Seconds, bytes and counts. */
export function evidenceText(figures: EvidenceFigures): string {
  return [...logMetrics(figures), ...retentionMetrics(figures), ...heldMetrics(figures)]
    .map(metricText)
    .join("");
}

function logMetrics({ log, checkpoint, reads }: EvidenceFigures): Metric[] {
  const read = readsByPrincipal(reads, ownSeries).flatMap(({ principal, allowed, refused }): Sample[] => [
    { labels: { principal, outcome: "allowed" }, value: allowed },
    { labels: { principal, outcome: "refused" }, value: refused },
  ]);
  return [
    gauge("ledger_lines", "Lines of the workspace's log.", [{ value: log.lines }]),
    gauge("checkpoint_lag_seconds", "How long the oldest line without a signature has waited for one.", [
      { value: checkpoint.lagMs / 1_000 },
    ]),
    gauge("unsigned_lines", "Lines of the log that no checkpoint covers yet.", [
      { value: checkpoint.unsigned },
    ]),
    counter(
      "ledger_conflicts",
      "Actions that contradicted what they had said before: put back, or written in.",
      [{ value: log.conflicts }],
    ),
    gauge("holds", "Legal holds that are in force now.", [{ value: log.holds }]),
    counter("evidence_reads", "Reads of evidence, by who asked; from the 21st reader on they are one.", read),
  ];
}

function retentionMetrics({ retention }: EvidenceFigures): Metric[] {
  const by = (valueOf: (row: RetentionFigures) => number): Sample[] =>
    retention.map((row) => ({ labels: { class: row.class }, value: valueOf(row) }));
  return [
    counter(
      "retention_due",
      "Values of actions whose time has come.",
      by(({ due }) => due),
    ),
    counter(
      "retention_done",
      "Of those, the ones that are gone.",
      by(({ done }) => done),
    ),
    counter(
      "retention_early",
      "Values that went before their time; anything but 0 is a fault.",
      by(({ early }) => early),
    ),
    gauge(
      "retention_late",
      "Values that went, or still are, beyond what is tolerated.",
      by(({ late }) => late),
    ),
    gauge(
      "retention_held",
      "Values whose time has come and that a hold keeps.",
      by(({ held }) => held),
    ),
    gauge(
      "retention_oldest_overdue_seconds",
      "How long the longest overdue value that nothing holds has been due; 0 where there is none.",
      by(({ oldestOverdueMs }) => (oldestOverdueMs ?? 0) / 1_000),
    ),
    gauge(
      "retention_success_ratio",
      "Of the values that ought to be gone, those that went within what is tolerated.",
      retention.flatMap(({ class: name, successRate }) =>
        successRate === null ? [] : [{ labels: { class: name }, value: successRate }],
      ),
    ),
  ];
}

function heldMetrics({ held, context }: EvidenceFigures): Metric[] {
  return [
    gauge(
      "held_bytes",
      "Bytes of values that are kept, by class and how long ago their action was asked for.",
      held.map(({ class: name, age, bytes }) => ({ labels: { class: name, age }, value: bytes })),
    ),
    gauge(
      "context_bytes",
      "Bytes of context that are kept, by type.",
      context.map(({ type, bytes }) => ({ labels: { type }, value: bytes })),
    ),
    gauge(
      "context_largest_bytes",
      "The context of one action that is the largest kept, by type.",
      context.map(({ type, most }) => ({ labels: { type }, value: most })),
    ),
  ];
}
