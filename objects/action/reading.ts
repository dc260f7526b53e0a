import { DurableObject } from "cloudflare:workers";
import { eventView } from "../../core/view.ts";
import type { Callback } from "../../schemas/action.ts";
import type { Shown } from "../../schemas/channel.ts";
import type { Actor } from "../../schemas/event.ts";
import { standingOf } from "../../schemas/standing.ts";
import * as answers from "./answers.ts";
import { readEvents } from "./chain.ts";
import { evidenceOf } from "./evidence.ts";
import { Forgetting } from "./forgetting.ts";
import { glassOf } from "./glass.ts";
import { Grave } from "./grave.ts";
import { moving } from "./judging.ts";
import type { GlassReply, Known } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import { send } from "./outgoing.ts";
import { recordedOf } from "./recorded.ts";
import { Store } from "./store.ts";
import { changeOfTombstone, evidenceOfTombstone } from "./tombstone.ts";
import { Waiters } from "./waiters.ts";

/**
 * What an action is made of, and what it says to whoever looks. Its parts are fields and no methods, because whatever is a method of
 * a Durable Object can be called from a Worker.
 */
export class ReadAction extends DurableObject<Env> {
  readonly waiters: Waiters;
  store: Store;
  outbox: Outbox;
  forgetting: Forgetting;
  grave: Grave;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const registry = `${ctx.id.name?.split("/")[0] ?? ""}/registry`;
    this.waiters = new Waiters(ctx, (holders, now) => env.REGISTRY.getByName(registry).readers(holders, now));
    ({
      store: this.store,
      outbox: this.outbox,
      forgetting: this.forgetting,
      grave: this.grave,
    } = partsOf(ctx, env));
  }

  /** The action as JSON text; null where there is none. Shows what time has already made true, and writes nothing. */
  view(origin?: string): string | null {
    const there = this.store.load();
    return there === null
      ? null
      : JSON.stringify(answers.viewAt(there, origin ?? there.stored.origin, Date.now()));
  }

  /**
   * Like `view`, once `seq` has grown past `afterSeq` or `waitMs` are over. Without a seq it waits only while somebody
   * else is to move: whoever comes after the decision has it at once (peer failure P8).
   */
  async wait(afterSeq: number | null, waitMs: number, origin: string): Promise<string | null> {
    const there = this.store.load();
    if (there === null) return null;
    const { seq, state } = there.stored.state;
    if (afterSeq === null ? moving.has(state) : seq <= afterSeq) await this.waiters.next(waitMs);
    return this.view(origin);
  }

  /** What was asked, for another policy to be held against: a `Recorded` as JSON text; null where nothing is kept. */
  recorded(): string | null {
    const there = this.store.load();
    return there === null ? null : JSON.stringify(recordedOf(there.payload));
  }

  /** The log after a seq, oldest first, as a JSON array; null where there is no action. */
  events(afterSeq: number): string | null {
    const there = this.store.load();
    if (there === null) return null;
    return JSON.stringify(
      readEvents(this.store.sql, there, afterSeq).map((event) => eventView(there.payload, event)),
    );
  }

  /** The stream: a WebSocket that hibernates, so that a waiter costs nothing. The Worker has authenticated the caller. */
  override fetch(request: Request): Response {
    const there = this.store.load();
    if (there === null) return new Response(null, { status: 404 });
    const standing = standingOf(request);
    if (standing === null) return new Response(null, { status: 400 });
    const { searchParams, origin } = new URL(request.url);
    const missed = readEvents(this.store.sql, there, Number(searchParams.get("afterSeq") ?? 0));
    return this.waiters.open(answers.messagesOf(there, missed), origin, standing);
  }

  /** Somebody's access may have ended: closes the streams of those who may not read any more. @returns how many stay. */
  recheck(): Promise<number> {
    return this.waiters.recheck(Date.now());
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.waiters.close(socket, code);
  }

  override webSocketError(): void {
    // The runtime drops the socket; whoever held it comes back and asks for what came after its last seq.
  }

  /** What a channel has to show of the action, a `Sight` as JSON text; null where there is no action. */
  sight(shown: Shown | null = null, unsure = false): string | null {
    const there = this.store.load();
    return there === null ? null : JSON.stringify(answers.sightOf(there, shown, unsure, Date.now()));
  }

  /** What the Board is to hold of this action, an `ActionChanged` as JSON text; null where there is none. */
  refresh(): string | null {
    const there = this.store.load();
    if (there !== null) return JSON.stringify(this.outbox.change(there, [], false));
    const stone = this.store.tombstone();
    return stone === null ? null : JSON.stringify({ ...changeOfTombstone(stone), ack: false });
  }

  /** What it can be checked by, an `ActionEvidence` as JSON text; null where there is none. Whoever hands it on records that first. */
  evidence(): string | null {
    const there = this.store.load();
    if (there !== null) return JSON.stringify(evidenceOf(this.store.sql, there));
    const stone = this.store.tombstone();
    return stone === null ? null : JSON.stringify(evidenceOfTombstone(stone));
  }

  /** What somebody may do about breaking the glass, now. */
  glass(known: Known, actor: Actor): GlassReply {
    const there = this.store.load();
    return there === null ? { kind: "absent" } : glassOf(there, known, actor, Date.now());
  }

  callback(): Callback | null {
    return this.store.load()?.payload.callback ?? null;
  }

  /** The tombstone of an action that was let go of, as JSON text; null where there is an action, or never was one. */
  gone(): string | null {
    const stone = this.store.load() === null ? this.store.tombstone() : null;
    return stone === null ? null : JSON.stringify(stone);
  }
}

/** What keeps something in memory. */
export function partsOf(
  ctx: DurableObjectState,
  env: Env,
): Pick<ReadAction, "store" | "outbox" | "forgetting" | "grave"> {
  const workspace = ctx.id.name?.split("/")[0] ?? "";
  const store = new Store(ctx.storage, env);
  const outbox = new Outbox(store, (change) => send(env, ctx, change));
  const forgetting = new Forgetting(store, outbox, (request) =>
    env.LEDGER.getByName(`${workspace}/ledger`).mayErase(request, Date.now()),
  );
  const grave = new Grave(store, {
    send: (change) => send(env, ctx, change),
    removeCopies: ({ number, action }) =>
      number === null ? Promise.resolve(true) : ctx.exports.Fanout.removeCopies(workspace, number, action),
  });
  return { store, outbox, forgetting, grave };
}
