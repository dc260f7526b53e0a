import * as v from "valibot";
import { Via, VoteDecision } from "./action.ts";
import { FeedbackLabel } from "./feedback.ts";
import { PersonId } from "./text.ts";

const Millis = v.pipe(v.number(), v.integer());
const OptionalMillis = v.nullable(Millis);

/** When an action first got how far, epoch ms; null where it has not. Part of the fold of its log. */
export const Times = v.strictObject({
  firstVoteAt: OptionalMillis,
  /** Approved or denied, by people or by policy. */
  decidedAt: OptionalMillis,
  claimedAt: OptionalMillis,
  /** The first run was over: executed or failed. */
  finishedAt: OptionalMillis,
  /** Cancelled or expired: nobody waits any more, although what was waited for never came. */
  leftAt: OptionalMillis,
});
export type Times = v.InferOutput<typeof Times>;

/** Nothing has happened yet. */
export const noTimes: Times = {
  firstVoteAt: null,
  decidedAt: null,
  claimedAt: null,
  finishedAt: null,
  leftAt: null,
};

/** One person's latest vote, without their words. */
const TimedVote = v.strictObject({ person: PersonId, decision: VoteDecision, at: Millis, via: Via });

/** How an action's time has gone: sent to the Board with every change, and kept there in the action's own row. */
export const Timings = v.strictObject({
  ...Times.entries,
  createdAt: Millis,
  decision: v.nullable(v.picklist(["approved", "denied"])),
  /** Where the vote that decided it was cast; `policy` or `break_glass` where no vote did. */
  via: v.nullable(v.union([Via, v.picklist(["policy", "break_glass"])])),
  votes: v.array(TimedVote),
  escalations: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Whoever denied it said that the request did not tell them enough (see `core/timings`). */
  missingContext: v.boolean(),
  /** What people have said of it afterwards, each label once; left out where nothing. */
  labels: v.optional(v.array(FeedbackLabel)),
});
export type Timings = v.InferOutput<typeof Timings>;
