import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, test } from "vitest";
import {
  addresseeOf,
  coalescingKey,
  giveRequestBack,
  perHourOf,
  placesFor,
  requestsPerHour,
  takePlace,
  takeRequest,
  windowMs,
} from "../../core/budget.ts";
import type { Risk } from "../../schemas/policy.ts";
import { viewOf } from "../support/views.ts";
import { faults, starterPolicy } from "../support/starter.ts";

const sha256Hex = (text: string): string => createHash("sha256").update(text, "utf8").digest("hex");

const risks = ["low", "medium", "high", "critical"] as const;
type Asked = { afterMs: number; risk: Risk };
type Take = typeof takePlace;

const floods = fc.record({
  perHour: fc.integer({ min: 1, max: 20 }),
  asked: fc.array(
    fc.record({
      // Now and then an hour passes, so that windows slide and not only fill.
      afterMs: fc.oneof(
        { weight: 60, arbitrary: fc.integer({ min: 0, max: 180_000 }) },
        { weight: 1, arbitrary: fc.constant(windowMs) },
      ),
      risk: fc.constantFrom(...risks),
    }),
    { minLength: 100, maxLength: 200 },
  ),
});

/** What was granted, in order: each with how many were in the hour before it. */
function played(
  take: Take,
  perHour: number,
  asked: readonly Asked[],
): { at: number; risk: Risk; granted: boolean }[] {
  let taken: number[] = [];
  let at = 1_000_000;
  return asked.map(({ afterMs, risk }) => {
    at += afterMs;
    const answer = take(taken, risk, perHour, at);
    ({ taken } = answer);
    return { at, risk, granted: answer.granted };
  });
}

/** By brute force over every hour there is: never more cards than places, and nobody refused who had one. */
function holds(take: Take, { perHour, asked }: { perHour: number; asked: readonly Asked[] }): boolean {
  const all = played(take, perHour, asked);
  return all.every(({ at, risk, granted }, index) => {
    const before = all.slice(0, index).filter((one) => one.granted && one.at > at - windowMs).length;
    return granted === before < placesFor(risk, perHour) && before + Number(granted) <= perHour - 1;
  });
}

const seed = Date.now() % 2 ** 31;

describe("T10 the budget of a reviewer", () => {
  test(`slides over every hour, for every order of risks (seed ${seed})`, () => {
    fc.assert(
      fc.property(floods, (flood) => holds(takePlace, flood)),
      { seed, numRuns: 500 },
    );
  });

  test("is caught when its hours are those of the clock, or when it forgets what it gave", ({ expect }) => {
    const byTheClock: Take = (taken, risk, perHour, now) => {
      const hour = Math.floor(now / windowMs);
      const current = taken.filter((at) => Math.floor(at / windowMs) === hour);
      const granted = current.length < placesFor(risk, perHour);
      return { granted, taken: granted ? [...current, now] : current };
    };
    const forgetful: Take = (_, risk, perHour, now) => takePlace([], risk, perHour, now);
    for (const broken of [byTheClock, forgetful]) {
      const check = fc.check(
        fc.property(floods, (flood) => holds(broken, flood)),
        { seed, numRuns: 500 },
      );
      expect(check.failed).toBe(true);
    }
  });

  test("of ten thousand at once leaves no more than its places, and keeps some for the dangerous", ({
    expect,
  }) => {
    const granted = (asked: Asked[]): number =>
      played(takePlace, 30, asked).filter((one) => one.granted).length;
    const flood = (risk: Risk): Asked[] => Array.from({ length: 10_000 }, () => ({ afterMs: 0, risk }));
    expect(granted(flood("low"))).toBe(24);
    expect(granted([...flood("low"), ...flood("high")])).toBe(27);
    expect(granted([...flood("low"), ...flood("high"), ...flood("critical")])).toBe(29);
    // One place is the digest's, always.
    expect(risks.map((risk) => placesFor(risk, 1))).toEqual([0, 0, 0, 0]);
  });

  test("is a place again the very millisecond that an hour is over", ({ expect }) => {
    const { taken } = takePlace([], "low", 2, 1_000);
    expect(takePlace(taken, "low", 2, 1_000 + windowMs - 1).granted).toBe(false);
    expect(takePlace(taken, "low", 2, 1_000 + windowMs).granted).toBe(true);
  });

  test.for([
    ["slack:U0ALICE", "reviewer"],
    ["slack:W0ALICE", "reviewer"],
    ["slack:D0ALICE", "reviewer"],
    ["slack:C0CHANNEL", "channel"],
    ["slack:G0CHANNEL", "channel"],
    ["webhook:whe_abcdef", null],
    ["pagerduty:primary", null],
    ["teams:ops", null],
    ["callback", null],
  ] as const)("behind %s is one of: %s", ([sink, addressee], { expect }) => {
    expect(addresseeOf(sink)).toBe(addressee);
  });
});

describe("the budgets in a policy", () => {
  test("are 30 and 120 messages and any number of requests where it says nothing, and what it says where it does", ({
    expect,
  }) => {
    const policy = starterPolicy();
    expect([perHourOf(null, "reviewer"), perHourOf(policy, "channel"), requestsPerHour(policy)]).toEqual([
      30,
      120,
      null,
    ]);
    const set = { ...policy, notifications: { perReviewerPerHour: 5 }, requests: { perAgentPerHour: 7 } };
    expect([perHourOf(set, "reviewer"), perHourOf(set, "channel"), requestsPerHour(set)]).toEqual([
      5, 120, 7,
    ]);
  });

  test("are whole numbers in their bounds", ({ expect }) => {
    expect(
      faults((policy) => (policy.notifications = { perReviewerPerHour: 1, perChannelPerHour: 1_000 })),
    ).toEqual({});
    for (const bad of [0, 1_001, 2.5, "30", null]) {
      expect(Object.keys(faults((policy) => (policy.notifications = { perReviewerPerHour: bad })))).toEqual([
        "/notifications/perReviewerPerHour",
      ]);
    }
    expect(Object.keys(faults((policy) => (policy.notifications = { perHour: 1 })))).toEqual([
      "/notifications/perHour",
    ]);
  });
});

describe("T10 the requests of an agent", () => {
  const grants = (perHour: number, gapsMs: readonly number[]): number[] => {
    let window: ReturnType<typeof takeRequest>["window"] = [];
    let at = 0;
    const granted: number[] = [];
    for (const gap of gapsMs) {
      at += gap;
      const answer = takeRequest(window, perHour, at);
      ({ window } = answer);
      if (answer.granted) granted.push(at);
    }
    return granted;
  };

  test(`are never more than its hour has room for, whichever hour that is (seed ${seed})`, () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 200_000 }), { minLength: 50, maxLength: 300 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), gaps, (perHour, gapsMs) => {
        const granted = grants(perHour, gapsMs);
        return granted.every(
          (at) => granted.filter((one) => one > at - windowMs && one <= at).length <= perHour,
        );
      }),
      { seed, numRuns: 300 },
    );
  });

  test("of ten thousand at once are what there is room for, with the time when there is room again", ({
    expect,
  }) => {
    expect(
      grants(
        600,
        Array.from({ length: 10_000 }, () => 1),
      ),
    ).toHaveLength(600);
    const { window } = takeRequest([], 1, 30_000);
    const refused = takeRequest(window, 1, 40_000);
    expect(refused).toMatchObject({ granted: false, retryAfterMs: windowMs + 20_000 });
    expect(takeRequest(refused.window, 1, 40_000 + windowMs + 20_000).granted).toBe(true);
    // One that was taken in before is not counted a second time.
    expect(takeRequest(giveRequestBack(window), 1, 40_000).granted).toBe(true);
  });
});

describe("requests that are counted together", () => {
  const one = viewOf({});
  test("have the same type, target, arguments and requester, whatever else differs", ({ expect }) => {
    const key = coalescingKey(one, sha256Hex);
    expect(coalescingKey({ ...one, args: structuredClone(one.args) }, sha256Hex)).toBe(key);
    expect(coalescingKey(viewOf({ id: "act_other", reason: "another one" }), sha256Hex)).toBe(key);
    for (const other of [
      { ...one, type: "other.type" },
      { ...one, target: { ...one.target, resource: "another-host" } },
      { ...one, args: { ...one.args, more: 1 } },
      { ...one, requester: { ...one.requester, id: "agent:other" as const } },
      { ...one, requester: { ...one.requester, onBehalfOf: "person:alice" as const } },
    ]) {
      expect(coalescingKey(other, sha256Hex)).not.toBe(key);
    }
  });
});
