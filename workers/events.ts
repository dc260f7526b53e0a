import type { Recorded } from "../objects/ledger/messages.ts";
import type { Heard } from "../schemas/guardrail.ts";
import type { Seen } from "../schemas/ledger.ts";
import type { ActionChanged, Delivery } from "../schemas/message.ts";
import type { Ack, Settled } from "./delivery.ts";

/** Everything an event touches. Each verb throws where what it talks to cannot be reached. */
export interface EventDeps {
  /** The Board of a workspace takes in a batch; idempotent on (action, seq). */
  apply(workspace: string, changes: ActionChanged[]): Promise<void>;
  /** What guardrails have to learn, for the Registry of a workspace; idempotent on (action, seq). Only called where there is something. */
  learn(workspace: string, signals: Heard[]): Promise<void>;
  /** What actions say of themselves, for the log of a workspace; idempotent on (action, events). Only called where there is something. */
  record(workspace: string, seen: Seen[]): Promise<Recorded[]>;
  acknowledge(workspace: string, action: string, acks: Ack[]): Promise<void>;
  /** Hands each delivery on as its own message, or sends it where there is no queue for them. */
  dispatch(deliveries: Delivery[]): Promise<void>;
}

/**
 * Takes in a batch of changes: per workspace the Board and the log once, then the actions that asked to be told, once each;
 * beside it one message a recipient. Board or recipients failing brings the workspace's messages back whole: both halves bear it.
 * The log failing brings back those that asked to be told and have something for it: nothing else waits for it.
 */
export async function takeEvents(
  changes: readonly ActionChanged[],
  deps: EventDeps,
): Promise<Settled<ActionChanged>[]> {
  const byWorkspace = [...Map.groupBy(changes, ({ workspace }) => workspace)];
  const settled = await Promise.all(
    byWorkspace.map(([workspace, group]) => takeWorkspace(workspace, group, deps)),
  );
  return settled.flat();
}

async function takeWorkspace(
  workspace: string,
  group: readonly ActionChanged[],
  deps: EventDeps,
): Promise<Settled<ActionChanged>[]> {
  const signals = signalsOf(group);
  // Before the action is told that all is well, and so takes it that nothing has to be sent again.
  const learnt = signals.length === 0 ? Promise.resolve() : deps.learn(workspace, signals);
  const taken = Promise.all([deps.apply(workspace, [...group]), learnt]);
  const recorded = recordAll(workspace, group, deps);
  const indexed = taken.then(async () => acknowledgeAll(workspace, group, await recorded, deps));
  const deliveries = group.flatMap((change) => change.deliveries);
  const dispatched = deliveries.length === 0 ? Promise.resolve() : deps.dispatch(deliveries);
  const [board, sent] = await Promise.allSettled([indexed, dispatched]);
  const error: unknown =
    sent.status === "rejected" ? sent.reason : board.status === "rejected" ? board.reason : null;
  const unheard = board.status === "fulfilled" ? board.value : new Map<string, unknown>();
  const ownError = ({ ack, action }: ActionChanged): unknown => (ack ? (unheard.get(action) ?? null) : null);
  return group.map((message) => ({ message, error: error ?? ownError(message) }));
}

/** What the log has of each action that told it something; or why it has nothing. Never rejects. */
type InLog = { readonly known: ReadonlyMap<string, Recorded>; readonly error: unknown };

async function recordAll(
  workspace: string,
  group: readonly ActionChanged[],
  deps: EventDeps,
): Promise<InLog> {
  const seen = group.flatMap(({ ack, evidence }) => (ack && evidence !== undefined ? [evidence] : []));
  if (seen.length === 0) return { known: new Map(), error: null };
  try {
    const recorded = await deps.record(workspace, seen);
    return { known: new Map(recorded.map((one) => [one.action, one])), error: null };
  } catch (error) {
    return { known: new Map(), error };
  }
}

/** Each action's signals once: its newest message holds all that the ones before it held. */
function signalsOf(group: readonly ActionChanged[]): Heard[] {
  const newest = new Map<string, ActionChanged>();
  for (const change of group) {
    if (change.signals !== undefined && change.seq >= (newest.get(change.action)?.seq ?? 0)) {
      newest.set(change.action, change);
    }
  }
  return [...newest.values()].flatMap(({ action, summary: { type }, signals = [] }) =>
    signals.map((signal) => ({ ...signal, action, type })),
  );
}

/** One call an action that asked, with the largest of its seqs and news: both only grow, so they are of one message. @returns the actions that could not be told, with the error. */
async function acknowledgeAll(
  workspace: string,
  group: readonly ActionChanged[],
  { known, error: notRecorded }: InLog,
  deps: EventDeps,
): Promise<Map<string, unknown>> {
  const unheard = new Map<string, unknown>();
  const asking = Map.groupBy(
    group.filter(({ ack }) => ack),
    ({ action }) => action,
  );
  const tell = async ([action, messages]: [string, ActionChanged[]]): Promise<void> => {
    const seq = Math.max(...messages.map((message) => message.seq));
    const news = Math.max(...messages.map((message) => message.news ?? 0));
    if (notRecorded !== null && messages.some(({ evidence }) => evidence !== undefined)) {
      unheard.set(action, notRecorded);
      return;
    }
    const inLog = known.get(action);
    const ledger = inLog === undefined ? {} : { ledger: { number: inLog.number, sealed: inLog.sealed } };
    try {
      await deps.acknowledge(workspace, action, [{ seq, sink: "board", news, ...ledger }]);
    } catch (error) {
      unheard.set(action, error);
    }
  };
  await Promise.all([...asking].map(tell));
  return unheard;
}

/** A batch on a queue holds at most 100 messages and 256 KB (platform limits); some room is left for the envelope. */
const maxBatch = 100;
const maxBatchBytes = 240_000;

/** Cuts messages into batches that a queue takes. */
export function batchesOf<Message>(messages: readonly Message[]): Message[][] {
  const batches: Message[][] = [];
  let batch: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    const size = new TextEncoder().encode(JSON.stringify(message)).byteLength;
    if (batch.length === maxBatch || (batch.length > 0 && bytes + size > maxBatchBytes)) {
      batches.push(batch);
      batch = [];
      bytes = 0;
    }
    batch.push(message);
    bytes += size;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
