import type { Event } from "../schemas/event.ts";
import type { Endpoint, NoticeType } from "../schemas/webhook.ts";
import { noticeOf } from "./notices.ts";

/**
 * The outbox of one action. A row is one event for one sink: `callback`, or `webhook:<endpoint id>`. It is written
 * in the event's own transaction, leased before each send, and ends `delivered` or `dead` (invariant I6). The row,
 * and not the queue, is the record: a queue may lose what it was given, a leased row comes due again.
 */
export type OutboxRow = {
  readonly seq: number;
  readonly sink: string;
  readonly type: NoticeType;
  /** Epoch ms of the event. */
  readonly at: number;
  readonly tries: number;
  /** Epoch ms from which it is to be sent (again). */
  readonly due: number;
};

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** How long a send is given before its row comes due again. */
export const sendLeaseMs = 30 * second;

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

type Subscriber = Pick<Endpoint, "id" | "events" | "active">;

/** The sinks of an event, one row each. The callback is the requester's own and hears of everything but its own asking. */
export function rowsFor(
  event: Event,
  subscribers: readonly Subscriber[],
  hasCallback: boolean,
  due: number,
): OutboxRow[] {
  const type = noticeOf(event);
  if (type === null) return [];
  const wanting = subscribers.filter(
    ({ active, events }) => active && (events.length === 0 || events.includes(type)),
  );
  const sinks = wanting.map(({ id }) => `webhook:${id}`);
  if (hasCallback && type !== "action.pending") sinks.push("callback");
  return sinks.map((sink) => ({ seq: event.seq, sink, type, at: event.at, tries: 1, due }));
}
