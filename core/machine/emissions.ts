import type { Effect } from "../../schemas/action.ts";
import type { Actor, Event, EventOf, EventType } from "../../schemas/event.ts";
import { clocksOf } from "../clocks.ts";
import { seatsOf } from "../quorum.ts";
import type { Command, Situation } from "./command.ts";
import { count, voterOf } from "./counting.ts";
import { brokeGlass } from "./glass-event.ts";
import { countWithVote } from "./guards.ts";

/** An event before the log gives it its place. */
export type Draft = { [Type in EventType]: Omit<EventOf<Type>, "seq" | "at"> }[EventType];
type Build = (situation: Situation) => Draft[];
type CommandOf<Type extends Command["type"]> = Extract<Command, { type: Type }>;

/** Holdpoint itself: clocks, policy, automatic rollback. */
export const engine: Actor = { kind: "engine", id: "engine" };

function from<Type extends Command["type"]>(
  type: Type,
  build: (situation: Situation, command: CommandOf<Type>) => Draft,
): Build {
  const isType = (command: Command): command is CommandOf<Type> => command.type === type;
  return (situation) => {
    if (!isType(situation.command)) {
      throw new Error(`${situation.command.type} cannot emit what ${type} emits`);
    }
    return [build(situation, situation.command)];
  };
}

const reasonOf = (command: Command): string | null => ("reason" in command ? command.reason : null);

/** Whoever gives these wants it to run: that it is cancelled instead is not their doing, nor for their reason. */
const asksToRun: ReadonlySet<Command["type"]> = new Set(["claim", "vote", "breakGlass"]);

const cancelReason = (command: Command): string | null =>
  command.type === "breakGlass" ? null : reasonOf(command);

/** Report events differ by name and place only. */
const reportData = (
  { state }: Situation,
  command: CommandOf<"report">,
  effect: Effect,
): EventOf<"executed">["data"] => ({
  lease: command.lease,
  fence: command.fence,
  effect,
  evidence: command.evidence,
  startupMs: command.startupMs,
  reported: true,
  late: state.lease === null,
});

const grip = (
  { payload, state, now }: Situation,
  command: CommandOf<"claim">,
  ends: number | null,
): EventOf<"claimed">["data"] => {
  const clocks = clocksOf(payload.contract);
  const executionEnds = ends ?? now + clocks.executionMaxMs;
  return {
    lease: command.leaseId,
    executor: command.actor.id,
    fence: state.fence + 1,
    expiresAt: Math.min(now + clocks.leaseTtlMs, executionEnds),
    executionEnds,
  };
};

const emissions = {
  requested: ({ payload, command }) => [
    {
      type: "requested",
      state: "pending",
      detail: null,
      actor: command.actor,
      reason: payload.reason,
      data: {
        digest: payload.digest,
        policyVersion: payload.policyVersion,
        seats: seatsOf(payload.contract.rule).map(({ seat, n, from: selectors }) => ({
          seat,
          n,
          filled: 0,
          from: selectors,
        })),
      },
    },
  ],
  approvedByPolicy: ({ payload }) => [
    {
      type: "approved",
      state: "approved",
      detail: null,
      actor: engine,
      reason: payload.decision.because,
      data: { via: "policy", by: [] },
    },
  ],
  deniedByPolicy: ({ payload }) => [
    {
      type: "denied",
      state: "denied",
      detail: null,
      actor: engine,
      reason: payload.decision.because,
      data: { via: "policy", by: [] },
    },
  ],
  lapses: (situation) =>
    countWithVote(situation).lapsing.map((person) => ({
      type: "lapsed",
      state: situation.state.state,
      detail: null,
      actor: engine,
      reason: "no longer counts under the directory of now",
      data: { person },
    })),
  voted: from("vote", (situation, command) => {
    const { seats, counted } = countWithVote(situation);
    const { person, identity, selectors } = voterOf(situation, command.actor.id);
    const { shown } = situation.facts;
    const data = {
      person,
      decision: command.decision,
      via: command.via,
      selectors: [...selectors],
      identity,
      seats,
      counted,
      ...(shown !== undefined && { shown }),
    };
    return {
      type: "voted",
      state: "pending",
      detail: null,
      actor: command.actor,
      reason: command.reason,
      data,
    };
  }),
  approvedByQuorum: (situation) => [
    {
      type: "approved",
      state: "approved",
      detail: null,
      actor: situation.command.actor,
      reason: null,
      data: { via: "quorum", by: count(situation, situation.state.votes).approvers },
    },
  ],
  brokeGlass: from("breakGlass", brokeGlass),
  approvedByBreakGlass: ({ command }) => [
    {
      type: "approved",
      state: "approved",
      detail: null,
      actor: command.actor,
      reason: null,
      data: { via: "break_glass", by: [command.actor.id] },
    },
  ],
  reviewed: from("review", ({ state }, command) => ({
    type: "reviewed",
    state: state.state,
    detail: state.detail,
    actor: command.actor,
    reason: command.note,
    data: { person: command.actor.id, verdict: command.verdict },
  })),
  deniedByVotes: (situation) => [
    {
      type: "denied",
      state: "denied",
      detail: null,
      actor: situation.command.actor,
      reason: reasonOf(situation.command),
      data: { via: "votes", by: count(situation, situation.state.votes).deniers },
    },
  ],
  cancelled: ({ command }) => [
    {
      type: "cancelled",
      state: "cancelled",
      detail: null,
      actor: asksToRun.has(command.type) ? engine : command.actor,
      reason: command.type === "supersede" ? `superseded by ${command.by}` : cancelReason(command),
      data: { supersededBy: command.type === "supersede" ? command.by : null },
    },
  ],
  claimed: from("claim", (situation, command) => ({
    type: "claimed",
    state: "executing",
    detail: null,
    actor: command.actor,
    reason: null,
    // A second attempt inherits the first one's end: attempts never add up to more than `executionMax`.
    data: grip(situation, command, situation.state.deadlines.execution),
  })),
  rollbackClaimed: from("claim", (situation, command) => ({
    type: "rollback_claimed",
    state: "rolling_back",
    detail: null,
    actor: command.actor,
    reason: null,
    data: grip(situation, command, null),
  })),
  heartbeat: ({ payload, state, command, now }) => {
    const ends = state.lease?.executionEnds ?? now;
    const expiresAt = Math.min(now + clocksOf(payload.contract).leaseTtlMs, ends);
    return [
      {
        type: "heartbeat",
        state: state.state,
        detail: null,
        actor: command.actor,
        reason: null,
        data: { expiresAt },
      },
    ];
  },
  executed: from("report", (situation, command) => ({
    type: "executed",
    state: "executed",
    detail: null,
    actor: command.actor,
    reason: command.summary,
    data: reportData(situation, command, "none"),
  })),
  failed: from("report", (situation, command) => ({
    type: "failed",
    state: "failed",
    detail: command.effect,
    actor: command.actor,
    reason: command.summary,
    data: reportData(situation, command, command.effect),
  })),
  rollbackStarted: from("rollback", (_, command) => ({
    type: "rollback_started",
    state: "rolling_back",
    detail: null,
    actor: command.actor,
    reason: command.reason,
    data: {},
  })),
  rollbackStartedByEngine: () => [
    {
      type: "rollback_started",
      state: "rolling_back",
      detail: null,
      actor: engine,
      reason: "the contract rolls a failure back by itself",
      data: {},
    },
  ],
  rolledBack: from("report", (situation, command) => ({
    type: "rolled_back",
    state: "rolled_back",
    detail: null,
    actor: command.actor,
    reason: command.summary,
    data: reportData(situation, command, "none"),
  })),
  escalated: from("escalate", ({ now }, command) => ({
    type: "escalated",
    state: "pending",
    detail: null,
    actor: command.actor,
    reason: "a delivery has failed",
    data: { dueAt: now, level: command.level },
  })),
  feedback: from("feedback", ({ state }, { actor, label, incident, note }) => ({
    type: "feedback",
    state: state.state,
    detail: state.detail,
    actor,
    reason: note,
    data: { label, incident },
  })),
  rollbackFailed: from("report", (situation, command) => ({
    type: "rollback_failed",
    state: "rollback_failed",
    detail: null,
    actor: command.actor,
    reason: command.summary,
    data: reportData(situation, command, command.effect),
  })),
} satisfies Record<string, Build>;

export type Emission = keyof typeof emissions;

/** The events one emission adds, judged by the situation as it is when its turn comes. */
export function emit(emission: Emission, situation: Situation): Draft[] {
  return emissions[emission](situation);
}

/** A draft in its place in the log. */
export function place(draft: Draft, seq: number, at: number): Event {
  return { ...draft, seq, at };
}
