import { styleText } from "node:util";
import type { Roundtrip, TripLine, TripRatio } from "./roundtrip.ts";
import type { Ratio } from "./statistics.ts";
import { fixed, latencies, table } from "./table.ts";

const head = [
  "create, wait, decide, resume, outcome",
  "clients",
  "create p50",
  "resume p50/95/99",
  "outcome durable p50/95/99",
  "completed/s",
];

function line({ name, clients, trips: { create, resume, durable } }: TripLine): string[] {
  return [
    name,
    String(clients),
    fixed(create.p50),
    latencies(resume),
    latencies(durable),
    fixed(durable.perSecond),
  ];
}

const ratioHead = [
  "× its cost",
  "clients",
  "create p50",
  "resume p50",
  "resume p95",
  "resume p99",
  "outcome durable p50",
  "time a completed one",
];

/** Who is ahead: one of the two where every round says so. */
export function verdict({ low, high }: Ratio): "ahead" | "BEHIND" | "even" {
  if (high < 1) return "ahead";
  return low > 1 ? "BEHIND" : "even";
}

const compared = (of: Ratio): string => `${of.median.toFixed(2)} ${verdict(of).padEnd(6)}`;

function ratioLine({ engine, other, clients, create, resume, durable, pace }: TripRatio): string[] {
  const figures = [create, resume.p50, resume.p95, resume.p99, durable, pace];
  return [`${engine} : ${other}`, String(clients), ...figures.map(compared)];
}

/** The round trip as text for a person. */
export function roundtripPart({ lines, ratios, durable, notRun }: Roundtrip): string {
  const missing = notRun.map(({ name, reason }) => `Not run: ${name}: ${reason}`).join("\n");
  const kept = Object.entries(durable).map(([name, how]) => `  ${name}: ${how}`);
  const parts = [
    styleText("bold", "The approval round trip, all of it durable"),
    table(head, lines.map(line)),
    table(ratioHead, ratios.map(ratioLine)),
    missing,
    `${legend}\n${kept.join("\n")}`,
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

const legend = `Milliseconds; medians of the rounds, in which everybody had a turn. Resume: from the start of the decide call until the
agent has the decision. Outcome durable: from there until what came of it is acknowledged. Below the line: how many times
the other's cost Holdpoint's is, the median of the rounds' own ratios; "ahead" and "BEHIND" are said of Holdpoint where
every round says so. Holdpoint and the floor take one call more (a claim before the report), over a WebSocket made for
each approval; where the agent runs inside its engine (Restate, DBOS, LangGraph, Workflows), its outcome begins at
once and not after another call. On the disk when it is acknowledged:`;
