import * as v from "valibot";
import { ActionView } from "./action.ts";
import { noticeTypes } from "./webhook.ts";

/**
 * What a channel may be told of: every webhook type, what changes a card without ending anything, and that what a card shows is to
 * be forgotten.
 */
export const channelNotices = [...noticeTypes, "action.voted", "action.reminded", "action.erased"] as const;
export const ChannelNotice = v.picklist(channelNotices);
export type ChannelNotice = v.InferOutput<typeof ChannelNotice>;

/** One recipient of an action, resolved when it was asked for. `sink` is `slack:C…`, `pagerduty:NAME`, `teams:NAME` or `webhook:ID`. */
export const ActionChannel = v.strictObject({
  sink: v.string(),
  /** Which notices it wants; empty means all. */
  events: v.array(ChannelNotice),
  /** 0 is told from the start; a higher one once the action has escalated that far. */
  level: v.pipe(v.number(), v.integer(), v.minValue(0)),
});
export type ActionChannel = v.InferOutput<typeof ActionChannel>;

/** A card that a channel shows, as the action keeps it: where it is and which state of the action it shows. */
export const Shown = v.strictObject({ channel: v.string(), ts: v.string(), seq: v.number() });
export type Shown = v.InferOutput<typeof Shown>;

/** What an operator has said of the action's type, beside what the agent asks for. */
const Told = v.object({ description: v.nullable(v.string()), rollback: v.boolean() });

/** The action as it is at the moment of sending, and the card of it that the recipient has. */
export const Sight = v.object({
  action: ActionView,
  told: Told,
  shown: v.nullable(Shown),
  /** An earlier attempt for this recipient did not end in a known card: there may be one whose answer nobody heard. */
  unsure: v.exactOptional(v.boolean()),
  /** How many identical requests wait that this recipient has no card of. */
  identical: v.exactOptional(v.number()),
  /** Since when (RFC 3339) what was asked is gone: the card is to say no more than how it came out. */
  stub: v.exactOptional(v.string()),
  /** What the workspace's log had come to, where the action is over: lines, and the root in base64. */
  log: v.exactOptional(v.object({ size: v.number(), root: v.string() })),
});
export type Sight = v.InferOutput<typeof Sight>;
