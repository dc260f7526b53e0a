import { Gate, must, now, type RegistryCalls } from "./gate.ts";
import type { Change } from "./variant.ts";

/** Two workspaces with people and agents in them, which know nothing of each other. */
export type Staffed = { readonly gate: Gate; readonly acme: RegistryCalls; readonly rival: RegistryCalls };

export const authFile = "workers/auth.ts";
/** Looking whether whoever comes is active, taken out. */
export const anyPrincipal: Change = {
  file: authFile,
  from: "|| !isActive(found.principal, found.snapshot)",
  to: "",
};

export const before = now - 86_400_000;

export function staffed(changes: readonly Change[], settings: Record<string, string> = {}): Staffed {
  const gate = Gate.open(changes, settings);
  for (const workspace of ["acme", "rival"]) {
    gate.registry(workspace).bootstrap({ workspace, now: before });
    for (const name of ["alice", "bob", "kim"]) {
      gate.person(workspace, { id: `person:${name}`, email: `${name}@example.com` });
    }
    gate.person(workspace, { id: "person:gone", email: "gone@example.com", active: false });
    for (const name of ["demo", "other"]) gate.agent(workspace, agent(name, true));
    gate.agent(workspace, agent("idle", true));
  }
  return { gate, acme: gate.registry("acme"), rival: gate.registry("rival") };
}

export const agent = (name: string, active: boolean): object => ({
  id: `agent:${name}`,
  owner: "person:alice",
  roles: [],
  segments: [],
  active,
});

/** A key, and its id. */
export function newKey(
  registry: RegistryCalls,
  principal: string,
  more: object = {},
): { id: string; key: string } {
  const input = { principal, scopes: null, name: null, expiresAt: null, now: before, ...more };
  const { record, key } = must(registry.createKey(input));
  return { id: record.id, key };
}

export const person = (name: string, active: boolean): object => ({ id: `person:${name}`, active });
