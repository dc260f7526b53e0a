import type { Command } from "../../core/machine/command.ts";
import { scopeRefusal } from "../../core/scope.ts";
import type { State } from "../../schemas/action.ts";
import type { Directory } from "../../schemas/directory.ts";
import type { Contract } from "../../schemas/policy.ts";
import type { Payload, StoredAction } from "../../schemas/stored.ts";
import type { Known, LeaseAnswer, Place, Reply } from "./messages.ts";
import type { Loaded } from "./store.ts";

/** What a command is judged by beside the action itself, and how a refusal and a lease are answered. */

/** States in which somebody is about to do something; in all others a waiter has its answer. */
export const moving: ReadonlySet<State> = new Set<State>(["pending", "executing", "rolling_back"]);

/** Commands that are judged by the policy in force, beside the contract that the action has kept. */
export const judgedNow: ReadonlySet<Command["type"]> = new Set<Command["type"]>([
  "vote",
  "claim",
  "breakGlass",
]);

/** For what needs no people: time passing, or a view. */
export const nobody: Directory = { version: 0, people: {}, agents: {}, groups: {}, delegations: [] };

/** The type's contract in force: the pinned one while the version is the pinned one, undefined where it must be asked for. */
export function contractNow(payload: Payload, known: Known): Contract | null | undefined {
  if (known.policyVersion === payload.policyVersion) return payload.contract;
  return known.contract;
}

export function scopeFault(payload: Payload, { directory, roles }: Known, executor: string): string | null {
  const agent = Object.hasOwn(directory.agents, executor) ? directory.agents[executor] : undefined;
  if (agent === undefined) return "Only an agent of this workspace claims.";
  return scopeRefusal(agent, roles, payload.contract, payload.target)?.detail ?? null;
}

export const placeOf = ({ stored }: Loaded): Place => ({
  state: stored.state.state,
  stateDetail: stored.state.detail,
  seq: stored.state.seq,
});

export function refusedIdempotency(place: Place): Reply {
  const detail = "This Idempotency-Key was used for another body. Use a new key for a new request.";
  return { kind: "refused", refusal: { code: "idempotency_conflict", detail }, place };
}

export function leaseAnswer(payload: Payload, lease: StoredAction["state"]["lease"]): LeaseAnswer | null {
  if (lease === null) return null;
  return { ...lease, type: payload.type, target: payload.target, digest: payload.digest };
}
