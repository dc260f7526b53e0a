import type { Figures } from "../../../client/metrics.ts";
import { visible } from "../../../core/card/visible.ts";
import type { Paint } from "../terminal.ts";
import { formatEvidence } from "./evidence-figures.ts";
import { formatColumns, formatTable } from "./table.ts";
import { formatMs } from "./time.ts";

type Stage = Figures["queueTime"]["decided"];
type Estimate = Stage["p50"];
type Share = Figures["underFiveSeconds"];

/** In the order in which an action goes through them, and from where to where each is measured. */
const stages = [
  ["notified", "asked → told"],
  ["seen", "asked → looked at"],
  ["firstVote", "asked → first vote"],
  ["decided", "asked → decided"],
  ["claimed", "approved → claimed"],
  ["finished", "claimed → finished"],
] as const satisfies readonly (readonly [keyof Figures["queueTime"], string])[];

/** Queue time, what waits, and who decides how much, as a person reads it on a terminal. */
export function formatFigures(figures: Figures, paint: Paint): string {
  const { window, from, to, complete, queueTime, pending, reviewers, underFiveSeconds } = figures;
  const blocks = [
    `${paint.bold(`The last ${window}`)} ${paint.dim(`${from} to ${to}`)}`,
    ...(complete
      ? []
      : [paint.yellow("There is more in this window than was looked at; take a shorter one.")]),
    formatTable(
      ["QUEUE TIME", "P50", "P95", "P99", "DONE", "WAITING", "LEFT"],
      stages.map(([name, label]) => stageRow(label, queueTime[name])),
      paint.dim,
    ),
    paint.dim("Who still waits counts as long as they have waited; ≥ says that it can only be more."),
    pendingText(pending, paint),
    decidedText(figures),
    `Decided in under five seconds: ${shareText(underFiveSeconds, paint)}`,
    reviewersText(reviewers, paint),
    ...(figures.evidence === undefined ? [] : [formatEvidence(figures.evidence, paint)]),
  ];
  return blocks.join("\n\n");
}

function stageRow(label: string, { p50, p95, p99, reached, waiting, left }: Stage): string[] {
  return [label, estimate(p50), estimate(p95), estimate(p99), `${reached}`, `${waiting}`, `${left}`];
}

const estimate = (value: Estimate): string =>
  value === null ? "–" : `${value.atLeast ? "≥ " : ""}${formatMs(value.ms)}`;

function pendingText({ count, oldestMs, byType, byRisk, byGroup }: Figures["pending"], paint: Paint): string {
  if (count === 0) return "Nothing is pending.";
  const head = `${paint.bold(`${count} pending`)}, the oldest for ${formatMs(oldestMs ?? 0)}`;
  const rows = (
    [
      ["type", byType],
      ["risk", byRisk],
      ["group", byGroup],
    ] as const
  ).flatMap(([by, entries]) =>
    entries.map((entry) => [by, visible(entry.name), `${entry.count}`, formatMs(entry.oldestMs)]),
  );
  return `${head}\n${formatTable(["BY", "NAME", "COUNT", "OLDEST"], rows, paint.dim)}`;
}

function decidedText(figures: Figures): string {
  const { requested, decided, expired, escalated, deadLetters, suppressed } = figures;
  const { approved, denied, byPolicy, byVia } = decided;
  const via = Object.entries(byVia).map(([name, count]) => `${visible(name)} ${count}`);
  return formatColumns([
    ["Requested", `${requested}`],
    ["Decided", `${approved} approved, ${denied} denied, ${byPolicy} by policy alone`],
    ["Votes through", via.length === 0 ? "–" : via.join(", ")],
    ["Expired", `${expired.pending} pending, ${expired.approved} approved`],
    ["Escalated", `${escalated}`],
    ["Dead letters", `${deadLetters}`],
    [
      "Not sent to people",
      `${suppressed.budget} over their hour, ${suppressed.coalesced} of identical requests`,
    ],
  ]).join("\n");
}

/** Many decisions in under five seconds are decisions that nobody has read: from a fifth on it stands out. */
const hasty = 0.2;

function shareText({ count, of, share }: Share, paint: Paint): string {
  if (share === null) return "nothing was decided by people";
  const text = `${(share * 100).toFixed(1)} % (${count} of ${of})`;
  return share >= hasty ? paint.yellow(text) : text;
}

function reviewersText(reviewers: Figures["reviewers"], paint: Paint): string {
  if (reviewers.length === 0) return "Nobody has voted.";
  const rows = reviewers.map(({ person, decisions, approved, denied, review }) => [
    visible(person),
    `${decisions}`,
    `${approved}`,
    `${denied}`,
    review.medianMs === null ? "–" : formatMs(review.medianMs),
    review.timed === 0 ? "–" : formatMs(review.totalMs),
  ]);
  const headings = ["REVIEWER", "DECISIONS", "APPROVED", "DENIED", "MEDIAN LOOK", "SPENT LOOKING"];
  return formatTable(headings, rows, paint.dim);
}
