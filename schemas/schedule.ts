import * as v from "valibot";
import { Duration, durationMs } from "./duration.ts";
import { PersonId, Slug } from "./text.ts";

/** Times as people write them on a wall plan: local dates and hours of a place, never instants. */

/** The name of a place in the tz database. Whether there is such a place is checked where it is put, by `core/local-time`. */
export const TimeZone = v.pipe(
  v.string(),
  v.maxLength(64),
  v.regex(/^[A-Za-z][A-Za-z0-9_+-]*(?:\/[A-Za-z0-9_+-]+)*$/u, "is a time zone such as Europe/Berlin or UTC"),
);

/** A local date and time, to the minute: `2026-03-29T09:00`. */
export const LocalDateTime = v.pipe(
  v.string(),
  v.regex(
    /^(?:19[7-9]\d|20\d\d)-[01]\d-[0-3]\dT(?:[01]\d|2[0-3]):[0-5]\d$/u,
    "is a local date and time such as 2026-03-29T09:00, without a zone",
  ),
  v.check((text) => isDate(text), "is no day of the calendar"),
);

function isDate(text: string): boolean {
  const ms = Date.parse(`${text}Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}

/** A time of day, `24:00` being the end of it. */
export const LocalTime = v.pipe(
  v.string(),
  v.regex(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/u, "is a time of day such as 09:30, or 24:00"),
);

export const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

/** Some hours of some days of the week. Where `to` is not after `from` they end on the day after. */
export const Weekly = v.pipe(
  v.strictObject({
    days: v.pipe(
      v.array(v.picklist(weekdays, `is one of ${weekdays.join(", ")}`)),
      v.minLength(1, "names at least one day"),
      v.maxLength(7),
    ),
    from: LocalTime,
    to: LocalTime,
  }),
  v.check(({ from, to }) => from !== to, "begins and ends at the same time; the whole day is 00:00 to 24:00"),
  v.check(({ from }) => from !== "24:00", "begins when the day is over; write 00:00 of the next day"),
);
export type Weekly = v.InferOutput<typeof Weekly>;

const hourMs = 3_600_000;
const Shift = v.pipe(
  Duration,
  v.check((text) => {
    const ms = durationMs(text) ?? 0;
    return ms >= hourMs && ms <= 366 * 24 * hourMs && ms % hourMs === 0;
  }, 'is whole hours from "1h" to "366d"'),
);

/** People who take turns, one at a time: the first from `starts` on, the next after every `every`, by the clock on the wall. */
export const Rotation = v.strictObject({
  people: v.pipe(v.array(PersonId), v.minLength(1, "names at least one person"), v.maxLength(64)),
  starts: LocalDateTime,
  every: Shift,
  /** On call in these hours only; a turn goes on outside them and nobody is called. */
  hours: v.optional(Weekly),
});
export type Rotation = v.InferOutput<typeof Rotation>;

/** Instead of the rotations: this person, from and until these local times. */
export const Override = v.pipe(
  v.strictObject({ person: PersonId, from: LocalDateTime, until: LocalDateTime }),
  v.check(({ from, until }) => from < until, "ends before it begins"),
);
export type Override = v.InferOutput<typeof Override>;

/** Who is on call when. Its `id` is the NAME of the selector `oncall:NAME`. */
export const Schedule = v.strictObject({
  id: Slug,
  timeZone: TimeZone,
  rotations: v.pipe(v.array(Rotation), v.minLength(1, "holds at least one rotation"), v.maxLength(16)),
  overrides: v.optional(v.pipe(v.array(Override), v.maxLength(256)), []),
});
export type Schedule = v.InferOutput<typeof Schedule>;

/** Who is on call as another system says, until `until` (epoch ms). Nobody at all where `people` is empty. */
export const OnCall = v.strictObject({
  people: v.pipe(v.array(PersonId), v.maxLength(64)),
  until: v.pipe(v.number(), v.integer()),
});
export type OnCall = v.InferOutput<typeof OnCall>;
