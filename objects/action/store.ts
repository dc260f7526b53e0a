import { isOver, nextDue } from "../../core/machine/deadlines.ts";
import { reportDue } from "../../core/outbox.ts";
import type { DeadLetter } from "../../schemas/message.ts";
import type { RetentionClass } from "../../schemas/retention.ts";
import type { Tombstone } from "../../schemas/tombstone.ts";
import { faultOf } from "./chain.ts";
import { without } from "./erasure.ts";
import type { Loaded } from "./loaded.ts";
import { chainOld } from "./old-rows.ts";
import { readDeadLetters, readyOutbox, sumOutbox } from "./outbox-rows.ts";
import { nextDueAt } from "./retention.ts";
import * as rows from "./rows.ts";
import { openAction, payloadRow, stateRow } from "./sealing.ts";
import { readTombstone, replaceBy, tombstoneOf, writeTombstone } from "./tombstone.ts";

export type { Loaded } from "./loaded.ts";

/** When an action that cannot be read whole looks again whether it can. */
const faultPatienceMs = 10 * 60_000;

/**
 * The rows of one action and the copy of them in memory. Everything that is written goes through `write`, in one
 * synchronous transaction, so that state, events, outbox rows and the alarm are one commit or none.
 */
export class Store {
  readonly sql: SqlStorage;
  readonly #storage: DurableObjectStorage;
  readonly #env: unknown;
  #loaded: Loaded | null = null;

  /** @param env holds what the rows are sealed with. */
  constructor(storage: DurableObjectStorage, env: unknown) {
    this.#storage = storage;
    this.#env = env;
    this.sql = storage.sql;
  }

  /** Null where there is no action. One from before there was a chain is given one on the way. */
  load(): Loaded | null {
    if (this.#loaded !== null) return this.#loaded;
    if (!rows.exists(this.sql)) return null;
    readyOutbox(this.sql);
    this.#loaded = rows.isUnchained(this.sql) ? this.#chained() : this.#opened();
    return this.#loaded;
  }

  #opened(): Loaded {
    const there = openAction(this.#env, rows.readDocs(this.sql));
    const fault = there.fault ?? faultOf(this.sql, there.stored.head);
    if (fault !== null) console.error("action", there.payload.id, fault);
    return { ...there, fault };
  }

  /** One from before there was a chain, all at once: it has one, and is about to tell the log of itself. */
  #chained(): Loaded {
    try {
      return this.#storage.transactionSync(() => {
        chainOld(this.sql, this.#env);
        this.#loaded = this.#opened();
        return this.#retold(this.#loaded);
      });
    } catch (error) {
      this.#loaded = null;
      throw error;
    }
  }

  /** The same, for whoever acts on it. @throws Error for an action that cannot be read whole, with what to do. */
  whole(): Loaded | null {
    const there = this.load();
    if (there !== null && there.fault !== null) throw new Error(`${there.payload.id}: ${there.fault}`);
    return there;
  }

  /** The tables and what was asked: what every action starts with, inside the caller's transaction. */
  create(there: Loaded): void {
    rows.createTables(this.sql);
    rows.writeDoc(this.sql, "payload", payloadRow(this.#env, there));
  }

  /**
   * Lets go of classes: of their keys, and with them of every copy of what they sealed; `now` is epoch ms. The log stays as it is.
   * @param also what is to be true with it, in the same transaction.
   * @returns the action without them; null where there is none.
   */
  erase(
    classes: readonly RetentionClass[],
    now: number,
    also: (after: Loaded) => Loaded = (after) => after,
  ): Loaded | null {
    return this.write(() => {
      const there = this.load();
      const gone = classes.filter((name) => there?.keys[name] !== undefined);
      if (there === null || gone.length === 0) return there;
      const after = without(this.sql, there, gone, now);
      rows.writeDoc(this.sql, "payload", payloadRow(this.#env, after));
      return also(after);
    });
  }

  /** Lets go of everything: nothing but a tombstone stays, and an alarm to tell of it. */
  bury(now: number): void {
    const there = this.whole();
    if (there === null) return;
    this.#storage.transactionSync(() => {
      replaceBy(this.sql, tombstoneOf(there, now));
      void this.#storage.setAlarm(now + 1);
    });
    this.#loaded = null;
  }

  /** What is left of an action whose evidence is gone; null where there is an action, or never was one. */
  tombstone(): Tombstone | null {
    return this.#loaded === null ? readTombstone(this.sql) : null;
  }

  /** Puts down how far the news of it has come, with the alarm at what is left to do; `now` is epoch ms. */
  keepTombstone(stone: Tombstone, now: number): void {
    this.#storage.transactionSync(() => {
      writeTombstone(this.sql, stone);
      this.armTombstone(stone, now);
    });
  }

  /** Sets the alarm to what is left to do, also where it has gone off too early. */
  armTombstone({ tellDue, copiesDue }: Tombstone, now: number): void {
    const times = [tellDue, copiesDue].filter((at) => at !== null);
    if (times.length === 0) void this.#storage.deleteAlarm();
    else void this.#storage.setAlarm(Math.max(now + 1, Math.min(...times)));
  }

  /**
   * What `work` returns becomes the state row, with the alarm set to what is due next; null leaves both as they are.
   * A throw undoes everything, and what was in memory is read again.
   * @param patienceMs the alarm is to go off no sooner than this from now, whatever is due.
   * @throws Error for an action that cannot be read whole: nothing is written over what nobody can read.
   */
  write(work: () => Loaded | null, patienceMs = 0): Loaded | null {
    this.whole();
    try {
      return this.#storage.transactionSync(() => {
        const wanted = work();
        if (wanted === null) return null;
        const after = this.#armed(wanted, patienceMs);
        if (after === this.#loaded) return after;
        // Keys are wrapped anew with what is written anyway, so that a key of the environment can be given up one day.
        if (after.stale) rows.writeDoc(this.sql, "payload", payloadRow(this.#env, after));
        rows.writeDoc(this.sql, "state", stateRow(after));
        this.#loaded = { ...after, stale: false };
        return this.#loaded;
      });
    } catch (error) {
      this.#loaded = null;
      throw error;
    }
  }

  /** Sets the alarm to what is due next, in `patienceMs` from now at the soonest. One that cannot be read whole comes back in a while. */
  arm(patienceMs: number): void {
    if ((this.load()?.fault ?? null) === null) this.write(() => this.load(), patienceMs);
    else void this.#storage.setAlarm(Date.now() + faultPatienceMs);
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

  /** An action from before there was a log tells it of itself, and is given its time; where it can be written. */
  #retold(there: Loaded): Loaded {
    if (there.fault !== null) return there;
    const { stored } = there;
    const told = { ...stored, boardDue: Date.now(), news: stored.news + 1 };
    return this.write(() => ({ ...there, stored: told })) ?? there;
  }

  /** Sets the alarm to the next thing that is due, unless it is set for then or earlier: an early one arms itself again. */
  #armed(after: Loaded, patienceMs: number): Loaded {
    const { payload, stored } = after;
    const { due, ...answers } = sumOutbox(this.sql);
    const report = reportDue(answers, stored.reported, isOver(payload, stored.state));
    const candidates = [nextDue(payload, stored.state)?.at, stored.boardDue, due, report];
    const busy = Math.min(...candidates.map((at) => at ?? Infinity));
    const wanted = Math.min(busy, nextDueAt(after) ?? Infinity);
    const { alarmAt } = stored;
    const now = Date.now();
    // What is over and told is left alone until something is to go: waking it before would only cost.
    const isEarly = busy === Infinity && alarmAt !== wanted;
    // One whose time has passed has gone off, or is about to: it cannot be counted on again.
    const isSet = patienceMs === 0 && alarmAt !== null && alarmAt > now && alarmAt <= wanted && !isEarly;
    if (wanted === Infinity) return this.#disarmed(after, now);
    if (isSet) return after;
    const at = Math.max(wanted, now + Math.max(1, patienceMs));
    void this.#storage.setAlarm(at);
    return { ...after, stored: { ...stored, alarmAt: at } };
  }

  /** Nothing will ever be due again: an alarm that is still to come would only wake the object, and be billed for it. */
  #disarmed(after: Loaded, now: number): Loaded {
    const { stored } = after;
    if (stored.alarmAt === null || stored.alarmAt <= now) return after;
    void this.#storage.deleteAlarm();
    return { ...after, stored: { ...stored, alarmAt: null } };
  }
}
