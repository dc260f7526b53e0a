import { describe, onTestFinished, test } from "vitest";
import { createClient } from "../../client/index.ts";
import { ratesOf } from "../../core/rates.ts";
import type { Figures } from "../../schemas/metrics.ts";
import { formatFigures } from "../../scripts/holdpoint/render/figures.ts";
import type { Paint } from "../../scripts/holdpoint/terminal.ts";
import { startFakeEngine } from "../support/fake-engine.ts";

const same = (text: string): string => text;
const plain: Paint = { bold: same, dim: same, red: same, green: same, yellow: same, cyan: same };

const none = { reached: 0, waiting: 0, left: 0, p50: null, p95: null, p99: null, histogram: [] };
const figures: Figures = {
  window: "24h",
  from: "2026-01-01T12:00:00.000Z",
  to: "2026-01-02T12:00:00.000Z",
  complete: true,
  pending: {
    count: 3,
    oldestMs: 7_380_000,
    byType: [{ name: "host.shell", count: 3, oldestMs: 7_380_000 }],
    byRisk: [
      { name: "critical", count: 1, oldestMs: 4_000 },
      { name: "high", count: 2, oldestMs: 7_380_000 },
    ],
    byGroup: [{ name: "oncall", count: 3, oldestMs: 7_380_000 }],
  },
  queueTime: {
    notified: { ...none, reached: 5, p50: { ms: 120, atLeast: false }, p95: { ms: 900, atLeast: false } },
    seen: none,
    firstVote: none,
    decided: {
      ...none,
      reached: 2,
      waiting: 3,
      left: 1,
      p50: { ms: 42_000, atLeast: false },
      p95: { ms: 7_380_000, atLeast: true },
      p99: { ms: 7_380_000, atLeast: true },
    },
    claimed: none,
    finished: none,
  },
  requested: 6,
  decided: { approved: 1, denied: 1, byPolicy: 0, byVia: { slack: 1, cli: 1 } },
  expired: { pending: 1, approved: 0 },
  escalated: 2,
  underFiveSeconds: { count: 1, of: 2, share: 0.5 },
  missingContext: { count: 0, of: 1, share: 0 },
  reviewers: [
    {
      person: "person:bob",
      decisions: 2,
      approved: 1,
      denied: 1,
      review: { timed: 1, totalMs: 61_000, medianMs: 61_000 },
    },
    {
      person: "person:alice",
      decisions: 1,
      approved: 1,
      denied: 0,
      review: { timed: 0, totalMs: 0, medianMs: null },
    },
  ],
  deadLetters: 4,
  suppressed: { budget: 7, coalesced: 2 },
  rates: ratesOf([], [], 0, {
    window: "24h",
    from: "2026-01-01T12:00:00.000Z",
    to: "2026-01-02T12:00:00.000Z",
    complete: true,
  }),
};

/** The cells of the line that begins so. */
const cellsOf = (text: string, start: string): string[] | undefined =>
  text
    .split("\n")
    .find((line) => line.startsWith(start))
    ?.split(/ {2,}/u);

describe("P26 the figures on a terminal", () => {
  const text = formatFigures(figures, plain);

  test("give each stage its percentiles, and say where they can only be more", ({ expect }) => {
    expect(cellsOf(text, "asked → decided")).toEqual([
      "asked → decided",
      "42 s",
      "≥ 2 h 3 min",
      "≥ 2 h 3 min",
      "2",
      "3",
      "1",
    ]);
    expect(cellsOf(text, "asked → told")?.slice(1, 4)).toEqual(["120 ms", "900 ms", "–"]);
    expect(cellsOf(text, "claimed → finished")?.slice(1, 4)).toEqual(["–", "–", "–"]);
  });

  test("give what waits by type and risk with the age of the oldest", ({ expect }) => {
    expect(text).toMatch(/^Not sent to people {2,}7 over their hour, 2 of identical requests$/mu);
    expect(text).toContain("3 pending, the oldest for 2 h 3 min");
    expect(cellsOf(text, "type ")).toEqual(["type", "host.shell", "3", "2 h 3 min"]);
    expect(cellsOf(text, "risk ")).toEqual(["risk", "critical", "1", "4.0 s"]);
  });

  test("give the share of hasty decisions, which stands out from a fifth on, and each reviewer's load", ({
    expect,
  }) => {
    const loud = formatFigures(figures, { ...plain, yellow: (words) => `!${words}!` });
    expect(loud).toContain("under five seconds: !50.0 % (1 of 2)!");
    const calm = { ...figures, underFiveSeconds: { count: 1, of: 10, share: 0.1 } };
    expect(formatFigures(calm, { ...plain, yellow: (words) => `!${words}!` })).toContain(
      ": 10.0 % (1 of 10)",
    );
    expect(cellsOf(text, "person:bob")).toEqual(["person:bob", "2", "1", "1", "61 s", "61 s"]);
    expect(cellsOf(text, "person:alice")).toEqual(["person:alice", "1", "1", "0", "–", "–"]);
  });

  test("say so where there is nothing, and where they are not of everything", ({ expect }) => {
    const empty = formatFigures(
      {
        ...figures,
        complete: false,
        pending: { count: 0, oldestMs: null, byType: [], byRisk: [], byGroup: [] },
        underFiveSeconds: { count: 0, of: 0, share: null },
        reviewers: [],
      },
      plain,
    );
    expect(empty).toContain("Nothing is pending.");
    expect(empty).toContain("nothing was decided by people");
    expect(empty).toContain("Nobody has voted.");
    expect(empty).toContain("There is more in this window");
  });

  test("show a name that tries to be something else as what it is", ({ expect }) => {
    const [bob] = figures.reviewers;
    const odd = {
      ...figures,
      pending: { ...figures.pending, byGroup: [{ name: "on\u202Ecall\u001B[2J", count: 1, oldestMs: 1 }] },
      reviewers: bob === undefined ? [] : [bob],
    };
    expect(formatFigures(odd, plain)).toContain("on[U+202E]call[U+001B]");
  });
});

describe("client.metrics", () => {
  test("asks for the window that it is given, and for none where none is", async ({ expect }) => {
    const engine = await startFakeEngine(() => ({ body: figures }));
    onTestFinished(() => engine.stop());
    const client = createClient({ url: engine.url, key: "hp_test" });
    expect(await client.metrics({ window: "7d" })).toEqual(figures);
    expect(await client.metrics()).toEqual(figures);
    expect(engine.seen.map(({ path, query }) => [path, query.get("window")])).toEqual([
      ["/v1/metrics", "7d"],
      ["/v1/metrics", null],
    ]);
  });

  test("takes nothing else for figures", async ({ expect }) => {
    for (const body of [{}, { ...figures, queueTime: {} }, { ...figures, reviewers: [null] }, []]) {
      const engine = await startFakeEngine(() => ({ body }));
      onTestFinished(() => engine.stop());
      const client = createClient({ url: engine.url, key: "hp_test" });
      await expect(client.metrics()).rejects.toMatchObject({ code: expect.any(String) });
    }
  });
});
