import type { ActionChanged, Delivery } from "../../schemas/message.ts";
import type { EventDeps } from "../../workers/events.ts";

/** An action's news as they travel on the queue, and what takes them in, for tests of the consumer. */

export const at = "2026-01-01T00:00:00.000Z";

export const delivery = (parts: Partial<Delivery> = {}): Delivery => ({
  workspace: "default",
  action: "act_a",
  seq: 2,
  sink: "callback",
  type: "action.approved",
  at: Date.parse(at),
  view: { id: "act_a", state: "approved", seq: 2 },
  ...parts,
});

export const change = (parts: Partial<ActionChanged> = {}): ActionChanged => ({
  workspace: "default",
  action: "act_a",
  seq: 2,
  ack: true,
  summary: {
    id: "act_a",
    type: "db.migrate",
    class: "production-change",
    risk: "high",
    state: "pending",
    detail: null,
    seq: 2,
    digest: `sha256:${"0".repeat(64)}`,
    requester: { kind: "agent", id: "agent:demo", owner: "person:omar" },
    target: { resource: "orders-db" },
    seats: [],
    groups: [],
    deadline: null,
    createdAt: at,
    updatedAt: at,
  },
  dueAt: null,
  deadLetters: [],
  deliveries: [],
  ...parts,
});

/** Verbs that note each call and do nothing; a test replaces those it is about. */
export function eventDeps(parts: Partial<EventDeps> = {}): EventDeps & { calls: string[] } {
  const calls: string[] = [];
  return {
    calls,
    apply: async (workspace, changes) =>
      void calls.push(`apply ${workspace} ${changes.map(({ seq }) => seq).join()}`),
    record: async (workspace, seen) => {
      calls.push(`record ${workspace} ${seen.map(({ action, events }) => `${action}:${events}`).join()}`);
      return seen.map(({ action, events, over }, nth) => ({
        action,
        number: nth + 1,
        sealed: over ? events : 0,
      }));
    },
    acknowledge: async (workspace, action, acks) => {
      calls.push(`ack ${workspace}/${action} ${acks.map(({ seq, sink }) => `${seq}:${sink}`).join()}`);
    },
    learn: async (workspace, signals) => {
      calls.push(
        `learn ${workspace} ${signals.map(({ action, seq, kind }) => `${action}:${seq}:${kind}`).join()}`,
      );
    },
    dispatch: async (deliveries) => void calls.push(`dispatch ${deliveries.length}`),
    ...parts,
  };
}
