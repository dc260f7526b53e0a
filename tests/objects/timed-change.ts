import type { State } from "../../schemas/action.ts";
import type { ActionChanged, Sends } from "../../schemas/message.ts";
import { noTimes, type Timings } from "../../schemas/timings.ts";

export const minute = 60_000;
export const now = Date.parse("2026-01-01T12:00:00.000Z");
type Parts = {
  seq?: number;
  state?: State;
  risk?: "low" | "critical";
  type?: string;
  timings?: Partial<Timings>;
  sends?: Partial<Sends>;
};

/** What an action says of itself that was asked for ten minutes ago. */
export function change(
  id: string,
  { seq = 1, state = "pending", risk = "low", type = "db.migrate", timings, sends }: Parts = {},
): ActionChanged {
  const createdAt = timings?.createdAt ?? now - 10 * minute;
  const at = new Date(createdAt).toISOString();
  return {
    workspace: "default",
    action: id,
    seq,
    ack: false,
    summary: {
      id,
      type,
      class: "production-change",
      risk,
      state,
      detail: null,
      seq,
      digest: `sha256:${"0".repeat(64)}`,
      requester: { kind: "agent", id: "agent:demo", owner: "person:omar" },
      target: { resource: "orders-db" },
      seats: [],
      groups: ["dba"],
      deadline: null,
      createdAt: at,
      updatedAt: at,
    },
    timings: {
      ...noTimes,
      createdAt,
      decision: null,
      via: null,
      votes: [],
      escalations: 0,
      missingContext: false,
      ...timings,
    },
    dueAt: null,
    ...(sends !== undefined && { sends: { delivered: 0, failed: 0, notifiedAt: null, ...sends } }),
    deadLetters: [],
    deliveries: [],
  };
}

/** It was denied on the page, this long after it was asked for. */
export const decided = (id: string, tookMs: number, parts: Partial<Timings> = {}): ActionChanged =>
  change(id, {
    seq: 3,
    state: "denied",
    timings: { decidedAt: now - 10 * minute + tookMs, decision: "denied", via: "page", ...parts },
  });
