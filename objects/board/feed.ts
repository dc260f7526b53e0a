import type { ActionSummary } from "../../schemas/action.ts";
import type { FeedMessage } from "../../schemas/session.ts";
import type { Standing } from "../../schemas/standing.ts";
import { Sockets, type AskReaders } from "../sockets.ts";
import { isErased } from "./sealed.ts";

/** How long a socket is told anything. Whoever holds it comes back with a new ticket. */
const lifeMs = 10 * 60_000;
/**
 * The Registry says at once when somebody's access is withdrawn. Should that get lost, nobody is told anything who was not
 * asked for within this time.
 */
const provenMs = 3_000;
/** Changes kept for those who were away for a moment: some 300 kB. */
const kept = 500;

/**
 * The Board's news to the pages that are open. WebSockets hibernate and outlive this object; the changes kept here do not, and
 * a reader who comes back after that is told to load the queue anew. Only ever speaks; nothing is decided over it.
 */
export class Feed {
  readonly #sockets: Sockets;
  readonly #ctx: DurableObjectState;
  /** Names this life of the object: a number counted in another one means nothing here. */
  readonly #life = crypto.randomUUID().slice(0, 8);
  readonly #changes: { number: number; summary: ActionSummary }[] = [];
  #number = 0;

  constructor(ctx: DurableObjectState, ask: AskReaders) {
    this.#ctx = ctx;
    this.#sockets = new Sockets(ctx, ask);
  }

  /**
   * Accepts a socket: hello, then what it has missed since `after`, where that is still known. Its holder is asked for once
   * more when it is there: what was withdrawn while it opened closed only those that were.
   */
  open(after: string | null, standing: Standing, now: number): Response {
    const endsAt = Math.min(standing.endsAt ?? Infinity, now + lifeMs);
    const { socket, answer } = this.#sockets.accept({ ...standing, endsAt }, "");
    const missed = this.#since(after);
    // Before what was missed: a connection that breaks off in between goes on from where it was.
    const cursor = missed === null || after === null ? this.#cursor(this.#number) : after;
    const hello: FeedMessage = {
      type: "hello",
      cursor,
      resumed: missed !== null,
    };
    socket.send(JSON.stringify(hello));
    for (const change of missed ?? []) socket.send(this.#text(change.number, change.summary));
    this.#ctx.waitUntil(this.recheck(now));
    return answer;
  }

  /** Tells every open page of changes that the Board has just committed. */
  announce(summaries: readonly ActionSummary[], now: number): void {
    const texts = summaries.map((summary) => {
      if (isErased(summary)) this.#forget(summary.id);
      this.#number += 1;
      this.#changes.push({ number: this.#number, summary });
      return this.#text(this.#number, summary);
    });
    this.#changes.splice(0, Math.max(0, this.#changes.length - kept));
    if (texts.length === 0) return;
    this.#sockets.send(
      () => texts,
      (_standing, provenAt) => provenAt !== undefined && now - provenAt < provenMs,
      now,
    );
  }

  /** Whoever comes back is not told any more what was erased since; what is told instead comes after it. */
  #forget(id: string): void {
    // A gap in the numbers is no matter: whoever comes back asks for what is larger than the last they had.
    const others = this.#changes.filter(({ summary }) => summary.id !== id);
    this.#changes.splice(0, this.#changes.length, ...others);
  }

  /** Closes the pages of those who may not read any more. */
  async recheck(now: number): Promise<void> {
    await this.#sockets.recheck(now);
  }

  close(socket: WebSocket, code: number): void {
    this.#sockets.close(socket, code);
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
