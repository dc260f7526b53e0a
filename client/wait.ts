import type { ActionView, State } from "../schemas/action.ts";
import { backoffMs, pause, reasonOf } from "./backoff.ts";
import { HoldpointError } from "./error.ts";
import { isAction } from "./shape.ts";
import type { SocketOpener } from "./socket.ts";
import { defaultLiveness, type Liveness, readStream } from "./stream.ts";
import type { Transport } from "./transport.ts";

export type WaitOptions = {
  /** Enough? Default: the action is no longer pending. */
  until?: (action: ActionView) => boolean;
  /** Do not call `onAction` for what the caller has seen. */
  afterSeq?: number;
  signal?: AbortSignal;
  /** How long this caller waits, in milliseconds. It is the caller's clock only: the action has its own and goes on. */
  timeoutMs?: number;
  /** Called with every newer state of the action. */
  onAction?: (action: ActionView) => void;
  liveness?: Liveness;
};

/** No edge leaves these: waiting on would be waiting for ever. */
const finalStates: ReadonlySet<State> = new Set<State>([
  "denied",
  "cancelled",
  "expired",
  "rolled_back",
  "rollback_failed",
]);

/** Seconds a poll is held. A proxy cuts idle requests at 30 or 60. */
const holdSeconds = 25;
const reconnect = { baseMs: 250, capMs: 10_000 };
/** Sockets that were never opened are given up after this many tries of one wait: something on the way refuses them. */
const socketTries = 2;

/**
 * Waits until the action is as `until` wants it, or has reached an end that it cannot leave: look at `state`.
 *
 * The action is looked at first, so a decision made before the wait began is found. Then a WebSocket follows it; where none
 * can be opened, or it breaks, a long-poll takes over from the last `seq` seen. An unreachable engine is tried again until the
 * signal or `timeoutMs` ends the wait: a restart of the engine does not. Throws `wait_timeout`, the signal's reason, or the
 * engine's refusal (401, 403, 404).
 */
export async function waitFor(
  transport: Transport,
  openSocket: SocketOpener | undefined,
  id: string,
  options: WaitOptions = {},
): Promise<ActionView> {
  const timeout = new AbortController();
  const { timeoutMs } = options;
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => timeout.abort(timedOut(id, timeoutMs)), timeoutMs);
  const signal =
    options.signal === undefined ? timeout.signal : AbortSignal.any([options.signal, timeout.signal]);
  try {
    return await new Wait(transport, openSocket, id, options, signal).run();
  } finally {
    if (timer !== undefined) clearTimeout(timer);
  }
}

function timedOut(id: string, timeoutMs: number): HoldpointError {
  const seconds = Math.round(timeoutMs / 1_000);
  return new HoldpointError({
    code: "wait_timeout",
    title: "Waited long enough",
    detail: `${id} was still undecided after ${seconds} s. Only this wait is over: the action goes on, wait again.`,
  });
}

class Wait {
  readonly #transport: Transport;
  readonly #id: string;
  readonly #options: WaitOptions;
  readonly #signal: AbortSignal;
  #openSocket: SocketOpener | undefined;
  #latest: ActionView | undefined;
  #done = false;
  #failedOpens = 0;

  constructor(
    transport: Transport,
    openSocket: SocketOpener | undefined,
    id: string,
    options: WaitOptions,
    signal: AbortSignal,
  ) {
    this.#transport = transport;
    this.#openSocket = openSocket;
    this.#id = id;
    this.#options = options;
    this.#signal = signal;
  }

  async run(): Promise<ActionView> {
    let latest = await this.#poll(0);
    while (!this.#done) {
      await this.#follow(latest.seq);
      latest = this.#latest ?? latest;
      // A socket that ended without enough is followed by a held look, not by another socket at once: where something on the
      // way accepts sockets and drops them, the wait is then a long-poll and not a storm.
      if (!this.#done) latest = await this.#poll(holdSeconds, latest.seq);
    }
    return this.#latest ?? latest;
  }

  /** Takes a newer state of the action; true when it is enough. Older news (a poll overtaken by a socket) is dropped. */
  #take(action: ActionView): boolean {
    const seen = this.#latest?.seq ?? this.#options.afterSeq ?? -1;
    if (action.seq > seen) this.#options.onAction?.(action);
    if (this.#latest === undefined || action.seq >= this.#latest.seq) this.#latest = action;
    const { until = (candidate) => candidate.state !== "pending" } = this.#options;
    this.#done ||= until(this.#latest) || finalStates.has(this.#latest.state);
    return this.#done;
  }

  /** One look, held by the engine for up to `hold` seconds until `seq` grows; tried again for as long as the wait lasts. */
  async #poll(hold: number, afterSeq?: number): Promise<ActionView> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        const action = await this.#transport.call({
          method: "GET",
          path: `/v1/actions/${encodeURIComponent(this.#id)}`,
          query: hold === 0 ? {} : { wait: hold, afterSeq },
          holdMs: hold * 1_000,
          guard: isAction,
          signal: this.#signal,
        });
        this.#take(action);
        return action;
      } catch (error) {
        if (this.#signal.aborted) throw reasonOf(this.#signal);
        if (!isPassing(error)) throw error;
        const asked = error instanceof HoldpointError ? (error.retryAfterMs ?? 0) : 0;
        await pause(Math.max(asked, backoffMs(attempt, reconnect)), this.#signal);
      }
    }
  }

  /** Follows the action over a socket, where one can be opened. */
  async #follow(afterSeq: number): Promise<void> {
    if (this.#openSocket === undefined) return;
    const { url, credentials } = this.#transport;
    const opened = await readStream({
      open: this.#openSocket,
      url: `${url}/v1/actions/${encodeURIComponent(this.#id)}/stream?afterSeq=${afterSeq}`,
      headers: await credentials(),
      liveness: this.#options.liveness ?? defaultLiveness,
      signal: this.#signal,
      onMessage: (message) => this.#take(message.action),
    });
    this.#failedOpens = opened ? 0 : this.#failedOpens + 1;
    if (this.#failedOpens >= socketTries) this.#openSocket = undefined;
    if (this.#signal.aborted && !this.#done) throw reasonOf(this.#signal);
  }
}

function isPassing(error: unknown): boolean {
  return (
    error instanceof HoldpointError &&
    (error.code === "network" || error.status === 429 || error.status >= 502)
  );
}
