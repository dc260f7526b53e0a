import type { Egress } from "../core/egress.ts";
import { webhookUrlFault } from "../core/webhook-url.ts";
import type { Delivery } from "../schemas/message.ts";
import { isChannel } from "../core/outbox.ts";
import type { Shown } from "../schemas/channel.ts";
import type { Suppression } from "../schemas/notice.ts";
import { forNow, permanently, type ChannelContext, type Told } from "./channels/channel.ts";
import { channelOf } from "./channels/table.ts";
import { messageId, sendWebhook, type Fetch } from "./channels/webhook.ts";

/** Where a delivery goes, as the Registry or the action has it at the moment of sending. */
export type Recipient = {
  readonly url: string;
  /** `whsec_…`, newest first; empty where none is in force any more. */
  readonly secrets: readonly string[];
  /** Why there is nothing to sign with although there is a secret, in words that an operator acts on. */
  readonly fault?: string | null;
  /** It may see arguments and reasons. */
  readonly payload: boolean;
  /** The endpoint behind it; null for the callback of one action. */
  readonly endpointId: string | null;
};

/**
 * `shown`: the card that a channel shows the recipient now. `suppressed`: why it shows none. `right`: what it was sent by. `news`: of
 * what the Board has, where it is the Board that has it. `ledger`: the action's number in the log, and how many of its events are
 * sealed there.
 */
export type Ack = {
  seq: number;
  sink: string;
  shown?: Shown;
  suppressed?: Suppression;
  right?: number;
  news?: number;
  ledger?: { number: number; sealed: number };
};
/** Why a delivery did not arrive, as the action keeps it and operators read it: never a word of the receiver's own. */
export type DeliveryFailure = {
  error: string;
  permanent: boolean;
  retryAfterMs: number | null;
  right?: number;
};

/** Everything a delivery touches. Each verb throws where what it talks to cannot be reached. */
export interface DeliveryDeps {
  /** Epoch ms. */
  now(): number;
  readonly fetch: Fetch;
  /** Bounds what each workspace sends; without one nothing does. */
  readonly egress?: Egress;
  /** Local development: webhooks to this machine are allowed. */
  readonly allowLoopback: boolean;
  /** Null when the endpoint was removed or deactivated, or the action has no callback. */
  recipientOf(delivery: Delivery): Promise<Recipient | null>;
  /** The action as it is now, payload and all, as JSON text; null when it is gone. */
  payloadOf(delivery: Delivery): Promise<string | null>;
  acknowledge(workspace: string, action: string, acks: Ack[]): Promise<void>;
  fail(delivery: Delivery, failure: DeliveryFailure): Promise<void>;
  /** The newest checkpoint of the workspace's log; null where none is known. Left out where there is no log. Never throws. */
  checkpointNote?(workspace: string): Promise<string | null>;
  /** What a channel is given to send with. */
  channelContext(delivery: Delivery): ChannelContext;
  /** The receiver answered 410: nothing more is to be sent there. */
  deactivate(workspace: string, endpointId: string): Promise<void>;
}

/** What came of one message of a batch: null, or why it has to be handed in again. */
export type Settled<Message> = { readonly message: Message; readonly error: unknown };

/** The deliveries of one action under way, and what comes of them; never rejects. */
export type Sending = {
  readonly deliveries: readonly Delivery[];
  readonly settled: Promise<Settled<Delivery>[]>;
};

/**
 * Starts every delivery at once. An action is told when its own have come back, in one call, so a slow recipient keeps up
 * nobody else. A delivery that did not arrive is the action's to schedule again; only one whose action could not be told
 * comes back with an error: it may go out twice under the same `webhook-id`, and that is what the id is for.
 */
export function startDeliveries(deliveries: readonly Delivery[], deps: DeliveryDeps): Sending[] {
  const byAction = Map.groupBy(deliveries, ({ workspace, action }) => `${workspace}/${action}`);
  return [...byAction.values()].map((group) => ({ deliveries: group, settled: deliverGroup(group, deps) }));
}

/** The same, to the end: one result a delivery. */
export async function deliverAll(
  deliveries: readonly Delivery[],
  deps: DeliveryDeps,
): Promise<Settled<Delivery>[]> {
  const sendings = startDeliveries(deliveries, deps);
  return (await Promise.all(sendings.map(({ settled }) => settled))).flat();
}

async function deliverGroup(group: readonly Delivery[], deps: DeliveryDeps): Promise<Settled<Delivery>[]> {
  const bySink = Map.groupBy(group, ({ seq, sink }) => `${seq}:${sink}`);
  const outcomes = await Promise.all([...bySink.values()].map((copies) => attemptOnce(copies, deps)));
  const arrived = outcomes.filter(({ acked }) => acked !== null);
  const [first] = group;
  if (first === undefined || arrived.length === 0) return outcomes.flatMap(settle);
  try {
    const acks = arrived.flatMap(({ acked }) => (acked === null ? [] : [acked]));
    await deps.acknowledge(first.workspace, first.action, acks);
    return outcomes.flatMap(settle);
  } catch (error) {
    return outcomes.flatMap((outcome) => settle(outcome.acked === null ? outcome : { ...outcome, error }));
  }
}

type Outcome = { readonly copies: readonly Delivery[]; readonly acked: Ack | null; readonly error: unknown };
const settle = ({ copies, error }: Outcome): Settled<Delivery>[] =>
  copies.map((message) => ({ message, error }));

/** One attempt for all copies of one delivery that a queue has put in a batch. */
async function attemptOnce(copies: readonly Delivery[], deps: DeliveryDeps): Promise<Outcome> {
  const [delivery] = copies;
  if (delivery === undefined) return { copies, acked: null, error: null };
  const { egress } = deps;
  const end = egress === undefined ? ended : egress.begin(delivery.workspace, deps.now());
  // Too much at once. The row in the outbox is leased and open: it comes due again, later each time, and has lost no try.
  if (end === null) return { copies, acked: null, error: null };
  try {
    const { seq, sink } = delivery;
    const context = isChannel(sink) ? deps.channelContext(delivery) : null;
    const sent = context === null ? await attempt(delivery, deps) : await tellChannel(delivery, context);
    const right = context?.right?.() ?? null;
    const by = right === null ? {} : { right };
    if (sent === "held") return { copies, acked: null, error: null };
    if (sent.ok) {
      const { shown, suppressed } = sent;
      const what = { ...(shown !== undefined && { shown }), ...(suppressed !== undefined && { suppressed }) };
      return { copies, acked: { seq, sink, ...what, ...by }, error: null };
    }
    const { error, permanent, retryAfterMs } = sent;
    await deps.fail(delivery, { error, permanent, retryAfterMs, ...by });
    return { copies, acked: null, error: null };
  } catch (error) {
    return { copies, acked: null, error };
  } finally {
    end();
  }
}

const ended = (): void => undefined;

async function tellChannel(delivery: Delivery, context: ChannelContext): Promise<Told> {
  const channel = channelOf(delivery.sink);
  if (channel === null) return permanently("not sent: no such channel is known here");
  return channel.send(delivery, context);
}

/**
 * One attempt, in this order:
 * 1. who it goes to, as of now; 2. the address rule once more, because it may be stricter than at registration and
 * the row may be older than the rule (T12); 3. a secret to sign with; 4. the body; 5. the send; 6. after a 410, no more.
 */
async function attempt(delivery: Delivery, deps: DeliveryDeps): Promise<Told> {
  const recipient = await deps.recipientOf(delivery);
  if (recipient === null) return permanently("the recipient was removed or switched off");
  const fault = webhookUrlFault(recipient.url, { allowLoopback: deps.allowLoopback });
  if (fault !== null) return permanently(`not sent: the URL ${fault}`);
  // The key that opens it may be given back, so nothing is lost before the last try, and a dead letter is sent again by hand.
  if (typeof recipient.fault === "string") return forNow(`not sent: ${recipient.fault}`);
  if (recipient.secrets.length === 0) {
    return permanently("not sent: its signing secret is not there any more");
  }
  const body = await bodyOf(delivery, recipient.payload, deps);
  const { url, secrets } = recipient;
  const id = messageId(delivery.action, delivery.seq, delivery.sink);
  const checkpoint = (await deps.checkpointNote?.(delivery.workspace)) ?? null;
  const sent = await sendWebhook({ url, secrets, id, body, checkpoint }, deps.now(), deps.fetch);
  if (!sent.ok && sent.gone && recipient.endpointId !== null) {
    await deps.deactivate(delivery.workspace, recipient.endpointId);
  }
  return sent;
}

/** `{type, timestamp, data}`. `timestamp` is when it happened; `data` carries the `seq` it was read at. */
async function bodyOf(delivery: Delivery, payload: boolean, deps: DeliveryDeps): Promise<string> {
  const { type, at, view } = delivery;
  const full = payload ? await deps.payloadOf(delivery) : null;
  const head = JSON.stringify({ type, timestamp: new Date(at).toISOString() }).slice(0, -1);
  // The action's own text goes in as it is: what is sent is what it said.
  return `${head},"data":${full ?? JSON.stringify(view)}}`;
}
