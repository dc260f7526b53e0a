import type { Directory } from "../schemas/directory.ts";
import { durationMs } from "../schemas/duration.ts";
import type { Rotation, Schedule } from "../schemas/schedule.ts";
import { instantOf, isTimeZone, reached, wallOfDateTime } from "./local-time.ts";
import { nextEdge, windowAround } from "./weekly.ts";

/**
 * Who is on call. Turns change by the clock on the wall, so that a handover at nine stays at nine when the clock is put forward or
 * back; a turn that falls into a gap whole is skipped. `now` is epoch ms throughout.
 */

/**
 * The people a schedule names at a moment, in order, each once: those of the overrides that last, else whoever has the turn of each
 * rotation. Nobody before the first turn, outside of a rotation's hours, and where this runtime does not know the time zone.
 */
export function onCallAt(schedule: Schedule, now: number): string[] {
  if (!isTimeZone(schedule.timeZone)) return [];
  return namedAt(schedule, reached(schedule.timeZone, now));
}

function namedAt({ rotations, overrides }: Schedule, wall: number): string[] {
  const instead = overrides.filter(
    ({ from, until }) => wall >= wallOfDateTime(from) && wall < wallOfDateTime(until),
  );
  const people =
    instead.length > 0
      ? instead.map(({ person }) => person)
      : rotations.flatMap((rotation) => turnAt(rotation, wall) ?? []);
  return [...new Set(people)];
}

function turnAt({ people, starts, every, hours }: Rotation, wall: number): string | null {
  const since = wall - wallOfDateTime(starts);
  if (since < 0 || (hours !== undefined && windowAround(hours, wall) === null)) return null;
  return people[Math.floor(since / turnMs(every)) % people.length] ?? null;
}

const turnMs = (every: string): number => durationMs(every) ?? Number.POSITIVE_INFINITY;

/** Changes of hours that are looked at for the next handover: a year of them, and then there is none worth naming. */
const maxEdges = 800;

/** When others are on call than now, and who; null where that is not in sight. */
export function nextHandover(schedule: Schedule, now: number): { at: number; people: string[] } | null {
  if (!isTimeZone(schedule.timeZone)) return null;
  let wall = reached(schedule.timeZone, now);
  const current = namedAt(schedule, wall).join();
  for (let edges = 0; edges < maxEdges; edges++) {
    wall = nextChange(schedule, wall);
    if (!Number.isFinite(wall)) return null;
    const at = instantOf(schedule.timeZone, wall);
    // In a gap the clock is past this change already when it shows anything.
    wall = Math.max(wall, reached(schedule.timeZone, at));
    const people = namedAt(schedule, wall);
    if (people.join() !== current) return { at, people };
  }
  return null;
}

/** The next wall time at which anything of the schedule may change. */
function nextChange({ rotations, overrides }: Schedule, wall: number): number {
  const turns = rotations.flatMap(({ starts, every, hours }) => {
    const first = wallOfDateTime(starts);
    const length = turnMs(every);
    const next = wall < first ? first : first + (Math.floor((wall - first) / length) + 1) * length;
    return hours === undefined ? [next] : [next, nextEdge(hours, wall)];
  });
  const ends = overrides.flatMap(({ from, until }) => [wallOfDateTime(from), wallOfDateTime(until)]);
  return Math.min(...[...turns, ...ends].filter((edge) => edge > wall));
}

/** Everybody whom a schedule can ever name. */
export function everybodyOf({ rotations, overrides }: Schedule): string[] {
  return [
    ...new Set([...rotations.flatMap(({ people }) => people), ...overrides.map(({ person }) => person)]),
  ];
}

type Rosters = Pick<Directory, "schedules" | "onCall">;

/**
 * The people of `oncall:NAME` now. What another system has said goes before the schedule of the same name for as long as it was
 * said to last, also where it says that nobody is; after that the schedule is asked again. Where there is neither: nobody.
 */
export function onCallNow(rosters: Rosters, name: string, now: number): readonly string[] {
  const fed = ownOf(rosters.onCall, name);
  if (fed !== undefined && now < fed.until) return fed.people;
  const schedule = ownOf(rosters.schedules, name);
  return schedule === undefined ? [] : onCallAt(schedule, now);
}

/** How `oncall:NAME` stands, for people to see. Times are epoch ms. */
export type Standing = {
  readonly name: string;
  readonly people: readonly string[];
  /** Who says so: another system, the schedule, or nobody. */
  readonly source: "webhook" | "schedule" | "none";
  /** When what another system said ends, or ended; null where none has said anything. */
  readonly until: number | null;
  /** When others are on call, and who; null where that is not in sight. */
  readonly next: { readonly at: number; readonly people: readonly string[] } | null;
};

/** How one name stands; null where nothing of that name is. */
export function onCallStanding(rosters: Rosters, name: string, now: number): Standing | null {
  const fed = ownOf(rosters.onCall, name);
  const schedule = ownOf(rosters.schedules, name);
  if (fed === undefined && schedule === undefined) return null;
  const people = onCallNow(rosters, name, now);
  const until = fed?.until ?? null;
  if (fed !== undefined && now < fed.until) {
    const next = { at: fed.until, people: onCallNow(rosters, name, fed.until) };
    return { name, people, source: "webhook", until, next };
  }
  if (schedule === undefined) return { name, people, source: "none", until, next: null };
  return { name, people, source: "schedule", until, next: nextHandover(schedule, now) };
}

/** Every name that `oncall:NAME` can have here, in order. */
export function onCallNames({ schedules = {}, onCall = {} }: Rosters): string[] {
  return [...new Set([...Object.keys(schedules), ...Object.keys(onCall)])].toSorted();
}

/** Everybody whom `oncall:NAME` could name as things are written down; null where nothing of that name is. */
export function everOnCall(rosters: Rosters, name: string): string[] | null {
  const fed = ownOf(rosters.onCall, name);
  const schedule = ownOf(rosters.schedules, name);
  if (fed === undefined && schedule === undefined) return null;
  return [...new Set([...(fed?.people ?? []), ...(schedule === undefined ? [] : everybodyOf(schedule))])];
}

function ownOf<Value>(record: Readonly<Record<string, Value>> | undefined, name: string): Value | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}
