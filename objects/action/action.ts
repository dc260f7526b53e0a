import { DurableObject } from "cloudflare:workers";
import type { Command, Facts } from "../../core/machine/command.ts";
import { isOver } from "../../core/machine/deadlines.ts";
import { stoppedBecause, switchFor } from "../../core/kill-switch.ts";
import { engine } from "../../core/machine/emissions.ts";
import { step, type Step } from "../../core/machine/step.ts";
import type { OutboxRow } from "../../core/outbox.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import { eventView } from "../../core/view.ts";
import type { Callback } from "../../schemas/action.ts";
import type { Shown } from "../../schemas/channel.ts";
import type { Actor } from "../../schemas/event.ts";
import { standingOf } from "../../schemas/standing.ts";
import type { KillSwitch } from "../../schemas/kill-switch.ts";
import type { Payload } from "../../schemas/stored.ts";
import * as answers from "./answers.ts";
import {
  contractNow,
  frozenNow,
  judgedNow,
  moving,
  nobody,
  placeOf,
  refusedIdempotency,
  scopeFault,
  stoppable,
} from "./judging.ts";
import { channelsAfter, glassOf } from "./glass.ts";
import type { GlassReply, Known, NewAction, Reply, SendRight, Told } from "./messages.ts";
import { Outbox, type Ack, type Failure } from "./outbox.ts";
import { send } from "./outgoing.ts";
import * as rows from "./rows.ts";
import { newborn } from "./newborn.ts";
import { recordedOf } from "./recorded.ts";
import { Store, type Loaded } from "./store.ts";
import { Waiters } from "./waiters.ts";

/**
 * One high-risk action, for its whole life. A thin shell around `core/machine`: load, step, commit, tell.
 *
 * Every command is one transaction. Nothing is awaited between reading state and committing, so commands are applied
 * one at a time and a throw leaves nothing behind; the runtime's output gate holds back the answer until the write
 * is durable.
 */
export class Action extends DurableObject<Env> {
  readonly #store: Store;
  readonly #outbox: Outbox;
  readonly #waiters: Waiters;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new Store(ctx.storage);
    this.#outbox = new Outbox(this.#store, (change) => send(env, ctx, change));
    const registry = `${ctx.id.name?.split("/")[0] ?? ""}/registry`;
    this.#waiters = new Waiters(ctx, (holders, now) =>
      env.REGISTRY.getByName(registry).readers(holders, now),
    );
  }

  /** Takes a request in. The same key with the same body answers as the first time; with another body it is refused. */
  create(request: NewAction): Reply {
    const { known, key, fingerprint, origin } = request;
    const { requester } = request.payload;
    const command: Command = { type: "create", actor: { kind: requester.kind, id: requester.id } };
    const mark = { actor: requester.id, key: key ?? "", fingerprint };
    const there = this.#store.load();
    if (there !== null) {
      return answers.replayOf(this.#store.sql, there, mark, origin) ?? refusedIdempotency(placeOf(there));
    }
    const payload: Payload = { ...request.payload, createdAt: Date.now() };
    const facts = {
      contract: payload.contract,
      directory: known.directory,
      operator: false,
      outOfScope: null,
      judge,
    };
    return this.#commit({ payload, stored: newborn({ ...request, payload }) }, command, facts, mark, origin);
  }

  /** The first answer to a request that was taken in before, whatever policy says of it now; null where there was none. */
  recall(agent: string, key: string, fingerprint: string, origin: string): Reply | null {
    const there = this.#store.load();
    return there === null
      ? null
      : answers.replayOf(this.#store.sql, there, { actor: agent, key, fingerprint }, origin);
  }

  /**
   * Any later command. The caller's key makes it happen once: the same key and body gets the first answer, also
   * when the action has long moved on.
   */
  tell({ command, known, key, fingerprint, origin, epoch = null }: Told): Reply {
    const before = this.#store.load();
    if (before === null) return { kind: "absent" };
    const mark = key === null ? null : { actor: command.actor.id, key, fingerprint };
    const replay = mark === null ? null : answers.replayOf(this.#store.sql, before, mark, origin);
    if (replay !== null) return replay;
    this.#obey(known.switches);
    const there = this.#store.load() ?? before;
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

  /** The action as JSON text; null where there is none. Shows what time has already made true, and writes nothing. */
  view(origin?: string): string | null {
    const there = this.#store.load();
    return there === null
      ? null
      : JSON.stringify(answers.viewAt(there, origin ?? there.stored.origin, Date.now()));
  }

  /**
   * Like `view`, once `seq` has grown past `afterSeq` or `waitMs` are over. Without a seq it waits only while somebody
   * else is to move: whoever comes after the decision has it at once (peer failure P8).
   */
  async wait(afterSeq: number | null, waitMs: number, origin: string): Promise<string | null> {
    const there = this.#store.load();
    if (there === null) return null;
    const { seq, state } = there.stored.state;
    if (afterSeq === null ? moving.has(state) : seq <= afterSeq) await this.#waiters.next(waitMs);
    return this.view(origin);
  }

  /** What was asked, for another policy to be held against: a `Recorded` as JSON text; null where nothing is kept. */
  recorded(): string | null {
    const there = this.#store.load();
    return there === null ? null : JSON.stringify(recordedOf(there.payload));
  }

  /** The log after a seq, oldest first, as a JSON array; null where there is no action. */
  events(afterSeq: number): string | null {
    const there = this.#store.load();
    if (there === null) return null;
    return JSON.stringify(
      rows.readEvents(this.#store.sql, afterSeq).map((event) => eventView(there.payload, event)),
    );
  }

  /** The stream: a WebSocket that hibernates, so that a waiter costs nothing. The Worker has authenticated the caller. */
  override fetch(request: Request): Response {
    const there = this.#store.load();
    if (there === null) return new Response(null, { status: 404 });
    const standing = standingOf(request);
    if (standing === null) return new Response(null, { status: 400 });
    const { searchParams, origin } = new URL(request.url);
    const missed = rows.readEvents(this.#store.sql, Number(searchParams.get("afterSeq") ?? 0));
    return this.#waiters.open(answers.messagesOf(there, missed), origin, standing);
  }

  /** Somebody's access may have ended: closes the streams of those who may not read any more. @returns how many stay. */
  recheck(): Promise<number> {
    return this.#waiters.recheck(Date.now());
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#waiters.close(socket, code);
  }

  override webSocketError(): void {
    // The runtime drops the socket; whoever held it comes back and asks for what came after its last seq.
  }

  /** What the Board and the recipients have. */
  acknowledge(acks: Ack[]): void {
    const now = Date.now();
    if (this.#outbox.acknowledge(acks, now)) this.ctx.waitUntil(this.#outbox.flush(now));
  }

  /** The right to send one row to a channel, so that a message that comes twice makes one card (peer failure P16). */
  beginSend(row: Ack): SendRight {
    const now = Date.now();
    this.#tick();
    const begun = this.#outbox.begin(row, now);
    const sight = begun.kind === "send" ? this.sight(begun.shown, begun.unsure) : null;
    if (begun.kind !== "send") return begun;
    return sight === null ? { kind: "settled" } : { kind: "send", body: sight };
  }

  /** What a channel has to show of the action, a `Sight` as JSON text; null where there is no action. */
  sight(shown: Shown | null = null, unsure = false): string | null {
    const there = this.#store.load();
    return there === null ? null : JSON.stringify(answers.sightOf(there, shown, unsure, Date.now()));
  }

  /** A delivery did not arrive; it is tried again, or kept as a dead letter, and the next level is told at once. */
  deliveryFailed(failure: Failure): void {
    this.#tick();
    const now = Date.now();
    const { dead, escalate } = this.#outbox.failed(failure, now, Math.random());
    if (escalate !== null) this.#engineDoes({ type: "escalate", actor: engine, level: escalate });
    if (dead) this.ctx.waitUntil(this.#outbox.flush(now));
  }

  /** Sends a dead letter again from the start. @returns false where there is no such dead letter. */
  redeliver(letter: Ack): boolean {
    const now = Date.now();
    const revived = this.#outbox.revive(letter, now);
    if (revived) this.ctx.waitUntil(this.#outbox.flush(now));
    return revived;
  }

  /** Does what is overdue. The sweep calls it for an action whose alarm has not run. */
  async poke(): Promise<void> {
    this.#tick();
    await this.#outbox.flush(Date.now());
  }

  /** Cancels it where a kill switch is engaged for its type, if it has not begun to run. */
  async stop(switches: KillSwitch[]): Promise<void> {
    this.#tick();
    this.#obey(switches);
    await this.#outbox.flush(Date.now());
  }

  /** What the Board is to hold of this action, an `ActionChanged` as JSON text; null where there is none. */
  refresh(): string | null {
    const there = this.#store.load();
    return there === null ? null : JSON.stringify(this.#outbox.change(there, [], false));
  }

  /** What somebody may do about breaking the glass, now. */
  glass(known: Known, actor: Actor): GlassReply {
    const there = this.#store.load();
    return there === null ? { kind: "absent" } : glassOf(there, known, actor, Date.now());
  }

  callback(): Callback | null {
    return this.#store.load()?.payload.callback ?? null;
  }

  /**
   * Never throws: an alarm that keeps throwing is given up after a few tries, and this action would sit for ever.
   * It arms itself again whatever happened; where it failed not at once, or it would do nothing but fail.
   */
  override async alarm(): Promise<void> {
    let patienceMs = 0;
    try {
      this.#store.alarmWentOff(Date.now());
      this.#tick();
      await this.#outbox.flush(Date.now());
    } catch (error) {
      console.error("alarm", this.ctx.id.name, error);
      patienceMs = failedAlarmMs;
    } finally {
      this.#store.write(() => this.#store.load(), patienceMs);
    }
  }

  #commit(
    there: Loaded,
    command: Command,
    facts: Facts,
    mark: rows.Mark | null,
    origin: string,
    epoch: number | null = null,
  ): Reply {
    const now = Date.now();
    const { payload, stored } = there;
    const taken = step(payload, stored.state, command, facts, now);
    if (taken.events.length > 0) this.#append(there, taken, mark, now, epoch);
    const after = this.#store.load() ?? there;
    if (taken.refusal !== null) return { kind: "refused", refusal: taken.refusal, place: placeOf(after) };
    return answers.doneAt(this.#store.sql, after, taken.answerSeq ?? after.stored.state.seq, origin, true);
  }

  #append(there: Loaded, taken: Step, mark: rows.Mark | null, now: number, epoch: number | null): void {
    const { payload, stored } = there;
    const { state, events, refusal } = taken;
    const { sql } = this.#store;
    // The Board must know of every action and of its end; the steps between may reach it a little late.
    const confirm = stored.state.seq === 0 || isOver(payload, state);
    let entered: OutboxRow[] = [];
    const after = this.#store.write(() => {
      if (stored.state.seq === 0) rows.createAction(sql, payload);
      // The key belongs to the command that was carried out: a refused one may come again and be judged anew.
      const last = refusal === null ? events.at(-1) : undefined;
      for (const event of events) rows.insertEvent(sql, event, event === last ? mark : null);
      const next = { payload, stored: { ...stored, state, channels: channelsAfter(there, events) } };
      entered = this.#outbox.enter(next, events, now);
      return { payload, stored: this.#outbox.telling(next, confirm, now) };
    });
    if (after === null) return;
    this.#waiters.announce(answers.messagesOf(after, events), epoch, now);
    this.ctx.waitUntil(this.#outbox.first(after, entered, confirm));
  }

  /** Deadlines that have passed become events, and notices that nobody confirms dead letters. */
  #tick(): void {
    this.#engineDoes({ type: "tick", actor: engine });
    const level = this.#outbox.giveUp(Date.now());
    if (level !== null) this.#engineDoes({ type: "escalate", actor: engine, level });
  }

  #engineDoes(command: Command): void {
    const there = this.#store.load();
    if (there === null) return;
    const facts = { contract: null, directory: nobody, operator: false, outOfScope: null, judge };
    const taken = step(there.payload, there.stored.state, command, facts, Date.now());
    if (taken.events.length > 0) this.#append(there, taken, null, Date.now(), null);
  }

  /** Whatever it was told: with a kill switch engaged for its type it waits for nobody any more. */
  #obey(switches: readonly KillSwitch[] = []): void {
    const there = this.#store.load();
    const engaged = there === null ? null : switchFor(switches, there.payload.type);
    if (engaged === null || !stoppable.has(there?.stored.state.state ?? "cancelled")) return;
    this.#engineDoes({ type: "stopByPolicy", actor: engine, reason: stoppedBecause(engaged) });
  }
}
/** When an alarm that failed goes off again. The sweep comes by once a minute anyway. */
const failedAlarmMs = 30_000;
