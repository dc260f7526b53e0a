import { describe, test } from "vitest";
import { clockBounds, clockFaults, clocksOf, durationText, schedulingMaxMs } from "../../core/clocks.ts";
import { durationMs } from "../../schemas/duration.ts";

const minute = 60_000;

describe("clocks", () => {
  test("take the defaults of semantics §6", ({ expect }) => {
    expect(clocksOf({ clocks: {}, rollback: null })).toEqual({
      pendingTtlMs: 60 * minute,
      remindAfterMs: 10 * minute,
      escalateAfterMs: [15 * minute],
      approvalTtlMs: 15 * minute,
      leaseTtlMs: minute,
      executionMaxMs: 15 * minute,
      rollbackWindowMs: null,
      reviewDueMs: null,
    });
    const breakGlass = { by: ["group:oncall"], perPersonPerDay: 3 };
    expect(clocksOf({ clocks: {}, rollback: null, breakGlass }).reviewDueMs).toBe(72 * 60 * minute);
    expect(clocksOf({ clocks: {}, rollback: { auto: "never" } }).rollbackWindowMs).toBe(30 * minute);
  });

  test("take what the contract says", ({ expect }) => {
    const clocks = {
      pendingTtl: "2h",
      remindAfter: "5m",
      escalateAfter: ["10m", "20m"],
      approvalTtl: "90s",
      leaseTtl: "10s",
      executionMax: "1d",
    };
    expect(clocksOf({ clocks, rollback: { window: "7d", auto: "failed" } })).toEqual({
      pendingTtlMs: 120 * minute,
      remindAfterMs: 5 * minute,
      escalateAfterMs: [10 * minute, 20 * minute],
      approvalTtlMs: 90_000,
      leaseTtlMs: 10_000,
      executionMaxMs: 1_440 * minute,
      rollbackWindowMs: 7 * 1_440 * minute,
      reviewDueMs: null,
    });
    expect(clocksOf({ clocks: { escalateAfter: [] }, rollback: null }).escalateAfterMs).toEqual([]);
  });

  test("fall back on their defaults where a duration cannot be read", ({ expect }) => {
    const { escalateAfterMs, pendingTtlMs } = clocksOf({
      clocks: { escalateAfter: ["soon"], pendingTtl: "a while" },
      rollback: null,
    });
    expect({ escalateAfterMs, pendingTtlMs }).toEqual({
      escalateAfterMs: [15 * minute],
      pendingTtlMs: 60 * minute,
    });
  });

  test("let nobody schedule further ahead than thirty days", ({ expect }) => {
    expect(schedulingMaxMs).toBe(30 * 24 * 60 * minute);
  });

  const bounds = Object.entries(clockBounds);
  test.for(bounds)(
    "%s is refused a millisecond past its bounds, and taken at them",
    ([name, { minMs, maxMs }], { expect }) => {
      const faults = (ms: number): string[] => {
        const text = `${ms}ms`;
        const clocks =
          name === "escalateAfter"
            ? { escalateAfter: [text] }
            : name === "rollbackWindow" || name === "reviewDue"
              ? {}
              : { [name]: text };
        const rollback = name === "rollbackWindow" ? { window: text, auto: "never" as const } : null;
        const breakGlass = { by: ["group:oncall"], perPersonPerDay: 3, reviewDue: text };
        const glass = name === "reviewDue" ? { breakGlass } : {};
        return clockFaults({ clocks, rollback, ...glass, risk: "high" }).map(({ pointer }) => pointer);
      };
      const pointer =
        name === "rollbackWindow"
          ? "/rollback/window"
          : name === "reviewDue"
            ? "/breakGlass/reviewDue"
            : name === "escalateAfter"
              ? "/clocks/escalateAfter/0"
              : `/clocks/${name}`;
      expect(faults(minMs)).toEqual([]);
      expect(faults(minMs - 1)).toEqual([pointer]);
      // A duration has at most nine digits, so long bounds are reached in hours.
      expect(clockFaults({ clocks: {}, rollback: null, risk: "high" })).toEqual([]);
      expect(maxMs).toBeGreaterThan(minMs);
      if (maxMs < 999_999_999) {
        expect(faults(maxMs)).toEqual([]);
        expect(faults(maxMs + 1)).toEqual([pointer]);
      }
    },
  );

  test("a critical action is pending for a day at most", ({ expect }) => {
    const faults = (pendingTtl: string, risk: "high" | "critical"): string[] =>
      clockFaults({ clocks: { pendingTtl }, rollback: null, risk }).map(({ detail }) => detail);
    expect(faults("24h", "critical")).toEqual([]);
    expect(faults("25h", "critical")).toEqual(["is 25h; pendingTtl is 1m to 1d for risk critical"]);
    expect(faults("25h", "high")).toEqual([]);
    expect(faults("721h", "high")).toEqual(["is 721h; pendingTtl is 1m to 30d"]);
    // The rollback has a week all the same.
    const rollback = { window: "7d", auto: "never" as const };
    expect(clockFaults({ clocks: {}, rollback, risk: "critical" })).toEqual([]);
  });

  test("durations are written in the largest unit that divides them", ({ expect }) => {
    expect([1, 1_000, 90_000, 3_600_000, 86_400_000, 0].map(durationText)).toEqual([
      "1ms",
      "1s",
      "90s",
      "1h",
      "1d",
      "0ms",
    ]);
    for (const ms of [1, 999, 1_000, 90_000, 5_400_000, 172_800_000]) {
      expect(durationMs(durationText(ms))).toBe(ms);
    }
  });
});
