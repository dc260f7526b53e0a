import * as v from "valibot";
import type { Sight } from "../../../schemas/channel.ts";
import type { Place } from "../../../schemas/notice.ts";
import type { SlackAnswer, SlackCall } from "./client.ts";

/**
 * A post whose answer was lost: Slack may have taken it all the same, and posting it again would leave two cards. Every message of
 * ours therefore says what it is in its `metadata`, which only apps see, and before one is posted again it is looked for.
 */

const eventType = "holdpoint_action";

/** The `metadata` of a message about an action, to one recipient. Ids only, as in a button. */
export const metadataOf = (action: string, sink: string) => ({
  event_type: eventType,
  event_payload: { action, sink },
});

/**
 * How much of a channel is looked through, newest first: as much as Slack gives in one answer, because after an outage hundreds of
 * cards may have come since the one that was lost. It is one call, or the right to send would end before the post does.
 */
const pageSize = 999;
/** Slack dates messages by its own clock, which may be behind ours. */
const clockToleranceMs = 5 * 60_000;

const Ours = v.object({
  ts: v.string(),
  thread_ts: v.optional(v.string()),
  metadata: v.object({
    event_type: v.literal(eventType),
    event_payload: v.object({ action: v.string(), sink: v.string() }),
  }),
});
const History = v.object({ messages: v.array(v.unknown()) });

/** What Slack says when later is better; any other refusal means that this channel's history is not ours to read. */
const passing: ReadonlySet<string> = new Set([
  "ratelimited",
  "rate_limited",
  "internal_error",
  "fatal_error",
  "service_unavailable",
  "request_timeout",
  "team_added_to_org",
]);

type Failed = Extract<SlackAnswer, { ok: false }>;
const willPass = (answer: SlackAnswer): answer is Failed =>
  !answer.ok && (answer.name === null || passing.has(answer.name));

/**
 * The card of `sink` that Slack has although nobody heard so: where it is, or null where there is none to be found. What cannot be
 * read, such as a channel or a direct message without the scope for it, holds none that could be found: two cards are better
 * than no card, and both are safe to click. A failure that may pass is handed back, because trying later is better still.
 */
export async function lostCard(
  sink: string,
  { action }: Sight,
  call: SlackCall,
): Promise<{ ok: true; place: Place | null } | Failed> {
  const named = sink.slice("slack:".length);
  const channel = /^[CGD]/u.test(named) ? named : await directMessage(named, call);
  if (typeof channel !== "string") return channel ?? nothing;
  const oldest = ((Date.parse(action.createdAt) - clockToleranceMs) / 1_000).toFixed(6);
  const asked = { channel, oldest, include_all_metadata: "true", limit: String(pageSize) };
  const first = await call("conversations.history", asked);
  // Once more at once, because the next attempt at the card itself is half a minute away; not where Slack asked for quiet.
  const answer =
    willPass(first) && first.retryAfterMs === null ? await call("conversations.history", asked) : first;
  if (!answer.ok) return willPass(answer) ? answer : nothing;
  const history = v.safeParse(History, answer.body);
  if (!history.success) return nothing;
  for (const message of history.output.messages) {
    const ours = v.safeParse(Ours, message);
    if (!ours.success) continue;
    const { ts, thread_ts: thread, metadata } = ours.output;
    const { event_payload: about } = metadata;
    // A reminder in a thread is no card.
    if (thread !== undefined && thread !== ts) continue;
    if (about.action === action.id && about.sink === sink) return { ok: true, place: { channel, ts } };
  }
  return nothing;
}

const nothing = { ok: true, place: null } as const;

const Opened = v.object({ channel: v.object({ id: v.string() }) });

/** The id of the conversation with a person, which the lost answer would have said; null where it is not ours to know. It opens what is open already. */
async function directMessage(user: string, call: SlackCall): Promise<string | Failed | null> {
  const answer = await call("conversations.open", { users: user });
  if (!answer.ok) return willPass(answer) ? answer : null;
  const opened = v.safeParse(Opened, answer.body);
  return opened.success ? opened.output.channel.id : null;
}
