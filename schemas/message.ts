import * as v from "valibot";
import { ActionSummary } from "./action.ts";
import { ChannelNotice } from "./channel.ts";
import { JsonObject } from "./json.ts";
import { Seen } from "./ledger.ts";
import { RetentionClass } from "./retention.ts";
import { ActionSignal } from "./stored.ts";
import { Timings } from "./timings.ts";

/**
 * What travels on the queues. Ids, and what every member of the workspace may see anyway: no argument, reason,
 * context or secret. Both are at-least-once and unordered; a consumer is idempotent on (action, seq, sink).
 */

/** One recipient of one event. `sink` is `callback`, `webhook:<endpoint id>` or a channel such as `slack:C0123`. */
export const Delivery = v.strictObject({
  workspace: v.string(),
  action: v.string(),
  seq: v.number(),
  sink: v.string(),
  type: ChannelNotice,
  /** Epoch ms of the event. */
  at: v.number(),
  /** The action without payload, as the webhook body's `data` (see `core/view`). */
  view: JsonObject,
});
export type Delivery = v.InferOutput<typeof Delivery>;

/** A delivery that used up its tries. Kept by the action, listed by the Board, sent again on demand. */
export const DeadLetter = v.strictObject({
  seq: v.number(),
  sink: v.string(),
  type: ChannelNotice,
  tries: v.number(),
  lastError: v.string(),
  at: v.number(),
});
export type DeadLetter = v.InferOutput<typeof DeadLetter>;

/** What came of sending an action's notices, from its first on: it only grows, so of two the larger is the later. */
export const Sends = v.object({
  delivered: v.number(),
  /** Attempts that did not arrive. */
  failed: v.number(),
  /** Epoch ms of the first notice that reached anybody but the requester's own callback. */
  notifiedAt: v.nullable(v.number()),
});
export type Sends = v.InferOutput<typeof Sends>;

/**
 * Queue `holdpoint-events`: an action changed. The Board takes the summary, each delivery becomes its own message. A field that
 * a later version adds is dropped here, and the message is not.
 */
export const ActionChanged = v.object({
  workspace: v.string(),
  action: v.string(),
  seq: v.number(),
  /** The consumer is to acknowledge to the action once the Board has it. */
  ack: v.boolean(),
  summary: ActionSummary,
  /** Left out by a message from before there were timings. */
  timings: v.optional(Timings),
  /** Everything its guardrail can learn of it so far, so that no lost message loses a signal; left out where it has none. */
  signals: v.optional(v.array(ActionSignal)),
  /** Epoch ms of the earliest deadline that ends or escalates something; null once nothing is due. */
  dueAt: v.nullable(v.number()),
  deadLetters: v.array(DeadLetter),
  /** Left out by a message from before the action counted them itself. */
  sends: v.optional(Sends),
  /** Counts what the Board is to know and no `seq` says, such as a dead letter; handed back with the acknowledgement. */
  news: v.optional(v.number()),
  /** What the ledger is to know of it; only where `ack` asks for an answer, and left out by a message from before there was one. */
  evidence: v.optional(Seen),
  /** Which classes of what it held are gone; left out where none is. */
  erased: v.optional(v.array(RetentionClass)),
  /** Nothing of it is left but a tombstone: it is in no list any more. */
  gone: v.optional(v.boolean()),
  deliveries: v.array(Delivery),
});
export type ActionChanged = v.InferOutput<typeof ActionChanged>;
