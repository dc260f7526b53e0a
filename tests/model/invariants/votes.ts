import type { ActionState } from "../../../schemas/stored.ts";
import type { Taken } from "../node.ts";
import { sameData } from "../same-data.ts";
import type { Contract } from "../../../schemas/policy.ts";
import {
  holdsTheRight,
  isStopped,
  judge,
  judgeAll,
  mayLookBack,
  policySays,
  standpoint,
  versionsFor,
  type Votes,
} from "../truth.ts";
import { eventOf, type Invariant } from "./invariant.ts";

/** What is promised about votes, quorum and binding, judged by `truth.ts` and not by the machine's own count. */

/** The votes with the one just offered, whether or not it was taken. */
function votesOffered({ node, move: { command, env }, world: { payload } }: Taken): Votes {
  if (command.type !== "vote") return node.history.votes;
  const stood = standpoint(payload, payload.contract, env.directory, command.actor.id, node.now);
  return { ...node.history.votes, [command.actor.id]: { decision: command.decision, stood } };
}

/** I1: executing takes a satisfied rule or a policy that allows. No timeout approves, and nothing but an approval. */
export const agreed: Invariant = (taken) => {
  const { world, node, move, step, after } = taken;
  const { payload } = world;
  const { command, env } = move;
  const approved = eventOf(taken, "approved");
  const votes = votesOffered(taken);
  if (approved?.data.via === "policy") {
    if (command.type !== "create" || policySays(payload.contract) !== "allow") {
      return "approved by a policy that does not allow it";
    }
  } else if (approved?.data.via === "break_glass") {
    if (eventOf(taken, "broke_glass") === undefined) return "approved by glass that nobody broke";
  } else if (approved !== undefined) {
    if (step.refusal !== null || command.type !== "vote" || command.decision !== "approve") {
      return `approved by ${command.type} and not by an approval`;
    }
    const { approved: satisfied, denied } = judge(payload, payload.contract, env.directory, votes, node.now);
    if (!satisfied || denied) return `approved although the rule is ${denied ? "denied" : "not satisfied"}`;
    const stranger = approved.data.by.find((person) => after.votes[person]?.decision !== "approve");
    if (stranger !== undefined) return `${stranger} is named an approver and has not approved`;
  }
  if (eventOf(taken, "claimed") !== undefined) {
    const isAllowed = payload.decision.outcome === "allow";
    if (isStopped(payload, env.contract)) return "claimed although the policy in force stops it";
    if (!isAllowed && node.history.glass !== null) return glassStands(taken, [payload.contract]);
    if (!isAllowed && !judge(payload, payload.contract, env.directory, votes, node.now).approved) {
      return "claimed without a satisfied rule";
    }
  }
  return null;
};

/** Whoever broke the glass still may, by each of these versions. */
function glassStands(
  { world: { payload }, node: { history, now }, move: { env, command } }: Taken,
  versions: readonly Contract[],
): string | null {
  const person = command.type === "breakGlass" ? command.actor.id : history.glass;
  const isRight = versions.every(
    (contract) => person !== null && holdsTheRight(payload, contract, env.directory, person, now),
  );
  return isRight ? null : `${person} has no right to break the glass, ${env.name}`;
}

/** A vote does neither more nor less than the votes say: a rule that is satisfied is not passed over either. */
export const counts: Invariant = (taken) => {
  const {
    world: { payload },
    node,
    move: { command, env },
    step,
  } = taken;
  if (command.type !== "vote" || step.refusal !== null) return null;
  const votes = votesOffered(taken);
  const { denied, approved: satisfied } = judgeAll(payload, env.contract, env.directory, votes, node.now);
  const wanted = denied ? "denied" : satisfied && command.decision === "approve" ? "approved" : "pending";
  return step.state.state === wanted
    ? null
    : `by these votes it should be ${wanted} and is ${step.state.state}`;
};

/** Whether somebody may decide here, be it by a vote, alone, or by looking back; null for what decides nothing. */
function isEntitled({
  world: { payload },
  node: { history, now },
  move: { command, env, facts },
}: Taken): boolean | null {
  const { id: person, kind } = command.actor;
  const versions = versionsFor(payload, env.contract);
  switch (command.type) {
    case "vote":
      return (
        kind === "person" &&
        versions.some((contract) => standpoint(payload, contract, env.directory, person, now) !== null)
      );
    case "breakGlass":
      return (
        kind === "person" &&
        versions.every((contract) => holdsTheRight(payload, contract, env.directory, person, now))
      );
    case "review": {
      const { glass: breaker } = history;
      const { operator } = facts;
      return (
        kind === "person" &&
        breaker !== null &&
        mayLookBack(payload, env.directory, { person, breaker, operator }, now)
      );
    }
    default:
      return null;
  }
}

/** I2: what somebody does who does not count is refused and changes nothing. */
export const excluded: Invariant = (taken) => {
  const { node, move, step } = taken;
  const entitled = isEntitled(taken);
  if (entitled !== false) return null;
  const { actor, type } = move.command;
  if (step.refusal === null) return `${actor.id} does not count and was let ${type}`;
  const what = { ...node.settled, seq: 0, at: 0, lateEvents: 0 };
  return sameData(what, { ...step.state, seq: 0, at: 0, lateEvents: 0 })
    ? null
    : `a ${type} that does not count changed the state`;
};

/** I7: an approval never unsatisfies, a denial (or a withdrawal) never satisfies. */
export const monotone: Invariant = ({ world: { payload }, node, move: { command, env }, step }) => {
  if (
    command.type !== "vote" ||
    step.refusal !== null ||
    node.history.votes[command.actor.id] !== undefined
  ) {
    return null;
  }
  const before = judgeAll(payload, env.contract, env.directory, node.history.votes, node.now);
  const { state } = step.state;
  if (command.decision !== "approve" && state === "approved") return `${command.decision} approved it`;
  if (command.decision !== "deny" && state === "denied" && !before.denied) {
    return `${command.decision} denied it`;
  }
  if (command.decision === "approve" && before.approved && state !== "approved") {
    return "one approval more, and it is no longer approved";
  }
  if (command.decision === "deny" && before.denied && state !== "denied") {
    return "one denial more, and it is no longer denied";
  }
  return null;
};

const place = ({ state, detail, votes, deadlines, decidedBy, counted, seats }: ActionState): unknown => ({
  state,
  detail,
  deadlines,
  decidedBy: decidedBy.toSorted(),
  counted: counted.toSorted(),
  seats,
  votes: votes.map(({ person, decision, lapsed }) => `${person} ${decision} ${lapsed}`).toSorted(),
});

/**
 * I8: two people's first votes lead to the same place in either order, unless the first to come closes it. Asked where
 * an event has just led, and wherever a delegation may end: time alone changes nothing else about a count.
 */
export const orderless: Invariant = ({
  world: { payload, voters, moments },
  machine,
  node,
  move: { command, env, facts },
  step,
}) => {
  if (node.events.length === 0 && moments.length === 0) return null;
  if (command.type !== "vote" || step.refusal !== null || command.decision === "withdraw") return null;
  const isNew = ({ id }: { id: string }): boolean =>
    node.history.votes[id] === undefined && id !== command.actor.id;
  if (node.history.votes[command.actor.id] !== undefined) return null;
  for (const actor of voters.filter(isNew)) {
    for (const decision of ["approve", "deny"] as const) {
      const other = { ...command, actor, decision, reason: "why" };
      const alone = machine.step(payload, node.state, other, facts, node.now);
      if (alone.refusal !== null || alone.state.state !== "pending") continue;
      const second = machine.step(payload, alone.state, command, facts, node.now);
      if (step.state.state !== "pending") {
        if (second.state.state !== step.state.state) {
          return `after ${actor.id}'s ${decision} the same vote leads to ${second.state.state}`;
        }
        continue;
      }
      const swapped = machine.step(payload, step.state, other, facts, node.now);
      if (!sameData(place(second.state), place(swapped.state))) {
        return `with ${actor.id}'s ${decision} before it leads to ${second.state.state}, after it to ${swapped.state.state} ${env.name}`;
      }
    }
  }
  return null;
};

/** I9: with `tighten`, what is approved or claimed satisfies the version in force as well. */
export const tightened: Invariant = (taken) => {
  const {
    world: { payload },
    node,
    move: { env },
  } = taken;
  const approved = eventOf(taken, "approved");
  const decided =
    (approved !== undefined && approved.data.via !== "policy") || eventOf(taken, "claimed") !== undefined;
  if (!decided || payload.contract.onChange === "pin") return null;
  if (env.contract === null || policySays(env.contract) === "deny") {
    return "decided although the type is gone or denied";
  }
  if (payload.decision.outcome === "allow") {
    return policySays(env.contract) === "allow" ? null : "claimed although the policy asks people now";
  }
  if (taken.after.glass !== null) return glassStands(taken, [env.contract]);
  const { approved: satisfied, denied } = judge(
    payload,
    env.contract,
    env.directory,
    votesOffered(taken),
    node.now,
  );
  return satisfied && !denied ? null : `the version in force is not satisfied: ${env.name}`;
};

/** What was approved is what runs: a vote or a claim that names another digest, or observes something else, is refused. */
export const bound: Invariant = ({ world: { payload }, move: { command }, step, node }) => {
  if (command.type !== "vote" && command.type !== "claim" && command.type !== "breakGlass") return null;
  if (command.digest !== payload.digest && step.refusal === null) return "another digest was accepted";
  if (command.type === "claim" && step.refusal === null && node.settled.state !== "rolling_back") {
    if (!sameData(command.preconditions, payload.preconditions)) return "claimed although it had drifted";
    if (payload.notBefore !== null && node.now < Date.parse(payload.notBefore)) {
      return "claimed before its time";
    }
  }
  return null;
};

/** Every vote that was accepted is in the state, the latest of each person, and says whether it counts. */
export const remembered: Invariant = (taken) => {
  const {
    world: { payload },
    node,
    move: { env },
    step,
    after,
  } = taken;
  if (step.state.votes === node.state.votes && after.votes === node.history.votes) return null;
  const given = Object.entries(after.votes).map(([person, { decision }]) => `${person} ${decision}`);
  const kept = step.state.votes.map(({ person, decision }) => `${person} ${decision}`);
  if (!sameData(given.toSorted(), kept.toSorted())) return `votes [${kept.join()}] and not [${given.join()}]`;
  const voted = eventOf(taken, "voted");
  if (voted === undefined) return null;
  const { counted } = judgeAll(payload, env.contract, env.directory, after.votes, node.now);
  return sameData(counted.toSorted(), voted.data.counted.toSorted())
    ? null
    : `[${voted.data.counted.join()}] count and should be [${counted.join()}]`;
};
