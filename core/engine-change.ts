import type { Directory } from "../schemas/directory.ts";
import type { EngineChange, EngineChangeKind } from "../schemas/engine-change.ts";
import type { Json, JsonObject } from "../schemas/json.ts";
import type { Policy } from "../schemas/policy.ts";
import { defaultScopes, principalKind, type Scope } from "../schemas/principal.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import { canonicalJson } from "./canonical.ts";
import { digestOf, type Sha256Hex } from "./digest.ts";
import type { EngineType } from "./engine-actions.ts";
import { looseningArgs, type Loosen } from "./guardrail/loosening.ts";
import { plainObject } from "./plain-json.ts";
import { diffPolicies, fieldChanges, type FieldChange } from "./policy/diff.ts";
import { policyVersion } from "./policy/version.ts";

/** What a change to the engine itself is as an action: its type, its target, what it is made on, and what people read of it. */

/** What such a change is held against. */
export type Standing = Pick<Snapshot, "policy" | "directory" | "switches"> & {
  /** What is proposed for guardrails; only who judges such a proposal needs it. */
  readonly loosenings?: readonly Loosen[];
};

const typeByKind: Readonly<Record<EngineChangeKind, EngineType>> = {
  "policy.publish": "holdpoint.policy.publish",
  "policy.activate": "holdpoint.policy.publish",
  "person.put": "holdpoint.group.change",
  "person.remove": "holdpoint.group.change",
  "group.put": "holdpoint.group.change",
  "group.remove": "holdpoint.group.change",
  "delegation.put": "holdpoint.group.change",
  "delegation.remove": "holdpoint.group.change",
  "owners.put": "holdpoint.group.change",
  "key.create": "holdpoint.key.create",
  "switch.release": "holdpoint.switch.release",
  "hold.release": "holdpoint.hold.release",
  "workspace.purge": "holdpoint.workspace.purge",
  "guardrail.loosen": "holdpoint.guardrail.loosen",
};

/** The type of the action that a change is. */
export const engineTypeOf = ({ kind }: EngineChange): EngineType => typeByKind[kind];

/** Scopes with which a key decides, or changes who does. */
const governing: ReadonlySet<Scope> = new Set<Scope>([
  "admin",
  "policy:write",
  "directory:write",
  "keys:write",
  "votes:write",
  "oncall:write",
]);

/** Whether somebody else has to agree to it, where there is somebody. What lends nobody a voice is free. */
export function isGoverned(change: EngineChange, { directory }: Standing, asking: string): boolean {
  if (change.kind === "person.put") return changesStanding(change.value, directory);
  if (change.kind !== "key.create") return true;
  const { principal, scopes } = change;
  const wanted: readonly Scope[] = scopes ?? defaultScopes[principalKind(principal)];
  // For oneself only what decides over others is too much: the voice one has already.
  return wanted.some((scope) => governing.has(scope) && !(scope === "votes:write" && principal === asking));
}

/** A new person is nobody yet: groups make them somebody, and each of those is asked for by itself. */
function changesStanding(value: Directory["people"][string], { people }: Directory): boolean {
  const before = Object.hasOwn(people, value.id) ? people[value.id] : undefined;
  if (before === undefined) return value.sameAs !== undefined;
  const { name: _, ...is } = before;
  const { name: _name, ...willBe } = value;
  return canonicalJson(plainObject(is)) !== canonicalJson(plainObject(willBe));
}

/** What it is asked on: where this has changed by the time it is carried out, something else was agreed to. */
export function baseOf(change: EngineChange, standing: Standing, sha256Hex: Sha256Hex): string {
  return digestOf({ kind: change.kind, now: currentOf(change, standing) }, sha256Hex);
}

function currentOf(
  change: EngineChange,
  { policy, directory, switches = [], loosenings = [] }: Standing,
): Json {
  const { people, groups, delegations, owners = [] } = directory;
  switch (change.kind) {
    case "policy.publish":
    case "policy.activate":
      return policy?.version ?? null;
    case "person.put":
      return entryOf(people, change.value.id);
    case "person.remove":
      return entryOf(people, change.id);
    case "group.put":
      return entryOf(groups, change.value.id);
    case "group.remove":
      return entryOf(groups, change.id);
    case "delegation.put":
    case "delegation.remove": {
      const { from, to } = change.kind === "delegation.put" ? change.value : change;
      const found = delegations.find((one) => one.from === from && one.to === to);
      return found === undefined ? null : plainObject(found);
    }
    case "owners.put":
      return owners.map((owner) => plainObject(owner));
    case "key.create":
      return entryOf(people, change.principal);
    case "switch.release": {
      const found = switches.find(({ scope }) => scope === change.scope);
      return found === undefined ? null : plainObject(found);
    }
    case "hold.release":
      return change.hold;
    case "workspace.purge":
      return change.workspace;
    case "guardrail.loosen": {
      const found = loosenings.find(({ type }) => type === change.type);
      return found === undefined ? null : plainObject(found);
    }
  }
}

type Entry = Parameters<typeof plainObject>[0];

function entryOf(entries: Readonly<Record<string, Entry>>, id: string): Json {
  const found = Object.hasOwn(entries, id) ? entries[id] : undefined;
  return found === undefined ? null : plainObject(found);
}

/** What is changed, as the target of the action. */
export function targetOf(change: EngineChange): string {
  switch (change.kind) {
    case "policy.publish":
    case "policy.activate":
      return "policy";
    case "person.put":
      return change.value.id;
    case "person.remove":
      return change.id;
    case "group.put":
      return `group:${change.value.id}`;
    case "group.remove":
      return `group:${change.id}`;
    case "delegation.put":
    case "delegation.remove":
      return "delegations";
    case "owners.put":
      return "owners";
    case "key.create":
      return `key of ${change.principal}`;
    case "switch.release":
      return `kill switch ${change.scope}`;
    case "hold.release":
      return `hold ${change.hold}`;
    case "workspace.purge":
      return `workspace ${change.workspace}`;
    case "guardrail.loosen":
      return `guardrail of ${change.type}`;
  }
}

/** All of it in arguments that people can read: every change is named, and a document is bound by its hash. */
export function argsOf(
  change: EngineChange,
  standing: Standing,
  others: number,
  sha256Hex: Sha256Hex,
): JsonObject {
  return { ...ownArgs(change, standing, sha256Hex), otherOperators: others };
}

function ownArgs(change: EngineChange, standing: Standing, sha256Hex: Sha256Hex): JsonObject {
  switch (change.kind) {
    case "policy.publish":
    case "policy.activate": {
      const before: Policy = standing.policy?.document ?? { roles: {}, contracts: [] };
      const version = policyVersion(change.document, sha256Hex);
      return { version, changes: policyChanges(before, change.document) };
    }
    case "key.create": {
      const { principal, scopes, name, expiresAt } = change;
      const expires = expiresAt === null ? null : new Date(expiresAt).toISOString();
      const given = scopes ?? defaultScopes[principalKind(principal)];
      return { principal, scopes: [...given], name, expiresAt: expires };
    }
    case "switch.release": {
      const found = standing.switches?.find(({ scope }) => scope === change.scope);
      return { scope: change.scope, engagedBy: found?.by ?? "", because: found?.reason ?? "" };
    }
    case "hold.release": {
      const { hold, scope, heldBy, because } = change;
      return { hold, scope, heldBy, because };
    }
    case "workspace.purge":
      return { workspace: change.workspace, cancelRunning: change.cancelRunning };
    case "guardrail.loosen":
      return looseningArgs(change);
    default: {
      const after = "value" in change ? plain(change.value) : null;
      const changes = fieldChanges(currentOf(change, standing), after, "").flatMap(inWords);
      return { what: change.kind, id: targetOf(change), changes };
    }
  }
}

const plain = (value: Entry | readonly Entry[]): Json =>
  isList(value) ? value.map(plainObject) : plainObject(value);
const isList = (value: Entry | readonly Entry[]): value is readonly Entry[] => Array.isArray(value);

const whole = (value: Entry | undefined): string =>
  value === undefined ? "" : JSON.stringify(plainObject(value));

/** One policy over another, a line for each thing that differs; what is new stands there whole. */
function policyChanges(before: Policy, after: Policy): string[] {
  const { added, removed, changed, roles } = diffPolicies(before, after);
  const { contracts: _, roles: _roles, ...rest } = plainObject(before);
  const { contracts: _after, roles: _rolesAfter, ...restAfter } = plainObject(after);
  const contractsByType = new Map(after.contracts.map((contract) => [contract.type, contract]));
  return [
    ...removed.map((type) => `contract ${type}: removed`),
    ...changed.flatMap(({ type, fields }) =>
      fields.flatMap(inWords).map((line) => `contract ${type} ${line}`),
    ),
    ...added.map((type) => `contract ${type}: new: ${whole(contractsByType.get(type))}`),
    ...roles.removed.map((name) => `role class ${name}: removed`),
    ...roles.changed.flatMap(({ name, fields }) =>
      fields.flatMap(inWords).map((line) => `role class ${name} ${line}`),
    ),
    ...roles.added.map((name) => `role class ${name}: new: ${whole(after.roles[name])}`),
    ...fieldChanges(rest, restAfter, "").flatMap(inWords),
  ];
}

/** Of lists of names what comes and what goes; of anything else what it was and what it will be, whole. */
function inWords({ pointer, from, to }: FieldChange): string[] {
  const place = pointer === "" ? "" : `${pointer}: `;
  if (areNames(from) && areNames(to)) {
    const gone = from
      .filter((name) => !to.includes(name))
      .map((name) => `${place}without ${JSON.stringify(name)}`);
    const come = to
      .filter((name) => !from.includes(name))
      .map((name) => `${place}with ${JSON.stringify(name)}`);
    if (gone.length + come.length > 0) return [...gone, ...come];
  }
  return [`${place}${JSON.stringify(from)} becomes ${JSON.stringify(to)}`];
}

const areNames = (value: Json): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string");
