import { durationMs } from "../../../schemas/duration.ts";
import { sameData } from "../same-data.ts";
import { judgeAll } from "../truth.ts";
import type { ActionState } from "../../../schemas/stored.ts";
import { eventOf, type Invariant } from "./invariant.ts";

/** What is promised about breaking the glass beside who may: it is answered for. */

const besideIt = (state: ActionState): unknown => ({
  ...state,
  seq: 0,
  at: 0,
  breakGlass: null,
  deadlines: { ...state.deadlines, review: null },
});

/**
 * Glass is broken for a reason and an incident, over no denial, and says whom it went round; from then on a review is due,
 * which happens once and moves nothing.
 */
export const answeredFor: Invariant = (taken) => {
  const { world, node, move, step } = taken;
  const { payload } = world;
  const { command, env } = move;
  const broken = eventOf(taken, "broke_glass");
  if (broken !== undefined) {
    if (command.type !== "breakGlass" || step.refusal !== null) return `broken by ${command.type}`;
    if (command.reason.trim().length < 20) return "broken without a reason";
    if (command.incident.trim() === "") return "broken without an incident";
    const { denied } = judgeAll(payload, env.contract, env.directory, node.history.votes, node.now);
    if (denied) return "broken over a denial";
    const { told, skipped, person } = broken.data;
    if (skipped.length === 0 || told.includes(person)) return "it does not say whom it went round";
    const dueMs = durationMs(payload.contract.breakGlass?.reviewDue ?? "") ?? 0;
    if (step.state.deadlines.review !== node.now + dueMs) return "its review is due at another time";
  }
  const { breakGlass } = step.state;
  if ((breakGlass === null) !== (taken.after.glass === null)) return "who broke the glass is not told";
  if (breakGlass !== null && breakGlass.review === null && step.state.deadlines.review === null) {
    return "nobody is to review it";
  }
  if (command.type !== "review" || step.refusal !== null) return null;
  if (node.history.glass === null) return "reviewed what nobody did";
  if (taken.after.reviews > 1) return "reviewed twice";
  return sameData(besideIt(node.settled), besideIt(step.state)) ? null : "a review moved it";
};
