import { faultText } from "../../core/fault.ts";
import type { Command, Facts } from "../../core/machine/command.ts";
import { isOver } from "../../core/machine/deadlines.ts";
import { stoppedBecause, switchFor } from "../../core/kill-switch.ts";
import { engine } from "../../core/machine/emissions.ts";
import { step, type Step } from "../../core/machine/step.ts";
import type { OutboxRow } from "../../core/outbox.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import { goneRefusal } from "../../core/retention/gone.ts";
import type { KillSwitch } from "../../schemas/kill-switch.ts";
import type { Payload } from "../../schemas/stored.ts";
import * as answers from "./answers.ts";
import {
  contractNow,
  erasedFault,
  frozenNow,
  judgedNow,
  nobody,
  placeOf,
  refusedIdempotency,
  scopeFault,
  stoppable,
} from "./judging.ts";
import { append } from "./chain.ts";
import { shownAt } from "./evidence.ts";
import type { Order } from "./forgetting.ts";
import { channelsAfter } from "./glass.ts";
import type { NewAction, Reply, SendRight, Told } from "./messages.ts";
import type { Mark } from "./loaded.ts";
import { newborn } from "./newborn.ts";
import type { Ack, Failure } from "./outbox.ts";
import { isPurged, purgeAll } from "./purged.ts";
import { partsOf, ReadAction } from "./reading.ts";
import { conceive } from "./sealing.ts";
import type { Loaded } from "./store.ts";

/**
 * One high-risk action, for its whole life. A thin shell around `core/machine`: load, step, commit, tell.
 *
 * Every command is one transaction. Nothing is awaited between reading state and committing, so commands are applied
 * one at a time and a throw leaves nothing behind; the runtime's output gate holds back the answer until the write
 * is durable.
 */
export class Action extends ReadAction {
  /** Takes a request in. The same key with the same body answers as the first time; with another body it is refused. */
  create(request: NewAction): Reply {
    const { known, key, fingerprint, origin } = request;
    const { requester } = request.payload;
    const command: Command = { type: "create", actor: { kind: requester.kind, id: requester.id } };
    const mark = { actor: requester.id, key: key ?? "", fingerprint };
    const there = this.store.whole();
    if (there !== null) {
      return answers.replayOf(this.store.sql, there, mark, origin) ?? refusedIdempotency(placeOf(there));
    }
    const gone = this.#gone();
    if (gone !== null) return gone;
    if (isPurged(this.store.sql)) return { kind: "absent" };
    const payload: Payload = { ...request.payload, createdAt: Date.now() };
    const facts = {
      contract: payload.contract,
      directory: known.directory,
      operator: false,
      outOfScope: null,
      judge,
    };
    return this.#commit(conceive(payload, newborn({ ...request, payload })), command, facts, mark, origin);
  }

  /** The first answer to a request that was taken in before, whatever policy says of it now; null where there was none. */
  recall(agent: string, key: string, fingerprint: string, origin: string): Reply | null {
    const there = this.store.whole();
    return there === null
      ? this.#gone()
      : answers.replayOf(this.store.sql, there, { actor: agent, key, fingerprint }, origin);
  }

  /**
   * Any later command. The caller's key makes it happen once: the same key and body gets the first answer, also
   * when the action has long moved on.
   */
  tell({ command, known, key, fingerprint, origin, epoch = null }: Told): Reply {
    const before = this.store.whole();
    if (before === null) return this.#gone() ?? { kind: "absent" };
    const mark = key === null ? null : { actor: command.actor.id, key, fingerprint };
    const replay = mark === null ? null : answers.replayOf(this.store.sql, before, mark, origin);
    if (replay !== null) return replay;
    this.#obey(known.switches);
    const there = this.store.load() ?? before;
    const erased = erasedFault(there, command.type);
    if (erased !== null) return { kind: "refused", refusal: erased, place: placeOf(there) };
    const contract = judgedNow.has(command.type) ? contractNow(there.payload, known) : there.payload.contract;
    if (contract === undefined) return { kind: "needsContract", type: there.payload.type };
    const outOfScope = command.type === "claim" ? scopeFault(there.payload, known, command.actor.id) : null;
    const facts: Facts = {
      contract,
      directory: known.directory,
      operator: known.operator,
      outOfScope,
      judge,
      frozen: frozenNow(there.payload, known, contract, Date.now()),
    };
    const stored = { ...there.stored, origin, subscribers: [...known.subscribers] };
    const current = { ...there, stored, links: known.links ?? [] };
    return this.#commit(current, command, facts, mark, origin, epoch);
  }

  /** What the Board and the recipients have. */
  acknowledge(acks: Ack[]): void {
    const now = Date.now();
    if (this.store.load() === null) this.grave.acknowledge(acks, now);
    else if (this.outbox.acknowledge(acks, now)) this.ctx.waitUntil(this.outbox.flush(now));
  }

  /** The right to send one row to a channel, so that a message that comes twice makes one card (peer failure P16). */
  beginSend(row: Ack): SendRight {
    const now = Date.now();
    if (this.store.load() === null) return { kind: "settled" };
    this.#tick();
    const begun = this.outbox.begin(row, now);
    const sight = begun.kind === "send" ? this.sight(begun.shown, begun.unsure) : null;
    if (begun.kind !== "send") return begun;
    return sight === null ? { kind: "settled" } : { kind: "send", body: sight, right: begun.right };
  }

  /** A delivery did not arrive; it is tried again, or kept as a dead letter, and the next level is told at once. */
  deliveryFailed(failure: Failure): void {
    this.#tick();
    const now = Date.now();
    const { dead, escalate } = this.outbox.failed(failure, now, Math.random());
    if (escalate !== null) this.#engineDoes({ type: "escalate", actor: engine, level: escalate });
    if (dead) this.ctx.waitUntil(this.outbox.flush(now));
  }

  /** Sends a dead letter again from the start. @returns false where there is no such dead letter. */
  redeliver(letter: Ack): boolean {
    const now = Date.now();
    const revived = this.outbox.revive(letter, now);
    if (revived) this.ctx.waitUntil(this.outbox.flush(now));
    return revived;
  }

  /** Does what is overdue. The sweep calls it for an action whose alarm has not run, or that is not held any more. */
  async poke(): Promise<void> {
    await this.#attend(false);
  }

  /** Lets go of a class before its time, because somebody in charge wants it. `body` is then an `EraseAnswer` as JSON text. */
  async erase(order: Order): Promise<Reply> {
    const now = Date.now();
    if (this.store.load() === null) return this.#gone() ?? { kind: "absent" };
    this.#tick();
    const done = await this.forgetting.now(order, now);
    const there = this.store.load();
    if (!done.ok) {
      return { kind: "refused", refusal: done.error, place: there === null ? null : placeOf(there) };
    }
    await this.grave.attend(now);
    return answers.erasedAnswer(there ?? this.store.tombstone(), done.value);
  }

  /** Forgets everything, whatever state it is in, with the workspace that it is of. */
  async purge(now: number): Promise<void> {
    for (const socket of this.ctx.getWebSockets()) this.waiters.close(socket, 1000);
    if (isPurged(this.store.sql)) return;
    await purgeAll(this.ctx.storage, now);
    ({
      store: this.store,
      outbox: this.outbox,
      forgetting: this.forgetting,
      grave: this.grave,
    } = partsOf(this.ctx, this.env));
  }

  /** Cancels it where a kill switch is engaged for its type, if it has not begun to run. */
  async stop(switches: KillSwitch[]): Promise<void> {
    this.#tick();
    this.#obey(switches);
    await this.outbox.flush(Date.now());
  }

  /**
   * Never throws: an alarm that keeps throwing is given up after a few tries, and this action would sit for ever.
   * It arms itself again whatever happened; where it failed not at once, or it would do nothing but fail.
   */
  override async alarm(): Promise<void> {
    let patienceMs = 0;
    try {
      this.store.alarmWentOff(Date.now());
      await this.#attend(true);
    } catch (error) {
      console.error("alarm", this.ctx.id.name, faultText(error));
      patienceMs = failedAlarmMs;
    } finally {
      await this.#armAgain(patienceMs);
    }
  }

  /** Where not even that can be written down, the alarm is set without: whoever throws here seven times has none any more. */
  async #armAgain(patienceMs: number): Promise<void> {
    try {
      this.store.arm(patienceMs);
    } catch (error) {
      console.error("alarm", this.ctx.id.name, faultText(error));
      await this.ctx.storage.setAlarm(Date.now() + failedAlarmMs);
    }
  }

  /** Everything that is due. `patient`: what is held is asked about again only when the log said so. */
  async #attend(patient: boolean): Promise<void> {
    if (await this.grave.attend(Date.now())) return;
    this.#tick();
    await this.outbox.flush(Date.now());
    await this.forgetting.letGo(Date.now(), patient);
    await this.grave.attend(Date.now());
  }

  /** The answer to whoever asks something of an action that was let go of; null where there is none. */
  #gone(): Extract<Reply, { kind: "refused" }> | null {
    const stone = this.store.tombstone();
    return stone === null ? null : { kind: "refused", refusal: goneRefusal(stone), place: null };
  }

  #commit(
    there: Loaded,
    command: Command,
    facts: Facts,
    mark: Mark | null,
    origin: string,
    epoch: number | null = null,
  ): Reply {
    const now = Date.now();
    const { payload, stored } = there;
    const shown = command.type === "vote" ? { shown: shownAt(there, now) } : {};
    const taken = step(payload, stored.state, command, { ...facts, ...shown }, now);
    if (taken.events.length > 0) this.#append(there, taken, mark, now, epoch);
    const after = this.store.load() ?? there;
    if (taken.refusal !== null) return { kind: "refused", refusal: taken.refusal, place: placeOf(after) };
    return answers.doneAt(this.store.sql, after, taken.answerSeq ?? after.stored.state.seq, origin, true);
  }

  #append(there: Loaded, taken: Step, mark: Mark | null, now: number, epoch: number | null): void {
    const { payload, stored } = there;
    const { state, events, refusal } = taken;
    const { sql } = this.store;
    // The Board must know of every action and of its end; the steps between may reach it a little late.
    const confirm = stored.state.seq === 0 || isOver(payload, state);
    let entered: OutboxRow[] = [];
    const after = this.store.write(() => {
      if (stored.state.seq === 0) this.store.create(there);
      const { links: _, ...own } = there;
      // The key belongs to the command that was carried out: a refused one may come again and be judged anew.
      const grown = append(sql, own, state, events, refusal === null ? mark : null);
      const next = { ...grown, stored: { ...grown.stored, channels: channelsAfter(there, events) } };
      entered = this.outbox.enter(next, events, now);
      return { ...next, stored: this.outbox.telling(next, confirm, now) };
    });
    if (after === null) return;
    this.waiters.announce(answers.messagesOf(after, events), epoch, now);
    this.ctx.waitUntil(this.outbox.first(after, entered, confirm));
  }

  /** Deadlines that have passed become events, and notices that nobody confirms dead letters. */
  #tick(): void {
    this.#engineDoes({ type: "tick", actor: engine });
    const level = this.outbox.giveUp(Date.now());
    if (level !== null) this.#engineDoes({ type: "escalate", actor: engine, level });
  }

  #engineDoes(command: Command): void {
    const there = this.store.load();
    if (there === null) return;
    const facts = { contract: null, directory: nobody, operator: false, outOfScope: null, judge };
    const taken = step(there.payload, there.stored.state, command, facts, Date.now());
    if (taken.events.length > 0) this.#append(there, taken, null, Date.now(), null);
  }

  /** Whatever it was told: with a kill switch engaged for its type it waits for nobody any more. */
  #obey(switches: readonly KillSwitch[] = []): void {
    const there = this.store.load();
    const engaged = there === null ? null : switchFor(switches, there.payload.type);
    if (engaged === null || !stoppable.has(there?.stored.state.state ?? "cancelled")) return;
    this.#engineDoes({ type: "stopByPolicy", actor: engine, reason: stoppedBecause(engaged) });
  }
}
/** When an alarm that failed goes off again. The sweep comes by once a minute anyway. */
const failedAlarmMs = 30_000;
