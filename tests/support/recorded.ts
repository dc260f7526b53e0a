import * as v from "valibot";
import type { Directory } from "../../schemas/directory.ts";
import { Policy } from "../../schemas/policy.ts";
import type { Recorded } from "../../schemas/replay.ts";

/** Policies of a known shape with recorded actions, and what each comes to, worked out without a line of the product. */

/** Random numbers that a seed repeats (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One contract: denies above `deny`, and above `total` in a day; allows seniors below `allow`; takes no amount above `most`. */
export type Shape = {
  type: string;
  mode: "enforce" | "warn" | "shadow" | "disabled";
  deny: number;
  total: number;
  allow: number;
  most: number;
};
/** `seniorTargets` and `juniorTargets` are what the role classes reach. */
export type World = { shapes: Shape[]; seniorTargets: string[]; juniorTargets: string[] };

export const sumKey = "sum(args.amount) by agent over 86400000ms";
const targets = ["prod-1", "prod-2", "stage-1", "stage-2"];

export function worldFrom(random: () => number, types: number): World {
  const whole = (most: number): number => Math.floor(random() * most);
  const shapes = Array.from({ length: types }, (_, index): Shape => ({
    type: `pay.t${index}`,
    mode: "enforce",
    deny: 500 + whole(400),
    total: 2_000 + whole(3_000),
    allow: whole(300),
    most: 900 + whole(100),
  }));
  return { shapes, seniorTargets: targets, juniorTargets: ["stage-1", "stage-2"] };
}

/** A candidate: some thresholds moved, some modes changed, a type gone, a role class narrowed. */
export function changedFrom(random: () => number, world: World): World {
  const modes = ["enforce", "enforce", "enforce", "warn", "shadow", "disabled"] as const;
  const moved = (value: number): number => (random() < 0.4 ? Math.floor(value * (0.5 + random())) : value);
  const shapes = world.shapes.slice(random() < 0.5 ? 1 : 0).map((shape): Shape => ({
    ...shape,
    mode: modes[Math.floor(random() * modes.length)] ?? "enforce",
    deny: moved(shape.deny),
    total: moved(shape.total),
    allow: moved(shape.allow),
    most: moved(shape.most),
  }));
  const seniorTargets = world.seniorTargets.filter(() => random() < 0.9);
  return { shapes, seniorTargets, juniorTargets: world.juniorTargets };
}

export function policyOf({ shapes, seniorTargets, juniorTargets }: World): Policy {
  const role = (reached: string[]) => ({
    types: ["pay.*"],
    tools: ["*"],
    segments: ["net"],
    targets: reached,
  });
  return v.parse(Policy, {
    roles: { senior: role(seniorTargets), junior: role(juniorTargets) },
    contracts: shapes.map(({ type, mode, deny, total, allow, most }) => ({
      type,
      class: "money",
      risk: "high",
      mode,
      args: {
        type: "object",
        properties: { amount: { type: "integer", minimum: 0, maximum: most } },
        required: ["amount"],
      },
      roles: ["senior", "junior"],
      decide: [
        { when: `args.amount > ${deny}`, then: "deny" },
        { when: `sum(args.amount) by agent over 24h > ${total}`, then: "deny" },
        { when: `args.amount < ${allow} && 'senior' in agent.roles`, then: "allow" },
      ],
      rule: { seat: "one", n: 1, from: ["group:all"] },
    })),
  });
}

type Outcome = "allow" | "gate" | "deny" | "refuse";
type Facts = { type: string; amount: number; target: string; roles: string[]; sum: number | null };

/** What a world says, from its shape alone. */
export function outcomeOf({ shapes, seniorTargets, juniorTargets }: World, facts: Facts): Outcome {
  const shape = shapes.find(({ type }) => type === facts.type);
  if (shape === undefined) return "refuse";
  const reached = [
    ...(facts.roles.includes("senior") ? seniorTargets : []),
    ...(facts.roles.includes("junior") ? juniorTargets : []),
  ];
  if (!reached.includes(facts.target) || facts.amount > shape.most) return "refuse";
  if (shape.mode === "disabled") return "deny";
  if (shape.mode !== "enforce") return "allow";
  // A sum that was not measured is an error, and an error of an entry that denies denies.
  if (facts.amount > shape.deny || facts.sum === null || facts.sum > shape.total) return "deny";
  return facts.amount < shape.allow && facts.roles.includes("senior") ? "allow" : "gate";
}

export type Played = { recorded: Recorded; facts: Facts; was: Outcome };

/** Actions that were taken in under `world`, each with what is known of it. */
export function actionsOf(random: () => number, world: World, count: number): Played[] {
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
  const actions: Played[] = [];
  while (actions.length < count) {
    const facts: Facts = {
      type: pick(world.shapes).type,
      amount: Math.floor(random() * 1_000),
      target: pick(targets),
      roles: pick([["senior"], ["junior"], ["senior", "junior"]]),
      sum: random() < 0.05 ? null : Math.floor(random() * 6_000),
    };
    const was = outcomeOf(world, facts);
    // What is refused never becomes an action.
    if (was === "refuse") continue;
    const agent = { roles: facts.roles, segments: ["net"] };
    const recorded: Recorded = {
      id: `act_${String(actions.length).padStart(22, "0")}`,
      type: facts.type,
      at: 1_700_000_000_000 + actions.length,
      target: { resource: facts.target, segment: "net" },
      args: { amount: facts.amount },
      requester: { kind: "agent", id: "agent:payer", owner: "person:omar" },
      agent,
      sums: facts.sum === null ? {} : { [sumKey]: String(facts.sum) },
      level: null,
      decision: { outcome: was, because: "recorded" },
    };
    actions.push({ recorded, facts, was });
  }
  return actions;
}

/** The agent of now, who is not what it was: a replay that asked the directory would get other answers. */
export const directoryNow: Directory = {
  version: 1,
  people: {},
  agents: {
    "agent:payer": {
      id: "agent:payer",
      owner: "person:omar",
      roles: ["junior"],
      segments: ["net"],
      active: false,
    },
  },
  groups: {},
  delegations: [],
};
