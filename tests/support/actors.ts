import type { ActionView, ClaimAnswer } from "../../schemas/action.ts";
import type { PolicyInput } from "../../schemas/policy.ts";
import { Caller, type Named, type Sending } from "./caller.ts";

/** Actors over real HTTP, so that a test reads as what happened: `await bob.approves(action)`. Each verb throws `Refused`. */

type Contract = PolicyInput["contracts"][number];
export type Claim = ClaimAnswer;
/** A run as its executor holds it. */
export type Held = Pick<ClaimAnswer, "lease" | "fence"> & { readonly action: Named };

export class Agent extends Caller {
  /** A command on a host that one of the group `oncall` agrees to, or whatever `parts` make of it. */
  asks(parts: Record<string, unknown> = {}, sending?: Sending): Promise<ActionView> {
    return this.post("/v1/actions", requestOf(parts), sending);
  }

  claims({ id, digest }: Named, sending?: Sending): Promise<Claim> {
    return this.post(`/v1/actions/${id}/claim`, { digest }, sending);
  }

  heartbeats({ action, lease, fence }: Held, sending?: Sending): Promise<ActionView> {
    return this.post(`/v1/actions/${action.id}/heartbeat`, { lease, fence }, sending);
  }

  reports(
    { action, lease, fence }: Held,
    outcome: "succeeded" | "failed",
    sending?: Sending,
  ): Promise<ActionView> {
    const body = { lease, fence, outcome, summary: `it ${outcome}` };
    return this.post(`/v1/actions/${action.id}/report`, body, sending);
  }
}

export class Person extends Caller {
  approves(action: Named, sending?: Sending): Promise<ActionView> {
    return this.#votes(action, { decision: "approve" }, sending);
  }

  denies(action: Named, sending?: Sending): Promise<ActionView> {
    return this.#votes(action, { decision: "deny", reason: "too dangerous today" }, sending);
  }

  withdraws(action: Named, sending?: Sending): Promise<ActionView> {
    return this.#votes(action, { decision: "withdraw" }, sending);
  }

  #votes({ id, digest }: Named, vote: object, sending?: Sending): Promise<ActionView> {
    return this.post(`/v1/actions/${id}/votes`, { digest, ...vote }, sending);
  }
}

/** Whoever runs the engine: policy, directory, keys. */
export class Operator extends Caller {
  /** Publishes the policy in force with these contracts added, or in place of those of their type. */
  async adopts(...contracts: Contract[]): Promise<{ version: string }> {
    const { document } = await this.get<{ document: PolicyInput }>("/v1/policy");
    return this.post("/v1/policy", { document: withContracts(document, contracts) });
  }

  /** A new person with a key, in these groups. */
  async hires(name: string, ...groups: string[]): Promise<Person> {
    await this.put(`/v1/people/${name}`, { name });
    // The key first: once they are an operator, their voice is theirs to hand out.
    const person = new Person(`person:${name}`, this.url, await this.givesKey(`person:${name}`));
    for (const group of groups) await this.seats(group, name);
    return person;
  }

  /** Puts somebody into a group, which is made where there is none. */
  async seats(group: string, name: string): Promise<void> {
    const members = await this.#membersOf(group);
    await this.put(`/v1/groups/${group}`, { members: [...new Set([...members, `person:${name}`])] });
  }

  async unseats(group: string, name: string): Promise<void> {
    const members = await this.#membersOf(group);
    await this.put(`/v1/groups/${group}`, {
      members: members.filter((member) => member !== `person:${name}`),
    });
  }

  async givesKey(principal: string, more: Record<string, unknown> = {}): Promise<string> {
    const { key } = await this.post<{ key: string }>("/v1/keys", { principal, ...more });
    return key;
  }

  async #membersOf(group: string): Promise<string[]> {
    const { items } = await this.get<{ items: { id: string; members: string[] }[] }>("/v1/groups");
    return items.find(({ id }) => id === group)?.members ?? [];
  }
}

/** A request for a command on a host, with other parts where given. */
export function requestOf(parts: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    type: "host.shell",
    target: { resource: "prod-db-1", segment: "prod-hosts" },
    args: parts["type"] === undefined ? { argv: ["systemctl", "restart", "app"] } : { what: "restart" },
    reason: "It does not answer",
    ...parts,
  };
}

/** A contract of a test's own: one argument, `what`, and whatever else `parts` say. */
export function contractOf(type: string, parts: Partial<Contract>): Contract {
  return {
    type,
    class: "test",
    risk: "high",
    args: { type: "object", properties: { what: { type: "string", maxLength: 100 } } },
    roles: ["controlled-remediation"],
    rule: { seat: "oncall", n: 1, from: ["group:oncall"] },
    ...parts,
  };
}

/** The starter policy's role class is widened to the types of tests. */
export function withContracts(document: PolicyInput, contracts: readonly Contract[]): PolicyInput {
  const types = new Set(contracts.map(({ type }) => type));
  const { "controlled-remediation": role, ...roles } = document.roles;
  if (role === undefined) throw new Error("the starter policy has another role class");
  return {
    ...document,
    roles: { ...roles, "controlled-remediation": { ...role, types: ["*"], tools: ["*"] } },
    contracts: [...document.contracts.filter(({ type }) => !types.has(type)), ...contracts],
  };
}

export type Cast = {
  readonly demo: Agent;
  readonly other: Agent;
  readonly alice: Person;
  readonly bob: Person;
  readonly carol: Person;
  readonly omar: Person;
  readonly operator: Operator;
  readonly auditor: Caller;
  /** Somebody without a key. */
  readonly stranger: Caller;
};

/** The people and agents of the starter directory, with their keys. */
export function castOf({ url, keys }: { url: string; keys: Readonly<Record<string, string>> }): Cast {
  const keyOf = (name: string): string => {
    const key = keys[name];
    if (key === undefined) throw new Error(`there is no key of ${name}`);
    return key;
  };
  const agent = (name: string): Agent => new Agent(`agent:${name}`, url, keyOf(`agent:${name}`));
  const person = (name: string): Person => new Person(`person:${name}`, url, keyOf(`person:${name}`));
  return {
    demo: agent("demo"),
    other: agent("other"),
    alice: person("alice"),
    bob: person("bob"),
    carol: person("carol"),
    omar: person("omar"),
    operator: new Operator("service:operator", url, keyOf("operator")),
    auditor: new Caller("service:auditor", url, keyOf("auditor")),
    stranger: new Caller("nobody", url, null),
  };
}

/** An action that was asked for, agreed to, run and reported; with words that a spreadsheet or a browser could take for its own. */
export async function wholeLife({ demo, bob }: Cast): Promise<string> {
  const action = await demo.asks({ reason: "=cmd|'/C calc'!A0 <b>bold</b>" });
  await bob.approves(action, { more: { reason: "I have looked" } });
  const held = await demo.claims(action);
  await demo.heartbeats(held);
  await demo.reports(held, "succeeded");
  return action.id;
}
