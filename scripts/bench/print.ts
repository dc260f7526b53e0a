import { styleText } from "node:util";
import type { Cell, What } from "./cells.ts";
import { type Growth, growthOf } from "./growth.ts";
import type { PageFigures } from "./page.ts";
import type { Evaluation } from "./evaluation.ts";
import type { EvidenceCost } from "./evidence.ts";
import type { PendingFootprint, Recovery, Restart, Share } from "./pending.ts";
import type { Report } from "./run.ts";
import type { Mode } from "./server.ts";
import { hotActionPart, hotWorkspacePart, waitingPart } from "./print-many.ts";
import { profilePart } from "./print-profile.ts";
import { roundtripPart } from "./print-roundtrip.ts";
import type { Ratio } from "./statistics.ts";
import { fixed, kib, latencies, table } from "./table.ts";

/** How many times the floor a figure may be. */
export const target = 1.5;

const modeNames: Record<Mode, string> = {
  start: "As `npm start` runs it",
  workerd: "Plain `workerd serve`, objects on disk, no queues",
};

/** Everything as text for a person: a table for each way of running. */
export function printed(report: Report): string {
  const modes = [
    ...new Set(
      [...report.cells, ...report.footprints, ...report.waiting, ...report.hotActions].map(
        ({ mode }) => mode,
      ),
    ),
  ];
  const parts = modes.flatMap((mode) => {
    const mine = <Line extends { mode: Mode }>(lines: readonly Line[]): Line[] =>
      lines.filter((line) => line.mode === mode);
    return [
      styleText("bold", modeNames[mode]),
      table(cellHead, mine(report.cells).map(cellLine)),
      ...growthTables(mine(growthOf(report.cells))),
      table(footprintHead, mine(report.footprints).map(footprintLine)),
      table(restartHead, mine(report.restarts).map(restartLine)),
      waitingPart(mine(report.waiting)),
      hotActionPart(mine(report.hotActions)),
      hotWorkspacePart(mine(report.hotWorkspace), mine(report.boardLags)),
    ];
  });
  const page = report.page === null ? [] : [pagePart(report.page)];
  const evaluation =
    report.evaluations.length === 0 ? [] : [table(evaluationHead, report.evaluations.map(evaluationLine))];
  const evidence = report.evidence === null ? [] : [table(evidenceHead, [evidenceLine(report.evidence)])];
  const legends = parts.length === 0 ? [] : [legend];
  const roundtrip = report.roundtrip === null ? [] : [roundtripPart(report.roundtrip)];
  const profile = report.profiles.length === 0 ? [] : [profilePart(report.profiles)];
  const cells = [...parts.filter((part) => part !== ""), ...legends];
  return [...roundtrip, ...cells, ...profile, ...evaluation, ...evidence, ...page].join("\n\n");
}

const pageHead = ["", "median ms", "least ms", "× least", "goal"];

/** What the page is meant to be within on a developer's machine: ms, and bytes of script. */
const pageGoals: Readonly<Record<string, string>> = {
  "queue shown": "1000 ms",
  "decision in a second queue": "300 ms",
};

function pagePart({ pending, times, script }: PageFigures): string {
  const lines = times.map(({ what, page, least, ratio: of }) => [
    what,
    fixed(page),
    fixed(least),
    ratio(of).trimEnd(),
    pageGoals[what] ?? "",
  ]);
  return [
    styleText("bold", `The page in a browser, ${pending} pending`),
    table(pageHead, lines),
    `Scripts: ${script} bytes gzipped; goal 100000. Least: the queue beside the opening of an icon from the same server, the
decision beside a word and its answer over a WebSocket of the same server.`,
  ].join("\n");
}

const legend = `Milliseconds; medians of the rounds. × floor is the median of the rounds' own ratios (lowest to highest): of the
p50, and of the time a piece (1 / what was finished a second). OVER marks what is more than ${target} times the floor.
Resume counts from the start of the decide call until whoever waits has the decision; its pace is that of the whole
round: create, begin to wait, decide. Where a figure was measured with more and more pending, its growth stands beside the
floor's, which tells what the machine had to do with it.`;

const evaluationHead = [
  "deciding one request, µs a call",
  "contracts",
  "decide",
  "first time",
  "without conditions",
  "JSON.parse of it",
];

function evaluationLine({ contracts, decide, first, bare, parse }: Evaluation): string[] {
  return ["four conditions a contract", String(contracts), ...[decide, first, bare, parse].map(fixed)];
}

const evidenceHead = [
  "evidence of one standard life, µs",
  "events",
  "chain",
  "× plain JSON",
  "ledger",
  "retention",
  "plain JSON",
];

function evidenceLine({ events, chain, plain, ledger, retention }: EvidenceCost): string[] {
  const figures = [fixed(chain), (chain / plain).toFixed(1), ...[ledger, retention, plain].map(fixed)];
  return ["two approvers, claim and report", String(events), ...figures];
}

const nameOf = (what: What): string => (what.work === "create" ? "create" : `resume, ${what.via}`);

/** One for each set of levels: figures that were not measured with all of them have a table of their own. */
function growthTables(growths: readonly Growth[]): string[] {
  const groups = Map.groupBy(growths, ({ levels }) => levels.map(({ pending }) => pending).join());
  return [...groups.values()].map((group) => {
    const levels = group[0]?.levels ?? [];
    const [least, ...more] = levels.map(({ pending }) => `${pending} pending`);
    const head = ["p50, and × that", "clients", "", `${least ?? ""}, ms`, ...more.map((name) => `× ${name}`)];
    return table(head, group.map(growthLine));
  });
}

function growthLine({ what, clients, subject, from, levels }: Growth): string[] {
  const times = levels.slice(1).map((level) => level.times.toFixed(2));
  return [nameOf(what), String(clients), subject, fixed(from), ...times];
}

const cellHead = [
  "",
  "pending",
  "clients",
  "engine p50/95/99",
  "/s",
  "floor p50/95/99",
  "/s",
  "p50 × floor",
  "pace × floor",
];

function cellLine({ what, pending, clients, engine, floor, latency, throughput }: Cell): string[] {
  const figures = [latencies(engine), fixed(engine.perSecond), latencies(floor), fixed(floor.perSecond)];
  const pace = what.work === "create" ? marked(throughput) : ratio(throughput);
  return [nameOf(what), String(pending), String(clients), ...figures, marked(latency), pace];
}

const ratio = ({ median, low, high }: Ratio): string =>
  `${median.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})     `;

const marked = (of: Ratio): string => (of.median > target ? `${ratio(of).trimEnd()} OVER` : ratio(of));

const footprintHead = ["a pending action", "pending", "engine memory", "disk", "floor memory", "disk"];

function footprintLine({ when, pending, engine, floor }: PendingFootprint): string[] {
  return [when, counts(pending), ...shares(engine), ...shares(floor)];
}

const shares = ({ memory, disk }: Share): string[] => [memory === null ? "?" : kib(memory), kib(disk)];
const counts = ({ engine, floor }: { engine: number; floor: number }): string =>
  engine === floor ? String(engine) : `${engine} and ${floor}`;

const restartHead = [
  "after kill -9",
  "pending",
  "engine healthy",
  "first old decided",
  "lost",
  "floor healthy",
  "first old decided",
  "lost",
];

function restartLine({ pending, engine, floor }: Restart): string[] {
  return ["", counts(pending), ...recovery(engine), ...recovery(floor)];
}

const recovery = ({ healthy, firstDecided, decided, lost }: Recovery): string[] => [
  `${healthy.toFixed(2)} s`,
  `${firstDecided.toFixed(2)} s`,
  `${lost} of ${decided + lost}`,
];
