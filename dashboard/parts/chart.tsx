import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";
import { formatMs } from "../clock.ts";

/** Named places along the bottom with a value each: counts as bars, or durations in seconds as points on a logarithmic scale. */
export type Drawn = {
  kind: "bars" | "points";
  names: readonly string[];
  series: readonly { name: string; values: readonly (number | null)[] }[];
};

const height = 220;
const dark = matchMedia("(prefers-color-scheme: dark)");

/** A picture for those who see it; `label` says the same in words. Drawn anew with the width and with the colour scheme. */
export function Chart({ label, drawn }: { label: string; drawn: Drawn }): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const text = JSON.stringify(drawn);
  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    let plot: UPlot | null = null;
    const draw = (): void => {
      plot?.destroy();
      plot = new UPlot(optionsOf(drawn, element), dataOf(drawn), element);
    };
    const sizes = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height }));
    draw();
    sizes.observe(element);
    dark.addEventListener("change", draw);
    return () => {
      sizes.disconnect();
      dark.removeEventListener("change", draw);
      plot?.destroy();
    };
  }, [text]);
  return <div ref={place} role="img" aria-label={label} />;
}

function dataOf({ names, series }: Drawn): UPlot.AlignedData {
  return [names.map((_, index) => index), ...series.map(({ values }) => [...values])];
}

function optionsOf({ kind, names, series }: Drawn, element: HTMLElement): UPlot.Options {
  const { color: ink } = getComputedStyle(element);
  const line = dark.matches ? "#39424c" : "#dfe1e4";
  const colours = dark.matches ? ["#8ab8ff", "#f2b866", "#ff9d94"] : ["#184f96", "#9a5b00", "#a3231b"];
  const narrow = element.clientWidth < 400;
  const axis = {
    stroke: ink,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1 },
    ...(narrow && { font: "10px system-ui, sans-serif" }),
  };
  const bars = UPlot.paths.bars?.({ size: [0.7, 60] });
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: [-0.5, names.length - 0.5] },
      // oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- an enum of its types alone, 3 being the logarithmic one
      y: kind === "points" ? { distr: 3 } : { range: (_, __, max) => [0, Math.max(max, 4)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        splits: names.map((_, index) => index),
        values: () => [...names],
      },
      {
        ...axis,
        size: narrow ? 54 : 60,
        ...(kind === "points" && {
          splits: (_, __, min, max) => round.filter((at) => at >= min && at <= max),
        }),
        values: (_, splits) =>
          splits.map((value) =>
            kind === "points" ? durationTick(value) : Number.isInteger(value) ? String(value) : "",
          ),
      },
    ],
    series: [
      {},
      ...series.map(({ name }, index): UPlot.Series => {
        // Points that fall together are rings around each other: the last, which is drawn first, is the largest.
        const stroke = colours[kind === "points" ? series.length - 1 - index : index] ?? ink;
        if (kind === "bars" && bars !== undefined) {
          return { label: name, stroke, fill: stroke, paths: bars, points: { show: false } };
        }
        return {
          label: name,
          stroke,
          paths: () => null,
          points: { show: true, size: 17 - 5 * index, fill: stroke, stroke },
        };
      }),
    ],
  };
}

/** Durations in seconds that people think in, from a millisecond to a week: the only lines of the logarithmic scale. */
const round = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3_600, 21_600, 86_400, 604_800];

const durationTick = (seconds: number | null): string =>
  seconds === null ? "" : seconds < 1 ? `${Math.round(seconds * 1_000)}ms` : formatMs(seconds * 1_000);
