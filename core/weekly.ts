import { weekdays, type Weekly } from "../schemas/schedule.ts";
import { dayMs, dayOf, msOfTime } from "./local-time.ts";

/** The window a wall time is in: from when until when, as wall times; null outside of all. Half-open. */
export function windowAround({ days, from, to }: Weekly, wall: number): { from: number; to: number } | null {
  const { day, weekday } = dayOf(wall);
  const begins = msOfTime(from);
  const ends = msOfTime(to) > begins ? msOfTime(to) : msOfTime(to) + dayMs;
  // One that goes over midnight belongs to the day it begins on. Today's goes first, as it ends last.
  for (const back of [0, 1]) {
    const name = weekdays[(weekday + 7 - back) % 7];
    const start = (day - back) * dayMs;
    if (name === undefined || !days.includes(name)) continue;
    if (wall >= start + begins && wall < start + ends) return { from: start + begins, to: start + ends };
  }
  return null;
}

/** The next wall time after this one at which a window begins or ends. */
export function nextEdge({ days, from, to }: Weekly, wall: number): number {
  const { day, weekday } = dayOf(wall);
  const begins = msOfTime(from);
  const ends = msOfTime(to) > begins ? msOfTime(to) : msOfTime(to) + dayMs;
  const edges: number[] = [];
  for (let ahead = -1; ahead <= 7; ahead++) {
    const name = weekdays[(weekday + 7 + ahead) % 7];
    if (name === undefined || !days.includes(name)) continue;
    const start = (day + ahead) * dayMs;
    edges.push(start + begins, start + ends);
  }
  return Math.min(...edges.filter((edge) => edge > wall));
}
