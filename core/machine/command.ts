import type { Effect, State, Via, VoteDecision } from "../../schemas/action.ts";
import type { ReviewVerdict } from "../../schemas/break-glass.ts";
import type { Directory } from "../../schemas/directory.ts";
import type { Actor, ShownCard } from "../../schemas/event.ts";
import type { FeedbackLabel } from "../../schemas/feedback.ts";
import type { Frozen } from "../../schemas/freeze.ts";
import type { JsonObject } from "../../schemas/json.ts";
import type { Contract } from "../../schemas/policy.ts";
import type { ActionState, Payload } from "../../schemas/stored.ts";
import type { Judge } from "../policy/decide.ts";

/** What an action can be told, by whom. The actor is the authenticated one; nothing here is taken from a body unparsed. */
export type Command =
  | { type: "create"; actor: Actor }
  | { type: "vote"; actor: Actor; decision: VoteDecision; digest: string; reason: string | null; via: Via }
  | { type: "cancel"; actor: Actor; reason: string }
  | { type: "revoke"; actor: Actor; reason: string }
  | { type: "supersede"; actor: Actor; by: string }
  | { type: "stopByPolicy"; actor: Actor; reason: string }
  | { type: "claim"; actor: Actor; digest: string; preconditions: JsonObject | null; leaseId: string }
  | { type: "heartbeat"; actor: Actor; lease: string; fence: number }
  | {
      type: "report";
      actor: Actor;
      lease: string;
      fence: number;
      outcome: "succeeded" | "failed";
      effect: Effect;
      summary: string;
      evidence: JsonObject | null;
      startupMs: number | null;
    }
  | { type: "rollback"; actor: Actor; reason: string }
  /** `use` is the Registry's entry, which is there before the action is told. */
  | { type: "breakGlass"; actor: Actor; digest: string; reason: string; incident: string; use: string }
  | { type: "review"; actor: Actor; verdict: ReviewVerdict; note: string }
  /** What somebody has to say of it, which moves nothing. */
  | { type: "feedback"; actor: Actor; label: FeedbackLabel; incident: string | null; note: string | null }
  /** A level of escalation whose time has not come: a delivery to the level before it has failed. */
  | { type: "escalate"; actor: Actor; level: number }
  /** The alarm, a sweep or a visit: nothing but time has passed. */
  | { type: "tick"; actor: Actor };
export type CommandType = Command["type"];

/**
 * What is looked up before a command and passed in, because nothing is awaited between reading state and
 * committing. `contract` is the type's contract in the version in force, null where it is gone.
 */
export type Facts = {
  readonly contract: Contract | null;
  readonly directory: Directory;
  /** The caller may do what operators may. */
  readonly operator: boolean;
  /** Why the claiming agent's role classes do not cover this action, or null. */
  readonly outOfScope: string | null;
  /** The freeze that keeps it from starting now; none where it is left out. */
  readonly frozen?: Frozen | null;
  /** What the voter was shown; of a vote only. */
  readonly shown?: ShownCard;
  /** Reads the conditions of the policy. */
  readonly judge: Judge;
};

/** Everything a guard or an event may look at. `state` is null before `create`. */
export type Situation<C extends Command = Command> = {
  readonly payload: Payload;
  readonly state: ActionState;
  readonly command: C;
  readonly facts: Facts;
  /** Epoch ms, never before the last event. */
  readonly now: number;
};

/** `new` is where an action is before its first event. */
export type Place = State | "new";
