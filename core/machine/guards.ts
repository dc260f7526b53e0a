import { glassReasonLength } from "../../schemas/break-glass.ts";
import { limits } from "../../schemas/limits.ts";
import { selectorContext } from "../eligibility.ts";
import { canonicalJson } from "../canonical.ts";
import { isEngineType } from "../engine-actions.ts";
import { clocksOf } from "../clocks.ts";
import { escalationLevels } from "../notify.ts";
import { seatsOf } from "../quorum.ts";
import { decide } from "../policy/decide.ts";
import { glassRight, reviewRight } from "./glass.ts";
import { subjectOf } from "../policy/subject.ts";
import { count, mayDecide, versionsOf, withVote, type Count } from "./counting.ts";
import type { Command, Situation } from "./command.ts";

type Predicate = (situation: Situation) => boolean;
type CommandOf<Type extends Command["type"]> = Extract<Command, { type: Type }>;

/** A guard that means something for one command only; for any other it does not hold. */
function on<Type extends Command["type"]>(
  type: Type,
  predicate: (situation: Situation, command: CommandOf<Type>) => boolean,
): Predicate {
  const isType = (command: Command): command is CommandOf<Type> => command.type === type;
  return (situation) => isType(situation.command) && predicate(situation, situation.command);
}

/** Counts of commands being decided: guards and events of one step ask for the same one several times. */
const counts = new WeakMap<Command, { of: Situation; count: Count }>();

/** The count with this command's vote in it. */
export function countWithVote(situation: Situation): Count {
  const { state, command, facts, now, payload } = situation;
  const kept = counts.get(command);
  const same =
    kept?.of.state === state && kept.of.facts === facts && kept.of.now === now && kept.of.payload === payload;
  if (kept !== undefined && same) return kept.count;
  const fresh = freshCount(situation);
  counts.set(command, { of: situation, count: fresh });
  return fresh;
}

function freshCount(situation: Situation): Count {
  const { state, command } = situation;
  if (command.type !== "vote") return count(situation, state.votes);
  return count(situation, withVote(state.votes, { person: command.actor.id, decision: command.decision }));
}

const isRequesterOrOwner: Predicate = ({ payload, command }) =>
  command.actor.id === payload.requester.id || command.actor.id === payload.requester.owner;

const currentLease: Predicate = ({ state, command }) =>
  (command.type === "report" || command.type === "heartbeat") &&
  state.lease !== null &&
  state.lease.executor === command.actor.id &&
  state.lease.id === command.lease &&
  state.lease.fence === command.fence;

/** The very lease whose report settled a run reports again. */
const firstAnswer: Predicate = on("report", ({ state }, command) => {
  const { reported, lastLease } = state;
  return (
    reported?.lease === command.lease &&
    reported.fence === command.fence &&
    lastLease?.executor === command.actor.id
  );
});

/** The lease that was lost speaks after all, once, before anybody has started to undo it: a failure nobody reported is of a lost one. */
const resolution: Predicate = on("report", ({ state: { reported, lastLease } }, command) => {
  return (
    reported === null &&
    lastLease?.id === command.lease &&
    lastLease.fence === command.fence &&
    lastLease.executor === command.actor.id
  );
});

const sameJson = (
  a: Situation["payload"]["preconditions"],
  b: Situation["payload"]["preconditions"],
): boolean => canonicalJson(a) === canonicalJson(b);

const drifted: Predicate = on(
  "claim",
  ({ payload }, command) => !sameJson(payload.preconditions, command.preconditions),
);

const stoppedByPolicy: Predicate = (situation) => {
  const { payload, facts, now } = situation;
  if (facts.contract === null || facts.contract.mode === "disabled") return true;
  const subject = subjectOf(payload, facts.directory, now);
  const outcomes = versionsOf(situation).map((contract) => decide(contract, subject, facts.judge).outcome);
  if (outcomes.includes("deny")) return true;
  return payload.decision.outcome === "allow" && !outcomes.every((outcome) => outcome === "allow");
};

/** Who approved it is looked at again: the voters, or whoever broke the glass. */
const quorumLost: Predicate = (situation) => {
  const { via, votes, breakGlass } = situation.state;
  if (via === "policy") return false;
  if (via !== "break_glass") return !count(situation, votes).approved;
  return breakGlass === null || !glassRight(situation, breakGlass.person).allowed;
};

const rollbackAgreed: Predicate = ({ payload }) =>
  payload.contract.rollback !== null && payload.rollbackPlan !== null;

/** Of the group `oncall`, or on call this moment in a schedule that the contract's rule names. */
const onCall: Predicate = ({ payload, facts: { directory }, command, now }) => {
  const { requester, target, contract } = payload;
  const { groups } = directory;
  const members = Object.hasOwn(groups, "oncall") ? groups["oncall"]?.members : undefined;
  if (members?.includes(command.actor.id) === true) return true;
  const named = seatsOf(contract.rule).flatMap(({ from }) => from);
  const { oncall } = selectorContext(directory, requester, target, named, now);
  return Object.values(oncall).some((people) => people.includes(command.actor.id));
};

/** Named predicates; the table holds their names, so that it prints, and a refusal can say which one failed. */
const predicates = {
  policyDenies: ({ payload }) => payload.decision.outcome === "deny",
  policyAllows: ({ payload }) => payload.decision.outcome === "allow",
  eligible: (situation) =>
    situation.command.actor.kind === "person" && mayDecide(situation, situation.command.actor.id).eligible,
  sameDigest: ({ payload, command }) => "digest" in command && command.digest === payload.digest,
  reasonForDenial: on("vote", (_, command) => command.decision !== "deny" || command.reason !== null),
  denied: (situation) => countWithVote(situation).denied,
  // Votes that fell short may suffice once the directory or the policy has changed. Only an approval closes them then.
  quorum: on(
    "vote",
    (situation, command) => command.decision === "approve" && countWithVote(situation).approved,
  ),
  mayBreakGlass: (situation) =>
    situation.command.actor.kind === "person" && glassRight(situation, situation.command.actor.id).allowed,
  accounted: on(
    "breakGlass",
    (_, { reason, incident }) => reason.trim().length >= glassReasonLength && incident.trim() !== "",
  ),
  undenied: (situation) => !count(situation, situation.state.votes).denied,
  reviewOpen: ({ state }) => state.breakGlass !== null && state.breakGlass.review === null,
  mayReview: (situation) => reviewRight(situation).allowed,
  stoppedByPolicy,
  unstopped: (situation) => !stoppedByPolicy(situation),
  quorumLost,
  quorumKept: (situation) => !quorumLost(situation),
  requesterOrOwner: isRequesterOrOwner,
  sameRequester: ({ payload, command }) => command.actor.id === payload.requester.id,
  mayRevoke: ({ payload, state, command, facts }) =>
    facts.operator ||
    command.actor.id === payload.requester.owner ||
    state.decidedBy.includes(command.actor.id),
  executorInScope: ({ payload, command, facts }) =>
    command.actor.kind === (isEngineType(payload.type) ? "engine" : "agent") && facts.outOfScope === null,
  begun: ({ payload, now }) => payload.notBefore === null || now >= Date.parse(payload.notBefore),
  preconditionsGiven: on(
    "claim",
    ({ payload }, command) => payload.preconditions === null || command.preconditions !== null,
  ),
  drifted,
  undrifted: (situation) => !drifted(situation),
  // What policy has stopped is to be cancelled, and not to be told to wait.
  // Breaking the glass skips a freeze as it skips the missing votes: it is for the emergency that does not keep the calendar.
  unfrozen: (situation) =>
    (situation.facts.frozen ?? null) === null ||
    situation.state.via === "break_glass" ||
    stoppedByPolicy(situation),
  unleased: ({ state }) => state.lease === null,
  currentLease,
  currentLeaseOrFirstAnswer: (situation) => currentLease(situation) || firstAnswer(situation),
  firstAnswer,
  firstAnswerOrResolution: (situation) => firstAnswer(situation) || resolution(situation),
  resolution,
  succeeded: on("report", (_, command) => command.outcome === "succeeded"),
  undoneByItself: on(
    "report",
    (situation, command) =>
      command.effect !== "none" &&
      situation.payload.contract.rollback?.auto === "failed" &&
      rollbackAgreed(situation),
  ),
  mayGiveFeedback: ({ command: { actor }, facts: { directory } }) =>
    actor.kind === "person"
      ? Object.hasOwn(directory.people, actor.id) && directory.people[actor.id]?.active === true
      : actor.kind === "service",
  feedbackRoom: ({ state }) => (state.feedback?.count ?? 0) < limits.feedback,
  rollbackAgreed,
  somethingToUndo: ({ state }) => state.detail !== "none",
  mayRollBack: (situation) => {
    const { payload, state, command } = situation;
    return (
      command.actor.id === payload.requester.owner ||
      state.decidedBy.includes(command.actor.id) ||
      onCall(situation)
    );
  },
  insideRollbackWindow: ({ state, now }) =>
    state.deadlines.rollback !== null && now < state.deadlines.rollback,
  nextLevel: on(
    "escalate",
    ({ payload, state }, command) =>
      command.level === state.escalations + 1 &&
      command.level <= escalationLevels(payload.contract, clocksOf(payload.contract).escalateAfterMs.length),
  ),
} satisfies Record<string, Predicate>;

export type Guard = keyof typeof predicates;

/** Whether a named guard holds. */
export function holds(guard: Guard, situation: Situation): boolean {
  return predicates[guard](situation);
}
