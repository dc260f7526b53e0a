import * as v from "valibot";
import { LocalDateTime, TimeZone, Weekly } from "./schedule.ts";
import { Label, Prose, Slug } from "./text.ts";

const Globs = v.pipe(
  v.array(Label),
  v.minLength(1, "names at least one; leave it out for all"),
  v.maxLength(64),
);

/**
 * A time in which nothing of its kind starts to run. `types`, `classes` and `risks` narrow it, and all that are given must fit;
 * without any of them it is about everything. Either some hours of the week, with an end or without, or from one local time
 * until another.
 */
export const Freeze = v.pipe(
  v.strictObject({
    name: Slug,
    timeZone: TimeZone,
    types: v.optional(Globs),
    classes: v.optional(Globs),
    risks: v.optional(
      v.pipe(
        v.array(v.picklist(["low", "medium", "high", "critical"])),
        v.minLength(1, "names at least one; leave it out for all"),
        v.maxLength(4),
      ),
    ),
    weekly: v.optional(Weekly),
    from: v.optional(LocalDateTime),
    until: v.optional(LocalDateTime),
    because: Prose,
  }),
  v.check(
    ({ weekly, from, until }) => weekly !== undefined || (from !== undefined && until !== undefined),
    "says when: `weekly`, or both `from` and `until`",
  ),
  v.check(
    ({ from, until }) => from === undefined || until === undefined || from < until,
    "ends before it begins",
  ),
);
export type Freeze = v.InferOutput<typeof Freeze>;

/** What a freeze in force says; `until` is epoch ms. */
export const Frozen = v.strictObject({ name: v.string(), until: v.number(), because: v.string() });
export type Frozen = v.InferOutput<typeof Frozen>;

/** The same as it is shown: `until` is RFC 3339. */
export const FrozenView = v.object({
  name: v.string(),
  until: v.pipe(v.string(), v.isoTimestamp()),
  because: v.string(),
});
export type FrozenView = v.InferOutput<typeof FrozenView>;
