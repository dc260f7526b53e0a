import * as v from "valibot";
import type { Dice } from "../support/dice.ts";

/** The newest that a receiver knows of an action. */
export type Newest = { readonly seq: number; readonly state: string };

const Body = v.object({ data: v.object({ id: v.string(), seq: v.number(), state: v.string() }) });

/**
 * Receivers of webhooks as the documentation asks for them: they drop a `webhook-id` that they have had, and keep the state with the
 * largest `seq`. One is always well, one fails one time in four, sometimes after it has taken the message, and one is never there. Beside them stand two that do not do
 * as they should, as controls: what they take twice, and how often they go back, is counted.
 */
export class StormReceivers {
  readonly #dice: Dice;
  readonly #had = new Set<string>();
  /** Ids of the messages whose work was done, in order. */
  readonly done: string[] = [];
  readonly newest = new Map<string, Newest>();
  readonly #latest = new Map<string, number>();
  readonly sums = { calls: 0, failed: 0, dropped: 0 };
  readonly shadows = { twice: 0, back: 0 };

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  answer(url: string, init: RequestInit): Response {
    const name = new URL(url).hostname.split(".")[0] ?? "";
    this.sums.calls += 1;
    if (name === "gone") return this.#failing(503);
    if (name === "moody" && this.#dice.chance(0.25)) {
      if (this.#dice.chance(0.5)) return this.#failing(500);
      // It has the message, and nobody hears of it.
      this.#take(name, init);
      this.sums.failed += 1;
      throw new TypeError("connection reset");
    }
    this.#take(name, init);
    return new Response(null, { status: 204 });
  }

  #failing(status: number): Response {
    this.sums.failed += 1;
    return new Response(null, { status });
  }

  #take(name: string, { headers, body }: RequestInit): void {
    const id = new Headers(headers).get("webhook-id") ?? "";
    const { data } = v.parse(Body, typeof body === "string" ? JSON.parse(body) : null);
    const key = `${name} ${data.id}`;
    if (data.seq < (this.#latest.get(key) ?? 0)) this.shadows.back += 1;
    this.#latest.set(key, data.seq);
    if (this.#had.has(id)) {
      this.shadows.twice += 1;
      this.sums.dropped += 1;
      return;
    }
    this.#had.add(id);
    this.done.push(id);
    const { seq, state } = data;
    if (seq >= (this.newest.get(key)?.seq ?? 0)) this.newest.set(key, { seq, state });
  }
}
