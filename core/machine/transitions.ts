import type { Detail, State } from "../../schemas/action.ts";
import type { ProblemCode } from "../../schemas/problem.ts";
import type { CommandType, Place } from "./command.ts";
import type { Emission } from "./emissions.ts";
import type { Guard } from "./guards.ts";

/**
 * One way a command can go. The first edge whose guards all hold is taken. `refuse` marks an edge that moves the
 * action and still answers its caller with a refusal: what they asked for is what did not happen.
 */
export type Edge = {
  readonly if?: readonly Guard[];
  readonly to: State;
  readonly detail?: Detail;
  readonly emit: readonly Emission[];
  readonly refuse?: { readonly code: ProblemCode; readonly detail: string };
};

/** What a state does with a command: `needs` must all hold, and the first that does not names the refusal. */
export type Cell = { readonly needs: readonly Guard[]; readonly edges: readonly Edge[] };

const cancelled = (detail: Detail): Cell["edges"] => [{ to: "cancelled", detail, emit: ["cancelled"] }];
const stoppedByPolicy: Cell = { needs: [], edges: cancelled("policy") };
const supersede: Cell = { needs: ["sameRequester"], edges: cancelled("superseded") };
const cancel: Cell = { needs: ["requesterOrOwner"], edges: cancelled("requester") };

/** A report for a run that has ended: its first answer again, or evidence of a stale executor. */
const reportedAlready: Cell = { needs: ["firstAnswer"], edges: [] };

/** A review looks back: it may come in any state that follows, and moves none. */
const review = (state: State): Cell => ({
  needs: ["reviewOpen", "mayReview"],
  edges: [{ to: state, emit: ["reviewed"] }],
});

const rollback: Cell = {
  needs: ["rollbackAgreed", "mayRollBack", "insideRollbackWindow"],
  edges: [{ to: "rolling_back", emit: ["rollbackStarted"] }],
};

/** A word on the action, in any state: kept in its log, and nothing else of it changes. */
const feedbackIn = (state: State): { feedback: Cell } => ({
  feedback: { needs: ["mayGiveFeedback", "feedbackRoom"], edges: [{ to: state, emit: ["feedback"] }] },
});

const drifted =
  "What you observe is not what was approved, so it was cancelled. Ask again with the preconditions of now.";
const quorumLost = "A voter who counted no longer does, so it was cancelled. Ask again.";
const stopped = "The policy in force no longer lets this run, so it was cancelled.";

/**
 * The whole machine (semantics §2): state → command → edges. A missing cell is illegal: `wrong_state`, logged as a
 * late command. Deadlines are settled before any cell is looked up (`deadlines.ts`), so nothing here asks whether
 * time is up. No edge goes back.
 */
export const transitions: Readonly<Record<Place, Readonly<Partial<Record<CommandType, Cell>>>>> = {
  new: {
    create: {
      needs: [],
      edges: [
        { if: ["policyDenies"], to: "denied", emit: ["requested", "deniedByPolicy"] },
        { if: ["policyAllows"], to: "approved", emit: ["requested", "approvedByPolicy"] },
        { to: "pending", emit: ["requested"] },
      ],
    },
  },
  pending: {
    ...feedbackIn("pending"),
    vote: {
      needs: ["eligible", "sameDigest", "reasonForDenial"],
      edges: [
        {
          if: ["stoppedByPolicy"],
          to: "cancelled",
          detail: "policy",
          emit: ["cancelled"],
          refuse: { code: "wrong_state", detail: stopped },
        },
        { if: ["denied"], to: "denied", emit: ["lapses", "voted", "deniedByVotes"] },
        { if: ["quorum"], to: "approved", emit: ["lapses", "voted", "approvedByQuorum"] },
        { to: "pending", emit: ["lapses", "voted"] },
      ],
    },
    cancel,
    supersede,
    stopByPolicy: stoppedByPolicy,
    // The missing quorum is all that it skips: the claim that follows asks everything that it asks of any approval.
    breakGlass: {
      needs: ["mayBreakGlass", "sameDigest", "accounted", "undenied"],
      edges: [
        {
          if: ["stoppedByPolicy"],
          to: "cancelled",
          detail: "policy",
          emit: ["cancelled"],
          refuse: { code: "wrong_state", detail: stopped },
        },
        { to: "approved", emit: ["brokeGlass", "approvedByBreakGlass"] },
      ],
    },
    escalate: { needs: ["nextLevel"], edges: [{ to: "pending", emit: ["escalated"] }] },
  },
  approved: {
    ...feedbackIn("approved"),
    revoke: { needs: ["mayRevoke"], edges: cancelled("revoked") },
    cancel,
    supersede,
    stopByPolicy: stoppedByPolicy,
    review: review("approved"),
    claim: {
      needs: ["executorInScope", "sameDigest", "begun", "preconditionsGiven", "unfrozen"],
      edges: [
        {
          if: ["stoppedByPolicy"],
          to: "cancelled",
          detail: "policy",
          emit: ["cancelled"],
          refuse: { code: "wrong_state", detail: stopped },
        },
        {
          if: ["drifted"],
          to: "cancelled",
          detail: "drift",
          emit: ["cancelled"],
          refuse: { code: "wrong_state", detail: drifted },
        },
        {
          if: ["quorumLost"],
          to: "cancelled",
          detail: "quorum_lost",
          emit: ["cancelled"],
          refuse: { code: "wrong_state", detail: quorumLost },
        },
        { to: "executing", emit: ["claimed"] },
      ],
    },
  },
  executing: {
    ...feedbackIn("executing"),
    // Only after a lost lease of an idempotent contract; `unleased` names the refusal for everybody else. What would
    // have cancelled the first claim refuses this one: it has begun to run, so it can no longer be cancelled.
    claim: {
      needs: [
        "unleased",
        "executorInScope",
        "sameDigest",
        "preconditionsGiven",
        "unfrozen",
        "undrifted",
        "unstopped",
        "quorumKept",
      ],
      edges: [{ to: "executing", emit: ["claimed"] }],
    },
    heartbeat: { needs: ["currentLease"], edges: [{ to: "executing", emit: ["heartbeat"] }] },
    review: review("executing"),
    report: {
      needs: ["currentLease"],
      edges: [
        { if: ["succeeded"], to: "executed", emit: ["executed"] },
        { if: ["undoneByItself"], to: "rolling_back", emit: ["failed", "rollbackStartedByEngine"] },
        { to: "failed", emit: ["failed"] },
      ],
    },
  },
  executed: { ...feedbackIn("executed"), report: reportedAlready, rollback, review: review("executed") },
  failed: {
    ...feedbackIn("failed"),
    report: {
      needs: ["firstAnswerOrResolution"],
      edges: [
        { if: ["resolution", "succeeded"], to: "executed", emit: ["executed"] },
        {
          if: ["resolution", "undoneByItself"],
          to: "rolling_back",
          emit: ["failed", "rollbackStartedByEngine"],
        },
        { if: ["resolution"], to: "failed", emit: ["failed"] },
      ],
    },
    rollback: { ...rollback, needs: ["somethingToUndo", ...rollback.needs] },
    review: review("failed"),
  },
  rolling_back: {
    ...feedbackIn("rolling_back"),
    claim: {
      needs: ["unleased", "executorInScope", "sameDigest"],
      edges: [{ to: "rolling_back", emit: ["rollbackClaimed"] }],
    },
    heartbeat: { needs: ["currentLease"], edges: [{ to: "rolling_back", emit: ["heartbeat"] }] },
    review: review("rolling_back"),
    report: {
      needs: ["currentLeaseOrFirstAnswer"],
      edges: [
        { if: ["currentLease", "succeeded"], to: "rolled_back", emit: ["rolledBack"] },
        { if: ["currentLease"], to: "rollback_failed", emit: ["rollbackFailed"] },
      ],
    },
  },
  rolled_back: { ...feedbackIn("rolled_back"), report: reportedAlready, review: review("rolled_back") },
  rollback_failed: {
    ...feedbackIn("rollback_failed"),
    report: reportedAlready,
    review: review("rollback_failed"),
  },
  denied: { ...feedbackIn("denied") },
  cancelled: { ...feedbackIn("cancelled"), review: review("cancelled") },
  expired: { ...feedbackIn("expired"), review: review("expired") },
};
