/**
 * Clocks on walls, read minute by minute from the runtime: a second opinion on time zones that shares no arithmetic with the
 * product. `furthest` is the latest local time (`2026-03-29T03:00`) that the clock has shown so far.
 */
export type Minute = { readonly at: number; readonly furthest: string };

const minuteMs = 60_000;

/** Every minute from one moment until another (epoch ms, whole minutes). Shown times before the walk begins count from a day before. */
export function walk(timeZone: string, from: number, until: number): Minute[] {
  const format = new Intl.DateTimeFormat("sv-SE", {
    timeZone,
    dateStyle: "short",
    timeStyle: "short",
  });
  const minutes: Minute[] = [];
  let furthest = "";
  for (let at = from - 2 * 86_400_000; at < until; at += minuteMs) {
    const shown = format.format(at).replace(" ", "T");
    if (shown > furthest) furthest = shown;
    if (at >= from) minutes.push({ at, furthest });
  }
  return minutes;
}

/** Places and the moments at which their clocks were or will be put forward or back; Apia left out a whole day. */
export const turns: readonly (readonly [place: string, moment: string])[] = [
  ["Europe/Berlin", "2026-03-29T01:00:00Z"],
  ["Europe/Berlin", "2026-10-25T01:00:00Z"],
  ["America/New_York", "2026-03-08T07:00:00Z"],
  ["America/New_York", "2026-11-01T06:00:00Z"],
  ["Australia/Lord_Howe", "2026-04-04T15:00:00Z"],
  ["Australia/Lord_Howe", "2026-10-03T15:30:00Z"],
  ["Pacific/Apia", "2011-12-30T10:00:00Z"],
  ["UTC", "2026-06-01T00:00:00Z"],
];

/** Some days on either side of a turn of the clock. */
export function around(place: string, moment: string, days: number): Minute[] {
  const at = Date.parse(moment);
  return walk(place, at - days * 86_400_000, at + days * 86_400_000);
}

/** A local time some minutes later by the calendar, in which every day has 24 hours. */
export function plusMinutes(local: string, minutes: number): string {
  return new Date(Date.parse(`${local}:00Z`) + minutes * minuteMs).toISOString().slice(0, 16);
}
