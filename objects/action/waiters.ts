import type { Standing } from "../../schemas/standing.ts";
import { Sockets, type AskReaders } from "../sockets.ts";

/**
 * Whoever waits for this action. WebSockets hibernate: they hold neither memory nor the object awake. Long-polls do
 * for as long as they last, which the Worker bounds at a minute. Neither is the only copy of anything.
 */
export class Waiters {
  readonly #sockets: Sockets;
  readonly #polls = new Set<() => void>();

  constructor(ctx: DurableObjectState, ask: AskReaders) {
    this.#sockets = new Sockets(ctx, ask);
  }

  /** Accepts a socket and sends what it has missed. `messages` are rendered for the address it came by. */
  open(messages: (origin: string) => string[], origin: string, standing: Standing): Response {
    const { socket, answer } = this.#sockets.accept(standing, origin);
    for (const message of messages(origin)) socket.send(message);
    return answer;
  }

  /**
   * Tells everybody at once. `epoch`: how many withdrawals of access the Registry had counted at most a few seconds ago,
   * where whoever caused this knows it. A socket that was proven at that count needs no asking, which keeps a Registry
   * request out of the way from a decision to whoever waits for it.
   */
  announce(messages: (origin: string) => string[], epoch: number | null, now: number): void {
    for (const resume of this.#polls) resume();
    this.#polls.clear();
    this.#sockets.send(messages, (standing) => epoch !== null && epoch <= standing.epoch, now);
  }

  /** Closes the sockets of those who may not read any more. @returns how many stay. */
  recheck(now: number): Promise<number> {
    return this.#sockets.recheck(now);
  }

  /** Resolves at the next announcement, or after `waitMs`. */
  async next(waitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#polls.add(resolve);
    const timer = setTimeout(resolve, waitMs);
    await promise;
    clearTimeout(timer);
    this.#polls.delete(resolve);
  }

  close(socket: WebSocket, code: number): void {
    this.#sockets.close(socket, code);
  }
}
