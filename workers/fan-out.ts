import { WorkerEntrypoint } from "cloudflare:workers";
import type { ActionChanged, Delivery } from "../schemas/message.ts";
import type { Tally, TallyTold } from "../schemas/notice.ts";
import { tellTallies } from "./channels/slack/tally.ts";
import { type Swept, sweep } from "./cron.ts";
import { takeEvents } from "./events.ts";
import { removeCopiesOf } from "./evidence-copies.ts";
import { consumeDeliveries, eventDeps, report } from "./queue.ts";

/**
 * Changes that are taken in together. A commit is a wait for the disk, and without a queue nothing else gathers them: what many
 * actions do in this time is one commit of the Board and one of the log. Plain data, which calls of different origin may share; what
 * is lost here with its process is sent again by the outbox of its action.
 */
const gathered: ActionChanged[] = [];
const gatherMs = 100;
/** At most so many at once, as a queue hands them out. */
const perBatch = 100;
/** Until when (epoch ms) somebody is at it; past it whoever it was is gone, and has taken nothing along. */
let takenOnUntil = 0;
const goneMs = 5_000;

/**
 * The consumers of the queues, for an action to call where no queue is bound (`ctx.exports.Fanout`): the same code, and
 * the same promise, since the action's outbox sends again whatever is not acknowledged. Nothing is thrown.
 */
export class Fanout extends WorkerEntrypoint<Env> {
  /**
   * Takes changes in, a little later and with others. Nothing waits for it: the actions that asked are told when the Board has what
   * is theirs.
   */
  consume(changes: ActionChanged[]): void {
    gathered.push(...changes);
    const now = Date.now();
    if (now < takenOnUntil) return;
    takenOnUntil = now + gatherMs + goneMs;
    this.ctx.waitUntil(this.#takeGathered());
  }

  async #takeGathered(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, gatherMs));
    takenOnUntil = 0;
    while (gathered.length > 0) await this.#take(gathered.splice(0, perBatch));
  }

  /** Without a queue for them deliveries go on by themselves, so that a slow recipient holds up nobody. */
  async #take(changes: ActionChanged[]): Promise<void> {
    const deps = eventDeps(this.env);
    const queue: Queue | undefined = this.env.DELIVERIES;
    const dispatch = async (deliveries: Delivery[]): Promise<void> =>
      this.ctx.waitUntil(this.deliver(deliveries));
    report(await takeEvents(changes, queue === undefined ? { ...deps, dispatch } : deps));
  }

  /** Tells people the numbers that the Board has for them. One result each, in their order. */
  tellTallies(workspace: string, tallies: Tally[]): Promise<TallyTold[]> {
    return tellTallies(this.env, workspace, tallies);
  }

  /** Removes what was copied out of an action's evidence. @returns whether nothing of it is left there. */
  removeCopies(workspace: string, number: number, action: string): Promise<boolean> {
    return removeCopiesOf(this.env, workspace, { number, action });
  }

  /** What the cron trigger drives, for whoever keeps time where there is none. `now`: epoch ms. */
  sweep(now: number): Promise<Swept> {
    return sweep(this.env, now);
  }

  /** Comes back when every delivery has been answered or has failed, and its action knows. */
  async deliver(deliveries: Delivery[]): Promise<void> {
    report(await consumeDeliveries(deliveries, this.env));
  }
}
