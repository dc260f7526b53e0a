import { glassReasonLength } from "../../schemas/break-glass.ts";
import { limits } from "../../schemas/limits.ts";
import type { ProblemCode } from "../../schemas/problem.ts";
import type { Situation } from "./command.ts";
import { mayDecide } from "./counting.ts";
import { glassRight, reviewRight } from "./glass.ts";
import type { Guard } from "./guards.ts";

type Saying = {
  code: ProblemCode;
  detail: string | ((situation: Situation) => string);
  pointer?: string;
  /** When it may be tried again (epoch ms), where that is known. */
  until?: (situation: Situation) => number | null;
};

const fenced: Saying = {
  code: "fenced",
  detail:
    "This lease and fence are not the current ones: stop the work. What you reported is kept as evidence.",
};

/** What a caller is told when a guard in `needs` does not hold. A guard without a line is only ever used to choose an edge. */
export const refusals: Partial<Record<Guard, Saying>> = {
  eligible: {
    code: "not_eligible",
    detail: (situation) => {
      const verdict = mayDecide(situation, situation.command.actor.id);
      return verdict.eligible ? "Only people decide." : `You cannot decide here: ${verdict.because}.`;
    },
  },
  sameDigest: {
    code: "digest_mismatch",
    detail: "Read the action again and send its `digest`: another one names something else.",
  },
  reasonForDenial: {
    code: "reason_required",
    detail: "Say why, in `reason`: the agent mends its request by it.",
    pointer: "/reason",
  },
  mayBreakGlass: {
    code: "not_eligible",
    detail: (situation) => {
      const right = glassRight(situation, situation.command.actor.id);
      return right.allowed ? "Only people break the glass." : `You cannot break the glass: ${right.because}.`;
    },
  },
  accounted: {
    code: "invalid_body",
    detail: `Give a reason of at least ${glassReasonLength} characters and the incident's reference.`,
  },
  undenied: {
    code: "wrong_state",
    detail: "Enough people have denied it by the rules of now, and no glass is broken over a denial.",
  },
  reviewOpen: {
    code: "wrong_state",
    detail: ({ state }) =>
      state.breakGlass === null
        ? "Nobody has broken the glass here, so there is nothing to review."
        : "It has been reviewed already; the action says by whom.",
  },
  mayReview: {
    code: "not_eligible",
    detail: (situation) => {
      const right = reviewRight(situation);
      return right.allowed ? "Only people review." : `You cannot review this: ${right.because}.`;
    },
  },
  requesterOrOwner: { code: "forbidden", detail: "Only the agent that asked, or its owner, cancels it." },
  sameRequester: { code: "forbidden", detail: "Only the agent that asked replaces its own request." },
  mayRevoke: {
    code: "forbidden",
    detail: "Only a counted approver, the agent's owner or an operator revokes it.",
  },
  executorInScope: {
    code: "out_of_scope",
    detail: ({ facts }) => facts.outOfScope ?? "Only an agent claims: use an agent's key.",
  },
  begun: {
    code: "wrong_state",
    detail: ({ payload }) => `It may not start before ${payload.notBefore ?? "its time"}; claim it then.`,
  },
  preconditionsGiven: {
    code: "invalid_body",
    detail: "Send the preconditions as you observe them now, so that drift is seen.",
    pointer: "/preconditions",
  },
  undrifted: {
    code: "wrong_state",
    detail: "What you observe is not what was approved. Ask again with the preconditions of now.",
  },
  unstopped: {
    code: "wrong_state",
    detail: "The policy in force no longer lets this run, so it is not handed out again.",
  },
  quorumKept: {
    code: "wrong_state",
    detail: "A voter who counted no longer does, so it is not handed out again.",
  },
  unfrozen: {
    code: "frozen",
    detail: ({ facts: { frozen } }) =>
      `Nothing of its kind starts during the freeze ${frozen?.name ?? ""}: ${frozen?.because ?? ""}. Claim it after its end, if its approval lasts as long.`,
    until: ({ facts }) => facts.frozen?.until ?? null,
  },
  unleased: {
    code: "leased",
    detail: "It has been claimed, and an approval is good for one run. Watch it, or ask again.",
  },
  currentLease: fenced,
  currentLeaseOrFirstAnswer: fenced,
  firstAnswer: fenced,
  firstAnswerOrResolution: fenced,
  rollbackAgreed: {
    code: "wrong_state",
    detail:
      "No rollback was agreed for it: its contract or its request has none. Ask for a new action that undoes it.",
  },
  somethingToUndo: {
    code: "wrong_state",
    detail: "It failed without an effect, so there is nothing to undo.",
  },
  mayRollBack: {
    code: "forbidden",
    detail: "The agent's owner, a counted approver or someone on call starts a rollback.",
  },
  mayGiveFeedback: {
    code: "forbidden",
    detail:
      "People of the directory say what they think of an action, and services whose key may; agents never do.",
  },
  feedbackRoom: {
    code: "conflict",
    detail: `It has been spoken of ${limits.feedback} times, and no more is kept of one action. Nothing was changed.`,
  },
  nextLevel: {
    code: "wrong_state",
    detail: "It has escalated that far already, or no further level is named.",
  },
  insideRollbackWindow: {
    code: "wrong_state",
    detail: "Its rollback window is over. Ask for a new action that undoes it.",
  },
};
