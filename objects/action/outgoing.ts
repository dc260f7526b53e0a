import type { OutboxRow } from "../../core/outbox.ts";
import { nextDue } from "../../core/machine/deadlines.ts";
import { timingsOf } from "../../core/timings.ts";
import { summaryOf, viewOf, withoutPayload } from "../../core/view.ts";
import type { ActionChanged, Delivery, Sends } from "../../schemas/message.ts";
import { retentionClasses } from "../../schemas/retention.ts";
import { seenOf } from "./evidence.ts";
import type { Loaded } from "./loaded.ts";

/** A queue message holds 128 KB; ten views without payload stay well under half of that. */
const deliveriesPerMessage = 10;

/** One recipient's notice of one event, rendered from the action as it is now. */
export function deliveryOf({ payload, stored }: Loaded, row: OutboxRow): Delivery {
  const view = withoutPayload(viewOf(payload, stored.state, stored.origin, stored));
  const { seq, sink, type, at } = row;
  return { workspace: payload.workspace, action: payload.id, seq, sink, type, at, view };
}

/** What the consumers are told beside where the action stands. `ack`: it wants to know that the Board has it. */
export type Outgoing = Pick<ActionChanged, "ack" | "deadLetters" | "deliveries"> & { sends: Sends };

export function changeOf(there: Loaded, outgoing: Outgoing): ActionChanged {
  const { payload, stored } = there;
  const { state, news } = stored;
  const erased = retentionClasses.filter((name) => stored.erased?.[name] !== undefined);
  return {
    workspace: payload.workspace,
    action: payload.id,
    seq: state.seq,
    summary: summaryOf(payload, state),
    timings: timingsOf(payload, state),
    ...(state.signals !== undefined && { signals: state.signals }),
    dueAt: nextDue(payload, state)?.at ?? null,
    news,
    ...(outgoing.ack && { evidence: seenOf(there) }),
    ...(erased.length > 0 && { erased }),
    ...outgoing,
  };
}

/**
 * Hands a change to the queue, or straight to its consumer where no queue is bound: the same code either way.
 * @throws where it could not be handed over; the outbox rows then come due again.
 */
export async function send(env: Env, ctx: DurableObjectState, change: ActionChanged): Promise<void> {
  const { deliveries } = change;
  const messages: ActionChanged[] = [{ ...change, deliveries: deliveries.slice(0, deliveriesPerMessage) }];
  for (let from = deliveriesPerMessage; from < deliveries.length; from += deliveriesPerMessage) {
    messages.push({ ...change, ack: false, deliveries: deliveries.slice(from, from + deliveriesPerMessage) });
  }
  const queue: Queue | undefined = env.EVENTS;
  if (queue === undefined) await ctx.exports.Fanout.consume(messages);
  else if (messages.length === 1) await queue.send(messages[0]);
  else await queue.sendBatch(messages.map((body) => ({ body })));
}
