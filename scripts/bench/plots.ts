import { clientCounts } from "./cells.ts";
import { barChart, lineChart } from "./plot.ts";
import { flameGraph } from "./profile/flame.ts";
import type { Profile } from "./profile/measure.ts";
import type { Roundtrip, TripLine } from "./roundtrip.ts";
import type { Report } from "./run.ts";
import type { Cell } from "./cells.ts";
import type { Mode } from "./server.ts";

export type Plot = { readonly file: string; readonly svg: string };

/** The charts of what was measured; of what was not there is none. */
export function plotsOf({
  roundtrip,
  cells,
  profiles,
}: Pick<Report, "roundtrip" | "cells" | "profiles">): Plot[] {
  const modes = [...new Set(cells.map(({ mode }) => mode))];
  return [
    ...(roundtrip === null ? [] : roundtripPlots(roundtrip)),
    ...modes.flatMap((mode) => growthPlots(mode, cells)),
    ...profiles.filter(({ subject }) => subject === "engine").map(flamePlot),
  ];
}

function flamePlot({ calls, sampledLives, clients }: Profile): Plot {
  const title = `Where the time of a life goes: plain workerd, ${clients} clients, each bar with all that it calls`;
  return { file: "bench-flame.svg", svg: flameGraph(title, calls, sampledLives) };
}

function roundtripPlots({ lines }: Roundtrip): Plot[] {
  const names = [...new Set(lines.map(({ name }) => name))];
  const figure = (name: string, clients: number, of: (line: TripLine) => number): number => {
    const line = lines.find((one) => one.name === name && one.clients === clients);
    return line === undefined ? Number.NaN : of(line);
  };
  const byClients = clientCounts.map((clients) => (clients === 1 ? "1 client" : `${clients} clients`));
  const bars = (of: (line: TripLine) => number): { label: string; values: number[] }[] =>
    names.map((label) => ({ label, values: clientCounts.map((clients) => figure(label, clients, of)) }));
  const shares = ["p50", "p95", "p99"] as const;
  return [
    {
      file: "bench-roundtrip.svg",
      svg: barChart({
        title: "Approvals that went the whole way: create, wait, decide, resume, outcome, all durable",
        axis: "completed a second",
        scale: "log",
        series: byClients,
        groups: bars(({ trips }) => trips.durable.perSecond),
      }),
    },
    ...clientCounts.map((clients) => ({
      file: `bench-resume-${clients}.svg`,
      svg: barChart({
        title: `From the decide call until the agent has the decision, ${clients === 1 ? "one client" : `${clients} clients`}`,
        axis: "milliseconds",
        scale: "log",
        series: shares,
        groups: names.map((label) => ({
          label,
          values: shares.map((share) => figure(label, clients, ({ trips }) => trips.resume[share])),
        })),
      }),
    })),
  ];
}

const modeTitles: Record<Mode, string> = { start: "npm start", workerd: "plain workerd" };

/** How the two figures grow with what waits, where they were measured with more than one number of it. */
function growthPlots(mode: Mode, all: readonly Cell[]): Plot[] {
  const cells = all.filter(
    ({ what, ...cell }) => cell.mode === mode && !(what.work === "resume" && what.via === "long-poll"),
  );
  const levels = [...new Set(cells.map(({ pending }) => pending))].toSorted((a, b) => a - b);
  if (levels.length < 2) return [];
  const series = (["create", "resume"] as const).flatMap((work) =>
    (["engine", "floor"] as const).map((subject) => ({
      name: `${work === "create" ? "create" : "decide to resume"}, ${subject === "engine" ? "Holdpoint" : "floor"}`,
      values: levels.map((level) => {
        const cell = cells.find(
          ({ what, pending, clients }) => what.work === work && pending === level && clients === 1,
        );
        return cell?.[subject].p50 ?? Number.NaN;
      }),
    })),
  );
  return [
    {
      file: `bench-pending-${mode}.svg`,
      svg: lineChart({
        title: `What waiting actions cost the others: p50 with one client, ${modeTitles[mode]}`,
        axis: "milliseconds",
        scale: "linear",
        places: levels.map((level) => level.toLocaleString("en")),
        across: "actions that wait for their decision",
        series,
      }),
    },
  ];
}
