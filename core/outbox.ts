import type { ActionChannel, ChannelNotice } from "../schemas/channel.ts";
import type { Event } from "../schemas/event.ts";
import type { Endpoint } from "../schemas/webhook.ts";
import { isPublic, noticeOf } from "./notices.ts";

/**
 * The outbox of one action. A row is one event for one sink: `callback`, `webhook:<endpoint id>` or a channel. It is written
 * in the event's own transaction, leased before each send, and ends `delivered` or `dead` (invariant I6). The row,
 * and not the queue, is the record: a queue may lose what it was given, a leased row comes due again.
 */
export type OutboxRow = {
  readonly seq: number;
  readonly sink: string;
  readonly type: ChannelNotice;
  /** Epoch ms of the event. */
  readonly at: number;
  readonly tries: number;
  /** How often this try was handed over without a word of what came of it. */
  readonly sends: number;
  /** Epoch ms from which it is to be sent (again). */
  readonly due: number;
};

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** How long the first send is given before its row comes due again. */
export const sendLeaseMs = 30 * second;
/** How long the right to send to one recipient lasts. Whoever has it begins nothing after that: somebody else may have it then. */
export const sendRightMs = 30 * second;
const maxSendLeaseMs = 15 * minute;

/** Sends that nobody confirmed after which a row is dead: some 24 hours of them. */
export const maxSends = 100;

/** How long the `sends`-th send is given: what was not confirmed so often is not worth waking up for every half minute. */
export function sendLease(sends: number): number {
  return Math.min(sendLeaseMs * 2 ** (sends - 1), maxSendLeaseMs);
}

/** What is kept of a row that was given up so. It may have arrived: only nobody has said so. */
export const neverConfirmed = `sent ${maxSends} times, and whether it arrived was never confirmed`;

/**
 * Waits before the 2nd, 3rd, … try: close together while somebody may be waiting, then spread over a day and a
 * half (Standard Webhooks suggests the tail). After the last one the row is dead.
 */
export const retryAfterMs: readonly number[] = [
  5 * second,
  30 * second,
  2 * minute,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
];

/** Waits are made up to a fifth longer, so that what failed together does not come back together. */
const jitter = 0.2;

/** When to try again after `tries` failed tries, or null when it has had its last. `random` is in [0, 1). */
export function nextTry(tries: number, now: number, random: number, atLeastMs: number | null): number | null {
  const wait = retryAfterMs[tries - 1];
  if (wait === undefined) return null;
  return now + Math.max(Math.round(wait * (1 + jitter * random)), atLeastMs ?? 0);
}

/** Who is told of an action. */
export type Audience = {
  readonly subscribers: readonly Pick<Endpoint, "id" | "events" | "active">[];
  readonly channels: readonly ActionChannel[];
  readonly hasCallback: boolean;
};

/**
 * The sinks of an event, one row each. The callback is the requester's own and hears of everything but its own asking; a
 * channel hears of it from its level on, where `level` is how far the action has escalated with this event.
 */
export function rowsFor(event: Event, audience: Audience, level: number, due: number): OutboxRow[] {
  const type = noticeOf(event);
  if (type === null) return [];
  const { subscribers, channels, hasCallback } = audience;
  const sinks = new Set(
    channels
      .filter((channel) => (channel.level <= level || loud.has(type)) && wants(channel.events, type))
      .map(({ sink }) => sink),
  );
  if (isPublic(type)) {
    for (const { id, events, active } of subscribers) {
      if (active && (events.length === 0 || events.includes(type))) sinks.add(`webhook:${id}`);
    }
    if (hasCallback && type !== "action.pending") sinks.add("callback");
  }
  return [...sinks].map((sink) => ({ seq: event.seq, sink, type, at: event.at, tries: 1, sends: 1, due }));
}

const wants = (events: readonly ChannelNotice[], type: ChannelNotice): boolean =>
  events.length === 0 || events.includes(type);

/** What everybody hears of whom the contract names, also those that the action has not escalated to. */
const loud: ReadonlySet<ChannelNotice> = new Set(["action.broke_glass", "action.review_overdue"]);

/** Whether a sink is a channel that shows people an action, rather than a machine's webhook. */
export function isChannel(sink: string): boolean {
  return sink !== "callback" && !sink.startsWith("webhook:");
}

/** Whether what a channel shows can be changed once it is there. Elsewhere it stays as it was sent. */
export const isEditable = (sink: string): boolean => sink.startsWith("slack:");

/** Notices that say something beside the card; all others are shown by the card itself as it is now. */
export const besideCard: ReadonlySet<ChannelNotice> = new Set([
  "action.reminded",
  "action.escalated",
  "action.broke_glass",
  "action.review_overdue",
]);

/** What came of sending an action's notices so far. `answers`: notices delivered and attempts failed; both only grow. */
export type Answers = {
  readonly delivered: number;
  readonly failed: number;
  /** Epoch ms of the first notice that reached anybody but the requester's own callback. */
  readonly notifiedAt: number | null;
  /** Epoch ms of the latest answer. */
  readonly lastAt: number | null;
  /** How many rows are still to be answered. */
  readonly open: number;
};

/** Which answers were on the way to the Board when it was last told anything. */
export type Reported = { readonly answers: number; readonly notified: boolean };

export const reportOf = ({ delivered, failed, notifiedAt }: Answers): Reported => ({
  answers: delivered + failed,
  notified: notifiedAt !== null,
});

/** How long answers wait for a message to the Board that goes there anyway. */
const reportPatienceMs = 10 * minute;

/**
 * When (epoch ms) the Board is to be told of answers that no message has taken along; null where there are none. Soon where
 * people have just been told for the first time, which is a stage that is watched, and when nothing else will come.
 */
export function reportDue(answers: Answers, reported: Reported, over: boolean): number | null {
  const now = reportOf(answers);
  if (answers.lastAt === null || now.answers <= reported.answers) return null;
  const soon = now.notified !== reported.notified || (over && answers.open === 0);
  return answers.lastAt + (soon ? sendLeaseMs : reportPatienceMs);
}
