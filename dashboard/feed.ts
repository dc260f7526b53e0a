import * as v from "valibot";
import type { ActionSummary } from "../schemas/action.ts";
import { FeedMessage, TicketAnswer } from "../schemas/session.ts";
import { call } from "./api.ts";
import { Store } from "./store.ts";

/** `off` only while nobody looks or is signed in. */
export type FeedState = "off" | "connecting" | "live";
export const feedState = new Store<FeedState>("off");

export type FeedListener = {
  changed: (summary: ActionSummary) => void;
  /** Something was missed: load anew. */
  missed: () => void;
};

const listeners = new Set<FeedListener>();
/** Waits of 0.25, 0.5, 1, 2 and then 4 s, each with up to half more, so that pages do not all come back at once. */
const firstWaitMs = 250;
const longestWaitMs = 4_000;
/** A connection that is dead without a word is noticed after at most 25 s. */
const pingMs = 20_000;
const pongMs = 5_000;

let cursor: string | null = null;
let running: AbortController | null = null;

/** Hears of changes while the page is open. @returns what ends it; the connection ends with the last listener. */
export function listenToFeed(listener: FeedListener): () => void {
  listeners.add(listener);
  if (running === null) {
    running = new AbortController();
    void keepConnected(running.signal);
  }
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    running?.abort();
    running = null;
    cursor = null;
    feedState.set("off");
  };
}

async function keepConnected(signal: AbortSignal): Promise<void> {
  for (let waitMs = firstWaitMs; !signal.aborted;) {
    feedState.set("connecting");
    const wasLive = await connectOnce(signal);
    waitMs = wasLive ? firstWaitMs : Math.min(waitMs * 2, longestWaitMs);
    if (!signal.aborted) await pause(waitMs * (1 + Math.random() / 2));
  }
}

/** One connection from its ticket to its end. @returns whether it ever said hello. */
async function connectOnce(signal: AbortSignal): Promise<boolean> {
  let ticket: string;
  try {
    ({ ticket } = await call(TicketAnswer, "/v1/tickets", { method: "POST", body: {}, signal }));
  } catch {
    return false;
  }
  const address = new URL("/v1/board/stream", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.searchParams.set("ticket", ticket);
  if (cursor !== null) address.searchParams.set("after", cursor);
  const socket = new WebSocket(address);
  const stop = (): void => socket.close(1000);
  signal.addEventListener("abort", stop);
  let live = false;
  await new Promise<void>((resolve) => {
    const stopPings = keepAlive(socket, resolve);
    socket.addEventListener("message", ({ data }) => {
      live = hear(String(data)) || live;
    });
    socket.addEventListener("close", () => {
      stopPings();
      resolve();
    });
  });
  signal.removeEventListener("abort", stop);
  socket.close(1000);
  return live;
}

/** @returns whether it was the hello of a connection. */
function hear(text: string): boolean {
  if (text === "pong") return false;
  const message = v.parse(FeedMessage, JSON.parse(text));
  const first = cursor === null;
  cursor = message.cursor;
  if (message.type === "changed") {
    for (const listener of listeners) listener.changed(message.summary);
    return false;
  }
  feedState.set("live");
  // Whoever has just begun to listen loads by themselves, but perhaps before this connection was there.
  if (!message.resumed || first) for (const listener of listeners) listener.missed();
  return true;
}

/** Pings, and gives a connection up whose pong does not come. @returns what ends it. */
function keepAlive(socket: WebSocket, giveUp: () => void): () => void {
  let deadline: ReturnType<typeof setTimeout> | undefined;
  const timer = setInterval(() => {
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.send("ping");
    clearTimeout(deadline);
    deadline = setTimeout(giveUp, pongMs);
  }, pingMs);
  const heard = (): void => clearTimeout(deadline);
  socket.addEventListener("message", heard);
  return () => {
    clearInterval(timer);
    clearTimeout(deadline);
  };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
