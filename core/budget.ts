import type { Requester, Target } from "../schemas/action.ts";
import type { ChannelNotice } from "../schemas/channel.ts";
import type { JsonObject } from "../schemas/json.ts";
import type { Policy, Risk } from "../schemas/policy.ts";
import { digestOf, type Sha256Hex } from "./digest.ts";
import { plainObject } from "./plain-json.ts";

/**
 * How many messages reach a person in an hour (threat T10). A reviewer who is flooded approves without reading, so what is over
 * the budget becomes a number in one message. It is never decided by it: nothing here approves, denies or expires anything.
 */

export const windowMs = 3_600_000;

/** Whose attention a message takes: one person's, or that of everybody in a channel. */
export type Addressee = "reviewer" | "channel";

/** Messages an hour where the policy says nothing. */
const defaultPerHour: Readonly<Record<Addressee, number>> = { reviewer: 30, channel: 120 };

/** Whose attention a sink takes; null for a machine's, which has no budget. */
export function addresseeOf(sink: string): Addressee | null {
  const kind = /^slack:([CDGUW])/u.exec(sink)?.[1];
  if (kind === undefined) return null;
  return kind === "C" || kind === "G" ? "channel" : "reviewer";
}

/** Messages an hour for an addressee under the policy in force. */
export function perHourOf(policy: Policy | null, addressee: Addressee): number {
  const set = policy?.notifications;
  const own = addressee === "reviewer" ? set?.perReviewerPerHour : set?.perChannelPerHour;
  return own ?? defaultPerHour[addressee];
}

/** What people are told in any case: each is rare by a limit of its own, and nobody who asks for actions can cause one. */
export const beyondBudget: ReadonlySet<ChannelNotice> = new Set([
  "action.broke_glass",
  "action.review_overdue",
]);

/** Requests an hour that one agent may make under a policy; null where it does not say. */
export function requestsPerHour(policy: Policy | null): number | null {
  return policy?.requests?.perAgentPerHour ?? null;
}

/** Requests of one agent by the minute (epoch ms of its beginning), oldest first: 61 numbers, however many requests. */
export type RequestWindow = readonly { readonly minute: number; readonly count: number }[];

const minuteMs = 60_000;

/**
 * One more request of an agent, if its hour has room. A minute counts whole until all of it is over an hour ago, so that an
 * hour never holds more than `perHour`. `retryAfterMs`: when the first place is free again.
 */
export function takeRequest(
  window: RequestWindow,
  perHour: number,
  now: number,
):
  | { granted: true; window: RequestWindow }
  | { granted: false; window: RequestWindow; retryAfterMs: number } {
  const current = window.filter(({ minute }) => minute + minuteMs > now - windowMs);
  const count = current.reduce((sum, one) => sum + one.count, 0);
  if (count >= perHour) {
    const oldest = current[0]?.minute ?? now;
    return { granted: false, window: current, retryAfterMs: oldest + minuteMs + windowMs - now };
  }
  const minute = now - (now % minuteMs);
  const last = current.at(-1);
  const before = last?.minute === minute ? current.slice(0, -1) : current;
  const more = last?.minute === minute ? last.count + 1 : 1;
  return { granted: true, window: [...before, { minute, count: more }] };
}

/** A request that turned out to be one that had come before. */
export function giveRequestBack(window: RequestWindow): RequestWindow {
  const last = window.at(-1);
  return last === undefined
    ? window
    : [...window.slice(0, -1), { ...last, count: Math.max(last.count - 1, 0) }];
}

/** Places that are kept for the dangerous: a sixth. The more dangerous half of them is for critical alone. */
const keptFrom: Readonly<Record<Risk, (kept: number) => number>> = {
  low: (kept) => kept,
  medium: (kept) => kept,
  high: (kept) => Math.floor(kept / 2),
  critical: () => 0,
};

/** How many messages there may have been in the last hour for one more card of this risk. One place is always the digest's. */
export function placesFor(risk: Risk, perHour: number): number {
  const cards = Math.max(perHour - 1, 0);
  return Math.max(cards - keptFrom[risk](Math.floor(perHour / 6)), 0);
}

/** The times (epoch ms) that still count at `now`: the window is half-open, so what is an hour old is over. */
export function inWindow(taken: readonly number[], now: number): number[] {
  return taken.filter((at) => at > now - windowMs);
}

/** Takes a place for one card, if there is one. `taken`: when the cards of the last hour were sent. */
export function takePlace(
  taken: readonly number[],
  risk: Risk,
  perHour: number,
  now: number,
): { granted: boolean; taken: number[] } {
  const current = inWindow(taken, now);
  if (current.length >= placesFor(risk, perHour)) return { granted: false, taken: current };
  return { granted: true, taken: [...current, now] };
}

/**
 * What makes two requests the same to whoever reads them. The reason, the times and the rollback plan may differ, and so may
 * the digests: it names what is counted together, and authorises nothing.
 */
export function coalescingKey(
  { type, target, args, requester }: { type: string; target: Target; args: JsonObject; requester: Requester },
  sha256Hex: Sha256Hex,
): string {
  return digestOf(plainObject({ type, target, args, requester }), sha256Hex);
}
