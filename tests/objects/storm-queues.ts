import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import type { Dice } from "../support/dice.ts";
import { consumeBatch } from "../../workers/queue.ts";

/** Every message comes so often. */
const copies = 5;
const minute = 60_000;
/** A copy is on its way for so long at most (ms of the moved clock); of each message one mostly arrives at once. */
const longestWayMs = 10 * minute;
/** A queue hands out so many at once at most. */
const maxBatch = 100;

type Copy = {
  readonly queue: string;
  readonly body: unknown;
  readonly at: number;
  readonly attempts: number;
};

/** Queues that deliver each message five times, in any order, among newer ones, and that are down at times. */
export class StormQueues {
  readonly #dice: Dice;
  #under: Copy[] = [];
  down = false;
  readonly sums = { messages: 0, copies: 0, refused: 0, retried: 0 };

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  get left(): number {
    return this.#under.length;
  }

  /** @throws Error while they are down. */
  take(...bodies: readonly unknown[]): void {
    if (this.down) {
      this.sums.refused += 1;
      throw new Error("the queue is down");
    }
    for (const body of bodies) {
      this.sums.messages += 1;
      const queue = isChange(body) ? "holdpoint-events" : "holdpoint-deliveries";
      for (let nth = 0; nth < copies; nth += 1) {
        const way =
          nth > 0 ? this.#dice.below(longestWayMs) : this.#dice.chance(0.7) ? 0 : this.#dice.below(minute);
        // What is on the way is text: nobody who has sent it can change it any more.
        this.#under.push({ queue, body: structuredClone(body), at: Date.now() + way, attempts: 1 });
      }
    }
  }

  /** Hands everything that has arrived to the consumers, shuffled, in batches of any size. */
  async deliver(env: Env): Promise<void> {
    const now = Date.now();
    for (const queue of ["holdpoint-events", "holdpoint-deliveries"]) {
      const arrived = this.#under.filter((copy) => copy.queue === queue && copy.at <= now);
      if (arrived.length === 0) continue;
      const isHere = new Set(arrived);
      this.#under = this.#under.filter((copy) => !isHere.has(copy));
      const shuffled = this.#shuffled(arrived);
      while (shuffled.length > 0) {
        await this.#handOut(queue, shuffled.splice(0, 1 + this.#dice.below(maxBatch)), env);
      }
    }
  }

  async #handOut(queue: string, batch: readonly Copy[], env: Env): Promise<void> {
    this.sums.copies += batch.length;
    const messages = createMessageBatch(
      queue,
      batch.map(({ body, attempts }, nth) => ({ id: `${nth}`, timestamp: new Date(), attempts, body })),
    );
    const context = createExecutionContext();
    await consumeBatch(messages, env, context);
    const { retryMessages } = await getQueueResult(messages, context);
    for (const { msgId, delaySeconds = 0 } of retryMessages) {
      const copy = batch[Number(msgId)];
      if (copy === undefined) throw new Error(`no message ${msgId}`);
      this.sums.retried += 1;
      this.#under.push({ ...copy, at: Date.now() + delaySeconds * 1_000, attempts: copy.attempts + 1 });
    }
  }

  #shuffled(list: readonly Copy[]): Copy[] {
    const all = [...list];
    for (let last = all.length - 1; last > 0; last -= 1) {
      const other = this.#dice.below(last + 1);
      [all[last], all[other]] = [all[other]!, all[last]!];
    }
    return all;
  }
}

const isChange = (body: unknown): boolean =>
  typeof body === "object" && body !== null && "deliveries" in body;
