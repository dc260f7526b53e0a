import type { Taken } from "../node.ts";
import type { Invariant } from "./invariant.ts";

/** What is promised about who may do what, besides voting. */

/** Who may give a command, from semantics §2 and §7 and the API's own words. */
function mayGive({
  world: { payload },
  node: { settled, history },
  move: { command, facts },
}: Taken): boolean {
  const { id, kind } = command.actor;
  const { requester } = payload;
  const hasApproved =
    (settled.via === "quorum" && history.votes[id]?.decision === "approve") ||
    (settled.via === "break_glass" && history.glass === id);
  switch (command.type) {
    case "cancel":
      return id === requester.id || id === requester.owner;
    case "supersede":
      return id === requester.id;
    case "revoke":
      return facts.operator || id === requester.owner || hasApproved;
    case "claim":
      return kind === "agent" && facts.outOfScope === null;
    case "rollback":
      return (
        id === requester.owner ||
        hasApproved ||
        facts.directory.groups["oncall"]?.members.includes(id) === true
      );
    case "feedback":
      return kind === "service" || facts.directory.people[id]?.active === true;
    default:
      return true;
  }
}

/** Nobody does what they may not, or without the words that it takes. */
export const authorised: Invariant = (taken) => {
  const {
    world: { payload },
    node: { settled },
    move: { command },
    step,
  } = taken;
  if (step.refusal !== null) return null;
  if (!mayGive(taken)) return `${command.actor.id} may not ${command.type}`;
  if (command.type === "vote" && command.decision === "deny" && command.reason === null) {
    return "denied without a reason";
  }
  if (command.type === "rollback" && settled.state === "failed" && settled.detail === "none") {
    return "rolled back what had no effect";
  }
  const isUnsaid =
    command.type === "claim" && payload.preconditions !== null && command.preconditions === null;
  return isUnsaid && settled.state !== "rolling_back" ? "claimed without saying what is observed" : null;
};
