import { besideCard, sendRightMs } from "../../core/outbox.ts";
import type { Shown } from "../../schemas/channel.ts";
import type { Suppression } from "../../schemas/notice.ts";
import { findCard, holdCard, releaseCard, writeCard } from "./card-rows.ts";
import {
  closeOutbox,
  closeShown,
  leaseOutbox,
  openOutbox,
  suppressOutbox,
  waitingUntil,
  wakeOutbox,
} from "./outbox-rows.ts";

/**
 * The cards that channels show of this action. There is one right to send to each recipient at a time: whoever begins
 * takes it, and a message that a queue hands out twice finds it taken, or finds that the card shows what it was about.
 */

/** In place of an outbox row's: the card is to be edited, and no row is behind it. */
export const editSeq = 0;

export type Begun =
  /** Nothing is left to send: it was delivered, or the card shows that state or a later one. */
  | { kind: "settled" }
  /** Somebody else is sending to this recipient, and what is left comes due when they have done. */
  | { kind: "held" }
  /**
   * `right`: until when (epoch ms) it lasts, which names it too. `unsure`: somebody began before and no card is known, so there may be
   * one that nobody heard the answer about.
   */
  | { kind: "send"; shown: Shown | null; unsure: boolean; right: number };

/** Takes the right to send one row. `seq` and `sink` name an outbox row; times are epoch ms. Inside a transaction. */
export function begin(sql: SqlStorage, { seq, sink }: { seq: number; sink: string }, now: number): Begun {
  if (seq === editSeq) return beginEdit(sql, sink, now);
  const row = openOutbox(sql, seq, sink);
  if (row === null) return { kind: "settled" };
  const card = findCard(sql, sink);
  if (card !== null && card.heldUntil !== null && card.heldUntil > now) {
    // It was not sent, so it waits no longer than for whoever is sending.
    if (row.due > card.heldUntil) leaseOutbox(sql, { ...row, due: card.heldUntil });
    return { kind: "held" };
  }
  // Whoever asked to be left alone is left alone by what came after it too.
  const waiting = waitingUntil(sql, row, now);
  if (waiting !== null) {
    leaseOutbox(sql, { ...row, due: waiting });
    return { kind: "held" };
  }
  const shown = card?.shown ?? null;
  // What is to be forgotten is edited out of the card whichever state it shows; without a card there is nothing to do.
  const isErasure = row.type === "action.erased";
  if (isErasure && card === null) {
    closeOutbox(sql, seq, sink, now);
    return { kind: "settled" };
  }
  if (!isErasure && shown !== null && shown.seq >= seq && !besideCard.has(row.type)) {
    closeOutbox(sql, seq, sink, now);
    return { kind: "settled" };
  }
  const right = now + sendRightMs;
  holdCard(sql, sink, right);
  return { kind: "send", shown, unsure: card !== null && shown === null, right };
}

/** The right to edit a card that is there, because of something that is no event of this action. */
function beginEdit(sql: SqlStorage, sink: string, now: number): Begun {
  const card = findCard(sql, sink);
  if (card !== null && card.heldUntil !== null && card.heldUntil > now) return { kind: "held" };
  if (card === null || card.shown === null) return { kind: "settled" };
  const right = now + sendRightMs;
  holdCard(sql, sink, right);
  return { kind: "send", shown: card.shown, unsure: false, right };
}

/**
 * What somebody had the right to send. An answer that comes late, when the right has run out and somebody else has it, gives back
 * nothing of theirs; one that names no right is of a Worker from before they had names.
 */
type Sent = { seq: number; sink: string; right?: number | null };

/**
 * A message was not sent, because its recipient has had enough of them or has a card for the same. That is no delivery.
 * @returns whether something of the recipient's has come due.
 */
export function suppress(
  sql: SqlStorage,
  { seq, sink, right = null }: Sent,
  reason: Suppression,
  now: number,
): boolean {
  suppressOutbox(sql, seq, sink, reason);
  releaseCard(sql, sink, right);
  return wakeOutbox(sql, sink, now);
}

/** Gives the right back after a send that did not arrive. */
export function giveBack(sql: SqlStorage, { sink, right = null }: Omit<Sent, "seq">): void {
  releaseCard(sql, sink, right);
}

/**
 * A card is shown: rows it covers are delivered with it, whatever is left for this recipient comes due now.
 * @returns whether something has come due.
 */
export function settle(
  sql: SqlStorage,
  { sink, right = null }: Omit<Sent, "seq">,
  shown: Shown,
  now: number,
): boolean {
  const before = findCard(sql, sink)?.shown ?? null;
  const newer = before !== null && before.ts === shown.ts && before.seq > shown.seq ? before : shown;
  writeCard(sql, sink, newer, right);
  closeShown(sql, sink, newer.seq, now);
  return wakeOutbox(sql, sink, now);
}
