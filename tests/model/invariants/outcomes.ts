import { policySays } from "../truth.ts";
import type { Taken } from "../node.ts";
import type { Invariant } from "./invariant.ts";

/** What is promised about where a command leads that was in order. */

/** A report that ends a run, or resolves a lost one, leads where it says. */
function reportLeads({ world: { payload }, node: { settled }, move: { command } }: Taken): string | null {
  if (command.type !== "report") return null;
  const succeeded = command.outcome === "succeeded";
  if (settled.state === "rolling_back") return succeeded ? "rolled_back" : "rollback_failed";
  if (succeeded) return "executed";
  const { rollback } = payload.contract;
  const isUndone = rollback?.auto === "failed" && payload.rollbackPlan !== null && command.effect !== "none";
  return isUndone ? "rolling_back" : `failed{${command.effect}}`;
}

function leadsTo(taken: Taken): string | null {
  const { payload } = taken.world;
  switch (taken.move.command.type) {
    case "create":
      return { allow: "approved", gate: "pending", deny: "denied" }[policySays(payload.contract)];
    case "cancel":
      return "cancelled{requester}";
    case "revoke":
      return "cancelled{revoked}";
    case "supersede":
      return "cancelled{superseded}";
    case "stopByPolicy":
      return "cancelled{policy}";
    case "claim":
      return taken.node.settled.state === "rolling_back" ? "rolling_back" : "executing";
    case "breakGlass":
      return "approved";
    case "review":
      return placeOf(taken.node.settled);
    case "rollback":
      return "rolling_back";
    case "report":
      return reportLeads(taken);
    default:
      return null;
  }
}

const placeOf = ({ state, detail }: Taken["step"]["state"]): string =>
  detail === null ? state : `${state}{${detail}}`;

/** What is accepted leads to the state and detail that semantics §2 and §7 name for it. */
export const lands: Invariant = (taken) => {
  const { step } = taken;
  if (step.refusal !== null || step.answerSeq !== null) return null;
  const wanted = leadsTo(taken);
  const place = placeOf(step.state);
  // A rollback's own failure says what it left behind in its outcome.
  return wanted === null || wanted === place ? null : `it should have led to ${wanted} and led to ${place}`;
};

/** In a freeze nothing starts, a rollback does, and what policy has stopped is not told to wait. */
export const still: Invariant = ({ node: { settled }, move: { command, facts }, step }) => {
  if (command.type !== "claim") return null;
  const isFrozen = (facts.frozen ?? null) !== null;
  const isUndoing = settled.state === "rolling_back";
  if (step.refusal === null) return isFrozen && !isUndoing ? "it was started in a freeze" : null;
  if (step.refusal.code !== "frozen") return null;
  if (!isFrozen || isUndoing) return "it is told of a freeze that does not keep it";
  return facts.contract?.mode === "disabled" ? "what is stopped was told to wait" : null;
};

/** Only a report is answered without anything happening, and a tick when nothing is due. */
export const acts: Invariant = ({ node: { settled }, move: { command }, step }) => {
  if (step.refusal !== null || command.type === "tick" || step.state.seq > settled.seq) return null;
  return command.type === "report" && step.answerSeq !== null
    ? null
    : `${command.type} was accepted and did nothing`;
};

/** An executor that does not say what it observes is asked to, and costs nobody the approval. */
export const asksForPreconditions: Invariant = ({
  world: { payload },
  node,
  move: { command, facts },
  step,
}) => {
  const { settled, now } = node;
  if (command.type !== "claim" || command.preconditions !== null || payload.preconditions === null) {
    return null;
  }
  const isClaimable =
    settled.state === "approved" || (settled.state === "executing" && settled.lease === null);
  const isHis =
    command.actor.kind === "agent" && facts.outOfScope === null && command.digest === payload.digest;
  const begun = payload.notBefore === null || now >= Date.parse(payload.notBefore);
  if (!isClaimable || !isHis || !begun) return null;
  return step.refusal?.code === "invalid_body" ? null : `it is told ${step.refusal?.code ?? "nothing"}`;
};
