import fc from "fast-check";
import * as v from "valibot";
import { describe, test } from "vitest";
import { durationMs } from "../../schemas/duration.ts";
import { Schedule, weekdays, type Weekly } from "../../schemas/schedule.ts";
import { instantOf, isTimeZone, reached, wallOfDateTime } from "../../core/local-time.ts";
import { everOnCall, nextHandover, onCallAt, onCallNow, onCallStanding } from "../../core/schedule.ts";
import { around, plusMinutes, turns, type Minute } from "../support/wall-clock.ts";

const at = (text: string): number => Date.parse(text);
const scheduleOf = (parts: object): Schedule => v.parse(Schedule, { id: "primary", ...parts });
const weekly = (timeZone: string, starts = "2026-01-05T09:00"): Schedule =>
  scheduleOf({
    timeZone,
    rotations: [{ people: ["person:alice", "person:bob"], starts, every: "7d" }],
  });

describe("local time", () => {
  test("of a gap is the moment the clock jumps; of an overlap the first of the two", ({ expect }) => {
    const berlin = (text: string): string =>
      new Date(instantOf("Europe/Berlin", wallOfDateTime(text))).toISOString();
    expect(berlin("2026-03-29T01:59")).toBe("2026-03-29T00:59:00.000Z");
    expect(berlin("2026-03-29T02:30")).toBe("2026-03-29T01:00:00.000Z");
    expect(berlin("2026-03-29T03:00")).toBe("2026-03-29T01:00:00.000Z");
    expect(berlin("2026-10-25T02:30")).toBe("2026-10-25T00:30:00.000Z");
    expect(berlin("2026-10-25T03:00")).toBe("2026-10-25T02:00:00.000Z");
    const apia = instantOf("Pacific/Apia", wallOfDateTime("2011-12-30T12:00"));
    expect(new Date(apia).toISOString()).toBe("2011-12-30T10:00:00.000Z");
    const howe = instantOf("Australia/Lord_Howe", wallOfDateTime("2026-10-04T02:15"));
    expect(new Date(howe).toISOString()).toBe("2026-10-03T15:30:00.000Z");
  });

  test.for(turns)(
    "in %s around %s is what a clock on the wall shows, minute by minute",
    ([place, moment], { expect }) => {
      const minutes = around(place, moment, 2);
      const first = new Map<string, number>();
      for (const { at: when, furthest } of minutes) {
        expect(new Date(reached(place, when)).toISOString().slice(0, 16)).toBe(furthest);
        if (!first.has(furthest)) first.set(furthest, when);
      }
      const shown = [...first.keys()];
      // `furthest` only grows, so the times are in order: each local minute is reached at the first that is not before it.
      for (let index = 1, local = shown[1] ?? ""; index < shown.length; local = plusMinutes(local, 1)) {
        expect(instantOf(place, wallOfDateTime(local)), local).toBe(first.get(shown[index]!));
        if (local === shown[index]) index += 1;
      }
    },
  );

  test("knows the places of the tz database and nothing else", ({ expect }) => {
    for (const place of ["Europe/Berlin", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5"]) {
      expect(isTimeZone(place), place).toBe(true);
    }
    for (const place of ["Mars/Olympus", "", "+01:00", "Europe/Berlin ", "../etc", "Europe", "__proto__"]) {
      expect(isTimeZone(place), place).toBe(false);
    }
  });
});

describe("a schedule", () => {
  test("hands over at the same hour of the wall on both sides of a change of clocks", ({ expect }) => {
    const schedule = weekly("Europe/Berlin", "2026-03-23T09:00");
    expect(onCallAt(schedule, at("2026-03-23T07:59:59.999Z"))).toEqual([]);
    expect(onCallAt(schedule, at("2026-03-23T08:00:00.000Z"))).toEqual(["person:alice"]);
    // Nine in the morning is an hour earlier in UTC a week later.
    expect(onCallAt(schedule, at("2026-03-30T06:59:59.999Z"))).toEqual(["person:alice"]);
    expect(onCallAt(schedule, at("2026-03-30T07:00:00.000Z"))).toEqual(["person:bob"]);
    expect(nextHandover(schedule, at("2026-03-24T00:00:00Z"))).toEqual({
      at: at("2026-03-30T07:00:00.000Z"),
      people: ["person:bob"],
    });
  });

  test("skips a turn that falls whole into a gap, and makes one longer that is shown twice", ({ expect }) => {
    const daily = scheduleOf({
      timeZone: "Pacific/Apia",
      rotations: [
        { people: ["person:alice", "person:bob", "person:carol"], starts: "2011-12-29T00:00", every: "1d" },
      ],
    });
    expect(onCallAt(daily, at("2011-12-30T09:59:59.999Z"))).toEqual(["person:alice"]);
    expect(onCallAt(daily, at("2011-12-30T10:00:00Z"))).toEqual(["person:carol"]);
    const hourly = scheduleOf({
      timeZone: "Europe/Berlin",
      rotations: [{ people: ["person:alice", "person:bob"], starts: "2026-10-25T02:00", every: "1h" }],
    });
    for (const [moment, who] of [
      ["2026-10-25T00:30:00Z", "person:alice"],
      ["2026-10-25T01:59:00Z", "person:alice"],
      ["2026-10-25T02:00:00Z", "person:bob"],
    ] as const) {
      expect(onCallAt(hourly, at(moment)), moment).toEqual([who]);
    }
  });

  test("is on call in its hours only, also over midnight", ({ expect }) => {
    const schedule = scheduleOf({
      timeZone: "Europe/Berlin",
      rotations: [
        {
          people: ["person:alice"],
          starts: "2026-01-01T00:00",
          every: "7d",
          hours: { days: ["fri"], from: "18:00", to: "06:00" },
        },
      ],
    });
    expect(onCallAt(schedule, at("2026-06-05T15:59:00Z"))).toEqual([]);
    expect(onCallAt(schedule, at("2026-06-05T16:00:00Z"))).toEqual(["person:alice"]);
    expect(onCallAt(schedule, at("2026-06-06T03:59:00Z"))).toEqual(["person:alice"]);
    expect(onCallAt(schedule, at("2026-06-06T04:00:00Z"))).toEqual([]);
    expect(onCallAt(schedule, at("2026-06-07T01:00:00Z"))).toEqual([]);
    expect(nextHandover(schedule, at("2026-06-06T04:00:00Z"))).toEqual({
      at: at("2026-06-12T16:00:00Z"),
      people: ["person:alice"],
    });
  });

  test("gives way to its overrides while they last", ({ expect }) => {
    const schedule = {
      ...weekly("UTC"),
      overrides: [{ person: "person:zoe", from: "2026-01-06T00:00", until: "2026-01-06T12:00" }],
    };
    expect(onCallAt(schedule, at("2026-01-05T23:59:59.999Z"))).toEqual(["person:alice"]);
    expect(onCallAt(schedule, at("2026-01-06T00:00:00Z"))).toEqual(["person:zoe"]);
    expect(onCallAt(schedule, at("2026-01-06T12:00:00Z"))).toEqual(["person:alice"]);
  });

  test("names nobody where the runtime does not know its zone, and has no handover", ({ expect }) => {
    const lost = weekly("Mars/Olympus");
    expect(onCallAt(lost, at("2026-02-01T00:00:00Z"))).toEqual([]);
    expect(nextHandover(lost, at("2026-02-01T00:00:00Z"))).toBeNull();
  });

  test("of one person has no handover in sight", ({ expect }) => {
    const alone = scheduleOf({
      timeZone: "UTC",
      rotations: [{ people: ["person:alice"], starts: "2026-01-05T09:00", every: "1h" }],
    });
    expect(nextHandover(alone, at("2026-02-01T00:00:00Z"))).toBeNull();
  });
});

const people = ["person:alice", "person:bob", "person:carol"];
const minute = fc.integer({ min: 0, max: 23 * 60 + 59 });
const time = minute.map((value) => plusMinutes("2000-01-01T00:00", value).slice(11));
const hours: fc.Arbitrary<Weekly> = fc
  .record({
    days: fc.uniqueArray(fc.constantFrom(...weekdays), { minLength: 1, maxLength: 7 }),
    from: time,
    to: fc.oneof(time, fc.constant("24:00")),
  })
  .filter(({ from, to }) => from !== to);

/** A schedule whose turns and overrides lie around a moment. */
function schedulesAround(place: string, moment: string): fc.Arbitrary<Schedule> {
  const near = fc
    .integer({ min: -5 * 1_440, max: 2 * 1_440 })
    .map((minutes) => plusMinutes(moment.slice(0, 16), minutes));
  const rotation = fc.record(
    {
      people: fc.array(fc.constantFrom(...people), { minLength: 1, maxLength: 4 }),
      starts: near,
      every: fc.constantFrom("1h", "2h", "7h", "12h", "1d", "36h", "7d"),
      hours,
    },
    { requiredKeys: ["people", "starts", "every"] },
  );
  const override = fc
    .tuple(fc.constantFrom(...people), near, fc.integer({ min: 1, max: 2_000 }))
    .map(([person, from, length]) => ({ person, from, until: plusMinutes(from, length) }));
  return fc
    .record({
      rotations: fc.array(rotation, { minLength: 1, maxLength: 2 }),
      overrides: fc.array(override, { maxLength: 2 }),
    })
    .map((parts) => scheduleOf({ ...parts, timeZone: place }));
}

/** Who is on call by looking at the clock every minute and noting each handover as it comes. */
function* byWalking(schedule: Schedule, minutes: readonly Minute[]): Generator<[Minute, string[]]> {
  const turnsOf = schedule.rotations.map(({ starts, every }) => ({
    due: starts,
    length: (durationMs(every) ?? 0) / 60_000,
    taken: 0,
  }));
  for (const one of minutes) {
    const { furthest } = one;
    const named: string[] = [];
    for (const [index, rotation] of schedule.rotations.entries()) {
      const turn = turnsOf[index]!;
      while (furthest >= turn.due) {
        turn.taken += 1;
        turn.due = plusMinutes(turn.due, turn.length);
      }
      if (turn.taken === 0 || !isInHours(rotation.hours, furthest)) continue;
      named.push(rotation.people[(turn.taken - 1) % rotation.people.length]!);
    }
    const instead = schedule.overrides.filter(({ from, until }) => from <= furthest && furthest < until);
    const who = instead.length > 0 ? instead.map(({ person }) => person) : named;
    yield [one, [...new Set(who)]];
  }
}

function isInHours(window: Weekly | undefined, local: string): boolean {
  if (window === undefined) return true;
  const { days, from, to } = window;
  const dayBefore = plusMinutes(`${local.slice(0, 10)}T00:00`, -1_440);
  const named = (date: string): boolean =>
    days.includes(weekdays[new Date(`${date.slice(0, 10)}Z`).getUTCDay()]!);
  const clock = local.slice(11);
  if (to > from) return named(local) && clock >= from && clock < to;
  return (named(local) && clock >= from) || (named(dayBefore) && clock < to);
}

/** The first minute at which a schedule is not what the walk says; null where it always is. */
function firstDifference(
  schedule: Schedule,
  minutes: readonly Minute[],
  moment: number,
  answer: (schedule: Schedule, now: number) => string[],
): string | null {
  for (const [{ at: when }, who] of byWalking(schedule, minutes)) {
    // Every minute where the clock turns, and some elsewhere.
    if (Math.abs(when - moment) > 2 * 3_600_000 && (when / 60_000) % 31 !== 0) continue;
    const said = answer(schedule, when);
    if (said.join() === who.join()) continue;
    return `${new Date(when).toISOString()}: ${said.join()} for ${who.join()}`;
  }
  return null;
}

const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 1_000_000_007);

describe("the people on call", () => {
  test.for(turns)("are exactly those a walk over the clock says, in %s around %s", ([place, moment]) => {
    console.info(`schedules in ${place}: seed ${seed}`);
    const minutes = around(place, moment, 6);
    fc.assert(
      fc.property(
        schedulesAround(place, moment),
        (schedule) => firstDifference(schedule, minutes, at(moment), onCallAt) === null,
      ),
      { numRuns: 12, seed },
    );
  });

  test("would not be, were hours counted by elapsed time instead of by the wall", ({ expect }) => {
    const [place, moment] = ["Europe/Berlin", "2026-03-29T01:00:00Z"];
    const minutes = around(place, moment, 6);
    const elapsed = (schedule: Schedule, now: number): string[] => {
      const [{ starts, every, people: names }] = schedule.rotations as [Schedule["rotations"][number]];
      const since = now - instantOf(place, wallOfDateTime(starts));
      return since < 0 ? [] : [names[Math.floor(since / (durationMs(every) ?? 1)) % names.length]!];
    };
    const schedule = weekly(place, "2026-03-25T09:00");
    const daily = { ...schedule, rotations: [{ ...schedule.rotations[0]!, every: "1d" }] };
    expect(firstDifference(daily, minutes, at(moment), onCallAt)).toBeNull();
    expect(firstDifference(daily, minutes, at(moment), elapsed)).not.toBeNull();
  });
});

describe("who is on call", () => {
  const now = at("2026-02-01T00:00:00Z");
  const schedules = { primary: weekly("UTC") };

  test("is what another system says while that lasts, then what the schedule says, else nobody", ({
    expect,
  }) => {
    const rosters = { schedules, onCall: { primary: { people: ["person:zoe"], until: now + 10 } } };
    expect(onCallNow(rosters, "primary", now + 9)).toEqual(["person:zoe"]);
    expect(onCallNow(rosters, "primary", now + 10)).toEqual(onCallAt(schedules.primary, now + 10));
    expect(onCallNow({ onCall: rosters.onCall }, "primary", now + 10)).toEqual([]);
    expect(onCallNow(rosters, "secondary", now)).toEqual([]);
    expect(onCallNow(rosters, "constructor", now)).toEqual([]);
  });

  test("is nobody where another system says so, whatever the schedule says", ({ expect }) => {
    const rosters = { schedules, onCall: { primary: { people: [], until: now + 10 } } };
    expect(onCallNow(rosters, "primary", now)).toEqual([]);
    expect(onCallStanding(rosters, "primary", now)).toMatchObject({
      source: "webhook",
      next: { at: now + 10, people: onCallAt(schedules.primary, now + 10) },
    });
  });

  test("shows what has gone stale as nobody", ({ expect }) => {
    const rosters = { onCall: { primary: { people: ["person:zoe"], until: now - 1 } } };
    expect(onCallStanding(rosters, "primary", now)).toEqual({
      name: "primary",
      people: [],
      source: "none",
      until: now - 1,
      next: null,
    });
    expect(onCallStanding(rosters, "other", now)).toBeNull();
    expect(everOnCall(rosters, "primary")).toEqual(["person:zoe"]);
    expect(everOnCall(rosters, "other")).toBeNull();
  });
});

describe("what is no schedule", () => {
  const good = {
    timeZone: "UTC",
    rotations: [{ people: ["person:alice"], starts: "2026-01-05T09:00", every: "7d" }],
  };
  const rotation = (parts: object): object => ({ ...good, rotations: [{ ...good.rotations[0], ...parts }] });
  const bad: [string, object][] = [
    ["a turn of half an hour", rotation({ every: "30m" })],
    ["a turn of nothing", rotation({ every: "0d" })],
    ["a turn of ten years", rotation({ every: "3650d" })],
    ["the thirtieth of February", rotation({ starts: "2026-02-30T09:00" })],
    ["a start with a zone", rotation({ starts: "2026-01-05T09:00Z" })],
    ["nobody", rotation({ people: [] })],
    ["an agent", rotation({ people: ["agent:demo"] })],
    ["hours that are none", rotation({ hours: { days: ["mon"], from: "09:00", to: "09:00" } })],
    ["a day that is none", rotation({ hours: { days: ["someday"], from: "09:00", to: "10:00" } })],
    ["no rotation", { ...good, rotations: [] }],
    [
      "an override that ends before it begins",
      {
        ...good,
        overrides: [{ person: "person:alice", from: "2026-01-02T00:00", until: "2026-01-01T00:00" }],
      },
    ],
    ["a fixed offset", { ...good, timeZone: "+01:00" }],
    ["a field of ours", { ...good, onCall: true }],
  ];
  test.for(bad)("%s is refused", ([, parts], { expect }) => {
    expect(v.safeParse(Schedule, { id: "primary", ...good }).success).toBe(true);
    expect(v.safeParse(Schedule, { id: "primary", ...parts }).success).toBe(false);
  });
});
