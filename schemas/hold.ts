import * as v from "valibot";
import { InstantText } from "./instant.ts";
import { HoldScope } from "./ledger.ts";
import { retentionClasses } from "./retention.ts";
import { Prose } from "./text.ts";

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const By = v.strictObject({ kind: v.picklist(["agent", "person", "service", "engine"]), id: v.string() });

export const HoldId = v.pipe(v.string(), v.regex(/^hold_[A-Za-z0-9_-]{22}$/u, "is no id of a hold"));

/** Nothing that it covers is let go of while it is in force, whatever is due. Times are epoch ms. */
export const Hold = v.strictObject({
  id: HoldId,
  scope: HoldScope,
  reason: Prose,
  by: By,
  since: Count,
  /** It ends by itself then; null where somebody has to release it. */
  until: v.nullable(Count),
  releasedAt: v.nullable(Count),
  releasedBy: v.nullable(By),
  /** Why it was released; null where its end has passed. */
  releasedBecause: v.nullable(Prose),
  /** The action by which people agreed to the release; null where there was nobody else, or its end has passed. */
  releasedUnder: v.nullable(v.string()),
});
export type Hold = v.InferOutput<typeof Hold>;

/** How many actions of a scope had let go of a class before it was held: a hold brings nothing back. */
export const Gone = v.object({
  actions: Count,
  byClass: v.object(v.entriesFromList(retentionClasses, Count)),
});
export type Gone = v.InferOutput<typeof Gone>;

export const HoldBody = v.strictObject({ scope: HoldScope, reason: Prose, until: v.optional(InstantText) });
export const HoldReleaseBody = v.strictObject({ reason: Prose });

/** A hold as it is shown. */
export const HoldView = v.object({
  ...Hold.entries,
  since: v.pipe(v.string(), v.isoTimestamp()),
  until: v.nullable(v.pipe(v.string(), v.isoTimestamp())),
  releasedAt: v.nullable(v.pipe(v.string(), v.isoTimestamp())),
});
export type HoldView = v.InferOutput<typeof HoldView>;
export const HoldList = v.object({ holds: v.array(HoldView) });
export const HoldPut = v.object({ ...HoldView.entries, gone: Gone });
export const HoldReleased = v.object({ ...HoldView.entries, warning: v.optional(v.string()) });
