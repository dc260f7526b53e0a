import { beyondBudget, takePlace, windowMs } from "../../core/budget.ts";
import { besideCard } from "../../core/outbox.ts";
import type { ActionChanged } from "../../schemas/message.ts";
import type { ChannelNotice } from "../../schemas/channel.ts";
import type { NoticeVerdict } from "../../schemas/notice.ts";
import type { Risk } from "../../schemas/policy.ts";
import {
  addSuppressed,
  countIdentical,
  dropNotices,
  findLeader,
  insertNotice,
  noticesOf,
  readTaken,
  writeTaken,
  type NoticeRow,
  type Verdict,
} from "./notice-rows.ts";
import { Tallies } from "./tallies.ts";

/** A message that is about to be sent to people, as whoever sends it knows the action at that moment. */
export type NoticeAsked = {
  readonly action: string;
  readonly seq: number;
  readonly sink: string;
  readonly type: ChannelNotice;
  readonly risk: Risk;
  readonly pending: boolean;
  /** What makes requests the same to whoever reads them (`core/budget`). */
  readonly key: string;
  /** The recipient has a card of this action. */
  readonly shown: boolean;
  /** How many messages the recipient gets in an hour. */
  readonly perHour: number;
  /** The address of the page. */
  readonly origin: string;
  /** Epoch ms. */
  readonly now: number;
};

/** Rows that are over are kept as long as figures look back and a delivery may be tried again. */
const keptMs = 8 * 24 * windowMs;

/**
 * The budgets of a workspace's reviewers (threat T10). They are kept by the Board because it is the one place that is serial,
 * knows what is pending, and that nothing waits for: a flood of messages must not queue up before the Registry, which every
 * claim asks. Like the rest of the Board it authorises nothing: it says who is told, and nobody is approved by it.
 */
export class Notices {
  readonly tallies: Tallies;
  readonly #storage: DurableObjectStorage;
  #droppedAt = 0;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.tallies = new Tallies(storage);
  }

  /** Judges one message, once: the same (action, seq, sink) asked again is answered the same and takes nothing. */
  ask(asked: NoticeAsked): NoticeVerdict {
    return this.#storage.transactionSync(() => {
      this.#dropOld(asked.now);
      const verdict = this.#verdictOf(asked);
      if (verdict !== "sent") return { kind: "suppressed", reason: verdict };
      return { kind: "send", identical: countIdentical(this.#storage.sql, asked, asked.action) };
    });
  }

  /** What the Board has just been told may have changed a number that people are shown. */
  changed(changes: readonly ActionChanged[], now: number): void {
    if (changes.some(({ summary }) => summary.state !== "pending")) this.tallies.wake(now);
  }

  #verdictOf(asked: NoticeAsked): Verdict {
    const { sql } = this.#storage;
    const opens = asked.type === "action.pending" || besideCard.has(asked.type);
    // An edit takes nobody's attention, least of all the one that removes the buttons.
    if ((asked.shown && !besideCard.has(asked.type)) || beyondBudget.has(asked.type)) return "sent";
    const own = noticesOf(sql, asked, asked.action);
    const same = own.find(({ seq }) => seq === asked.seq);
    if (same !== undefined) return same.verdict;
    // What would edit a card that was not sent has nothing to edit, and is not to become a card itself.
    const last = own.at(-1);
    if (last !== undefined && !(opens && asked.pending)) return last.verdict;
    return this.#judge(asked, own);
  }

  #judge(asked: NoticeAsked, own: readonly NoticeRow[]): Verdict {
    const { sql } = this.#storage;
    const { action, seq, sink, key, risk, perHour, now } = asked;
    const enter = (verdict: Verdict, leader: string | null): Verdict => {
      insertNotice(sql, asked, { action, seq, at: now, verdict, risk, leader });
      if (verdict !== "sent") addSuppressed(sql, verdict);
      return verdict;
    };
    const hasCard = own.some(({ verdict }) => verdict === "sent");
    const leader = hasCard || !asked.pending ? null : findLeader(sql, asked, action, now - windowMs);
    if (leader !== null) {
      this.tallies.mark({ sink, action: leader }, { origin: asked.origin, key }, now);
      return enter("coalesced", leader);
    }
    const { granted, taken } = takePlace(readTaken(sql, sink), risk, perHour, now);
    if (granted) {
      writeTaken(sql, sink, taken);
      return enter("sent", null);
    }
    if (asked.pending) this.tallies.mark({ sink, action: "" }, { origin: asked.origin, key: "" }, now);
    return enter("budget", null);
  }

  #dropOld(now: number): void {
    if (now - this.#droppedAt < windowMs) return;
    this.#droppedAt = now;
    dropNotices(this.#storage.sql, now - keptMs);
  }
}
