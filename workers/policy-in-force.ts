import { builtInContract, isKnownEngineType } from "../core/engine-actions.ts";
import { contractAt } from "../core/guardrail/apply.ts";
import { levelOf } from "../core/guardrail/level.ts";
import { contractVersion } from "../core/policy/version.ts";
import { agentChain } from "../core/scope.ts";
import type { Known } from "../objects/action/messages.ts";
import type { Level } from "../schemas/guardrail.ts";
import type { Contract, Policy, RoleClass } from "../schemas/policy.ts";
import type { Principal } from "../schemas/principal.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import { holds, sha256Hex } from "./auth.ts";

/** A contract as it counts at the level of its guardrail, and the hash that names it. */
export type ContractInForce = {
  readonly contract: Contract;
  readonly version: string;
  readonly level: Level;
};

/** Contracts by type with their hashes: computed once for each policy document that this isolate has seen. */
const indexes = new WeakMap<Policy, Map<string, ContractInForce>>();

/** The contracts that a guardrail has moved, by the contract as it is written: computed once for each level that was met. */
const moved = new WeakMap<Contract, Map<Level, ContractInForce>>();

const builtIns = new Map<string, ContractInForce>();

/** The contract of a type in the policy in force, at the level where its guardrail stands; null where there is none. */
export function contractOf(snapshot: Snapshot, type: string): ContractInForce | null {
  if (snapshot.policy === null) return null;
  const written = indexOf(snapshot.policy.document).get(type) ?? builtIn(type);
  if (written === undefined) return null;
  const level = levelOf(written.contract.guardrail, snapshot.levels?.[type]);
  return level === written.level ? written : atLevel(written.contract, level);
}

/** The engine's own contracts, for policies that say nothing of them. */
function builtIn(type: string): ContractInForce | undefined {
  if (!isKnownEngineType(type)) return undefined;
  const known = builtIns.get(type);
  if (known !== undefined) return known;
  const contract = builtInContract(type);
  const made: ContractInForce = { contract, version: contractVersion(contract, sha256Hex), level: "rule" };
  builtIns.set(type, made);
  return made;
}

function atLevel(written: Contract, level: Level): ContractInForce {
  const levels = moved.get(written) ?? new Map<Level, ContractInForce>();
  moved.set(written, levels);
  const known = levels.get(level);
  if (known !== undefined) return known;
  const contract = contractAt(written, level);
  const made = { contract, version: contractVersion(contract, sha256Hex), level };
  levels.set(level, made);
  return made;
}

function indexOf(policy: Policy): Map<string, ContractInForce> {
  const known = indexes.get(policy);
  if (known !== undefined) return known;
  const index = new Map<string, ContractInForce>(
    policy.contracts.map((contract) => [
      contract.type,
      { contract, version: contractVersion(contract, sha256Hex), level: "rule" },
    ]),
  );
  indexes.set(policy, index);
  return index;
}

/** What a command needs of the directory: voters and their groups only where votes are judged. */
export type Need = "votes" | "nothing";

const empty: Known["directory"] = { version: 0, people: {}, agents: {}, groups: {}, delegations: [] };

/** What is passed to an action with a command. `type` where the caller knows it already. */
export function knownFor(snapshot: Snapshot, principal: Principal, need: Need, type?: string): Known {
  const freezes = need === "votes" ? snapshot.policy?.document.freezes : undefined;
  const known: Known = {
    policyVersion: snapshot.policy?.version ?? null,
    directory: need === "votes" ? snapshot.directory : empty,
    roles: need === "votes" && principal.kind === "agent" ? rolesOf(snapshot, principal.id) : {},
    operator: isOperator(snapshot, principal),
    subscribers: snapshot.endpoints.map(({ id, events, active }) => ({ id, events, active })),
    ...(snapshot.switches !== undefined && { switches: snapshot.switches }),
    ...(freezes !== undefined && { freezes }),
    ...(snapshot.levels !== undefined && { levels: snapshot.levels }),
  };
  return type === undefined ? known : { ...known, contract: contractOf(snapshot, type)?.contract ?? null };
}

/** Operators are those whose key may do everything, and the people of the group `operators`. */
export function isOperator({ directory }: Snapshot, principal: Principal): boolean {
  const { operators } = directory.groups;
  return holds(principal, "admin") || operators?.members.includes(principal.id) === true;
}

/** The role classes of an agent and of those it acts for. */
function rolesOf({ policy, directory }: Snapshot, agent: string): Record<string, RoleClass> {
  const names = agentChain(agent, directory.agents).agents.flatMap((one) => one.roles);
  const roles = policy?.document.roles ?? {};
  return Object.fromEntries(
    names.flatMap((name) => {
      const role = Object.hasOwn(roles, name) ? roles[name] : undefined;
      return role === undefined ? [] : [[name, role]];
    }),
  );
}
