import type { Invariant } from "./invariant.ts";

/** What is promised about claims, leases, fences and reports. */

/** I3: one claim an approval, but for what an idempotent contract grants; one rollback; fences that only grow. */
export const once: Invariant = (taken) => {
  const { world, node, after, step } = taken;
  const { idempotent, maxAttempts } = world.payload.contract;
  if (after.claims > (idempotent ? maxAttempts : 1)) return `claimed ${after.claims} times`;
  if (after.undone > 1) return "rolled back twice";
  if (after.lateReports > 1) return "failed{unknown} was resolved twice";
  for (const event of step.events) {
    if (event.type !== "claimed" && event.type !== "rollback_claimed") continue;
    if (event.data.fence <= node.history.fence) {
      return `the fence went from ${node.history.fence} to ${event.data.fence}`;
    }
    if (node.settled.lease !== null) return "claimed while another lease is held";
  }
  return null;
};

/** A lease is its holder's, for its time: renewals stay inside `executionMax`, and nobody else reports under it. */
export const leased: Invariant = ({ world: { payload }, node, move: { command }, step, after }) => {
  const { lease, fence, state } = step.state;
  if (fence !== after.fence) return `the fence is ${fence} and should be ${after.fence}`;
  if (lease !== null) {
    if (state !== "executing" && state !== "rolling_back") return `a lease in ${state}`;
    if (lease.fence !== fence) return "a lease with an old fence";
    if (lease.expiresAt > lease.executionEnds || lease.executionEnds !== after.executionEnds) {
      return "a lease past executionMax";
    }
    if (lease.expiresAt !== step.state.deadlines.lease) return "a lease whose deadline is another";
    if (lease.expiresAt - node.now > 600_000) return "a lease longer than any leaseTtl";
  }
  if ((command.type !== "report" && command.type !== "heartbeat") || step.refusal !== null) return null;
  const { settled } = node;
  const held = settled.lease ?? settled.lastLease;
  const known = [held, settled.lastLease].some(
    (one) => one?.executor === command.actor.id && one.id === command.lease && one.fence === command.fence,
  );
  if (!known) return "accepted from somebody who holds no lease";
  if (payload.contract.rollback === null && state === "rolling_back") {
    return "rolling back although none was agreed";
  }
  return null;
};

/** A report that has been answered is answered again as it was then, and changes nothing more. */
export const answeredAgain: Invariant = ({ node: { settled }, move: { command }, step }) => {
  if (command.type !== "report" || settled.reported === null || settled.lease?.id === command.lease) {
    return null;
  }
  const { lease, fence, seq } = settled.reported;
  if (
    command.lease !== lease ||
    command.fence !== fence ||
    command.actor.id !== settled.lastLease?.executor
  ) {
    return null;
  }
  if (step.refusal !== null) return `its own report is refused: ${step.refusal.code}`;
  return step.state.seq === settled.seq && step.answerSeq === seq ? null : "a repeated report did something";
};
