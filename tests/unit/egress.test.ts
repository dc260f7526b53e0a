import fc from "fast-check";
import { describe, test } from "vitest";
import { defaultEgress, Egress } from "../../core/egress.ts";
import { egressOf } from "../../workers/egress.ts";

const limits = { concurrent: 3, perMinute: 60 };

describe("T12 what a workspace sends", () => {
  test("is bounded at once, and goes on when something has ended", ({ expect }) => {
    const egress = new Egress(limits);
    const ends = [1, 2, 3].map(() => egress.begin("a", 0));
    expect(ends.every((end) => end !== null)).toBe(true);
    expect(egress.begin("a", 0)).toBeNull();
    ends[0]?.();
    // Ended twice is ended once.
    ends[0]?.();
    expect(egress.begin("a", 0)).not.toBeNull();
    expect(egress.begin("a", 0)).toBeNull();
  });

  test("is bounded in a minute, and what was refused goes out as time passes", ({ expect }) => {
    const egress = new Egress(limits);
    const sent = (now: number): boolean => {
      const end = egress.begin("a", now);
      end?.();
      return end !== null;
    };
    expect(Array.from({ length: 60 }, () => sent(0)).every(Boolean)).toBe(true);
    expect(sent(0)).toBe(false);
    expect(sent(999)).toBe(false);
    expect(sent(1_000)).toBe(true);
    expect(sent(1_000)).toBe(false);
    // A clock that is set back gives nothing for nothing.
    expect(sent(0)).toBe(false);
  });

  test("takes nothing from another workspace", ({ expect }) => {
    const egress = new Egress(limits);
    while (egress.begin("loud", 0) !== null);
    expect(egress.begin("quiet", 0)).not.toBeNull();
  });

  test("never passes either bound, whatever begins and ends when", ({ expect }) => {
    const step = fc.record({
      after: fc.nat({ max: 5_000 }),
      end: fc.boolean(),
      workspace: fc.constantFrom("a", "b"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const egress = new Egress(limits);
        const open = new Map<string, (() => void)[]>();
        const begun = new Map<string, number[]>();
        let now = 0;
        for (const { after, end, workspace } of steps) {
          now += after;
          const mine = open.get(workspace) ?? [];
          open.set(workspace, mine);
          if (end) {
            mine.pop()?.();
            continue;
          }
          const left = egress.begin(workspace, now);
          if (left === null) continue;
          mine.push(left);
          const times = begun.get(workspace) ?? [];
          times.push(now);
          begun.set(workspace, times);
          expect(mine.length).toBeLessThanOrEqual(limits.concurrent);
          // In any minute a burst of a minute's worth and what was earned meanwhile.
          const lately = times.filter((time) => now - time < 60_000);
          expect(lately.length).toBeLessThanOrEqual(2 * limits.perMinute);
        }
      }),
    );
  });

  test("is bounded as the environment says, and by default where it says nothing or nonsense", ({
    expect,
  }) => {
    const many = (env: unknown): number => {
      const egress = egressOf(env);
      let count = 0;
      while (egress.begin("a", 0) !== null) count += 1;
      return count;
    };
    expect(many({ HOLDPOINT_EGRESS_CONCURRENT: "2" })).toBe(2);
    expect(many({ HOLDPOINT_EGRESS_CONCURRENT: "50", HOLDPOINT_EGRESS_PER_MINUTE: "7" })).toBe(7);
    expect(many({})).toBe(defaultEgress.concurrent);
    expect(egressOf({})).toBe(egressOf({}));
    for (const nonsense of ["0", "-1", "many", "1.5", ""]) {
      expect(egressOf({ HOLDPOINT_EGRESS_CONCURRENT: nonsense })).toBe(egressOf({}));
    }
  });
});
