import { faultText } from "../../core/fault.ts";
import { isOver } from "../../core/machine/deadlines.ts";
import {
  isChannel,
  isEditable,
  neverConfirmed,
  nextTry,
  reportDue,
  reportOf,
  rowsFor,
  sendLease,
  sendLeaseMs,
  type OutboxRow,
} from "../../core/outbox.ts";
import type { Shown } from "../../schemas/channel.ts";
import type { Event } from "../../schemas/event.ts";
import type { ActionChanged } from "../../schemas/message.ts";
import type { Suppression } from "../../schemas/notice.ts";
import type { StoredAction } from "../../schemas/stored.ts";
import { knownCards } from "./card-rows.ts";
import * as cards from "./cards.ts";
import { changeOf, deliveryOf } from "./outgoing.ts";
import * as rows from "./outbox-rows.ts";
import type { Loaded } from "./loaded.ts";
import type { Store } from "./store.ts";

/** How long the Board may miss a step that neither opens nor ends an action before it is told again. */
const boardPatienceMs = 10 * 60_000;

/**
 * `shown`: the card that the recipient has now. `suppressed`: why there is none. `right`: the one that it was sent by. `news`: of
 * what the Board has, where it is the Board that has it, and `ledger` of what the ledger has, where there is one.
 */
export type Ack = {
  seq: number;
  sink: string;
  shown?: Shown;
  suppressed?: Suppression;
  right?: number;
  news?: number;
  ledger?: InLedger;
};
/** What the ledger has: the action's number there, and how many of its events its last seal covers. */
export type InLedger = { number: number; sealed: number };
export type Failure = {
  seq: number;
  sink: string;
  error: string;
  permanent: boolean;
  retryAfterMs: number | null;
  right?: number;
};

/**
 * Who still has to be told of what. Rows are leased before each send and come due again unless somebody
 * acknowledges them, so a queue that loses a message, or a process that dies in between, delays and loses nothing.
 */
export class Outbox {
  readonly #store: Store;
  readonly #send: (change: ActionChanged) => Promise<void>;

  /** @param send hands a change on; throws where it could not. */
  constructor(store: Store, send: (change: ActionChanged) => Promise<void>) {
    this.#store = store;
    this.#send = send;
  }

  /** Inserts the rows of new events, leased for the send that follows, inside the caller's transaction. */
  enter({ payload, stored }: Loaded, events: readonly Event[], now: number): OutboxRow[] {
    const { subscribers, channels, state } = stored;
    const audience = { subscribers, channels, hasCallback: payload.callback !== null };
    const levels = events.flatMap((event) => (event.type === "escalated" ? [event.data.level] : []));
    // Several things may have come due at once: each is told to those who were to be told by then.
    let level = levels[0] === undefined ? state.escalations : levels[0] - 1;
    const wanted = events.flatMap((event) => {
      if (event.type === "escalated") level = event.data.level;
      return rowsFor(event, audience, level, now + sendLeaseMs);
    });
    for (const row of wanted) rows.insertOutbox(this.#store.sql, row);
    return wanted;
  }

  /** The first send of what `enter` has put down. */
  async first(there: Loaded, entered: readonly OutboxRow[], ack: boolean): Promise<void> {
    await this.#hand(there, entered, ack);
  }

  /**
   * What the Board and the recipients have; a row or a seq acknowledged twice changes nothing.
   * @returns whether something has come due by it, for a recipient whose sender has done.
   */
  acknowledge(acks: readonly Ack[], now: number): boolean {
    const there = this.#store.load();
    if (there === null) return false;
    let woken = false;
    this.#store.write(() => {
      let { stored } = there;
      for (const ack of acks) {
        const { seq, sink, shown, suppressed, news = 0, ledger } = ack;
        if (sink === "board") {
          const told = { payload: there.payload, stored: inLedger(stored, ledger) };
          stored = boardHas(told, { seq, news, ledger }, now);
        } else if (suppressed !== undefined) {
          if (cards.suppress(this.#store.sql, ack, suppressed, now)) woken = true;
        } else rows.closeOutbox(this.#store.sql, seq, sink, now);
        if (shown !== undefined && cards.settle(this.#store.sql, ack, shown, now)) woken = true;
      }
      return stored === there.stored ? there : { ...there, stored };
    });
    return woken;
  }

  /** Takes the right to send one row to a channel; see `cards`. */
  begin(row: Ack, now: number): cards.Begun {
    let begun: cards.Begun = { kind: "settled" };
    this.#store.write(() => {
      begun = cards.begin(this.#store.sql, row, now);
      return this.#store.load();
    });
    return begun;
  }

  /**
   * A delivery did not arrive: its next try is set here, because this row and not the queue is the record.
   * `dead`: the Board is to hear of it. `escalate`: the level of escalation that the failure calls for, if any.
   */
  failed(
    { seq, sink, error, permanent, retryAfterMs, ...sent }: Failure,
    now: number,
    random: number,
  ): { dead: boolean; escalate: number | null } {
    const { sql } = this.#store;
    const there = this.#store.load();
    const row = there === null ? null : rows.openOutbox(sql, seq, sink);
    if (there === null || row === null) return { dead: false, escalate: null };
    const due = permanent ? null : nextTry(row.tries, now, random, retryAfterMs);
    this.#store.write(() => {
      cards.giveBack(sql, { sink, ...sent });
      if (due === null) return this.#buried(there, [row], error, now);
      rows.retryOutbox(sql, row, due, now);
      return there;
    });
    return { dead: due === null, escalate: row.tries === 1 ? levelAfter(there, sink) : null };
  }

  /**
   * What was sent again and again without a word of what came of it becomes a dead letter, so that somebody looks.
   * @returns the level of escalation that it calls for, if any.
   */
  giveUp(now: number): number | null {
    const there = this.#store.load();
    const silent = there === null ? [] : rows.unconfirmedOutbox(this.#store.sql, now);
    if (there === null || silent.length === 0) return null;
    this.#store.write(() => this.#buried(there, silent, neverConfirmed, now));
    const levels = silent.flatMap(({ sink }) => levelAfter(there, sink) ?? []);
    return levels.length === 0 ? null : Math.max(...levels);
  }

  #buried(there: Loaded, dead: readonly OutboxRow[], error: string, now: number): Loaded {
    for (const row of dead) rows.buryOutbox(this.#store.sql, row, error, now);
    const { stored } = there;
    const deadLetters = stored.deadLetters + dead.length;
    return { ...there, stored: { ...stored, deadLetters, boardDue: now, news: stored.news + 1 } };
  }

  /** A dead letter starts over. @returns false where there is no such dead letter. */
  revive({ seq, sink }: Ack, now: number): boolean {
    const there = this.#store.load();
    if (there === null) return false;
    const after = this.#store.write(() => {
      if (!rows.reviveOutbox(this.#store.sql, seq, sink, now)) return null;
      const { stored } = there;
      const deadLetters = Math.max(0, stored.deadLetters - 1);
      return { ...there, stored: { ...stored, deadLetters, boardDue: now, news: stored.news + 1 } };
    });
    return after !== null;
  }

  /** The state row of an action whose new events the Board is told of now. `confirm`: it cannot do without this one. */
  telling({ stored }: Loaded, confirm: boolean, now: number): StoredAction {
    const boardDue = Math.min(stored.boardDue ?? Infinity, now + (confirm ? sendLeaseMs : boardPatienceMs));
    return { ...stored, boardDue, reported: reportOf(rows.sumOutbox(this.#store.sql)) };
  }

  /**
   * Sends what is due: rows whose send was not acknowledged in time, what the Board has not confirmed, and answers of
   * recipients that no other message has taken there.
   */
  async flush(now: number): Promise<void> {
    const there = this.#store.load();
    if (there === null) return;
    const { sql } = this.#store;
    const { payload, stored } = there;
    const due = rows.dueOutbox(sql, now);
    const answers = rows.sumOutbox(sql);
    const over = isOver(payload, stored.state);
    const report = reportDue(answers, stored.reported, over);
    const reports = report !== null && report <= now;
    // What is over has no later message that would bring the answers, so the Board is to say that it has them.
    const tellBoard = (stored.boardDue !== null && stored.boardDue <= now) || (reports && over);
    if (due.length === 0 && !tellBoard && !reports) return;
    const after = this.#store.write(() => {
      for (const row of due) {
        const sends = row.sends + 1;
        const tries = Math.max(1, row.tries);
        rows.leaseOutbox(sql, { ...row, tries, sends, due: now + sendLease(sends) });
      }
      const asked = tellBoard ? { ...stored, boardDue: now + 2 * sendLeaseMs } : stored;
      const brings = report !== null && (tellBoard || !over);
      const told = brings
        ? { ...asked, reported: reportOf(answers), news: stored.news + (tellBoard ? 1 : 0) }
        : asked;
      return told === stored ? there : { ...there, stored: told };
    });
    if (after !== null) await this.#hand(after, due, tellBoard);
  }

  /** The state row of an action that has let go of something at `now` (epoch ms): its cards are to be edited, and the Board to be told. */
  forgotten(before: StoredAction, now: number): StoredAction {
    const { askAt: _, ...stored } = before;
    const seq = -Object.keys(stored.erased ?? {}).length;
    for (const sink of knownCards(this.#store.sql).filter(isEditable)) {
      const row = { seq, sink, type: "action.erased", at: now, tries: 1, sends: 0, due: now } as const;
      rows.insertOutbox(this.#store.sql, row);
    }
    return { ...stored, boardDue: now, news: stored.news + 1 };
  }

  /** What the Board and the recipients are told, as it is now. */
  change(there: Loaded, due: readonly OutboxRow[], ack: boolean): ActionChanged {
    const { delivered, failed, notifiedAt } = rows.sumOutbox(this.#store.sql);
    return changeOf(there, {
      ack,
      deadLetters: this.#store.deadLetters(there),
      sends: { delivered, failed, notifiedAt },
      deliveries: due.map((row) => deliveryOf(there, row)),
    });
  }

  /** A send that fails is not lost: its rows come due again. */
  async #hand(there: Loaded, due: readonly OutboxRow[], ack: boolean): Promise<void> {
    const { workspace, id } = there.payload;
    try {
      await this.#send(this.change(there, due, ack));
    } catch (error) {
      console.error("send", workspace, id, faultText(error));
    }
  }
}

/** The level after the one that a recipient stands at, where nobody above it has been told yet (peer failure P25). */
function levelAfter({ stored }: Loaded, sink: string): number | null {
  if (stored.state.state !== "pending" || !isChannel(sink)) return null;
  const channel = stored.channels.find((one) => one.sink === sink);
  return channel !== undefined && channel.level >= stored.state.escalations
    ? stored.state.escalations + 1
    : null;
}

/** What the ledger says only grows; a number never changes. */
function inLedger(stored: StoredAction, ledger: InLedger | undefined): StoredAction {
  if (ledger === undefined) return stored;
  const { number = ledger.number } = stored;
  const sealed = Math.max(stored.sealed ?? 0, ledger.sealed);
  return number === stored.number && sealed === stored.sealed ? stored : { ...stored, number, sealed };
}

/**
 * An acknowledgement of what was told before there was more to tell confirms nothing of that. One that speaks for the ledger settles
 * the end of an action only once that is sealed there; one from where there is no ledger cannot say so, and settles it.
 */
function boardHas(
  { payload, stored }: Pick<Loaded, "payload" | "stored">,
  { seq, news, ledger }: { seq: number; news: number; ledger?: InLedger | undefined },
  now: number,
): StoredAction {
  if (stored.boardDue === null && seq <= stored.boardSeq) return stored;
  const boardSeq = Math.max(stored.boardSeq, seq);
  if (news < stored.news) return { ...stored, boardSeq };
  const ended = isOver(payload, stored.state);
  const unsealed = ended && ledger !== undefined && (stored.sealed ?? 0) < stored.state.seq;
  if (unsealed) return { ...stored, boardSeq };
  if (boardSeq >= stored.state.seq) return { ...stored, boardSeq, boardDue: null };
  return { ...stored, boardSeq, boardDue: ended ? stored.boardDue : now + boardPatienceMs };
}
