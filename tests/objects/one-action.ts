import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import * as v from "valibot";
import { vi } from "vitest";
import type { Action } from "../../objects/action/action.ts";
import { readEvents } from "../../objects/action/chain.ts";
import * as rows from "../../objects/action/rows.ts";
import { duesOf } from "../../core/retention/dues.ts";
import { openAction } from "../../objects/action/sealing.ts";
import { ActionView, ClaimAnswer } from "../../schemas/action.ts";
import type { Event } from "../../schemas/event.ts";
import type { ActionChanged } from "../../schemas/message.ts";
import type { Payload, StoredAction } from "../../schemas/stored.ts";
import type { Workspace } from "./workspace.ts";

/** One action from the inside: its rows, and what it hands to its queue. */

export type Stub = DurableObjectStub<Action>;

export const stubOf = ({ name }: Workspace, id: string): Stub => env.ACTIONS.getByName(`${name}/${id}`);

export type OutboxLine = {
  seq: number;
  sink: string;
  type: string;
  tries: number;
  due: number | null;
  status: string;
  error: string | null;
};

/** All that is stored of an action. */
export type Kept = {
  payload: Payload;
  stored: StoredAction;
  events: Event[];
  outbox: OutboxLine[];
  alarm: number | null;
};

export function kept(stub: Stub): Promise<Kept> {
  return runInDurableObject(stub, async (_, { storage }) => {
    const there = openAction(env, rows.readDocs(storage.sql));
    return {
      payload: there.payload,
      stored: there.stored,
      events: readEvents(storage.sql, there, 0),
      outbox: storage.sql
        .exec<OutboxLine>("SELECT seq, sink, type, tries, due, status, error FROM outbox ORDER BY seq, sink")
        .toArray(),
      alarm: await storage.getAlarm(),
    };
  });
}

/** When the first of what it holds is to be let go of (epoch ms): all that is still to come of an action that is over and told. */
export function firstToGo({ payload, stored }: Kept): number {
  const times = duesOf(payload, stored.state, stored.held ?? {}).map(({ dueAt }) => dueAt ?? Infinity);
  return Math.min(...times);
}

/** Runs SQL in the action's own database: to break it, or to mend it again. */
export function sql(stub: Stub, statement: string): Promise<void> {
  return runInDurableObject(stub, (_, { storage }) => void storage.sql.exec(statement));
}

export const typesOf = ({ events }: Kept): string[] => events.map(({ type }) => type);

/**
 * Catches what every action hands to the queue, so that no consumer comes in between. `fail` is what the queue throws next.
 * Both are undone by `vi.restoreAllMocks()`.
 */
export function catchMessages(): { sent: ActionChanged[]; failNext: (error: Error) => void } {
  const queue: Queue = Object.getPrototypeOf(env.EVENTS);
  const sent: ActionChanged[] = [];
  const failures: Error[] = [];
  const answer = { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } };
  const take = (...messages: unknown[]): typeof answer => {
    const failure = failures.shift();
    if (failure !== undefined) throw failure;
    sent.push(...(messages as ActionChanged[]));
    return answer;
  };
  vi.spyOn(queue, "send").mockImplementation(async (message) => take(message));
  vi.spyOn(queue, "sendBatch").mockImplementation(async (messages) =>
    take(...[...messages].map(({ body }) => body)),
  );
  return { sent, failNext: (error) => void failures.push(error) };
}

/** The calls of a test's action, as whoever makes them. */
export function callsOn(workspace: Workspace, { id, digest }: { id: string; digest: string }) {
  const post = async (who: string, verb: string, body: object): Promise<{ status: number; body: unknown }> =>
    workspace.call(who, "POST", `/v1/actions/${id}/${verb}`, body);
  const must = async (who: string, verb: string, body: object): Promise<unknown> => {
    const answer = await post(who, verb, body);
    if (answer.status >= 300) throw new Error(JSON.stringify(answer.body));
    return answer.body;
  };
  const view = async (who: string, verb: string, body: object): Promise<ActionView> =>
    v.parse(ActionView, await must(who, verb, body));
  return {
    post,
    approve: (who = "person:bob") => view(who, "votes", { decision: "approve", digest }),
    deny: (who = "person:bob") => view(who, "votes", { decision: "deny", digest, reason: "not now" }),
    cancel: () => view("agent:demo", "cancel", { reason: "not needed" }),
    claim: async () => v.parse(ClaimAnswer, await must("agent:demo", "claim", { digest })),
    heartbeat: ({ lease, fence }: ClaimAnswer) => view("agent:demo", "heartbeat", { lease, fence }),
    report: ({ lease, fence }: ClaimAnswer, outcome: "succeeded" | "failed", effect?: string) =>
      view("agent:demo", "report", {
        lease,
        fence,
        outcome,
        summary: "x",
        ...(effect !== undefined && { effect }),
      }),
    rollBack: () => view("person:bob", "rollback", { reason: "harm" }),
  };
}
