import * as v from "valibot";
import { faultText } from "../core/fault.ts";
import { Standing, type Holder, type Readers } from "../schemas/standing.ts";

/** What a socket keeps while its object hibernates. `origin` is the address it came by. */
const Attachment = v.object({ standing: Standing, origin: v.string() });
type Attachment = v.InferOutput<typeof Attachment>;

/** Asks the Registry. Throws where it cannot be asked. */
export type AskReaders = (holders: Holder[], now: number) => Promise<Readers>;

/** Whether somebody may be told without asking the Registry first. `provenAt`: when this life of the object last asked. */
export type Proven = (standing: Standing, provenAt: number | undefined) => boolean;

/** Come back: what proved you is over, or nobody can be asked whether it is. */
const over = { code: 4000, reason: "come back and prove who you are" } as const;
/** The key, session or person behind it has been withdrawn. */
const withdrawn = { code: 4001, reason: "you may not read this any more" } as const;
/** A Registry that has not answered by then counts as one that cannot be asked. */
const patienceMs = 3_000;

/**
 * WebSockets that hibernate, each with whoever holds it. Nothing is sent to a holder whose standing is in doubt before
 * the Registry has been asked: what is to be said waits for its answer, in order, and is dropped with the socket where
 * it is no (threat T21). Whoever was cut off for another reason comes back and asks for what was missed.
 */
export class Sockets {
  readonly #ctx: DurableObjectState;
  readonly #ask: AskReaders;
  readonly #waiting = new Map<WebSocket, string[]>();
  readonly #provenAt = new WeakMap<WebSocket, number>();

  constructor(ctx: DurableObjectState, ask: AskReaders) {
    this.#ctx = ctx;
    this.#ask = ask;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** A new socket and the answer that hands over its other end. */
  accept(standing: Standing, origin: string): { socket: WebSocket; answer: Response } {
    const { 0: client, 1: socket } = new WebSocketPair();
    this.#ctx.acceptWebSocket(socket);
    socket.serializeAttachment({ standing, origin } satisfies Attachment);
    return { socket, answer: new Response(null, { status: 101, webSocket: client }) };
  }

  /** Tells everybody: those who are `proven` now, the others once the Registry has answered for them. */
  send(textsOf: (origin: string) => readonly string[], proven: Proven, now: number): void {
    const doubtful: WebSocket[] = [];
    for (const socket of this.#ctx.getWebSockets()) {
      const kept = keptBy(socket);
      if (kept === null || isOver(kept, now)) {
        end(socket, over);
        continue;
      }
      const texts = textsOf(kept.origin);
      const waiting = this.#waiting.get(socket);
      if (waiting !== undefined) waiting.push(...texts);
      else if (proven(kept.standing, this.#provenAt.get(socket))) say(socket, texts);
      else {
        this.#waiting.set(socket, [...texts]);
        doubtful.push(socket);
      }
    }
    if (doubtful.length > 0) this.#ctx.waitUntil(this.#prove(doubtful, now));
  }

  /** Closes those whose holder may not read any more. @returns how many stay. */
  async recheck(now: number): Promise<number> {
    const sockets = this.#ctx.getWebSockets();
    return sockets.length === 0 ? 0 : await this.#prove(sockets, now);
  }

  /** Answers a close, or the client would wait ten seconds for it. Only 1000 and 3000 to 4999 may be sent. */
  close(socket: WebSocket, code: number): void {
    const sendable = code === 1000 || (code >= 3000 && code <= 4999);
    end(socket, { code: sendable ? code : 1000, reason: "closed" });
  }

  async #prove(sockets: readonly WebSocket[], now: number): Promise<number> {
    let stay = 0;
    const asked = sockets.flatMap((socket) => {
      const kept = keptBy(socket);
      return kept === null ? [] : [{ socket, kept }];
    });
    const readers = await this.#readers(
      asked.map(({ kept }) => kept.standing.holder),
      now,
    );
    for (const [index, { socket, kept }] of asked.entries()) {
      const texts = this.#waiting.get(socket) ?? [];
      this.#waiting.delete(socket);
      if (readers === null) end(socket, over);
      else if (readers.reads[index] !== true) end(socket, withdrawn);
      else {
        const { standing, origin } = kept;
        const epoch = Math.max(standing.epoch, readers.epoch);
        socket.serializeAttachment({ standing: { ...standing, epoch }, origin } satisfies Attachment);
        this.#provenAt.set(socket, now);
        say(socket, texts);
        stay += 1;
      }
    }
    return stay;
  }

  /** Null where the Registry cannot be asked. */
  async #readers(holders: Holder[], now: number): Promise<Readers | null> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error("the Registry does not answer")), patienceMs);
    });
    try {
      return await Promise.race([this.#ask(holders, now), late]);
    } catch (error) {
      console.error("sockets", faultText(error));
      return null;
    } finally {
      clearTimeout(timer);
    }
  }
}

const isOver = ({ standing: { endsAt } }: Attachment, now: number): boolean =>
  endsAt !== null && now >= endsAt;

function keptBy(socket: WebSocket): Attachment | null {
  const kept = v.safeParse(Attachment, socket.deserializeAttachment());
  return kept.success ? kept.output : null;
}

function say(socket: WebSocket, texts: readonly string[]): void {
  try {
    for (const text of texts) socket.send(text);
  } catch (error) {
    // It comes back by itself and asks for what it missed.
    console.error("sockets", faultText(error));
  }
}

function end(socket: WebSocket, { code, reason }: { code: number; reason: string }): void {
  try {
    socket.close(code, reason);
  } catch (error) {
    console.error("sockets", faultText(error));
  }
}
