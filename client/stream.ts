import { isStreamMessage, type StreamMessage } from "./shape.ts";
import type { Socket, SocketOpener } from "./socket.ts";

/** How long a socket may take to open, be silent before it is asked for a sign of life, and take to give it: milliseconds. */
export type Liveness = { readonly openMs: number; readonly silentMs: number; readonly answerMs: number };
/**
 * 30 s of silence is under the minute after which proxies and NATs begin to forget idle connections. The engine answers
 * "ping" with "pong" without waking anything.
 */
export const defaultLiveness: Liveness = { openMs: 10_000, silentMs: 30_000, answerMs: 10_000 };

export type StreamOptions = {
  open: SocketOpener;
  url: string;
  headers: Record<string, string>;
  liveness: Liveness;
  signal: AbortSignal;
  /** True: enough, close. */
  onMessage: (message: StreamMessage) => boolean;
};

/**
 * Follows an action's stream until `onMessage` has enough, the socket ends or goes silent, or the signal is aborted; then
 * closes it. Answers whether it was ever open and never rejects: whoever calls looks at what it has seen so far, and
 * follows another stream after the last `seq`.
 */
export function readStream({
  open,
  url,
  headers,
  liveness,
  signal,
  onMessage,
}: StreamOptions): Promise<boolean> {
  return new Promise((resolve) => {
    let socket: Socket | undefined;
    let ended = false;
    let timer = setTimeout(end, liveness.openMs);

    function end(): void {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      close(socket);
      resolve(socket !== undefined);
    }
    function heard(): void {
      clearTimeout(timer);
      timer = setTimeout(ask, liveness.silentMs);
    }
    function ask(): void {
      trySend(socket, "ping");
      timer = setTimeout(end, liveness.answerMs);
    }

    if (signal.aborted) return end();
    signal.addEventListener("abort", end, { once: true });
    try {
      open({
        url,
        headers,
        onOpen(opened) {
          if (ended) return close(opened);
          socket = opened;
          heard();
        },
        onMessage(data) {
          if (ended) return;
          heard();
          const message = messageOf(data);
          if (message !== undefined && onMessage(message)) end();
        },
        onEnd: end,
      });
    } catch {
      end();
    }
  });
}

/** Undefined for "pong" and for whatever a newer engine may send that this client cannot read. */
function messageOf(data: unknown): StreamMessage | undefined {
  if (typeof data !== "string" || data === "pong") return undefined;
  try {
    const message: unknown = JSON.parse(data);
    return isStreamMessage(message) ? message : undefined;
  } catch {
    return undefined;
  }
}

function trySend(socket: Socket | undefined, text: string): void {
  try {
    socket?.send(text);
  } catch {
    // Closing already: the answer will not come, and the timer ends the stream.
  }
}

function close(socket: Socket | undefined): void {
  try {
    socket?.close(1000, "done");
  } catch {
    // Closed by the other side.
  }
}
