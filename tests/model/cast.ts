import * as v from "valibot";
import type { Actor } from "../../schemas/event.ts";
import { Directory } from "../../schemas/directory.ts";
import { Contract, type Rule } from "../../schemas/policy.ts";
import type { Payload } from "../../schemas/stored.ts";

/** The people, agents, contracts and requests that the model and the machine's unit tests play with. */

export const createdAt = Date.UTC(2026, 0, 1, 12);
export const digest = `sha256:${"a".repeat(64)}`;
export const otherDigest = `sha256:${"b".repeat(64)}`;
export const preconditions = { schemaVersion: "41" };
export const driftedPreconditions = { schemaVersion: "42" };

const person = (id: string): Actor => ({ kind: "person", id });
const agent = (id: string): Actor => ({ kind: "agent", id });

/** Omar owns the agent that asks; dave is known and sits nowhere; zoe has left; mallory is not in the directory. */
export const cast = {
  alice: person("person:alice"),
  bob: person("person:bob"),
  carol: person("person:carol"),
  erin: person("person:erin"),
  omar: person("person:omar"),
  dave: person("person:dave"),
  zoe: person("person:zoe"),
  mallory: person("person:mallory"),
  demo: agent("agent:demo"),
  other: agent("agent:other"),
  rogue: agent("agent:rogue"),
  operator: { kind: "service", id: "service:operator" },
  engine: { kind: "engine", id: "engine" },
} as const satisfies Record<string, Actor>;

export const seat = (name: string, n: number, ...from: string[]): Rule => ({ seat: name, n, from });

type Lending = { from: string; to: string; groups: string[]; until: number };
type DirectoryParts = {
  groups: Record<string, readonly Actor[]>;
  owner?: Actor;
  delegations?: Lending[];
  inactive?: Actor[];
};

/** A directory in which everybody of the cast is known, but mallory. */
export function directoryOf({
  groups,
  owner = cast.omar,
  delegations = [],
  inactive = [],
}: DirectoryParts): Directory {
  const { alice, bob, carol, erin, omar, dave, zoe } = cast;
  const away = new Set([...inactive, zoe].map(({ id }) => id));
  const people = [alice, bob, carol, erin, omar, dave, zoe].map(({ id }) => [
    id,
    { id, active: !away.has(id) },
  ]);
  const agents = [cast.demo, cast.other, cast.rogue].map(({ id }) => [
    id,
    { id, owner: owner.id, roles: [], segments: [] },
  ]);
  const named = Object.entries(groups).map(([id, members]) => [
    id,
    { id, members: members.map((one) => one.id) },
  ]);
  return v.parse(Directory, {
    version: 1,
    people: Object.fromEntries(people),
    agents: Object.fromEntries(agents),
    groups: Object.fromEntries(named),
    delegations,
  });
}

/** Clocks short enough to be walked through, and no two of them alike. */
export const clocks = {
  pendingTtl: "10m",
  remindAfter: "2m",
  escalateAfter: ["5m"],
  approvalTtl: "1m",
  leaseTtl: "10s",
  executionMax: "25s",
};

export function contractOf(parts: Partial<v.InferInput<typeof Contract>>): Contract {
  return v.parse(Contract, {
    type: "db.migrate",
    class: "production-change",
    risk: "high",
    args: {},
    roles: ["remediation"],
    rule: seat("reviewer", 1, "group:dba"),
    clocks,
    ...parts,
  });
}

/** A request of agent:demo under `contract`, with the decision the contract's policy comes to. */
export function payloadOf(contract: Contract, parts: Partial<Payload> = {}): Payload {
  const outcome = contract.decide[0]?.then ?? "gate";
  return {
    id: "act_model",
    workspace: "default",
    type: contract.type,
    contract,
    contractVersion: `sha256:${"c".repeat(64)}`,
    policyVersion: `sha256:${"d".repeat(64)}`,
    requester: { kind: "agent", id: cast.demo.id, owner: cast.omar.id },
    target: { resource: "orders-db" },
    args: { migration: "0042" },
    reason: "room before the sale",
    context: null,
    preconditions: null,
    rollbackPlan: contract.rollback === null ? null : { migration: "0042_restore" },
    notBefore: null,
    notAfter: null,
    supersedes: null,
    callback: null,
    digest,
    decision: { outcome, because: `rule ${contract.type}` },
    createdAt,
    ...parts,
  };
}
