import { WorkerEntrypoint } from "cloudflare:workers";
import type { ActionChanged, Delivery } from "../schemas/message.ts";
import type { Tally, TallyTold } from "../schemas/notice.ts";
import { tellTallies } from "./channels/slack/tally.ts";
import { type Swept, sweep } from "./cron.ts";
import { takeEvents } from "./events.ts";
import { removeCopiesOf } from "./evidence-copies.ts";
import { consumeDeliveries, eventDeps, report } from "./queue.ts";

/**
 * The consumers of the queues, for an action to call where no queue is bound (`ctx.exports.Fanout`): the same code, and
 * the same promise, since the action's outbox sends again whatever is not acknowledged. Nothing is thrown.
 */
export class Fanout extends WorkerEntrypoint<Env> {
  /**
   * Comes back when the Board has the changes and the actions that asked have been told. Without a queue for them the
   * deliveries go on by themselves, so that a slow recipient does not hold the calling action in memory.
   */
  async consume(changes: ActionChanged[]): Promise<void> {
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
