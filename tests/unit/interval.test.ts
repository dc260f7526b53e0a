import * as fc from "fast-check";
import { describe, test } from "vitest";
import { wilson } from "../../core/interval.ts";

describe("the Wilson interval", () => {
  // Newcombe 1998, table I: 95 % score intervals without continuity correction.
  test.for([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ] as const)("of %i in %i is the published one", ([hits, trials, low, high], { expect }) => {
    const share = wilson(hits, trials);
    expect(share.low).toBeCloseTo(low, 4);
    expect(share.high).toBeCloseTo(high, 4);
  });

  test("is exact where every trial is a hit, or none: no rounding is left over", ({ expect }) => {
    for (let trials = 1; trials <= 2_000; trials++) {
      expect(wilson(0, trials).low).toBe(0);
      expect(wilson(trials, trials).high).toBe(1);
    }
  });

  test("says nothing of no trial", ({ expect }) => {
    expect(wilson(0, 0)).toEqual({ share: null, low: 0, high: 1, hits: 0, trials: 0 });
  });

  test("holds the share, stays inside 0 to 1 and is mirrored by the misses", ({ expect }) => {
    fc.assert(
      fc.property(fc.nat(5_000), fc.nat(5_000), (hits, misses) => {
        fc.pre(hits + misses > 0);
        const here = wilson(hits, hits + misses);
        const mirrored = wilson(misses, hits + misses);
        expect(here.low).toBeGreaterThanOrEqual(0);
        expect(here.high).toBeLessThanOrEqual(1);
        expect(here.low).toBeLessThanOrEqual(here.share! + 1e-12);
        expect(here.high).toBeGreaterThanOrEqual(here.share! - 1e-12);
        expect(here.low).toBeCloseTo(1 - mirrored.high, 9);
      }),
    );
  });
});
