import { step } from "../../core/machine/step.ts";
import { rowsFor } from "../../core/outbox.ts";
import { cast } from "./cast.ts";
import {
  anyVoteCloses,
  approvalsFirst,
  cellOf,
  headsCounted,
  lastOnly,
  machine,
  only,
  shown,
  telling,
  underContracts,
  withCell,
  without,
} from "./broken.ts";
import type { InvariantName } from "./invariants.ts";
import type { Machine } from "./node.ts";

/** A machine with one mistake in it. The search over `world` must find it, and `caughtBy` be among what it violates. */
export type Bug = {
  readonly says: string;
  readonly world: string;
  readonly caughtBy: InvariantName;
  readonly machine: Machine;
};

const twoSeats = "two seats, people come and go";
const oneSeat = "one seat, rollback on demand";
const tighten = "tighten while the policy changes";
const glass = "broken glass";
/** Mistakes about breaking the glass. */
const glassBugs: readonly Bug[] = [
  {
    says: "anybody may break the glass, excluded or not",
    world: glass,
    caughtBy: "I2",
    machine: withCell("pending", "breakGlass", without("mayBreakGlass")),
  },
  {
    says: "whoever counts as one with the agent's owner may break the glass",
    world: glass,
    caughtBy: "I2",
    machine: shown(
      only("breakGlass", (payload, before, command, facts, now) => [
        payload,
        before,
        command,
        { ...facts, directory: { ...facts.directory, delegations: [] } },
        now,
      ]),
    ),
  },
  {
    says: "the version in force need not grant the right to break the glass",
    world: glass,
    caughtBy: "I9",
    machine: shown(
      only("breakGlass", (payload, before, command, facts, now) => [
        payload,
        before,
        command,
        { ...facts, contract: facts.contract && payload.contract },
        now,
      ]),
    ),
  },
  {
    says: "broken glass does not look at the digest",
    world: glass,
    caughtBy: "bound",
    machine: withCell("pending", "breakGlass", without("sameDigest")),
  },
  {
    says: "the glass is broken a moment after the request has expired",
    world: glass,
    caughtBy: "halfOpen",
    machine: shown(
      only("breakGlass", (payload, before, command, facts, now) => {
        const pending = before.deadlines.pending === null ? null : before.deadlines.pending + 1_000;
        return [payload, { ...before, deadlines: { ...before.deadlines, pending } }, command, facts, now];
      }),
    ),
  },
  {
    says: "the glass is broken although the type is disabled",
    world: glass,
    caughtBy: "I9",
    machine: withCell("pending", "breakGlass", (cell) => ({
      ...cell,
      edges: cell.edges.filter(({ detail }) => detail !== "policy"),
    })),
  },
  {
    says: "the glass is broken without a reason",
    world: glass,
    caughtBy: "answeredFor",
    machine: withCell("pending", "breakGlass", without("accounted")),
  },
  {
    says: "the glass is broken over a denial",
    world: glass,
    caughtBy: "answeredFor",
    machine: withCell("pending", "breakGlass", without("undenied")),
  },
  {
    says: "broken glass leaves no event",
    world: glass,
    caughtBy: "I1",
    machine: withCell("pending", "breakGlass", (cell) => ({
      ...cell,
      edges: cell.edges.map((edge) => ({ ...edge, emit: edge.emit.filter((name) => name !== "brokeGlass") })),
    })),
  },
  {
    says: "a claim does not look again at who broke the glass",
    world: glass,
    caughtBy: "I1",
    machine: withCell("approved", "claim", (cell) => ({
      ...cell,
      edges: cell.edges.filter(({ detail }) => detail !== "quorum_lost"),
    })),
  },
  {
    says: "broken glass skips the preconditions too",
    world: glass,
    caughtBy: "bound",
    machine: withCell("approved", "claim", (cell) => ({
      ...cell,
      edges: cell.edges.filter(({ detail }) => detail !== "drift"),
    })),
  },
  {
    says: "whoever broke the glass reviews it",
    world: "broken glass, and its review",
    caughtBy: "I2",
    machine: withCell("executed", "review", without("mayReview")),
  },
  {
    says: "it is reviewed a second time",
    world: "broken glass, and its review",
    caughtBy: "answeredFor",
    machine: shown(
      only("review", (payload, before, command, facts, now) => {
        const { breakGlass } = before;
        const unreviewed = breakGlass === null ? null : { ...breakGlass, review: null };
        return [payload, { ...before, breakGlass: unreviewed }, command, facts, now];
      }),
    ),
  },
];
export const bugs: readonly Bug[] = [
  ...glassBugs,
  {
    says: "a second executor may claim while the lease is held",
    world: oneSeat,
    caughtBy: "I3",
    machine: withCell("executing", "claim", without("unleased")),
  },
  {
    says: "a claim does not look at the digest",
    world: oneSeat,
    caughtBy: "bound",
    machine: withCell("approved", "claim", without("sameDigest")),
  },
  {
    says: "a vote does not look at the digest",
    world: oneSeat,
    caughtBy: "bound",
    machine: withCell("pending", "vote", without("sameDigest")),
  },
  {
    says: "a claim does not count its voters again",
    world: twoSeats,
    caughtBy: "I1",
    machine: withCell("approved", "claim", (cell) => ({
      ...cell,
      edges: cell.edges.filter(({ detail }) => detail !== "quorum_lost"),
    })),
  },
  {
    says: "an attempt after a lost lease does not ask the policy again",
    world: "idempotent, two attempts, people come and go",
    caughtBy: "I1",
    machine: withCell("executing", "claim", without("unstopped")),
  },
  {
    says: "what expired can be claimed",
    world: oneSeat,
    caughtBy: "I10",
    machine: withCell("expired", "claim", () => cellOf("approved", "claim")),
  },
  {
    says: "a rollback can be started again after it has succeeded",
    world: "rolled back by itself on failure",
    caughtBy: "I5",
    machine: withCell("rolled_back", "rollback", () => ({
      needs: [],
      edges: cellOf("executed", "rollback").edges,
    })),
  },
  {
    says: "a rollback can be started after its window",
    world: oneSeat,
    caughtBy: "windows",
    machine: withCell("executed", "rollback", without("insideRollbackWindow")),
  },
  {
    says: "a repeated report is taken for a new one",
    world: oneSeat,
    caughtBy: "answeredAgain",
    machine: withCell("executed", "report", (cell) => ({
      ...cell,
      edges: [{ to: "executed", emit: ["executed"] }],
    })),
  },
  {
    says: "heads are counted, and one person sits on two seats",
    world: twoSeats,
    caughtBy: "I1",
    machine: machine(headsCounted),
  },
  {
    says: "a denial is looked at after the approvals",
    world: twoSeats,
    caughtBy: "I9",
    machine: machine(approvalsFirst),
  },
  {
    says: "a withdrawal closes what the world has made a quorum",
    world: tighten,
    caughtBy: "I7",
    machine: machine(anyVoteCloses),
  },
  {
    says: "an approval writes over the ones before it",
    world: twoSeats,
    caughtBy: "I8",
    machine: machine(lastOnly),
  },
  {
    says: "the agent's owner counts",
    world: oneSeat,
    caughtBy: "I2",
    machine: shown(underContracts((contract) => ({ ...contract, separationOfDuties: { owner: false } }))),
  },
  {
    says: "critical takes one human",
    world: "critical, with a delegation that ends",
    caughtBy: "I1",
    machine: shown(
      underContracts((contract) => ({ ...contract, risk: "high", separationOfDuties: { owner: true } })),
    ),
  },
  {
    says: "the version in force is not asked",
    world: tighten,
    caughtBy: "I9",
    machine: shown((payload, before, command, facts, now) => [
      payload,
      before,
      command,
      { ...facts, contract: facts.contract && payload.contract },
      now,
    ]),
  },
  {
    says: "a withdrawn approval still counts",
    world: twoSeats,
    caughtBy: "I1",
    machine: shown((payload, before, command, facts, now) => {
      const votes = before.votes.map((vote) =>
        vote.decision === "withdraw" ? { ...vote, decision: "approve" as const } : vote,
      );
      return [payload, { ...before, votes }, command, facts, now];
    }),
  },
  {
    says: "a deadline is over only after it (> instead of >=)",
    world: oneSeat,
    caughtBy: "halfOpen",
    machine: shown((payload, before, command, facts, now) => {
      const isDue = Object.values(before.deadlines).includes(now);
      return [payload, before, command, facts, isDue ? now - 1 : now];
    }),
  },
  {
    says: "a claim is still taken a moment after the approval has expired",
    world: oneSeat,
    caughtBy: "halfOpen",
    machine: shown(
      only("claim", (payload, before, command, facts, now) => {
        const approval = before.deadlines.approval === null ? null : before.deadlines.approval + 1_000;
        return [payload, { ...before, deadlines: { ...before.deadlines, approval } }, command, facts, now];
      }),
    ),
  },
  {
    says: "a lost run is resolved by a second late report",
    world: oneSeat,
    caughtBy: "I3",
    machine: shown(
      only("report", (payload, before, command, facts, now) => {
        if (before.state !== "failed" || !before.resolved) return [payload, before, command, facts, now];
        return [
          payload,
          { ...before, resolved: false, reported: null, detail: "unknown" },
          command,
          facts,
          now,
        ];
      }),
    ),
  },
  {
    says: "a timeout approves",
    world: oneSeat,
    caughtBy: "I1",
    machine: telling((event) =>
      event.type === "expired" && event.detail === "pending"
        ? { ...event, type: "approved", state: "approved", detail: null, data: { via: "quorum", by: [] } }
        : event,
    ),
  },
  {
    says: "the fence does not grow",
    world: "idempotent, two attempts, people come and go",
    caughtBy: "I3",
    machine: telling((event, state) =>
      event.type === "claimed" && state.attempts > 0
        ? { ...event, data: { ...event.data, fence: state.fence } }
        : event,
    ),
  },
  {
    says: "a heartbeat renews the lease past executionMax",
    world: oneSeat,
    caughtBy: "leased",
    machine: telling((event) =>
      event.type === "heartbeat" ? { ...event, data: { expiresAt: event.at + 10_000 } } : event,
    ),
  },
  {
    says: "time goes back",
    world: oneSeat,
    caughtBy: "I5",
    machine: telling((event) => (event.type === "claimed" ? { ...event, at: event.at - 1 } : event)),
  },
  {
    says: "a seq is skipped",
    world: oneSeat,
    caughtBy: "I5",
    machine: telling((event) => (event.type === "executed" ? { ...event, seq: event.seq + 1 } : event)),
  },
  {
    says: "the live state forgets an escalation",
    world: oneSeat,
    caughtBy: "I4",
    machine: machine((...call) => {
      const made = step(...call);
      return made.state.state === "approved" ? { ...made, state: { ...made.state, escalations: 0 } } : made;
    }),
  },
  {
    says: "the requester is not told that it was cancelled",
    world: oneSeat,
    caughtBy: "I6",
    machine: {
      step,
      rowsFor: (event, ...rest) =>
        rowsFor(event, ...rest).filter(({ sink }) => sink !== "callback" || event.type !== "cancelled"),
    },
  },
  {
    says: "a late alarm starts the rollback window late",
    world: oneSeat,
    caughtBy: "lateAlarm",
    machine: machine((...call) => {
      const made = step(...call);
      const last = made.events.at(-1);
      if (last?.type !== "failed" || last.data.reported || made.state.deadlines.rollback === null) {
        return made;
      }
      return {
        ...made,
        state: { ...made.state, deadlines: { ...made.state.deadlines, rollback: last.at + 60_000 } },
      };
    }),
  },
  {
    says: "a refused cancel cancels",
    world: oneSeat,
    caughtBy: "refusals",
    machine: machine((...call) => {
      const made = step(...call);
      if (call[2].type !== "cancel" || made.refusal?.code !== "forbidden") return made;
      const [payload, , command, facts, now] = call;
      const done = step(payload, made.state, { ...command, actor: cast.demo }, facts, now);
      return { ...done, events: [...made.events, ...done.events], refusal: made.refusal };
    }),
  },
];
