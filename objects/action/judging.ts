import { frozenUntil } from "../../core/freeze.ts";
import { levelOf } from "../../core/guardrail/level.ts";
import { switchFor } from "../../core/kill-switch.ts";
import { isEngineType } from "../../core/engine-actions.ts";
import type { Command } from "../../core/machine/command.ts";
import { engine } from "../../core/machine/emissions.ts";
import { classOf } from "../../core/evidence/payload.ts";
import type { Refusal } from "../../core/refusal.ts";
import { chainRefusal } from "../../core/scope.ts";
import type { State } from "../../schemas/action.ts";
import type { Directory } from "../../schemas/directory.ts";
import type { Frozen } from "../../schemas/freeze.ts";
import type { Contract } from "../../schemas/policy.ts";
import type { Payload, StoredAction } from "../../schemas/stored.ts";
import type { Known, LeaseAnswer, Place, Reply } from "./messages.ts";
import type { Loaded } from "./store.ts";

/** What a command is judged by beside the action itself, and how a refusal and a lease are answered. */

/** States in which somebody is about to do something; in all others a waiter has its answer. */
export const moving: ReadonlySet<State> = new Set<State>(["pending", "executing", "rolling_back"]);

/** States in which a kill switch still finds something to stop. */
export const stoppable: ReadonlySet<State> = new Set<State>(["pending", "approved"]);

/** Commands that are judged by the policy in force, beside the contract that the action has kept. */
export const judgedNow: ReadonlySet<Command["type"]> = new Set<Command["type"]>([
  "vote",
  "claim",
  "breakGlass",
]);

/** For what needs no people: time passing, or a view. */
export const nobody: Directory = { version: 0, people: {}, agents: {}, groups: {}, delegations: [] };

/**
 * The type's contract in force: the pinned one while the version is the pinned one and its guardrail stands where it stood, undefined
 * where it must be asked for. A kill switch makes it a disabled one, whatever the version says.
 */
export function contractNow(payload: Payload, known: Known): Contract | null | undefined {
  if (switchFor(known.switches, payload.type) !== null) return { ...payload.contract, mode: "disabled" };
  const level = levelOf(payload.contract.guardrail, known.levels?.[payload.type]);
  const isPinned = known.policyVersion === payload.policyVersion && level === (payload.level ?? "rule");
  return isPinned ? payload.contract : known.contract;
}

/** The freeze that keeps it from starting now, by the version in force and by the one it was asked under: the one that lasts longer. */
export function frozenNow(
  payload: Payload,
  known: Known,
  contract: Contract | null,
  now: number,
): Frozen | null {
  const found = [payload.contract, contract ?? payload.contract]
    .map((version) => frozenUntil({ freezes: known.freezes }, version, now))
    .filter((freeze) => freeze !== null);
  return found.toSorted((a, b) => b.until - a.until)[0] ?? null;
}

export function scopeFault(payload: Payload, { directory, roles }: Known, executor: string): string | null {
  if (isEngineType(payload.type)) {
    return executor === engine.id
      ? null
      : "The engine carries this out itself once it is approved; nobody claims it.";
  }
  const agent = Object.hasOwn(directory.agents, executor) ? directory.agents[executor] : undefined;
  if (agent === undefined) return "Only an agent of this workspace claims.";
  return chainRefusal(executor, directory.agents, roles, payload.contract, payload.target)?.detail ?? null;
}

/** What cannot be done to an action any more once what it would run is gone; null where nothing is in the way. */
export function erasedFault({ payload, stored }: Loaded, command: Command["type"]): Refusal | null {
  const { erased = {} } = stored;
  const parts = ["/args", "/target", "/rollbackPlan"].map((part) => classOf(payload.contract, part));
  if (!runs.has(command) || parts.every((name) => erased[name] === undefined)) return null;
  const detail =
    "What it would run is erased, so nothing can be run or rolled back any more. Ask for a new action.";
  return { code: "gone", detail };
}
const runs: ReadonlySet<Command["type"]> = new Set<Command["type"]>(["claim", "rollback"]);

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
