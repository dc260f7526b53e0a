import fc from "fast-check";
import { describe, test } from "vitest";
import { histogramOf, percentiles, waitsOf, type TimedAction, type Wait } from "../../core/queue-time.ts";
import { bruteForce } from "../support/percentiles.ts";

const minute = 60_000;
const now = 1_000 * minute;

const action = (parts: Partial<TimedAction> = {}): TimedAction => ({
  type: "db.migrate",
  risk: "high",
  groups: ["dba"],
  state: "pending",
  createdAt: now - 10 * minute,
  notifiedAt: null,
  firstVoteAt: null,
  decidedAt: null,
  claimedAt: null,
  finishedAt: null,
  leftAt: null,
  decision: null,
  via: null,
  votes: [],
  escalations: 0,
  missingContext: false,
  seen: {},
  ...parts,
});

const reached = (ms: number): Wait => ({ ms, outcome: "reached" });
const waiting = (ms: number): Wait => ({ ms, outcome: "waiting" });
const shares = [0.5, 0.95, 0.99];

const anyWait: fc.Arbitrary<Wait> = fc.record({
  ms: fc.integer({ min: 0, max: 40 }),
  outcome: fc.constantFrom("reached", "reached", "waiting", "left"),
});

describe("percentiles", () => {
  test("equal a brute-force computation over random waits, ended or not", ({ expect }) => {
    let bounded = 0;
    fc.assert(
      fc.property(fc.array(anyWait, { maxLength: 60 }), (waits) => {
        const found = percentiles(waits, shares);
        if (found.some((estimate) => estimate?.atLeast === true)) bounded += 1;
        expect(found).toEqual(shares.map((share) => bruteForce(waits, share)));
      }),
      { numRuns: 2_000 },
    );
    expect(bounded, "no run had a percentile that is only known from below").toBeGreaterThan(100);
  });

  test("are nearest-rank percentiles where every wait has ended", ({ expect }) => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 1, maxLength: 200 }), (all) => {
        const sorted = all.toSorted((a, b) => a - b);
        const ranks = shares.map((share) => sorted[Math.ceil(share * all.length - 1e-9) - 1]!);
        const found = percentiles(all.map(reached), shares);
        expect(found).toEqual(ranks.map((ms) => ({ ms, atLeast: false })));
      }),
    );
  });

  test("without what still waits would look fast, which is what the estimate is for", ({ expect }) => {
    const stuck = [
      ...Array.from({ length: 10 }, () => reached(minute)),
      ...Array.from({ length: 90 }, () => waiting(5 * minute)),
    ];
    const ended = stuck.filter(({ outcome }) => outcome === "reached");
    expect(percentiles(ended, [0.5])).toEqual([{ ms: minute, atLeast: false }]);
    expect(percentiles(stuck, [0.5])).toEqual([{ ms: 5 * minute, atLeast: true }]);
  });

  test("are not pulled down by a burst that has only just come in", ({ expect }) => {
    const burst = [
      ...Array.from({ length: 10 }, () => reached(10 * minute)),
      ...Array.from({ length: 90 }, () => waiting(1_000)),
    ];
    expect(percentiles(burst, [0.5, 0.99])).toEqual([
      { ms: 10 * minute, atLeast: false },
      { ms: 10 * minute, atLeast: false },
    ]);
  });

  test("of nothing are nothing", ({ expect }) => {
    expect(percentiles([], shares)).toEqual([null, null, null]);
  });
});

describe("waits", () => {
  test("that began long before the window count in it while they last", ({ expect }) => {
    const old = action({ createdAt: now - 500 * minute });
    expect(waitsOf("decided", [old], now - minute, now)).toEqual([waiting(500 * minute)]);
  });

  test("that ended before the window do not", ({ expect }) => {
    const done = action({
      state: "approved",
      decision: "approved",
      via: "page",
      decidedAt: now - 2 * minute,
    });
    expect(waitsOf("decided", [done], now - minute, now)).toEqual([]);
    expect(waitsOf("decided", [done], now - 2 * minute, now)).toEqual([reached(8 * minute)]);
  });

  test("of what expired or was cancelled are cut off, and do not go on", ({ expect }) => {
    const gone = action({ state: "expired", leftAt: now - 5 * minute });
    expect(waitsOf("decided", [gone], 0, now)).toEqual([{ ms: 5 * minute, outcome: "left" }]);
  });

  test("for people are not waits where policy decided", ({ expect }) => {
    const at = now - 10 * minute;
    const allowed = action({ state: "approved", decision: "approved", via: "policy", decidedAt: at });
    for (const stage of ["notified", "seen", "firstVote", "decided"] as const) {
      expect(waitsOf(stage, [allowed], 0, now)).toEqual([]);
    }
    expect(waitsOf("claimed", [allowed], 0, now)).toEqual([waiting(10 * minute)]);
  });

  test("run from the request, then from the approval, then from the claim", ({ expect }) => {
    const at = (minutes: number): number => now - 10 * minute + minutes * minute;
    const done = action({
      state: "executed",
      decision: "approved",
      via: "slack",
      notifiedAt: at(1),
      seen: { "person:bob": at(3), "person:alice": at(2) },
      firstVoteAt: at(4),
      decidedAt: at(5),
      claimedAt: at(7),
      finishedAt: at(10),
    });
    const stages = ["notified", "seen", "firstVote", "decided", "claimed", "finished"] as const;
    const minutes = stages.map((stage) => waitsOf(stage, [done], 0, now)[0]!.ms / minute);
    expect(minutes).toEqual([1, 2, 4, 5, 2, 3]);
  });

  test("take a vote for having seen it, and a clock that is behind for no time at all", ({ expect }) => {
    const voted = action({ firstVoteAt: now - 4 * minute });
    expect(waitsOf("seen", [voted], 0, now)).toEqual([reached(6 * minute)]);
    const behind = action({ notifiedAt: now - 11 * minute });
    expect(waitsOf("notified", [behind], 0, now)).toEqual([reached(0)]);
  });

  test("denied are never claimed", ({ expect }) => {
    const denied = action({ state: "denied", decision: "denied", via: "cli", decidedAt: now });
    expect(waitsOf("claimed", [denied], 0, now)).toEqual([]);
  });
});

test("the histogram is cumulative, with every bound inside its bucket", ({ expect }) => {
  const waits = [reached(15_000), reached(15_001), reached(86_400_001), waiting(1)];
  expect(histogramOf(waits)).toEqual([1, 2, 2, 2, 2, 2, 2, 3]);
});
