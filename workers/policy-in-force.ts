import { contractVersion } from "../core/policy/version.ts";
import type { Known } from "../objects/action/messages.ts";
import type { Contract, Policy, RoleClass } from "../schemas/policy.ts";
import type { Principal } from "../schemas/principal.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import { holds, sha256Hex } from "./auth.ts";

/** Contracts by type with their hashes: computed once for each policy document that this isolate has seen. */
const indexes = new WeakMap<Policy, Map<string, { contract: Contract; version: string }>>();

/** The contract of a type in the policy in force and the hash that names it; null where there is none. */
export function contractOf(snapshot: Snapshot, type: string): { contract: Contract; version: string } | null {
  if (snapshot.policy === null) return null;
  return indexOf(snapshot.policy.document).get(type) ?? null;
}

function indexOf(policy: Policy): Map<string, { contract: Contract; version: string }> {
  const known = indexes.get(policy);
  if (known !== undefined) return known;
  const index = new Map(
    policy.contracts.map((contract) => [
      contract.type,
      { contract, version: contractVersion(contract, sha256Hex) },
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
  const known: Known = {
    policyVersion: snapshot.policy?.version ?? null,
    directory: need === "votes" ? snapshot.directory : empty,
    roles: need === "votes" && principal.kind === "agent" ? rolesOf(snapshot, principal.id) : {},
    operator: isOperator(snapshot, principal),
    subscribers: snapshot.endpoints.map(({ id, events, active }) => ({ id, events, active })),
  };
  return type === undefined ? known : { ...known, contract: contractOf(snapshot, type)?.contract ?? null };
}

/** Operators are those whose key may do everything, and the people of the group `operators`. */
function isOperator({ directory }: Snapshot, principal: Principal): boolean {
  const { operators } = directory.groups;
  return holds(principal, "admin") || operators?.members.includes(principal.id) === true;
}

function rolesOf({ policy, directory }: Snapshot, agent: string): Record<string, RoleClass> {
  const names = Object.hasOwn(directory.agents, agent) ? (directory.agents[agent]?.roles ?? []) : [];
  const roles = policy?.document.roles ?? {};
  return Object.fromEntries(
    names.flatMap((name) => {
      const role = Object.hasOwn(roles, name) ? roles[name] : undefined;
      return role === undefined ? [] : [[name, role]];
    }),
  );
}
