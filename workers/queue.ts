import * as v from "valibot";
import { faultText } from "../core/fault.ts";
import { ActionChanged, Delivery } from "../schemas/message.ts";
import { Sight } from "../schemas/channel.ts";
import { allowed } from "./budget.ts";
import type { ChannelContext } from "./channels/channel.ts";
import { checkpointAtOnce, withCheckpoint } from "./checkpoints.ts";
import { deliverAll, startDeliveries, type DeliveryDeps, type Sending, type Settled } from "./delivery.ts";
import { egressOf } from "./egress.ts";
import { batchesOf, takeEvents, type EventDeps } from "./events.ts";
import { withFreezeNow } from "./freezing.ts";
import { forget } from "./known.ts";
import { recordSeen } from "./ledger.ts";
import { isLocal } from "./local.ts";
import { openLoosenings } from "./loosening.ts";
import { copiesTo, copySealed } from "./evidence-copies.ts";
import { forgetRecipients, recipientOf } from "./recipients.ts";
import { actionOf, boardOf, registryOf } from "./stubs.ts";
import { within } from "./within.ts";

/** Takes in changes: Board, acknowledgements, one message a recipient. One result a change; never throws. */
export function consumeEvents(
  changes: readonly ActionChanged[],
  env: Env,
): Promise<Settled<ActionChanged>[]> {
  return takeEvents(changes, eventDeps(env));
}

/** Sends deliveries and tells their actions. One result a delivery; never throws. */
export function consumeDeliveries(deliveries: readonly Delivery[], env: Env): Promise<Settled<Delivery>[]> {
  return deliverAll(deliveries, deliveryDeps(env));
}

/** How events reach the objects; `dispatch` may be replaced by a caller that has something better to wait with. */
export function eventDeps(env: Env): EventDeps {
  // Optional at run time: plain workerd has no queues.
  const queue: Queue | undefined = env.DELIVERIES;
  return {
    apply: async (workspace, changes) => boardOf(env, workspace).apply(changes),
    learn: async (workspace, signals) => {
      const now = Date.now();
      const { moved, proposed } = await registryOf(env, workspace).learn(signals, now);
      if (moved) forget(workspace);
      if (proposed) await askFor(env, workspace, now);
    },
    record: (workspace, seen) => recordSeen(env, workspace, seen, Date.now()),
    acknowledge: async (workspace, action, acks) => actionOf(env, workspace, action).acknowledge(acks),
    dispatch: async (deliveries) => {
      if (queue === undefined) {
        report(await consumeDeliveries(deliveries, env));
        return;
      }
      for (const batch of batchesOf(deliveries)) {
        await queue.sendBatch(batch.map((body) => ({ body, contentType: "json" })));
      }
    },
  };
}

/** What was learnt is kept, so that a failure here brings no message back: the sweep asks again. */
async function askFor(env: Env, workspace: string, now: number): Promise<void> {
  try {
    await openLoosenings(env, workspace, now);
  } catch (error) {
    console.error("proposals were not asked for", workspace, faultText(error));
  }
}

function deliveryDeps(env: Env): DeliveryDeps {
  return {
    now: () => Date.now(),
    fetch: (url, init) => fetch(url, init),
    egress: egressOf(env),
    allowLoopback: isLocal(env),
    recipientOf: (delivery) => recipientOf(env, delivery, Date.now()),
    payloadOf: async ({ workspace, action }) => actionOf(env, workspace, action).view(),
    acknowledge: async (workspace, action, acks) => actionOf(env, workspace, action).acknowledge(acks),
    fail: async ({ workspace, action, seq, sink }, failure) =>
      actionOf(env, workspace, action).deliveryFailed({ seq, sink, ...failure }),
    checkpointNote: async (workspace) => (await checkpointAtOnce(env, workspace, Date.now()))?.note ?? null,
    channelContext: (delivery) => contextFor(env, delivery),
    deactivate: async (workspace, id) => {
      await registryOf(env, workspace).deactivateEndpoint(id, Date.now());
      forgetRecipients(workspace);
    },
  };
}

const sightOf = (text: string): Sight => v.parse(Sight, JSON.parse(text));

function contextFor(env: Env, delivery: Delivery): ChannelContext {
  const { workspace, action, seq, sink } = delivery;
  let taken: number | null = null;
  return {
    env,
    right: () => taken,
    now: () => Date.now(),
    fetch: (url, init) => fetch(url, init),
    begin: async () => {
      const right = await actionOf(env, workspace, action).beginSend({ seq, sink });
      if (right.kind !== "send") return right;
      taken = right.right ?? null;
      const sight = await withFreezeNow(env, workspace, sightOf(right.body));
      return { kind: "send", sight: await withCheckpoint(env, workspace, sight, Date.now()) };
    },
    allow: (sight) => allowed(env, delivery, sight, Date.now()),
    sight: async () => {
      const text = await actionOf(env, workspace, action).sight();
      return text === null ? null : sightOf(text);
    },
  };
}

/** Puts down what could not be done. Ids and the error only: messages may hold what logs must not (T16). */
export function report(settled: readonly Settled<ActionChanged | Delivery>[]): void {
  for (const { message, error } of settled) {
    if (error === null) continue;
    console.error("message not settled", message.workspace, message.action, message.seq, faultText(error));
  }
}

/** Queues whose name ends so hold what the other two gave up on. */
const deadSuffix = "-dead";
/** The first retry after 2 s, doubling, at most 5 minutes; the outbox of the action sends again whatever is lost here. */
const maxRetrySeconds = 300;

const Known = v.union([ActionChanged, Delivery]);
type Known = v.InferOutput<typeof Known>;
const isChange = (message: Known): message is ActionChanged => "deliveries" in message;
const isDelivery = (message: Known): message is Delivery => !isChange(message);

/**
 * How long a batch waits for its recipients. A queue hands out the next batch only after this one, locally for certain,
 * so one recipient that takes its fifteen seconds would hold up all others.
 */
const patienceMs = 500;

/** Keeps work alive after the batch has been answered. */
export type Background = { waitUntil: (work: Promise<unknown>) => void };

/**
 * A batch from any of our queues. What a message is shows in its shape, so queues can be named as a deployment likes.
 * Every message is acknowledged or retried by itself and nothing is thrown, which would retry the whole batch. One that
 * is none of ours can only get worse: it is put down and acknowledged.
 */
export async function consumeBatch(batch: MessageBatch, env: Env, background: Background): Promise<void> {
  const parsed = batch.messages.map((message) => ({ message, known: v.safeParse(Known, message.body) }));
  const sources = new Map<Known, Message>();
  for (const { message, known } of parsed) {
    if (known.success) {
      sources.set(known.output, message);
      continue;
    }
    console.error("malformed message", batch.queue, message.id, v.getDotPath(known.issues[0]));
    message.ack();
  }
  const messages = [...sources.keys()];
  const changes = messages.filter(isChange);
  const deliveries = messages.filter(isDelivery);
  const dead = batch.queue.endsWith(deadSuffix);
  const [events, sent] = await Promise.all([
    changes.length === 0 ? [] : consumeEvents(changes, env),
    dead ? giveBack(deliveries, env) : sendPatiently(deliveries, env, background),
  ]);
  const settled = [...events, ...sent];
  report(settled);
  background.waitUntil(copyOut(changes, env));
  for (const { message, error } of settled) {
    const source = sources.get(message);
    // The row in the outbox is the record, so what has come to the dead-letter queue is let go after this last try.
    if (error === null || dead) source?.ack();
    else source?.retry({ delaySeconds: Math.min(2 ** source.attempts, maxRetrySeconds) });
  }
}

/** Evidence of what has just been sealed, where there is somewhere for it to go. What fails is left to the sweep. */
async function copyOut(changes: readonly ActionChanged[], env: Env): Promise<void> {
  if (copiesTo(env) === null) return;
  const workspaces = new Set(
    changes.filter(({ evidence }) => evidence?.over === true).map(({ workspace }) => workspace),
  );
  await Promise.all([...workspaces].map((workspace) => copySealed(env, workspace, Date.now())));
}

/**
 * Sends, and lets go of a message whose recipient has not answered within `patienceMs`: the sending goes on in the
 * background, and should it be cut short, the row in the action's outbox comes due again.
 */
async function sendPatiently(
  deliveries: readonly Delivery[],
  env: Env,
  background: Background,
): Promise<Settled<Delivery>[]> {
  if (deliveries.length === 0) return [];
  const settle = async (sending: Sending): Promise<Settled<Delivery>[]> => {
    const settled = await within(patienceMs, sending.settled, null);
    if (settled !== null) return settled;
    background.waitUntil(sending.settled.then(report));
    return sending.deliveries.map((message) => ({ message, error: null }));
  };
  return (await Promise.all(startDeliveries(deliveries, deliveryDeps(env)).map(settle))).flat();
}

/** Deliveries whose consumer kept failing: the action is told and schedules them by its own count of tries. */
async function giveBack(deliveries: readonly Delivery[], env: Env): Promise<Settled<Delivery>[]> {
  const deps = deliveryDeps(env);
  const back = async (message: Delivery): Promise<Settled<Delivery>> => {
    try {
      await deps.fail(message, {
        error: "the delivery could not be settled",
        permanent: false,
        retryAfterMs: null,
      });
      return { message, error: null };
    } catch (error) {
      return { message, error };
    }
  };
  return Promise.all(deliveries.map(back));
}
