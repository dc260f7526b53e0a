import { DurableObject } from "cloudflare:workers";
import type { Command, Facts } from "../../core/machine/command.ts";
import { nextDue } from "../../core/machine/deadlines.ts";
import { engine } from "../../core/machine/emissions.ts";
import { foldAll, unborn } from "../../core/machine/fold.ts";
import { step, type Step } from "../../core/machine/step.ts";
import { nextTry, rowsFor, sendLeaseMs, type OutboxRow } from "../../core/outbox.ts";
import { scopeRefusal } from "../../core/scope.ts";
import { eventView, viewOf } from "../../core/view.ts";
import type { ActionView, Callback } from "../../schemas/action.ts";
import type { Directory } from "../../schemas/directory.ts";
import type { Event } from "../../schemas/event.ts";
import type { ActionChanged, DeadLetter } from "../../schemas/message.ts";
import type { Contract } from "../../schemas/policy.ts";
import type { Payload, StoredAction, Subscriber } from "../../schemas/stored.ts";
import type { Known, LeaseAnswer, NewAction, Place, Reply, Told } from "./messages.ts";
import { changeOf, deliveryOf, send } from "./outgoing.ts";
import * as rows from "./rows.ts";
import { Waiters } from "./waiters.ts";

type Loaded = { readonly payload: Payload; readonly stored: StoredAction };

/** How long the Board may miss a step that neither opens nor ends an action before it is told again. */
const boardPatienceMs = 10 * 60_000;

/**
 * One high-risk action, for its whole life. A thin shell around `core/machine`: load, step, commit, tell.
 *
 * Every command is one `transactionSync` that holds state, events, outbox rows and the alarm. Nothing is awaited
 * between reading state and committing, so commands are applied one at a time and a throw leaves nothing behind;
 * the runtime's output gate holds back the answer until the write is durable.
 */
export class Action extends DurableObject<Env> {
  readonly #sql: SqlStorage;
  readonly #waiters: Waiters;
  #loaded: Loaded | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = ctx.storage.sql;
    this.#waiters = new Waiters(ctx);
  }

  /** Takes a request in. The same key with the same body answers as the first time; with another body it is refused. */
  create(request: NewAction): Reply {
    const { known, key, fingerprint, origin } = request;
    const { requester } = request.payload;
    const command: Command = { type: "create", actor: { kind: "agent", id: requester.id } };
    const mark = { actor: requester.id, key: key ?? "", fingerprint };
    const there = this.#load();
    if (there !== null) return this.#replay(there, mark, origin) ?? refusedIdempotency(placeOf(there));
    const payload: Payload = { ...request.payload, createdAt: Date.now() };
    const facts = {
      contract: payload.contract,
      directory: known.directory,
      operator: false,
      outOfScope: null,
    };
    return this.#commit(
      { payload, stored: newborn(payload, known.subscribers, origin) },
      command,
      facts,
      mark,
      origin,
    );
  }

  /** The first answer to a request that was taken in before, whatever policy says of it now; null where there was none. */
  recall(agent: string, key: string, fingerprint: string, origin: string): Reply | null {
    const there = this.#load();
    return there === null ? null : this.#replay(there, { actor: agent, key, fingerprint }, origin);
  }

  /**
   * Any later command. The caller's key makes it happen once: the same key and body gets the first answer, also
   * when the action has long moved on.
   */
  tell({ command, known, key, fingerprint, origin }: Told): Reply {
    const there = this.#load();
    if (there === null) return { kind: "absent" };
    const mark = key === null ? null : { actor: command.actor.id, key, fingerprint };
    const replay = mark === null ? null : this.#replay(there, mark, origin);
    if (replay !== null) return replay;
    const contract = contractNow(there.payload, known);
    if (contract === undefined) return { kind: "needsContract", type: there.payload.type };
    const outOfScope = command.type === "claim" ? scopeFault(there.payload, known, command.actor.id) : null;
    const facts: Facts = { contract, directory: known.directory, operator: known.operator, outOfScope };
    const current = { ...there, stored: { ...there.stored, origin, subscribers: [...known.subscribers] } };
    return this.#commit(current, command, facts, mark, origin);
  }

  /** The action as JSON text; null where there is none. Shows what time has already made true, and writes nothing. */
  view(origin?: string): string | null {
    const there = this.#load();
    return there === null ? null : JSON.stringify(this.#viewNow(there, origin ?? there.stored.origin));
  }

  /** Like `view`, once `seq` has grown past `afterSeq` or `waitMs` are over. */
  async wait(afterSeq: number, waitMs: number, origin: string): Promise<string | null> {
    const there = this.#load();
    if (there === null) return null;
    if (there.stored.state.seq <= afterSeq) await this.#waiters.next(waitMs);
    return this.view(origin);
  }

  /** The log after a seq, oldest first, as a JSON array; null where there is no action. */
  events(afterSeq: number): string | null {
    const there = this.#load();
    if (there === null) return null;
    return JSON.stringify(
      rows.readEvents(this.#sql, afterSeq).map((event) => eventView(there.payload, event)),
    );
  }

  /** The stream: a WebSocket that hibernates, so that a waiter costs nothing. The Worker has authenticated the caller. */
  override fetch(request: Request): Response {
    const there = this.#load();
    if (there === null) return new Response(null, { status: 404 });
    const { searchParams, origin } = new URL(request.url);
    const missed = rows.readEvents(this.#sql, Number(searchParams.get("afterSeq") ?? 0));
    return this.#waiters.open(this.#messages(there, missed), origin);
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#waiters.close(socket, code);
  }

  override webSocketError(): void {
    // The runtime drops the socket; whoever held it comes back and asks for what came after its last seq.
  }

  /** What the Board and the recipients have; a row or a seq acknowledged twice changes nothing. */
  acknowledge(acks: { seq: number; sink: string }[]): void {
    const there = this.#load();
    if (there === null) return;
    this.#write(() => {
      let { stored } = there;
      for (const { seq, sink } of acks) {
        if (sink === "board") stored = boardHas(stored, seq);
        else rows.closeOutbox(this.#sql, seq, sink);
      }
      // The alarm stays: one that comes early finds nothing to do, and moving it is a write more for every ack.
      return stored === there.stored ? null : { ...there, stored };
    });
  }

  /** A delivery did not arrive: its next try is set here, because this row and not the queue is the record. */
  deliveryFailed(failure: {
    seq: number;
    sink: string;
    error: string;
    permanent: boolean;
    retryAfterMs: number | null;
  }): void {
    const there = this.#load();
    const row = there === null ? null : rows.openOutbox(this.#sql, failure.seq, failure.sink);
    if (there === null || row === null) return;
    const now = Date.now();
    const due = failure.permanent ? null : nextTry(row.tries, now, Math.random(), failure.retryAfterMs);
    this.#write(() => {
      if (due !== null) {
        rows.leaseOutbox(this.#sql, { ...row, tries: row.tries + 1, due });
        return this.#armed(there);
      }
      rows.buryOutbox(this.#sql, row.seq, row.sink, row.tries, failure.error);
      const stored = { ...there.stored, deadLetters: there.stored.deadLetters + 1, boardDue: now };
      return this.#armed({ ...there, stored });
    });
    if (due === null) this.ctx.waitUntil(this.#flush());
  }

  /** Sends a dead letter again from the start. @returns false where there is no such dead letter. */
  redeliver({ seq, sink }: { seq: number; sink: string }): boolean {
    const there = this.#load();
    if (there === null) return false;
    const now = Date.now();
    let revived = false;
    this.#write(() => {
      revived = rows.reviveOutbox(this.#sql, seq, sink, now);
      if (!revived) return null;
      const stored = {
        ...there.stored,
        deadLetters: Math.max(0, there.stored.deadLetters - 1),
        boardDue: now,
      };
      return this.#armed({ ...there, stored });
    });
    if (revived) this.ctx.waitUntil(this.#flush());
    return revived;
  }

  /** Does what is overdue. The sweep calls it for an action whose alarm has not run. */
  async poke(): Promise<void> {
    this.#tick();
    await this.#flush();
  }

  /** What the Board is to hold of this action, an `ActionChanged` as JSON text; null where there is none. */
  refresh(): string | null {
    const there = this.#load();
    return there === null
      ? null
      : JSON.stringify(changeOf(there.payload, there.stored, this.#deadLetters(there), [], false));
  }

  callback(): Callback | null {
    return this.#load()?.payload.callback ?? null;
  }

  /**
   * Never throws: an alarm that keeps throwing is given up after a few tries, and this action would sit for ever.
   * It arms itself again whatever happened.
   */
  override async alarm(): Promise<void> {
    try {
      this.#tick();
      await this.#flush();
    } catch (error) {
      console.error("alarm", this.ctx.id.name, error);
    } finally {
      const there = this.#load();
      if (there !== null) this.#write(() => changed(there, this.#armed(there)));
    }
  }

  #load(): Loaded | null {
    if (this.#loaded !== null) return this.#loaded;
    if (!rows.exists(this.#sql)) return null;
    this.#loaded = { payload: rows.readPayload(this.#sql), stored: rows.readStored(this.#sql) };
    return this.#loaded;
  }

  /** The one place that writes. What `work` returns becomes the state row, null leaves it; a throw undoes everything. */
  #write(work: () => Loaded | null): Loaded | null {
    try {
      return this.ctx.storage.transactionSync(() => {
        const after = work();
        if (after !== null) rows.writeStored(this.#sql, after.stored);
        if (after !== null) this.#loaded = after;
        return after;
      });
    } catch (error) {
      this.#loaded = null;
      throw error;
    }
  }

  #commit(there: Loaded, command: Command, facts: Facts, mark: rows.Mark | null, origin: string): Reply {
    const now = Date.now();
    const { payload, stored } = there;
    const taken = step(payload, stored.state, command, facts, now);
    if (taken.events.length > 0) this.#append(there, taken, mark, now);
    const after = this.#loaded ?? there;
    if (taken.refusal !== null) return { kind: "refused", refusal: taken.refusal, place: placeOf(after) };
    return this.#done(after, taken.answerSeq ?? after.stored.state.seq, origin, true);
  }

  #append(there: Loaded, taken: Step, mark: rows.Mark | null, now: number): void {
    const { payload, stored } = there;
    const { state, events } = taken;
    const isNew = stored.state.seq === 0;
    // The Board must learn of every action, and of its end; the steps between may reach it a little late.
    const wantsAck = isNew || nextDue(payload, state) === null;
    const inserted: OutboxRow[] = [];
    const after = this.#write(() => {
      if (isNew) rows.createAction(this.#sql, payload);
      const last = taken.refusal === null ? events.at(-1) : undefined;
      for (const event of events) {
        rows.insertEvent(this.#sql, event, event === last ? mark : null);
        inserted.push(...rowsFor(event, stored.subscribers, payload.callback !== null, now + sendLeaseMs));
      }
      for (const row of inserted) rows.insertOutbox(this.#sql, row);
      const boardDue = Math.min(
        stored.boardDue ?? Infinity,
        now + (wantsAck ? sendLeaseMs : boardPatienceMs),
      );
      return this.#armed({ payload, stored: { ...stored, state, boardDue } });
    });
    if (after === null) return;
    this.#waiters.announce(this.#messages(after, events));
    const deliveries = inserted.map((row) => deliveryOf(payload, after.stored, row));
    this.ctx.waitUntil(
      this.#hand(changeOf(payload, after.stored, this.#deadLetters(after), deliveries, wantsAck)),
    );
  }

  #deadLetters({ stored }: Loaded): DeadLetter[] {
    return stored.deadLetters === 0 ? [] : rows.readDeadLetters(this.#sql);
  }

  /** Deadlines that have passed become events. */
  #tick(): void {
    const there = this.#load();
    if (there === null) return;
    const facts = { contract: null, directory: nobody, operator: false, outOfScope: null };
    const taken = step(there.payload, there.stored.state, { type: "tick", actor: engine }, facts, Date.now());
    if (taken.events.length > 0) this.#append(there, taken, null, Date.now());
  }

  /** Sends what is due: rows whose send was not acknowledged in time, and what the Board has not confirmed. */
  async #flush(): Promise<void> {
    const there = this.#load();
    if (there === null) return;
    const now = Date.now();
    const due = rows.dueOutbox(this.#sql, now);
    const { boardDue } = there.stored;
    const tellBoard = boardDue !== null && boardDue <= now;
    if (due.length === 0 && !tellBoard) return;
    const after = this.#write(() => {
      for (const row of due) {
        rows.leaseOutbox(this.#sql, { ...row, tries: Math.max(1, row.tries), due: now + sendLeaseMs });
      }
      return this.#armed({
        ...there,
        stored: { ...there.stored, ...(tellBoard && { boardDue: now + 2 * sendLeaseMs }) },
      });
    });
    if (after === null) return;
    const { payload, stored } = after;
    const deliveries = due.map((row) => deliveryOf(payload, stored, row));
    await this.#hand(changeOf(payload, stored, this.#deadLetters(after), deliveries, tellBoard));
  }

  /** A send that fails is not lost: its rows come due again. */
  async #hand(change: ActionChanged): Promise<void> {
    try {
      await send(this.env, this.ctx, change);
    } catch (error) {
      console.error("send", this.ctx.id.name, error);
    }
  }

  /** Sets the alarm to the next thing that is due, unless it is set for then or earlier: an early one re-arms itself. */
  #armed(after: Loaded): Loaded {
    const { payload, stored } = after;
    const candidates = [nextDue(payload, stored.state)?.at, stored.boardDue, rows.nextOutboxDue(this.#sql)];
    const wanted = Math.min(...candidates.map((at) => at ?? Infinity));
    const { alarmAt } = stored;
    const now = Date.now();
    // One whose time has passed has gone off, or is about to: it cannot be counted on again.
    const isSet = alarmAt !== null && alarmAt > now && alarmAt <= wanted;
    if (wanted === Infinity || isSet) return after;
    const at = Math.max(wanted, now + 1);
    void this.ctx.storage.setAlarm(at);
    return { payload, stored: { ...stored, alarmAt: at } };
  }

  #viewNow({ payload, stored }: Loaded, origin: string): ActionView {
    const facts = { contract: null, directory: nobody, operator: false, outOfScope: null };
    const { state } = step(payload, stored.state, { type: "tick", actor: engine }, facts, Date.now());
    return viewOf(payload, state, origin);
  }

  /** The first answer to a command that has come before under the same key. */
  #replay(there: Loaded, mark: rows.Mark, origin: string): Reply | null {
    const before = rows.findMark(this.#sql, mark.actor, mark.key);
    if (before === null) return null;
    if (before.fingerprint !== mark.fingerprint) return refusedIdempotency(placeOf(there));
    return this.#done(there, before.seq, origin, false);
  }

  #done({ payload, stored }: Loaded, seq: number, origin: string, fresh: boolean): Reply {
    if (seq === stored.state.seq) {
      const lease = leaseAnswer(payload, stored.state.lease);
      return { kind: "done", body: JSON.stringify(viewOf(payload, stored.state, origin)), seq, lease, fresh };
    }
    const log = rows.readEvents(this.#sql, 0);
    const then = foldAll(
      payload,
      log.filter((event) => event.seq <= seq),
    );
    // A repeated claim gets its lease again, and with it what has become of the action since (peer failure P4).
    const claimed = log.find(
      (event) => event.seq === seq && (event.type === "claimed" || event.type === "rollback_claimed"),
    );
    const shown = claimed === undefined ? then : stored.state;
    const lease = leaseAnswer(payload, then.lease);
    return { kind: "done", body: JSON.stringify(viewOf(payload, shown, origin)), seq, lease, fresh };
  }

  #messages({ payload, stored }: Loaded, events: readonly Event[]): (origin: string) => string[] {
    return (origin) => {
      const action = viewOf(payload, stored.state, origin);
      return events.map((event) => JSON.stringify({ event: eventView(payload, event), action }));
    };
  }
}

/** The state row is written only where it differs. */
const changed = (before: Loaded, after: Loaded): Loaded | null => (before === after ? null : after);

const nobody: Directory = { version: 0, people: {}, agents: {}, groups: {}, delegations: [] };

function newborn(payload: Payload, subscribers: readonly Subscriber[], origin: string): StoredAction {
  const state = unborn(payload);
  return {
    schema: 1,
    state,
    origin,
    subscribers: [...subscribers],
    alarmAt: null,
    boardSeq: 0,
    boardDue: null,
    deadLetters: 0,
  };
}

function boardHas(stored: StoredAction, seq: number): StoredAction {
  if (seq <= stored.boardSeq && stored.boardDue === null) return stored;
  const boardSeq = Math.max(stored.boardSeq, seq);
  return { ...stored, boardSeq, boardDue: boardSeq >= stored.state.seq ? null : stored.boardDue };
}

const placeOf = ({ stored }: Loaded): Place => ({
  state: stored.state.state,
  stateDetail: stored.state.detail,
  seq: stored.state.seq,
});

function refusedIdempotency(place: Place): Reply {
  const detail = "This Idempotency-Key was used for another body. Use a new key for a new request.";
  return { kind: "refused", refusal: { code: "idempotency_conflict", detail }, place };
}

/** The type's contract in force: the pinned one while the version is the pinned one, undefined where it must be asked for. */
function contractNow(payload: Payload, known: Known): Contract | null | undefined {
  if (known.policyVersion === payload.policyVersion) return payload.contract;
  return known.contract;
}

function scopeFault(payload: Payload, { directory, roles }: Known, executor: string): string | null {
  const agent = Object.hasOwn(directory.agents, executor) ? directory.agents[executor] : undefined;
  if (agent === undefined) return "Only an agent of this workspace claims.";
  return scopeRefusal(agent, roles, payload.contract, payload.target)?.detail ?? null;
}

function leaseAnswer(payload: Payload, lease: StoredAction["state"]["lease"]): LeaseAnswer | null {
  if (lease === null) return null;
  return { ...lease, type: payload.type, target: payload.target, digest: payload.digest };
}
