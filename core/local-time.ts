/**
 * Local time of a place, from the runtime's own time zone data.
 *
 * A wall time is what the clock on the wall shows, in milliseconds as if it were UTC. Because clocks are put forward and back,
 * some wall times come never and some twice, so a wall time is reached at exactly one moment by this rule: the first at which the
 * clock shows it or something later. Where the clock jumps over it that is the jump; where it comes twice, the first time.
 * `reached` is the other side of the rule: the latest that the clock has shown so far. So `reached(at) >= wall` says the same as
 * `at >= instantOf(wall)`, and a length of local time is half-open and without holes in whatever zone.
 */

/** Whether the tz database has this place. */
export function isTimeZone(timeZone: string): boolean {
  return formatOf(timeZone) !== null;
}

/** What is said of a zone that does not exist. */
export function noSuchZone(timeZone: string): string {
  return `is "${timeZone}", which is no time zone; take one of the tz database, such as Europe/Berlin or UTC`;
}

/** Epoch ms → the wall time of that moment. @throws RangeError for a zone that does not exist. */
export function wallAt(timeZone: string, at: number): number {
  const format = formatOf(timeZone);
  if (format === null) throw new RangeError(`there is no time zone ${timeZone}`);
  const fields: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(at)) fields[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = fields;
  // Zones differ by whole seconds, so what is below one is the same everywhere.
  return Date.UTC(year, month - 1, day, hour, minute, second) + modulo(at, 1_000);
}

/** The latest wall time that the clock has shown up to this moment. Never goes back. */
export function reached(timeZone: string, at: number): number {
  const wall = wallAt(timeZone, at);
  const before = at - turnMs;
  const [earlier, later] = [wallAt(timeZone, before) - before, wall - at];
  if (earlier <= later) return wall;
  const turn = transitionBetween(timeZone, before, at);
  return Math.max(wall, turn + earlier - 1);
}

/** The moment (epoch ms) at which a wall time is reached. */
export function instantOf(timeZone: string, wall: number): number {
  const [first, last] = [wall - farthestMs, wall + farthestMs];
  const earlier = wallAt(timeZone, first) - first;
  const later = wallAt(timeZone, last) - last;
  if (earlier === later) return wall - earlier;
  const turn = transitionBetween(timeZone, first, last);
  if (wall - earlier < turn) return wall - earlier;
  return Math.max(turn, wall - later);
}

/** `2026-03-29T09:00` as a wall time. */
export function wallOfDateTime(text: string): number {
  return Date.parse(`${text}Z`);
}

/** `09:30` as milliseconds since the day began; `24:00` is its end. */
export function msOfTime(text: string): number {
  const [hours = 0, minutes = 0] = text.split(":").map(Number);
  return (hours * 60 + minutes) * 60_000;
}

export const dayMs = 86_400_000;

/** The day a wall time is in, as a count of days, and its day of the week with Sunday as 0. */
export function dayOf(wall: number): { day: number; weekday: number } {
  const day = Math.floor(wall / dayMs);
  // The first of January 1970 was a Thursday.
  return { day, weekday: modulo(day + 4, 7) };
}

/** No clock has been more than this away from UTC. */
const farthestMs = 16 * 3_600_000;
/** A clock that was put back has caught up with itself after so long; whole days have been repeated. */
const turnMs = 26 * 3_600_000;

/** The moment at which the offset changes, between two moments with different ones. Zones change at whole seconds. */
function transitionBetween(timeZone: string, from: number, to: number): number {
  const offset = wallAt(timeZone, from) - from;
  let [low, high] = [Math.floor(from / 1_000), Math.ceil(to / 1_000)];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const at = middle * 1_000;
    if (wallAt(timeZone, at) - at === offset) low = middle;
    else high = middle;
  }
  return high * 1_000;
}

const modulo = (a: number, b: number): number => ((a % b) + b) % b;

const formats = new Map<string, Intl.DateTimeFormat | null>();
/** There are some 600 places, and names may be written in more than one way; past these the map starts over. */
const maxFormats = 1_000;

function formatOf(timeZone: string): Intl.DateTimeFormat | null {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  // A fixed offset such as +01:00 is no place.
  if (!/^[A-Za-z]/u.test(timeZone)) return null;
  let made: Intl.DateTimeFormat | null = null;
  try {
    made = new Intl.DateTimeFormat("en-US", {
      timeZone,
      calendar: "gregory",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
  } catch {
    // There is no such place, which is worth remembering as well.
  }
  if (formats.size >= maxFormats) formats.clear();
  formats.set(timeZone, made);
  return made;
}
