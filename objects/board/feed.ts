import type { ActionSummary } from "../../schemas/action.ts";
import type { FeedMessage } from "../../schemas/session.ts";
import * as v from "valibot";

/** What a socket keeps while the object hibernates. */
const Attachment = v.object({ endsAt: v.number() });

/**
 * How long a socket is told anything. Whoever holds it comes back with a new ticket, which takes a session that is still
 * good: so this bounds what somebody still sees after their access is gone.
 */
const lifeMs = 10 * 60_000;
/** Changes kept for those who were away for a moment: some 300 kB. */
const kept = 500;

/**
 * The Board's news to the pages that are open. WebSockets hibernate and outlive this object; the changes kept here do not, and
 * a reader who comes back after that is told to load the queue anew. Only ever speaks; nothing is decided over it.
 */
export class Feed {
  readonly #ctx: DurableObjectState;
  /** Names this life of the object: a number counted in another one means nothing here. */
  readonly #life = crypto.randomUUID().slice(0, 8);
  readonly #changes: { number: number; summary: ActionSummary }[] = [];
  #number = 0;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** Accepts a socket: hello, then what it has missed since `after`, where that is still known. */
  open(after: string | null, now: number): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server);
    server.serializeAttachment({ endsAt: now + lifeMs } satisfies v.InferOutput<typeof Attachment>);
    const missed = this.#since(after);
    // Before what was missed: a connection that breaks off in between goes on from where it was.
    const cursor = missed === null || after === null ? this.#cursor(this.#number) : after;
    const hello: FeedMessage = {
      type: "hello",
      cursor,
      resumed: missed !== null,
    };
    server.send(JSON.stringify(hello));
    for (const change of missed ?? []) server.send(this.#text(change.number, change.summary));
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Tells every open page of changes that the Board has just committed. */
  announce(summaries: readonly ActionSummary[], now: number): void {
    const texts = summaries.map((summary) => {
      this.#number += 1;
      this.#changes.push({ number: this.#number, summary });
      return this.#text(this.#number, summary);
    });
    this.#changes.splice(0, Math.max(0, this.#changes.length - kept));
    if (texts.length === 0) return;
    for (const socket of this.#ctx.getWebSockets()) {
      try {
        const { endsAt } = v.parse(Attachment, socket.deserializeAttachment());
        if (now >= endsAt) socket.close(4000, "come back with a new ticket");
        else for (const text of texts) socket.send(text);
      } catch (error) {
        console.error("feed", error);
      }
    }
  }

  /** Answers a close, or the client would wait ten seconds for it. Only 1000 and 3000 to 4999 may be sent. */
  close(socket: WebSocket, code: number): void {
    const sendable = code === 1000 || (code >= 3000 && code <= 4999);
    socket.close(sendable ? code : 1000, "closed");
  }

  /** What came after a cursor, oldest first; null where that is not known any more. */
  #since(after: string | null): { number: number; summary: ActionSummary }[] | null {
    const [life, text] = (after ?? "").split(".");
    const number = Number(text);
    if (life !== this.#life || !Number.isSafeInteger(number) || number > this.#number) return null;
    const oldest = this.#changes[0]?.number ?? this.#number + 1;
    return number < oldest - 1 ? null : this.#changes.filter((change) => change.number > number);
  }

  #cursor(number: number): string {
    return `${this.#life}.${number}`;
  }

  #text(number: number, summary: ActionSummary): string {
    return JSON.stringify({
      type: "changed",
      cursor: this.#cursor(number),
      summary,
    } satisfies FeedMessage);
  }
}
