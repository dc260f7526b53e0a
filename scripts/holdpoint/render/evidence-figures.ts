import type { EvidenceFigures } from "../../../schemas/evidence-figures.ts";
import { visible } from "../../../core/card/visible.ts";
import type { Paint } from "../terminal.ts";
import { formatTable } from "./table.ts";
import { formatBytes, formatMs } from "./time.ts";

/** So many readers are shown; `--json` has all of them. */
const shownReaders = 10;

/** What is kept of evidence, what was due, and who reads it, as a person reads it on a terminal. */
export function formatEvidence(figures: EvidenceFigures, paint: Paint): string {
  return [
    logText(figures, paint),
    retentionText(figures, paint),
    heldText(figures, paint),
    readsText(figures, paint),
  ]
    .filter((block) => block !== "")
    .join("\n\n");
}

function logText({ log, checkpoint }: EvidenceFigures, paint: Paint): string {
  const { lines, actions, conflicts, holds } = log;
  const waiting =
    checkpoint.unsigned === 0
      ? "all of them signed"
      : `${checkpoint.unsigned} not signed yet, the oldest for ${formatMs(checkpoint.lagMs)}`;
  const head = `${paint.bold("Evidence and retention")}\n${lines} lines of ${actions} actions, ${waiting}`;
  const held = holds === 0 ? [] : [`${holds} ${holds === 1 ? "hold is" : "holds are"} in force`];
  const contradicts =
    conflicts === 0
      ? []
      : [
          paint.red(
            `${conflicts} ${conflicts === 1 ? "action contradicts what it" : "actions contradict what they"} had said before: put back, or written in`,
          ),
        ];
  return [head, ...held, ...contradicts].join("\n");
}

function retentionText({ retention }: EvidenceFigures, paint: Paint): string {
  const rows = retention.map(({ class: name, due, done, late, held, successRate, oldestOverdueMs }) => [
    name,
    `${due}`,
    `${done}`,
    late === 0 ? "0" : paint.yellow(`${late}`),
    `${held}`,
    successRate === null ? "–" : `${(successRate * 100).toFixed(1)} %`,
    oldestOverdueMs === null ? "–" : formatMs(oldestOverdueMs),
  ]);
  return formatTable(["CLASS", "DUE", "GONE", "LATE", "HELD", "IN TIME", "OLDEST OVERDUE"], rows, paint.dim);
}

function heldText({ held, context, complete }: EvidenceFigures, paint: Paint): string {
  if (held.length === 0) return "Nothing is kept.";
  const rows = [
    ...held.map(({ class: name, age, bytes, actions }) => [
      name,
      age === "more" ? "older" : `under ${age}`,
      formatBytes(bytes),
      `${actions}`,
    ]),
    ...context.map(({ type, bytes, actions }) => [
      "context",
      visible(type),
      formatBytes(bytes),
      `${actions}`,
    ]),
  ];
  const table = formatTable(["KEPT", "AGE OR TYPE", "BYTES", "ACTIONS"], rows, paint.dim);
  return complete ? table : `${table}\n${paint.yellow("There are more actions than were looked at.")}`;
}

function readsText({ reads }: EvidenceFigures, paint: Paint): string {
  if (reads.length === 0) return "Nobody has read evidence.";
  const rows = reads
    .slice(0, shownReaders)
    .map(({ principal, route, allowed, refused }) => [
      visible(principal),
      visible(route),
      `${allowed}`,
      refused === 0 ? "0" : paint.yellow(`${refused}`),
    ]);
  return formatTable(["READS BY", "ROUTE", "ALLOWED", "REFUSED"], rows, paint.dim);
}
