import fc from "fast-check";
import { describe, test } from "vitest";
import { eligibility, identityOf, type Eligibility, type EligibilityFacts } from "../../core/eligibility.ts";
import type { Delegation, Directory } from "../../schemas/directory.ts";

const now = 1_000_000;
const person = (id: string, more: object = {}): Directory["people"] => ({
  [`person:${id}`]: { id: `person:${id}`, manager: null, active: true, ...more },
});
const group = (id: string, ...members: string[]): Directory["groups"] => ({
  [id]: { id, members: members.map((each) => `person:${each}`) },
});
const delegation = (from: string, to: string, groups: string[], until = now + 1): Delegation => ({
  from: `person:${from}`,
  to: `person:${to}`,
  groups,
  until,
});

const directory: Directory = {
  version: 1,
  people: {
    ...person("alice"),
    ...person("bob"),
    ...person("carol"),
    ...person("omar", { manager: "person:mia" }),
    ...person("mia"),
    ...person("gone", { active: false }),
  },
  agents: { "agent:demo": { id: "agent:demo", owner: "person:omar", roles: [], segments: [], active: true } },
  groups: {
    ...group("dba", "alice", "omar", "gone"),
    ...group("oncall", "alice", "bob"),
    ...group("security", "carol"),
  },
  delegations: [],
};

const facts: EligibilityFacts = {
  person: "person:alice",
  requester: { kind: "agent", id: "agent:demo", owner: "person:omar" },
  digestOk: true,
  directory,
  contract: {
    rule: {
      all: [
        { seat: "dba", n: 1, from: ["group:dba"] },
        { seat: "oncall", n: 1, from: ["group:oncall", "person:bob"] },
      ],
    },
    deny: { denials: 1, veto: ["group:security"] },
    risk: "high",
    separationOfDuties: { owner: true },
  },
  target: { resource: "orders-db" },
  now,
  payloadAuthors: [],
};

const ask = (change: Partial<EligibilityFacts>): Eligibility => eligibility({ ...facts, ...change });
const seats = (answer: Eligibility): readonly string[] | null => (answer.eligible ? answer.seats : null);
const withRule = (
  from: string[],
  more: Partial<EligibilityFacts["contract"]> = {},
): EligibilityFacts["contract"] => ({
  ...facts.contract,
  rule: { seat: "one", n: 1, from },
  ...more,
});
const lending = (...delegations: Delegation[]): Directory => ({ ...directory, delegations });

describe("who counts", () => {
  test("an active person whom a seat names, for the seats that name them", ({ expect }) => {
    expect(ask({})).toEqual({
      eligible: true,
      voter: { person: "person:alice", identity: "person:alice", selectors: ["group:dba", "group:oncall"] },
      seats: ["dba", "oncall"],
      veto: false,
    });
    expect(seats(ask({ person: "person:bob" }))).toEqual(["oncall"]);
  });

  test("someone who only has a veto may deny and fill no seat", ({ expect }) => {
    expect(ask({ person: "person:carol" })).toMatchObject({ eligible: true, seats: [], veto: true });
  });

  const refused: [string, Partial<EligibilityFacts>, string][] = [
    ["someone nobody names", { person: "person:mia" }, "no seat of this rule names this person"],
    ["an inactive person, even of the group", { person: "person:gone" }, "not an active person"],
    ["someone who is not in the directory", { person: "person:nobody" }, "not an active person"],
    ["an agent", { person: "agent:demo" }, "only people decide"],
    ["a service", { person: "service:ci" }, "only people decide"],
    ["a vote on another digest", { digestOk: false }, "another digest"],
    ["who wrote what is decided", { payloadAuthors: ["person:alice"] }, "wrote, superseded or holds"],
    ["a name of the prototype", { person: "person:constructor" }, "not an active person"],
    ["the prototype itself", { person: "__proto__" }, "only people decide"],
  ];
  test.for(refused)("does not count: %s", ([, change, because], { expect }) => {
    const answer = ask(change);
    expect(answer.eligible).toBe(false);
    expect(answer.eligible ? "" : answer.because).toContain(because);
  });

  test("selectors without data name nobody", ({ expect }) => {
    for (const selector of ["oncall:primary", "owner-of-target"]) {
      expect(ask({ contract: withRule([selector], { deny: { denials: 1, veto: [] } }) }).eligible).toBe(
        false,
      );
    }
  });

  test("the manager of the agent's owner, as the directory has it", ({ expect }) => {
    const contract = withRule(["manager-of-requester"]);
    expect(seats(ask({ person: "person:mia", contract }))).toEqual(["one"]);
    expect(ask({ person: "person:alice", contract }).eligible).toBe(false);
    expect(
      ask({ person: "person:mia", contract, requester: { ...facts.requester, owner: "person:constructor" } })
        .eligible,
    ).toBe(false);
  });
});

describe("separation of duties", () => {
  test("the owner of the agent that asks is out", ({ expect }) => {
    expect(ask({ person: "person:omar" })).toEqual({ eligible: false, because: "owns the agent that asks" });
  });

  test("P27 a contract may let the owner in, but not for risk critical", ({ expect }) => {
    const off = { separationOfDuties: { owner: false } };
    expect(seats(ask({ person: "person:omar", contract: { ...facts.contract, ...off } }))).toEqual(["dba"]);
    expect(
      ask({ person: "person:omar", contract: { ...facts.contract, ...off, risk: "critical" } }).eligible,
    ).toBe(false);
  });

  test("the person the agent acts for is out, whatever the contract says", ({ expect }) => {
    const requester = { ...facts.requester, onBehalfOf: "person:alice" };
    const contract = { ...facts.contract, separationOfDuties: { owner: false } };
    expect(ask({ requester, contract }).eligible).toBe(false);
  });

  test("handing the agent on does not let its former owner decide, nor the new one", ({ expect }) => {
    const agents = { "agent:demo": { ...directory.agents["agent:demo"]!, owner: "person:alice" } };
    const moved = { ...directory, agents };
    expect(ask({ person: "person:omar", directory: moved }).eligible).toBe(false);
    expect(ask({ person: "person:alice", directory: moved }).eligible).toBe(false);
  });
});

describe("delegation", () => {
  test("lends a group until it ends, to the millisecond", ({ expect }) => {
    const lent = delegation("alice", "mia", ["dba"]);
    expect(seats(ask({ person: "person:mia", directory: lending(lent) }))).toEqual(["dba"]);
    expect(ask({ person: "person:mia", directory: lending({ ...lent, until: now }) }).eligible).toBe(false);
  });

  test("lends only the groups it names, and only those its giver is in", ({ expect }) => {
    expect(
      seats(ask({ person: "person:mia", directory: lending(delegation("alice", "mia", ["oncall"])) })),
    ).toEqual(["oncall"]);
    expect(
      ask({ person: "person:mia", directory: lending(delegation("bob", "mia", ["dba"])) }).eligible,
    ).toBe(false);
  });

  test("is not passed on", ({ expect }) => {
    const chain = lending(delegation("alice", "mia", ["dba"]), delegation("mia", "carol", ["dba"]));
    expect(seats(ask({ person: "person:carol", directory: chain }))).toEqual([]);
  });

  test("of an excluded person lends nothing, and one's own membership stays", ({ expect }) => {
    expect(
      ask({ person: "person:mia", directory: lending(delegation("omar", "mia", ["dba"])) }).eligible,
    ).toBe(false);
    expect(
      seats(ask({ person: "person:bob", directory: lending(delegation("omar", "bob", ["dba"])) })),
    ).toEqual(["oncall"]);
  });

  test("of an inactive person lends nothing", ({ expect }) => {
    expect(
      ask({ person: "person:mia", directory: lending(delegation("gone", "mia", ["dba"])) }).eligible,
    ).toBe(false);
  });

  test("does not let an excluded person in", ({ expect }) => {
    expect(
      ask({ person: "person:omar", directory: lending(delegation("alice", "omar", ["oncall"])) }).eligible,
    ).toBe(false);
  });

  test("makes giver and taker one person, and whoever hangs together with them", ({ expect }) => {
    const chain = [
      delegation("alice", "bob", ["dba"]),
      delegation("carol", "bob", ["security"]),
      delegation("carol", "mia", ["security"]),
    ];
    const identities = ["alice", "bob", "carol", "mia"].map((id) =>
      identityOf(`person:${id}`, { delegations: chain, people: {} }, now),
    );
    expect(new Set(identities)).toEqual(new Set(["person:alice"]));
    expect(identityOf("person:omar", { delegations: chain, people: {} }, now)).toBe("person:omar");
    expect(identityOf("person:bob", { delegations: chain, people: {} }, now + 1)).toBe("person:bob");
  });
});

test("I2 whatever is delegated, an excluded person never counts", () => {
  const names = ["alice", "bob", "carol", "omar", "mia", "gone"];
  const pairs = fc.array(
    fc.record({
      from: fc.constantFrom(...names).map((id) => `person:${id}`),
      to: fc.constantFrom(...names).map((id) => `person:${id}`),
      groups: fc.uniqueArray(fc.constantFrom("dba", "oncall", "security"), { minLength: 1 }),
      until: fc.constantFrom(now - 1, now, now + 1),
    }),
    { maxLength: 8 },
  );
  fc.assert(
    fc.property(pairs, fc.constantFrom(...names), (delegations, behalf) => {
      const requester = { ...facts.requester, onBehalfOf: `person:${behalf}` };
      return ["person:omar", `person:${behalf}`].every(
        (id) => !ask({ person: id, requester, directory: lending(...delegations) }).eligible,
      );
    }),
  );
});

describe("the condition of a seat", () => {
  const rule = {
    all: [
      { seat: "senior", n: 1, from: ["group:dba", "group:oncall"], where: "senior" },
      { seat: "any", n: 1, from: ["group:oncall"] },
    ],
  };
  const contract = { ...facts.contract, rule };
  const asking = (who: string, holds: EligibilityFacts["holds"]): Eligibility =>
    ask({ person: who, contract, ...(holds !== undefined && { holds }) });
  const given = (value: boolean) => () => ({ ok: true as const, value });

  test("is held against each person, and only that seat is closed to whoever does not meet it", ({
    expect,
  }) => {
    expect(asking("person:alice", given(true))).toMatchObject({ eligible: true, seats: ["senior", "any"] });
    const met = asking("person:alice", given(false));
    expect(met).toMatchObject({ eligible: true, seats: ["any"], voter: { selectors: ["group:oncall"] } });
    expect(met.eligible && met.voter.meets).toBeUndefined();
  });

  test("sees the person with the groups they have at that moment", ({ expect }) => {
    const seen: unknown[] = [];
    asking("person:alice", (where, one) => {
      seen.push([where, one]);
      return { ok: true, value: true };
    });
    expect(seen).toEqual([["senior", { id: "person:alice", groups: ["dba", "oncall"] }]]);
  });

  test("that cannot be evaluated, or that nothing reads, counts nobody", ({ expect }) => {
    const only = { ...contract, rule: rule.all[0]! };
    const failing = () => ({ ok: false as const, error: "it divides by zero" });
    expect(ask({ contract: only, holds: failing })).toEqual({
      eligible: false,
      because: 'the condition of seat "senior" could not be evaluated: it divides by zero',
    });
    expect(ask({ contract: only })).toMatchObject({ eligible: false });
    expect(ask({ contract: only, holds: given(false) })).toEqual({
      eligible: false,
      because: 'the condition of seat "senior" does not hold',
    });
    expect(ask({ contract: only, holds: given(true) })).toMatchObject({ eligible: true, seats: ["senior"] });
  });

  test("takes no veto away", ({ expect }) => {
    expect(ask({ person: "person:carol", contract, holds: given(false) })).toMatchObject({
      eligible: true,
      seats: [],
      veto: true,
    });
  });
});
