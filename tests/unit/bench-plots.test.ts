import { describe, test } from "vitest";
import { barChart, lineChart, shareOf, short, ticksOf } from "../../scripts/bench/plot.ts";
import { plotsOf } from "../../scripts/bench/plots.ts";
import type { Cell } from "../../scripts/bench/cells.ts";
import { summarise } from "../../scripts/bench/statistics.ts";

const bars = {
  title: 'A & B <of "all">',
  axis: "milliseconds",
  scale: "log",
  series: ["p50", "p99"],
  groups: [
    { label: "one", values: [1, 10] },
    { label: "other", values: [100, Number.NaN] },
  ],
} as const;

const count = (text: string, what: RegExp): number => [...text.matchAll(what)].length;

describe("axes", () => {
  test("a linear one begins at nothing and ends at or above the greatest value, in round steps", ({
    expect,
  }) => {
    expect(ticksOf([3, 87], "linear")).toEqual([0, 20, 40, 60, 80, 100]);
    expect(ticksOf([0.4], "linear").at(-1)).toBeCloseTo(0.4);
    expect(ticksOf([], "linear")).toEqual([0, 1]);
  });

  test("a logarithmic one goes from power to power, and never without a length", ({ expect }) => {
    expect(ticksOf([3, 87], "log")).toEqual([1, 10, 100]);
    expect(ticksOf([10], "log")).toEqual([10, 100]);
    expect(ticksOf([0, Number.NaN], "log")).toEqual([1, 10]);
  });

  test("a value lies where its share of the axis is", ({ expect }) => {
    expect(shareOf(25, [0, 50, 100], "linear")).toBe(0.25);
    expect(shareOf(10, [1, 10, 100], "log")).toBe(0.5);
  });

  test("figures have three digits that count", ({ expect }) => {
    expect([0, 0.1234, 1.5, 12.34, 1234.5].map(short)).toEqual(["0", "0.123", "1.5", "12.3", "1,235"]);
  });
});

describe("charts", () => {
  test("there is a bar for each figure and none for what was not measured", ({ expect }) => {
    const svg = barChart(bars);
    // Two in the legend, three of figures.
    expect(count(svg, /<rect class="s /gu)).toBe(5);
    expect(svg).not.toContain("NaN");
  });

  test("what names say is text and not markup", ({ expect }) => {
    expect(barChart(bars)).toContain("A &amp; B &lt;of &quot;all&quot;&gt;");
  });

  test("there is a colour for the light and one for the dark", ({ expect }) => {
    expect(barChart(bars)).toContain("@media(prefers-color-scheme:dark)");
  });

  test("a line goes through what was measured and leaves out what was not", ({ expect }) => {
    const svg = lineChart({
      title: "growth",
      axis: "ms",
      scale: "linear",
      places: ["0", "1,000", "10,000"],
      across: "pending",
      series: [
        { name: "all", values: [1, 2, 3] },
        { name: "some", values: [1, Number.NaN, 3] },
        { name: "none", values: [Number.NaN, Number.NaN, Number.NaN] },
      ],
    });
    expect(count(svg, /<path /gu)).toBe(2);
    expect(count(svg, /<circle /gu)).toBe(5);
    expect(svg).not.toContain("NaN");
  });
});

describe("what is drawn", () => {
  const cell = (pending: number): Cell => {
    const ratio = { median: 1, low: 1, high: 1 };
    const figure = summarise([1, 2, 3], 1_000);
    const what = { work: "create" } as const;
    const same = { mode: "workerd", what, clients: 1, engine: figure, floor: figure } as const;
    return { ...same, pending, latency: ratio, throughput: ratio };
  };

  test("growth is drawn where there was more than one number of pending actions", ({ expect }) => {
    const files = (cells: Cell[]): string[] =>
      plotsOf({ roundtrip: null, cells, profiles: [] }).map(({ file }) => file);
    expect(files([cell(0), cell(1_000)])).toEqual(["bench-pending-workerd.svg"]);
    expect(files([cell(0)])).toEqual([]);
  });

  test("the round trip is drawn for each number of clients, and once as a whole", ({ expect }) => {
    const round = summarise([1, 2, 3], 1_000);
    const trips = { create: round, resume: round, durable: round };
    const line = { name: "Holdpoint", subject: "engine", trips } as const;
    const lines = [1, 16].map((clients) => ({ ...line, clients }));
    const found = plotsOf({
      roundtrip: { lines, ratios: [], durable: {}, notRun: [] },
      cells: [],
      profiles: [],
    });
    expect(found.map(({ file }) => file)).toEqual([
      "bench-roundtrip.svg",
      "bench-resume-1.svg",
      "bench-resume-16.svg",
    ]);
    for (const { svg } of found) expect(svg).toContain("Holdpoint");
  });
});
