import type { Shown, Sight } from "../../schemas/channel.ts";
import type { Delivery } from "../../schemas/message.ts";
import type { NoticeVerdict, Suppression } from "../../schemas/notice.ts";
import type { Fetch, Sent } from "./webhook.ts";

/** How an action reaches people: one of these for each kind of channel, named by what its sinks begin with. */
export interface Channel {
  /**
   * One attempt to tell one recipient. `held`: somebody else is sending to them, and whoever it is sees to this row too.
   * Throws only where the action itself cannot be reached; the message then comes again.
   */
  send(delivery: Delivery, context: ChannelContext): Promise<Told>;
}

/**
 * What came of it. `shown` is where the recipient's card is and which seq of the action it shows: the action keeps it, and
 * every row of the recipient that it covers is delivered with it. `suppressed`: nothing was sent, on purpose and for good.
 */
export type Told =
  | Exclude<Sent, { ok: true }>
  | { readonly ok: true; readonly shown?: Shown; readonly suppressed?: Suppression }
  | "held";

/** The right to send, and what there is to show. `settled`: nothing is left to send, and the delivery is done. */
export type Right =
  | { readonly kind: "settled" }
  | { readonly kind: "held" }
  | { readonly kind: "send"; readonly sight: Sight };

/** Everything a channel touches. */
export interface ChannelContext {
  /** The Worker's environment; a channel parses its own settings from it (`schemas/config.ts`). */
  readonly env: unknown;
  /** Epoch ms. */
  now(): number;
  readonly fetch: Fetch;
  /**
   * Takes the right to send to this recipient, one sender at a time, for 30 s. A channel whose receiver drops what it has
   * had before (PagerDuty's `dedup_key`) may do without and read `sight` alone.
   */
  begin(): Promise<Right>;
  /** The name of the right that was taken last, for whoever tells the action what came of it; null where none was, or it has none. */
  right?(): number | null;
  /** Whether its people are to be sent this, within their budgets (threat T10); asked again it answers the same. */
  allow(sight: Sight): Promise<NoticeVerdict>;
  /** The action as it is now, arguments and all; null where it is gone. */
  sight(): Promise<Sight | null>;
}

/** A failure that no later attempt can mend: it becomes a dead letter at once. */
export const permanently = (error: string): Exclude<Told, "held" | { ok: true }> => ({
  ok: false,
  error,
  permanent: true,
  gone: false,
  retryAfterMs: null,
});

/** A failure that a later attempt may mend. `retryAfterMs`: what the receiver asked for, or null. */
export const forNow = (
  error: string,
  retryAfterMs: number | null = null,
): Exclude<Told, "held" | { ok: true }> => ({
  ok: false,
  error,
  permanent: false,
  gone: false,
  retryAfterMs,
});
