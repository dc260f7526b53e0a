import type { ActionView, EventView } from "../../schemas/action.ts";

/** One message of an action's stream. */
export type StreamMessage = { readonly event: EventView; readonly action: ActionView };

/** A WebSocket on an action, with everything that has come over it. */
export interface Stream {
  readonly messages: readonly StreamMessage[];
  /** Every text as it came, the answers to pings too. */
  readonly texts: readonly string[];
  /** Comes back once `done` holds. @throws Error when it does not within `timeoutMs`, or the socket ends before. */
  until(done: (stream: Stream) => boolean, timeoutMs?: number): Promise<void>;
  send(text: string): void;
  /** Closes, and comes back once it is closed. */
  close(): Promise<void>;
}

/** @throws Error where the engine does not upgrade. */
export async function openStream(url: URL, headers: Record<string, string>): Promise<Stream> {
  const address = new URL(url);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(address, { headers });
  const texts: string[] = [];
  const messages: StreamMessage[] = [];
  const waiting = new Set<() => void>();
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  let over = false;
  // Listening begins before it opens, because the first messages come with the handshake.
  socket.addEventListener("message", ({ data }) => {
    const text = String(data);
    texts.push(text);
    if (text.startsWith("{")) messages.push(JSON.parse(text) as StreamMessage);
    for (const look of waiting) look();
  });
  socket.addEventListener("close", () => {
    over = true;
    end();
    for (const look of waiting) look();
  });
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", () => reject(new Error(`no WebSocket at ${address.pathname}`)));
  });

  const stream: Stream = {
    messages,
    texts,
    until: (done, timeoutMs = 15_000) =>
      new Promise((resolve, reject) => {
        const stop = (finish: () => void): void => {
          clearTimeout(timer);
          waiting.delete(look);
          finish();
        };
        const fail = (why: string): void =>
          stop(() => reject(new Error(`${why}; so far:\n${texts.join("\n")}`)));
        const timer = setTimeout(() => fail(`not within ${timeoutMs} ms`), timeoutMs);
        const look = (): void => {
          if (done(stream)) stop(resolve);
          else if (over) fail("the socket ended");
        };
        waiting.add(look);
        look();
      }),
    send: (text) => socket.send(text),
    close: async () => {
      socket.close(1000, "done");
      await ended;
    },
  };
  return stream;
}

export const seqsOf = ({ messages }: Stream): number[] => messages.map(({ event }) => event.seq);
