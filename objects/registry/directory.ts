import * as v from "valibot";
import { canonicalEmail } from "../../core/identity.ts";
import { refusal, type Refusal } from "../../core/refusal.ts";
import { ok, type Result } from "../../core/result.ts";
import { agentChain } from "../../core/scope.ts";
import { Agent, Delegation, Group, Person, type Directory } from "../../schemas/directory.ts";
import { parseFields } from "../../schemas/parse.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { removeRulesOf } from "./issuers.ts";
import { revokeKeysOf } from "./keys.ts";
import { dropFromOnCall, readRosters, rostersNaming } from "./rosters.ts";
import {
  countEntries,
  deleteEntry,
  findEntry,
  listEntries,
  peopleWithEmail,
  writeEntry,
  type EntryKind,
} from "./rows/directory.ts";
import { readVersion, recordChange } from "./rows/meta.ts";
import { unlinkPerson } from "./slack-links.ts";

/** Who changed it, and when (epoch ms). */
export type Change = { readonly actor: string; readonly now: number };

/** The whole directory travels with every snapshot, so each kind of entry is bounded: some 10 MB at the very most. */
const maxEntries = 10_000;
/** Ids that a plain object holds already. */
const reserved: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** The directory as it is. Throws where a stored entry does not parse: an unreadable directory must never look like an empty one. */
export function readDirectory(sql: SqlStorage): Directory {
  const directory: Directory = {
    version: readVersion(sql),
    people: {},
    agents: {},
    groups: {},
    delegations: [],
    ...readRosters(sql),
  };
  for (const { kind, id, value } of listEntries(sql)) {
    const entry: unknown = JSON.parse(value);
    if (kind === "person") directory.people[id] = v.parse(Person, entry);
    else if (kind === "agent") directory.agents[id] = v.parse(Agent, entry);
    else if (kind === "group") directory.groups[id] = v.parse(Group, entry);
    else directory.delegations.push(v.parse(Delegation, entry));
  }
  return directory;
}

/**
 * Two active people never have one e-mail address: whoever proves to be its holder would be either (threat T7). Somebody who has
 * two ids is declared so with `sameAs`.
 */
export function putPerson(sql: SqlStorage, value: unknown, change: Change): Result<Person, Refusal> {
  const faultsOf = (person: Person): ProblemField[] => [
    ...emailFaults(sql, person),
    ...(person.sameAs ?? []).flatMap((other, index) => {
      const pointer = `/sameAs/${index}`;
      if (other === person.id) return [{ pointer, detail: "is this very id; leave it out" }];
      return unknownPeople(sql, [[pointer, other]]);
    }),
  ];
  return put(sql, { kind: "person", schema: Person, idOf: ({ id }) => id, faultsOf }, value, change);
}

function emailFaults(sql: SqlStorage, { id, email, active }: Person): ProblemField[] {
  if (email === undefined) return [];
  const canonical = canonicalEmail(email);
  if (!canonical.ok) return [{ pointer: "/email", detail: canonical.error }];
  if (!active) return [];
  const other = peopleWithEmail(sql, canonical.value).find(
    (one) => one.id !== id && v.parse(StoredPerson, one.value).active,
  );
  if (other === undefined) return [];
  const detail = `is the address of ${other.id} already; one person has one id, or the other is made inactive first`;
  return [{ pointer: "/email", detail }];
}

const StoredPerson = v.pipe(v.string(), v.parseJson(), Person);
const StoredAgent = v.pipe(v.string(), v.parseJson(), Agent);

/** The owner must be a person of the directory: they answer for what the agent asks. */
export function putAgent(sql: SqlStorage, value: unknown, change: Change): Result<Agent, Refusal> {
  const faultsOf = (agent: Agent): ProblemField[] => [
    ...unknownPeople(sql, [["/owner", agent.owner]]),
    ...chainFaults(sql, agent),
  ];
  return put(sql, { kind: "agent", schema: Agent, idOf: ({ id }) => id, faultsOf }, value, change);
}

/** Whom it acts for must be there, and must not act for it in the end. */
function chainFaults(sql: SqlStorage, agent: Agent): ProblemField[] {
  const pointer = "/actsFor";
  const agents: Directory["agents"] = { [agent.id]: agent };
  for (let next = agent.actsFor; next !== undefined && !Object.hasOwn(agents, next);) {
    const text = findEntry(sql, "agent", next);
    if (text === null) return [{ pointer, detail: `leads to ${next}, which is no agent of this directory` }];
    const found = v.parse(StoredAgent, text);
    agents[next] = found;
    next = found.actsFor;
  }
  if (agentChain(agent.id, agents).whole) return [];
  return [{ pointer, detail: `comes back to ${agent.id}, or is longer than eight agents` }];
}

export function putGroup(sql: SqlStorage, value: unknown, change: Change): Result<Group, Refusal> {
  const faultsOf = ({ members }: Group): ProblemField[] =>
    unknownPeople(
      sql,
      members.map((member, index) => [`/members/${index}`, member]),
    );
  return put(sql, { kind: "group", schema: Group, idOf: ({ id }) => id, faultsOf }, value, change);
}

/** One delegation for each pair of people; putting another replaces it. */
export function putDelegation(sql: SqlStorage, value: unknown, change: Change): Result<Delegation, Refusal> {
  const faultsOf = ({ from, to, groups, until }: Delegation): ProblemField[] => [
    ...unknownPeople(sql, [
      ["/from", from],
      ["/to", to],
    ]),
    ...(from === to ? [{ pointer: "/to", detail: "is the same person as /from" }] : []),
    ...(until <= change.now
      ? [{ pointer: "/until", detail: "is over already; give a time to come (epoch ms)" }]
      : []),
    ...groups.flatMap((group, index) =>
      findEntry(sql, "group", group) === null
        ? [{ pointer: `/groups/${index}`, detail: `is "${group}", which is no group of this directory` }]
        : [],
    ),
  ];
  return put(sql, { kind: "delegation", schema: Delegation, idOf: delegationId, faultsOf }, value, change);
}

/**
 * Takes a person out, and with them their memberships, delegations and keys: someone who gets the same id later starts with none
 * of it. Refused while they own an agent, which must always have an owner.
 */
export function removePerson(sql: SqlStorage, id: string, change: Change): Result<null, Refusal> {
  if (findEntry(sql, "person", id) === null) return missing();
  const { people, agents, groups, delegations } = readDirectory(sql);
  const owned = Object.values(agents).filter(({ owner }) => owner === id);
  if (owned.length > 0) {
    const names = owned.map((agent) => agent.id).join(", ");
    return refusal("conflict", `${id} owns ${names}. Give them another owner first, or make ${id} inactive.`);
  }
  const rosters = rostersNaming(sql, id);
  if (rosters.length > 0) {
    const detail = `${rosters.join(" and ")} name ${id}. Take them out there first, or make ${id} inactive.`;
    return refusal("conflict", detail);
  }
  dropFromOnCall(sql, id);
  for (const group of Object.values(groups)) {
    if (!group.members.includes(id)) continue;
    const rest = { ...group, members: group.members.filter((member) => member !== id) };
    writeEntry(sql, "group", group.id, JSON.stringify(rest));
  }
  for (const delegation of delegations) {
    if (delegation.from === id || delegation.to === id) {
      deleteEntry(sql, "delegation", delegationId(delegation));
    }
  }
  for (const person of Object.values(people)) {
    if (person.sameAs?.includes(id) !== true) continue;
    const rest = { ...person, sameAs: person.sameAs.filter((other) => other !== id) };
    writeEntry(sql, "person", person.id, JSON.stringify(rest));
  }
  revokeKeysOf(sql, id, change);
  unlinkPerson(sql, id);
  return remove(sql, "person", id, change);
}

/** Takes an agent out, and with it its keys and what issuers' tokens made of it. Refused while another agent acts for it. */
export function removeAgent(sql: SqlStorage, id: string, change: Change): Result<null, Refusal> {
  if (findEntry(sql, "agent", id) === null) return missing();
  const acting = Object.values(readDirectory(sql).agents).filter(({ actsFor }) => actsFor === id);
  if (acting.length > 0) {
    const names = acting.map((agent) => agent.id).join(", ");
    return refusal("conflict", `${names} act for ${id}. Change them first, or make ${id} inactive.`);
  }
  revokeKeysOf(sql, id, change);
  removeRulesOf(sql, id);
  return remove(sql, "agent", id, change);
}

/** A rule that names the group can then be filled by nobody through it; delegations of it lend nothing. */
export function removeGroup(sql: SqlStorage, id: string, change: Change): Result<null, Refusal> {
  return remove(sql, "group", id, change);
}

export function removeDelegation(
  sql: SqlStorage,
  pair: { readonly from: string; readonly to: string },
  change: Change,
): Result<null, Refusal> {
  return remove(sql, "delegation", delegationId(pair), change);
}

type Putting<Schema extends v.GenericSchema> = {
  readonly kind: EntryKind;
  readonly schema: Schema;
  readonly idOf: (entry: v.InferOutput<Schema>) => string;
  /** What the rest of the directory has against the entry. */
  readonly faultsOf: (entry: v.InferOutput<Schema>) => ProblemField[];
};

/** Makes or replaces an entry. The same entry again changes nothing, so that a script may be run twice. */
function put<Schema extends v.GenericSchema>(
  sql: SqlStorage,
  { kind, schema, idOf, faultsOf }: Putting<Schema>,
  value: unknown,
  { actor, now }: Change,
): Result<v.InferOutput<Schema>, Refusal> {
  const parsed = parseFields(schema, value);
  if (!parsed.ok) return refusal("invalid_body", "Mend the named fields and send it again.", parsed.errors);
  const entry = parsed.value;
  const id = idOf(entry);
  if (reserved.has(id)) {
    return refusal("invalid_body", "Take another id.", [{ pointer: "/id", detail: "is a reserved name" }]);
  }
  const faults = faultsOf(entry);
  if (faults.length > 0) return refusal("invalid_body", "Mend the named fields and send it again.", faults);

  const text = JSON.stringify(entry);
  const known = findEntry(sql, kind, id);
  if (known === text) return ok(entry);
  if (known === null && countEntries(sql, kind) >= maxEntries) {
    return refusal(
      "conflict",
      `A directory holds at most ${maxEntries} entries of a kind. Remove some first.`,
    );
  }
  writeEntry(sql, kind, id, text);
  recordChange(sql, { at: now, actor, kind: `${kind}.put`, id }, true);
  return ok(entry);
}

function remove(sql: SqlStorage, kind: EntryKind, id: string, { actor, now }: Change): Result<null, Refusal> {
  if (findEntry(sql, kind, id) === null) return missing();
  deleteEntry(sql, kind, id);
  recordChange(sql, { at: now, actor, kind: `${kind}.removed`, id }, true);
  return ok(null);
}

function unknownPeople(
  sql: SqlStorage,
  named: readonly (readonly [pointer: string, id: string])[],
): ProblemField[] {
  return named.flatMap(([pointer, id]) =>
    findEntry(sql, "person", id) === null
      ? [{ pointer, detail: `is ${id}, who is no person of this directory` }]
      : [],
  );
}

function delegationId({ from, to }: { readonly from: string; readonly to: string }): string {
  return `${from}>${to}`;
}

function missing(): Result<never, Refusal> {
  return refusal("not_found", "There is no such entry in this directory.");
}
