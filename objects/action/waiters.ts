import * as v from "valibot";

const Attachment = v.object({ origin: v.string() });

/**
 * Whoever waits for this action. WebSockets hibernate: they hold neither memory nor the object awake. Long-polls do
 * for as long as they last, which the Worker bounds at a minute. Neither is the only copy of anything.
 */
export class Waiters {
  readonly #ctx: DurableObjectState;
  readonly #polls = new Set<() => void>();

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair("ping", "pong"));
  }

  /** Accepts a socket and sends what it has missed. `messages` are rendered for the address it came by. */
  open(messages: (origin: string) => string[], origin: string): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server);
    server.serializeAttachment({ origin } satisfies v.InferOutput<typeof Attachment>);
    for (const message of messages(origin)) server.send(message);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Tells everybody at once. A socket that cannot be written to comes back by itself and asks for what it missed. */
  announce(messages: (origin: string) => string[]): void {
    for (const resume of this.#polls) resume();
    this.#polls.clear();
    for (const socket of this.#ctx.getWebSockets()) {
      try {
        const { origin } = v.parse(Attachment, socket.deserializeAttachment());
        for (const message of messages(origin)) socket.send(message);
      } catch (error) {
        console.error("stream", error);
      }
    }
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

  /** Answers a close, or the client would wait ten seconds for it. Only 1000 and 3000 to 4999 may be sent. */
  close(socket: WebSocket, code: number): void {
    const sendable = code === 1000 || (code >= 3000 && code <= 4999);
    socket.close(sendable ? code : 1000, "closed");
  }
}
