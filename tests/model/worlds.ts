import { cast, clocks, contractOf, createdAt, directoryOf, payloadOf, preconditions, seat } from "./cast.ts";
import type { Env, World } from "./world.ts";

const { alice, bob, carol, dave, erin, omar, demo, other } = cast;

/** Everybody where they belong; the owner sits in every group, and is kept out for owning the agent. */
const groups = { dba: [alice, bob, omar], security: [alice, carol, omar], oncall: [erin, omar] };
const usual = directoryOf({ groups });
const bobLeft = directoryOf({ groups: { ...groups, dba: [alice, omar] } });
const aliceLeft = directoryOf({
  groups: { dba: [bob, omar], security: [carol, omar], oncall: [erin, omar] },
});
const aliceOwns = directoryOf({ groups, owner: alice });
const bobInactive = directoryOf({ groups, inactive: [bob] });

const both = { all: [seat("security", 1, "group:security"), seat("dba", 1, "group:dba")] };
const either = {
  any: [seat("security", 2, "group:security"), seat("dba", 2, "group:dba"), seat("head", 1, "person:erin")],
};

type Parts = Omit<World, "moments" | "executors" | "voters" | "envs"> &
  Partial<World> & { directory?: Env["directory"] };

const behalf = { kind: "agent", id: demo.id, owner: omar.id, onBehalfOf: carol.id } as const;

/** A world in which nothing changes, unless it says otherwise. */
const world = ({ directory = usual, ...parts }: Parts): World => ({
  voters: [alice, bob],
  envs: [{ name: "all is as it was", contract: parts.payload.contract, directory }],
  moments: [],
  executors: [demo, other],
  ...parts,
});

const single = contractOf({ rollback: { window: "1m" }, clocks: { ...clocks, executionMax: "45s" } });

const frozen = { name: "sale", until: createdAt + 86_400_000, because: "the sale is on" };
const frozenEnv = (contract: Env["contract"]): Env => ({
  name: "a freeze is in force",
  contract,
  directory: usual,
  frozen,
});

const oneSeat = world({
  name: "one seat, rollback on demand",
  payload: payloadOf(single),
  envs: [{ name: "all is as it was", contract: single, directory: usual }, frozenEnv(single)],
});

const twoSeats = ((): World => {
  const contract = contractOf({ rule: both, deny: { denials: 2, veto: [] } });
  const envs: World["envs"] = [
    { name: "all is as it was", contract, directory: usual },
    { name: "bob is out of the group", contract, directory: bobLeft },
    { name: "alice owns the agent", contract, directory: aliceOwns },
    {
      name: "one denial is enough",
      contract: { ...contract, deny: { denials: 1, veto: [] } },
      directory: usual,
    },
  ];
  return world({
    name: "two seats, people come and go",
    payload: payloadOf(contract),
    voters: [alice, bob, carol],
    envs,
  });
})();

const anySeats = ((): World => {
  const contract = contractOf({ rule: either, deny: { denials: 2, veto: ["person:erin"] } });
  const envs: World["envs"] = [
    { name: "all is as it was", contract, directory: usual },
    { name: "alice is out of both groups", contract, directory: aliceLeft },
  ];
  return world({
    name: "any of three, two denials",
    payload: payloadOf(contract),
    voters: [alice, bob, carol, erin],
    envs,
  });
})();

const critical = ((): World => {
  const contract = contractOf({
    risk: "critical",
    separationOfDuties: { owner: false },
    rule: seat("reviewer", 1, "group:dba", "group:security"),
  });
  const until = createdAt + 3 * 60_000;
  const lent = directoryOf({
    groups,
    delegations: [
      { from: alice.id, to: bob.id, groups: ["security"], until },
      // Who is excluded lends nobody a seat.
      { from: omar.id, to: dave.id, groups: ["dba"], until: until * 2 },
    ],
  });
  const envs: World["envs"] = [
    { name: "alice lends bob her group", contract, directory: lent },
    { name: "nothing is lent", contract, directory: usual },
    { name: "bob is inactive", contract, directory: bobInactive },
  ];
  return world({
    name: "critical, with a delegation that ends",
    payload: payloadOf(contract),
    voters: [alice, bob, carol],
    envs,
    moments: [until],
  });
})();

const changing = (name: string, onChange: "tighten" | "pin"): World => {
  const contract = contractOf({
    onChange,
    rule: seat("reviewer", 1, "group:dba"),
    deny: { denials: 2, veto: [] },
  });
  const tighter = contractOf({ onChange: "pin", rule: both, deny: { denials: 1, veto: [] } });
  const looser = contractOf({
    onChange,
    rule: seat("anyone", 1, "group:dba", "group:security"),
    deny: { denials: 3, veto: [] },
    separationOfDuties: { owner: false },
  });
  const envs: World["envs"] = [
    { name: "all is as it was", contract, directory: usual },
    { name: "the rule is tighter", contract: tighter, directory: usual },
    { name: "the rule is looser", contract: looser, directory: usual },
    { name: "the type is disabled", contract: { ...contract, mode: "disabled" }, directory: usual },
    { name: "the type is gone", contract: null, directory: usual },
    { name: "alice is out of the group", contract, directory: aliceLeft },
  ];
  return world({ name, payload: payloadOf(contract), voters: [alice, bob, carol], envs });
};

const allowed = ((): World => {
  const contract = contractOf({
    decide: [{ then: "allow" }],
    idempotent: true,
    maxAttempts: 3,
    clocks: { ...clocks, executionMax: "45s" },
    rollback: { window: "1m", auto: "never" },
  });
  const payload = payloadOf(contract, { preconditions });
  const asked = { ...contract, decide: [] };
  const envs: World["envs"] = [
    { name: "all is as it was", contract, directory: usual },
    { name: "the policy asks people now", contract: asked, directory: usual },
    { name: "the type is disabled", contract: { ...contract, mode: "disabled" }, directory: usual },
  ];
  return world({ name: "allowed by policy, idempotent, three attempts", payload, envs });
})();

const retried = ((): World => {
  const contract = contractOf({ idempotent: true, maxAttempts: 2 });
  const envs: World["envs"] = [
    { name: "all is as it was", contract, directory: usual },
    { name: "bob is out of the group", contract, directory: bobLeft },
    { name: "the rule is tighter", contract: { ...contract, rule: both }, directory: usual },
    { name: "the type is disabled", contract: { ...contract, mode: "disabled" }, directory: usual },
    frozenEnv(contract),
    { ...frozenEnv({ ...contract, mode: "disabled" }), name: "the type is disabled in a freeze" },
  ];
  return world({ name: "idempotent, two attempts, people come and go", payload: payloadOf(contract), envs });
})();

const undone = ((): World => {
  const contract = contractOf({ rollback: { window: "1m", auto: "failed" } });
  return world({
    name: "rolled back by itself on failure",
    escalates: true,
    payload: payloadOf(contract),
    voters: [bob, erin],
    executors: [demo, other],
  });
})();

const unplanned = ((): World => {
  const contract = contractOf({ rollback: { window: "1m", auto: "failed" } });
  return world({
    name: "a rollback without a plan",
    payload: payloadOf(contract, { rollbackPlan: null }),
    voters: [bob],
  });
})();

const denied = world({
  name: "denied by policy",
  payload: payloadOf(contractOf({ decide: [{ then: "deny" }] })),
});

const scheduled = ((): World => {
  const [notBefore, notAfter] = [createdAt + 7 * 60_000, createdAt + 7 * 60_000 + 45_000];
  const times = { notBefore: new Date(notBefore).toISOString(), notAfter: new Date(notAfter).toISOString() };
  const requester = { kind: "agent", id: demo.id, owner: omar.id, onBehalfOf: alice.id } as const;
  const payload = payloadOf(contractOf({ rollback: {} }), { ...times, preconditions, requester });
  return world({
    name: "not before, not after, for alice, with preconditions",
    payload,
    moments: [notBefore, notAfter],
  });
})();

const breakGlass = { by: ["group:oncall", carol.id], reviewDue: "1s" };
// Nothing but what is about glass: a review that is soon overdue, and no more times than there must be.
const glassClocks = { ...clocks, remindAfter: "10m", escalateAfter: [], executionMax: "10s" };

/** The owner and whoever has left sit where the right is; erin loses it in one way or another. */
const glass = ((): World => {
  const contract = contractOf({
    rule: seat("reviewer", 2, "group:dba", "group:oncall"),
    deny: { denials: 2, veto: [] },
    breakGlass,
    separationOfDuties: { owner: false },
    clocks: glassClocks,
  });
  const right = { dba: [bob, omar], oncall: [erin, omar, cast.zoe] };
  const holders = directoryOf({ groups: right });
  const without = directoryOf({ groups: { ...right, oncall: [omar, cast.zoe] } });
  const until = createdAt + 60 * 60_000;
  const lent = directoryOf({
    groups: right,
    delegations: [{ from: omar.id, to: erin.id, groups: ["dba"], until }],
  });
  const { breakGlass: _, ...rest } = contract;
  const envs: World["envs"] = [
    { name: "all is as it was", contract, directory: holders },
    { name: "erin is off call", contract, directory: without },
    { name: "erin acts for the owner", contract, directory: lent },
    { name: "nobody has the right any more", contract: rest, directory: holders },
    {
      name: "one denial is enough",
      contract: { ...contract, deny: { denials: 1, veto: [] } },
      directory: holders,
    },
    { name: "the type is disabled", contract: { ...contract, mode: "disabled" }, directory: holders },
  ];
  return world({
    name: "broken glass",
    payload: payloadOf(contract, { preconditions, requester: behalf }),
    voters: [bob],
    envs,
    executors: [demo],
  });
})();

/** What comes after it, to the end of the rollback: the review may come anywhere. */
const reviewed = world({
  name: "broken glass, and its review",
  payload: payloadOf(contractOf({ breakGlass, clocks: glassClocks, rollback: { window: "1m" } })),
  directory: directoryOf({ groups: { dba: [bob], oncall: [erin] } }),
  voters: [bob],
  executors: [demo],
});

/** Each is explored whole. They are grouped by what changes in them, so that they can be searched side by side. */
export const worlds = {
  small: [reviewed, glass, denied, unplanned, scheduled, undone, allowed, retried, oneSeat, critical],
  people: [twoSeats, anySeats],
  policy: [
    changing("tighten while the policy changes", "tighten"),
    changing("pin while the policy changes", "pin"),
  ],
} as const satisfies Record<string, readonly World[]>;

export function worldNamed(name: string): World {
  const found = Object.values(worlds)
    .flat()
    .find((one) => one.name === name);
  if (found === undefined) throw new Error(`there is no world "${name}"`);
  return found;
}
