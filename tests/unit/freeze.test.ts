import fc from "fast-check";
import * as v from "valibot";
import { describe, test } from "vitest";
import { frozenUntil } from "../../core/freeze.ts";
import { validatePolicy } from "../../core/policy/validate.ts";
import { Freeze } from "../../schemas/freeze.ts";
import { weekdays } from "../../schemas/schedule.ts";
import { around, plusMinutes, turns, type Minute } from "../support/wall-clock.ts";

const at = (text: string): number => Date.parse(text);
const freezeOf = (parts: object): Freeze =>
  v.parse(Freeze, { name: "release", timeZone: "Europe/Berlin", because: "We ship on Monday", ...parts });
const migrate = { type: "db.migrate", class: "production-change", risk: "high" } as const;
const weekend = freezeOf({
  name: "weekend",
  weekly: { days: ["fri"], from: "16:00", to: "24:00" },
  because: "Nobody is here",
});
const saturday = freezeOf({ name: "saturday", weekly: { days: ["sat", "sun"], from: "00:00", to: "24:00" } });

const untilOf = (freezes: Freeze[], moment: string): string | null => {
  const frozen = frozenUntil({ freezes }, migrate, at(moment));
  return frozen === null ? null : `${frozen.name} ${new Date(frozen.until).toISOString()}`;
};

describe("a freeze", () => {
  test("is half-open, and its end is that of the wall on the day a clock is put forward", ({ expect }) => {
    const night = freezeOf({ from: "2026-03-28T22:00", until: "2026-03-29T06:00" });
    expect(untilOf([night], "2026-03-28T20:59:59.999Z")).toBeNull();
    expect(untilOf([night], "2026-03-28T21:00:00Z")).toBe("release 2026-03-29T04:00:00.000Z");
    expect(untilOf([night], "2026-03-29T03:59:59.999Z")).toBe("release 2026-03-29T04:00:00.000Z");
    expect(untilOf([night], "2026-03-29T04:00:00Z")).toBeNull();
  });

  test("that ends in a gap ends when the clock jumps; one that ends at an hour shown twice ends at the first", ({
    expect,
  }) => {
    const spring = freezeOf({ from: "2026-03-28T22:00", until: "2026-03-29T02:30" });
    expect(untilOf([spring], "2026-03-29T00:59:00Z")).toBe("release 2026-03-29T01:00:00.000Z");
    expect(untilOf([spring], "2026-03-29T01:00:00Z")).toBeNull();
    const autumn = freezeOf({ from: "2026-10-24T22:00", until: "2026-10-25T02:30" });
    expect(untilOf([autumn], "2026-10-25T00:29:00Z")).toBe("release 2026-10-25T00:30:00.000Z");
    expect(untilOf([autumn], "2026-10-25T01:15:00Z")).toBeNull();
  });

  test("says when it is really over: what follows on it without a pause is joined to it", ({ expect }) => {
    const holiday = freezeOf({ name: "holiday", from: "2026-06-08T00:00", until: "2026-06-08T09:00" });
    expect(untilOf([holiday, weekend, saturday], "2026-06-05T15:00:00Z")).toBe(
      "weekend 2026-06-08T07:00:00.000Z",
    );
    expect(untilOf([holiday, saturday], "2026-06-05T15:00:00Z")).toBeNull();
    // With a minute in between they are two.
    const later = freezeOf({ name: "holiday", from: "2026-06-08T00:01", until: "2026-06-08T09:00" });
    expect(untilOf([later, weekend, saturday], "2026-06-05T15:00:00Z")).toBe(
      "weekend 2026-06-07T22:00:00.000Z",
    );
  });

  test("would be told an end too early, were each looked at by itself", ({ expect }) => {
    const friday = "2026-06-05T15:00:00Z";
    const alone = [weekend, saturday]
      .map((freeze) => untilOf([freeze], friday))
      .filter((end) => end !== null);
    expect(alone).toEqual(["weekend 2026-06-05T22:00:00.000Z"]);
    expect(untilOf([weekend, saturday], friday)).toBe("weekend 2026-06-07T22:00:00.000Z");
  });

  test("without an end shows one that is more than a year away", ({ expect }) => {
    const always = freezeOf({ weekly: { days: [...weekdays], from: "00:00", to: "24:00" } });
    const frozen = frozenUntil({ freezes: [always] }, migrate, at("2026-06-05T15:00:00Z"));
    expect(frozen?.until).toBeGreaterThan(at("2027-06-05T15:00:00Z"));
  });

  test("is about what it names: type, class and risk must all fit", ({ expect }) => {
    const when = { from: "2026-01-01T00:00", until: "2027-01-01T00:00" };
    const about = (parts: object): boolean =>
      frozenUntil({ freezes: [freezeOf({ ...when, ...parts })] }, migrate, at("2026-06-01T00:00:00Z")) !==
      null;
    expect(about({})).toBe(true);
    expect(about({ types: ["db.*"] })).toBe(true);
    expect(about({ types: ["host.*", "db.migrate"], classes: ["production-*"], risks: ["high"] })).toBe(true);
    expect(about({ types: ["host.*"] })).toBe(false);
    expect(about({ types: ["db.*"], risks: ["low"] })).toBe(false);
    expect(about({ classes: ["staging"] })).toBe(false);
  });

  test("in a zone that this runtime does not know is in force, and looked at again later", ({ expect }) => {
    const lost = freezeOf({ timeZone: "Mars/Olympus", from: "2026-01-01T00:00", until: "2026-01-02T00:00" });
    const now = at("2026-06-01T00:00:00Z");
    expect(frozenUntil({ freezes: [lost] }, migrate, now)?.until).toBe(now + 3_600_000);
    expect(frozenUntil({}, migrate, now)).toBeNull();
  });

  test("that says no time, ends before it begins, or is about nothing is refused", ({ expect }) => {
    const base = { name: "release", timeZone: "UTC", because: "x" };
    const bad: object[] = [
      {},
      { from: "2026-01-01T00:00" },
      { until: "2026-01-01T00:00" },
      { from: "2026-01-02T00:00", until: "2026-01-01T00:00" },
      { weekly: { days: ["fri"], from: "24:00", to: "06:00" } },
      { from: "2026-01-01T00:00", until: "2026-01-02T00:00", types: [] },
      { from: "2026-01-01T00:00", until: "2026-01-02T00:00", risks: ["enormous"] },
    ];
    for (const parts of bad) expect(v.safeParse(Freeze, { ...base, ...parts }).success).toBe(false);
  });

  test("does not publish in a place that does not exist, or twice under one name", ({ expect }) => {
    const when = { from: "2026-01-01T00:00", until: "2027-01-01T00:00", because: "x" };
    const document = {
      roles: {},
      contracts: [],
      freezes: [
        { ...when, name: "one", timeZone: "Europe/Atlantis" },
        { ...when, name: "one", timeZone: "UTC" },
      ],
    };
    const checked = validatePolicy(document, null);
    expect(checked.ok ? [] : checked.error).toEqual([
      { pointer: "/freezes/0/timeZone", detail: expect.stringContaining("Europe/Atlantis") },
      { pointer: "/freezes/1/name", detail: expect.stringContaining("/freezes/0") },
    ]);
  });
});

/** Freezes by clock and calendar around a moment, some about this contract and some not. */
function freezesAround(place: string, moment: string): fc.Arbitrary<Freeze[]> {
  const near = fc
    .integer({ min: -3 * 1_440, max: 3 * 1_440 })
    .map((minutes) => plusMinutes(moment.slice(0, 16), minutes));
  const time = fc
    .integer({ min: 0, max: 1_439 })
    .map((value) => plusMinutes("2000-01-01T00:00", value).slice(11));
  const once = fc
    .tuple(near, fc.integer({ min: 1, max: 3_000 }))
    .map(([from, length]) => ({ from, until: plusMinutes(from, length) }));
  const weekly = fc
    .record({ days: fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1 }), from: time, to: time })
    .filter(({ from, to }) => from !== to)
    .map((window) => ({ weekly: window }));
  const one = fc
    .tuple(fc.oneof(once, weekly), fc.constantFrom(undefined, ["db.*"], ["host.*"]))
    .map(([when, types]) => freezeOf({ ...when, ...(types && { types }), timeZone: place }));
  return fc.array(one, { minLength: 1, maxLength: 4 });
}

/** By looking at the clock alone. */
function coversMinute({ types, weekly, from, until }: Freeze, { furthest }: Minute): boolean {
  if (types !== undefined && !types.includes("db.*")) return false;
  if (from !== undefined && furthest < from) return false;
  if (until !== undefined && furthest >= until) return false;
  if (weekly === undefined) return true;
  const weekday = (local: string): boolean =>
    weekly.days.includes(weekdays[new Date(`${local.slice(0, 10)}Z`).getUTCDay()]!);
  const clock = furthest.slice(11);
  const before = plusMinutes(furthest, -1_440);
  if (weekly.to > weekly.from) return weekday(furthest) && clock >= weekly.from && clock < weekly.to;
  return (weekday(furthest) && clock >= weekly.from) || (weekday(before) && clock < weekly.to);
}

const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 1_000_000_007);

test.for(turns)(
  "freezes last until the very minute a walk over the clock says, in %s around %s",
  ([place, moment]) => {
    console.info(`freezes in ${place}: seed ${seed}`);
    const minutes = around(place, moment, 5);
    fc.assert(
      fc.property(freezesAround(place, moment), (freezes) => {
        const frozen = minutes.map((minute) => freezes.some((freeze) => coversMinute(freeze, minute)));
        return minutes.every(({ at: when }, index) => {
          const near = Math.abs(when - at(moment)) < 1.5 * 3_600_000;
          if (!near && (when / 60_000) % 97 !== 0) return true;
          const answer = frozenUntil({ freezes }, migrate, when);
          if (answer === null) return !frozen[index];
          if (!frozen[index]) return false;
          const end = frozen.indexOf(false, index);
          const walkEnd = end === -1 ? null : minutes[end]!.at;
          // Past the end of the walk it can only be later than all of it.
          return walkEnd === null ? answer.until > minutes.at(-1)!.at : answer.until === walkEnd;
        });
      }),
      { numRuns: 8, seed },
    );
  },
);
