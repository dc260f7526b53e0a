import { nextDue } from "../../core/machine/deadlines.ts";
import { isChannel, nextTry, rowsFor, sendLeaseMs, type OutboxRow } from "../../core/outbox.ts";
import type { Shown } from "../../schemas/channel.ts";
import type { Event } from "../../schemas/event.ts";
import type { ActionChanged } from "../../schemas/message.ts";
import type { StoredAction } from "../../schemas/stored.ts";
import * as cards from "./cards.ts";
import { changeOf, deliveryOf } from "./outgoing.ts";
import * as rows from "./rows.ts";
import type { Loaded, Store } from "./store.ts";

/** How long the Board may miss a step that neither opens nor ends an action before it is told again. */
const boardPatienceMs = 10 * 60_000;

/** `shown`: the card that the recipient has now. */
export type Ack = { seq: number; sink: string; shown?: Shown };
export type Failure = {
  seq: number;
  sink: string;
  error: string;
  permanent: boolean;
  retryAfterMs: number | null;
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
      for (const { seq, sink, shown } of acks) {
        if (sink === "board") stored = boardHas(there, seq, now);
        else rows.closeOutbox(this.#store.sql, seq, sink);
        if (shown !== undefined && cards.settle(this.#store.sql, sink, shown, now)) woken = true;
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
      return null;
    });
    return begun;
  }

  /**
   * A delivery did not arrive: its next try is set here, because this row and not the queue is the record.
   * `dead`: the Board is to hear of it. `escalate`: the level of escalation that the failure calls for, if any.
   */
  failed(
    { seq, sink, error, permanent, retryAfterMs }: Failure,
    now: number,
    random: number,
  ): { dead: boolean; escalate: number | null } {
    const { sql } = this.#store;
    const there = this.#store.load();
    const row = there === null ? null : rows.openOutbox(sql, seq, sink);
    if (there === null || row === null) return { dead: false, escalate: null };
    const due = permanent ? null : nextTry(row.tries, now, random, retryAfterMs);
    this.#store.write(() => {
      cards.giveBack(sql, sink);
      if (due !== null) {
        rows.leaseOutbox(sql, { ...row, tries: row.tries + 1, due });
        return there;
      }
      rows.buryOutbox(sql, seq, sink, row.tries, error);
      return {
        ...there,
        stored: { ...there.stored, deadLetters: there.stored.deadLetters + 1, boardDue: now },
      };
    });
    return { dead: due === null, escalate: row.tries === 1 ? levelAfter(there, sink) : null };
  }

  /** A dead letter starts over. @returns false where there is no such dead letter. */
  revive({ seq, sink }: Ack, now: number): boolean {
    const there = this.#store.load();
    if (there === null) return false;
    const after = this.#store.write(() => {
      if (!rows.reviveOutbox(this.#store.sql, seq, sink, now)) return null;
      const deadLetters = Math.max(0, there.stored.deadLetters - 1);
      return { ...there, stored: { ...there.stored, deadLetters, boardDue: now } };
    });
    return after !== null;
  }

  /** Sends what is due: rows whose send was not acknowledged in time, and what the Board has not confirmed. */
  async flush(now: number): Promise<void> {
    const there = this.#store.load();
    if (there === null) return;
    const due = rows.dueOutbox(this.#store.sql, now);
    const { boardDue } = there.stored;
    const tellBoard = boardDue !== null && boardDue <= now;
    if (due.length === 0 && !tellBoard) return;
    const after = this.#store.write(() => {
      for (const row of due) {
        rows.leaseOutbox(this.#store.sql, { ...row, tries: Math.max(1, row.tries), due: now + sendLeaseMs });
      }
      return tellBoard ? { ...there, stored: { ...there.stored, boardDue: now + 2 * sendLeaseMs } } : there;
    });
    if (after !== null) await this.#hand(after, due, tellBoard);
  }

  /** A send that fails is not lost: its rows come due again. */
  async #hand(there: Loaded, due: readonly OutboxRow[], ack: boolean): Promise<void> {
    const { payload, stored } = there;
    const deliveries = due.map((row) => deliveryOf(payload, stored, row));
    try {
      await this.#send(changeOf(payload, stored, this.#store.deadLetters(there), deliveries, ack));
    } catch (error) {
      console.error("send", payload.workspace, payload.id, error);
    }
  }
}

/** When the Board is to be told again, unless it confirms what it is told now. `confirm`: it cannot do without this one. */
export function boardDueAfter({ boardDue }: StoredAction, confirm: boolean, now: number): number {
  return Math.min(boardDue ?? Infinity, now + (confirm ? sendLeaseMs : boardPatienceMs));
}

/** The level after the one that a recipient stands at, where nobody above it has been told yet (peer failure P25). */
function levelAfter({ stored }: Loaded, sink: string): number | null {
  if (stored.state.state !== "pending" || !isChannel(sink)) return null;
  const channel = stored.channels.find((one) => one.sink === sink);
  return channel !== undefined && channel.level >= stored.state.escalations
    ? stored.state.escalations + 1
    : null;
}

function boardHas({ payload, stored }: Loaded, seq: number, now: number): StoredAction {
  if (stored.boardDue === null && seq <= stored.boardSeq) return stored;
  const boardSeq = Math.max(stored.boardSeq, seq);
  if (boardSeq >= stored.state.seq) return { ...stored, boardSeq, boardDue: null };
  const ended = nextDue(payload, stored.state) === null;
  return { ...stored, boardSeq, boardDue: ended ? stored.boardDue : now + boardPatienceMs };
}
