import type { ActionView } from "../../schemas/action.ts";

/** An action as its API shows it, pending and made up. */
export function viewOf(parts: Partial<ActionView> = {}): ActionView {
  const digest = `sha256:${"a".repeat(64)}`;
  return {
    id: "act_0123456789abcdef",
    workspace: "default",
    type: "host.shell",
    class: "production-change",
    risk: "high",
    state: "pending",
    detail: null,
    seq: 1,
    digest,
    contractVersion: digest,
    decision: { outcome: "gate", by: "policy", because: "rule host.shell", policyVersion: digest },
    requester: { kind: "agent", id: "agent:demo", owner: "person:omar" },
    target: { resource: "prod-db-1", segment: "prod-hosts" },
    args: { argv: ["systemctl", "restart", "app"] },
    reason: "It does not answer",
    context: null,
    preconditions: null,
    rollbackPlan: null,
    notBefore: null,
    notAfter: null,
    supersedes: null,
    seats: [{ seat: "oncall", n: 1, filled: 0, from: ["group:oncall"] }],
    votes: [],
    separationOfDuties: { owner: true },
    deadlines: {
      pending: "2026-01-01T13:00:00.000Z",
      approval: null,
      lease: null,
      execution: null,
      rollback: null,
      review: null,
    },
    breakGlass: null,
    lease: null,
    outcome: null,
    rollback: null,
    createdAt: "2026-01-01T12:00:00.000Z",
    updatedAt: "2026-01-01T12:00:00.000Z",
    links: {
      self: "https://holdpoint.example/v1/actions/act_0123456789abcdef",
      page: "https://holdpoint.example/actions/act_0123456789abcdef",
      events: "https://holdpoint.example/v1/actions/act_0123456789abcdef/events",
      stream: "wss://holdpoint.example/v1/actions/act_0123456789abcdef/stream",
    },
    ...parts,
  };
}
