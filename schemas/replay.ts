import * as v from "valibot";
import { Requester, Target } from "./action.ts";
import { EvaluatedOutcome } from "./evaluation.ts";
import { Level } from "./guardrail.ts";
import { Json, JsonObject } from "./json.ts";
import { AgentThen, Payload } from "./stored.ts";
import { Digest } from "./text.ts";

/** Holding another policy against what was asked for. */

/** What an action has kept of what was asked, as far as a policy looks at it. `at` is epoch ms. */
export const Recorded = v.strictObject({
  id: v.string(),
  type: v.string(),
  at: v.number(),
  target: Target,
  args: JsonObject,
  requester: Requester,
  /** Null for an action from before that was kept: it is judged by the agent of now. */
  agent: v.nullable(AgentThen),
  sums: v.record(v.string(), v.string()),
  level: v.nullable(Level),
  decision: Payload.entries.decision,
});
export type Recorded = v.InferOutput<typeof Recorded>;

export const maxReplayDays = 90;
export const replayPage = { usual: 50, most: 100 } as const;

export const ReplayBody = v.strictObject({
  document: v.optional(Json),
  version: v.optional(Digest),
  days: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(maxReplayDays)),
  /** How many actions one call replays at most: each is one look at its object. */
  limit: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(replayPage.most)),
    replayPage.usual,
  ),
  cursor: v.optional(v.pipe(v.string(), v.maxLength(64))),
});

const Said = v.object({ outcome: EvaluatedOutcome, because: v.string() });

/** An action that would have come out differently. `was` is what happened. */
export const Changed = v.object({
  id: v.string(),
  type: v.string(),
  agent: v.string(),
  target: v.string(),
  at: v.pipe(v.string(), v.isoTimestamp()),
  was: Said,
  would: Said,
});
export type Changed = v.InferOutput<typeof Changed>;

export const ReplayCount = v.object({
  type: v.string(),
  was: EvaluatedOutcome,
  would: EvaluatedOutcome,
  count: v.number(),
});
export type ReplayCount = v.InferOutput<typeof ReplayCount>;

export const ReplayAnswer = v.object({
  /** Actions that were held against the candidate. */
  replayed: v.number(),
  /** Actions of which nothing is kept any more. */
  notReplayable: v.number(),
  /** Actions that a kill switch refused, which no policy changes. */
  stopped: v.number(),
  changed: v.array(Changed),
  /** All that were replayed, also those that come out as they did. */
  counts: v.array(ReplayCount),
  /** Goes on from here; null at the end. A page may be empty and still have one. */
  nextCursor: v.nullable(v.string()),
});
export type ReplayAnswer = v.InferOutput<typeof ReplayAnswer>;
