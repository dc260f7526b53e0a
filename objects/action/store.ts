import { isOver, nextDue } from "../../core/machine/deadlines.ts";
import { reportDue } from "../../core/outbox.ts";
import type { SlackLink } from "../../schemas/link.ts";
import type { DeadLetter } from "../../schemas/message.ts";
import type { Payload, StoredAction } from "../../schemas/stored.ts";
import { readDeadLetters, readyOutbox, sumOutbox } from "./outbox-rows.ts";
import * as rows from "./rows.ts";

/** One action as it is kept in memory while its object is awake. */
export type Loaded = {
  readonly payload: Payload;
  readonly stored: StoredAction;
  /** Which Slack user is which person, where a command has brought it along; never kept. */
  readonly links?: readonly SlackLink[];
};

/**
 * The rows of one action and the copy of them in memory. Everything that is written goes through `write`, in one
 * synchronous transaction, so that state, events, outbox rows and the alarm are one commit or none.
 */
export class Store {
  readonly sql: SqlStorage;
  readonly #storage: DurableObjectStorage;
  #loaded: Loaded | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.sql = storage.sql;
  }

  /** Null where there is no action. */
  load(): Loaded | null {
    if (this.#loaded !== null) return this.#loaded;
    if (!rows.exists(this.sql)) return null;
    readyOutbox(this.sql);
    this.#loaded = { payload: rows.readPayload(this.sql), stored: rows.readStored(this.sql) };
    return this.#loaded;
  }

  /**
   * What `work` returns becomes the state row, with the alarm set to what is due next; null leaves both as they are.
   * A throw undoes everything, and what was in memory is read again.
   * @param patienceMs the alarm is to go off no sooner than this from now, whatever is due.
   */
  write(work: () => Loaded | null, patienceMs = 0): Loaded | null {
    try {
      return this.#storage.transactionSync(() => {
        const wanted = work();
        if (wanted === null) return null;
        const after = this.#armed(wanted, patienceMs);
        if (after !== this.#loaded) rows.writeStored(this.sql, after.stored);
        this.#loaded = after;
        return after;
      });
    } catch (error) {
      this.#loaded = null;
      throw error;
    }
  }

  /**
   * To be called when the alarm has gone off. One that did so early, by the clock of another machine, would otherwise be
   * taken for one that is still to come, and nothing would ever go off again.
   */
  alarmWentOff(now: number): void {
    const there = this.load();
    if (there === null || there.stored.alarmAt === null || there.stored.alarmAt <= now) return;
    this.write(() => ({ ...there, stored: { ...there.stored, alarmAt: null } }));
  }

  /** Deliveries that used up their tries; none is looked for where none is counted. */
  deadLetters({ stored }: Loaded): DeadLetter[] {
    return stored.deadLetters === 0 ? [] : readDeadLetters(this.sql);
  }

  /** Sets the alarm to the next thing that is due, unless it is set for then or earlier: an early one arms itself again. */
  #armed(after: Loaded, patienceMs: number): Loaded {
    const { payload, stored } = after;
    const { due, ...answers } = sumOutbox(this.sql);
    const report = reportDue(answers, stored.reported, isOver(payload, stored.state));
    const candidates = [nextDue(payload, stored.state)?.at, stored.boardDue, due, report];
    const wanted = Math.min(...candidates.map((at) => at ?? Infinity));
    const { alarmAt } = stored;
    const now = Date.now();
    // One whose time has passed has gone off, or is about to: it cannot be counted on again.
    const isSet = patienceMs === 0 && alarmAt !== null && alarmAt > now && alarmAt <= wanted;
    if (wanted === Infinity) return this.#disarmed(after, now);
    if (isSet) return after;
    const at = Math.max(wanted, now + Math.max(1, patienceMs));
    void this.#storage.setAlarm(at);
    return { payload, stored: { ...stored, alarmAt: at } };
  }

  /** Nothing will ever be due again: an alarm that is still to come would only wake the object, and be billed for it. */
  #disarmed(after: Loaded, now: number): Loaded {
    const { payload, stored } = after;
    if (stored.alarmAt === null || stored.alarmAt <= now) return after;
    void this.#storage.deleteAlarm();
    return { payload, stored: { ...stored, alarmAt: null } };
  }
}
