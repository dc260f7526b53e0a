import * as fc from "fast-check";
import { afterAll, describe, test } from "vitest";
import type { CommandType } from "../../core/machine/command.ts";
import { step } from "../../core/machine/step.ts";
import { transitions } from "../../core/machine/transitions.ts";
import { rowsFor } from "../../core/outbox.ts";
import { states } from "../../schemas/action.ts";
import { proven } from "../support/proof.ts";
import { bugs } from "./bugs.ts";
import { laterTimes } from "./explore.ts";
import type { Machine, Node } from "./node.ts";
import { checkPlace, next, start, take, Violation, wait } from "./walk.ts";
import { randomWorld } from "./random-world.ts";
import { movesOf, worthTrying, type World } from "./world.ts";

/** How many steps are made; HOLDPOINT_SEED says which. */
const wanted = Number(process.env["HOLDPOINT_STEPS"] ?? 100_000);
const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 2 ** 31);
/** Walks that are made in one go, and of which one that fails is made smaller. */
const batch = 500;

/** One choice: let time pass (how far), or make a move (which), mostly one that the place takes and that goes on with it. */
const choice = fc.record({
  waits: fc.nat(6),
  takes: fc.nat(29),
  which: fc.nat(9_999),
  extra: fc.nat(20_000),
});
type Choice = typeof choice extends fc.Arbitrary<infer Value> ? Value : never;
const choices = fc.array(choice, { maxLength: 120, size: "max" });

const stops: ReadonlySet<CommandType> = new Set(["cancel", "revoke", "supersede", "stopByPolicy"]);

type Visit = (node: Node, moved: boolean) => void;

/** @param diligent most moves are the likeliest of their type, which gets further: to the end of a rollback, say. */
function walk(
  world: World,
  machine: Machine,
  made: readonly Choice[],
  diligent: boolean,
  visit: Visit,
): void {
  let { node } = start(world, machine);
  visit(node, true);
  for (const { waits, takes, which, extra } of made) {
    const times = [...laterTimes(world, node), node.now + extra];
    if (waits === 0) {
      node = wait(world, machine, node, times[which % times.length] ?? node.now);
      continue;
    }
    const all = movesOf(world, node.state);
    const taken = all.filter(({ command }) => command.type in transitions[node.settled.state]);
    const goesOn = taken.filter(({ command }) => !stops.has(command.type));
    const likely = diligent ? worthTrying(goesOn, () => false) : goesOn;
    const moves = [takes === 0 ? all : takes === 1 ? taken : likely, all].find((some) => some.length > 0)!;
    const one = take(world, machine, node, moves[which % moves.length]!);
    node = next(one);
    checkPlace(world, node);
    visit(node, one.step.refusal === null);
  }
}

/** Mistakes that it takes more luck, or more walks, to come upon. The search finds them. */
const tooRare: ReadonlySet<string> = new Set([
  "the version in force need not grant the right to break the glass",
  "the glass is broken a moment after the request has expired",
  "the glass is broken over a denial",
  "an attempt after a lost lease does not ask the policy again",
  "a rollback can be started again after it has succeeded",
  "a denial is looked at after the approvals",
  "a claim is still taken a moment after the approval has expired",
  "a heartbeat renews the lease past executionMax",
]);

const walking = (machine: Machine, visit: Visit, before: () => void, after: () => void) =>
  fc.property(randomWorld, choices, fc.boolean(), (world, made, diligent) => {
    before();
    walk(world, machine, made, diligent, visit);
    after();
  });

describe("random commands on random requests", () => {
  test(`I1 to I10 hold along ${wanted} steps of walks of some 60`, { timeout: 3_600_000 }, ({ expect }) => {
    const visits = new Map<string, number>();
    const count = (name: string): void => void visits.set(name, (visits.get(name) ?? 0) + 1);
    const stepsMade = (): number => (visits.get("accepted") ?? 0) + (visits.get("refused") ?? 0);
    const reached = new Set<string>();
    const visit: Visit = ({ state, events }, moved) => {
      count(moved ? "accepted" : "refused");
      reached.add(state.detail === null ? state.state : `${state.state}{${state.detail}}`);
      for (const { type } of events) reached.add(`an event ${type}`);
    };
    const noted = (): void => {
      for (const name of reached) count(name);
    };
    const real = walking({ step, rowsFor }, visit, () => reached.clear(), noted);
    // On failure fast-check prints the seed and the path to put here, and the shortest walk it could find.
    for (let first = seed; stepsMade() < wanted; first += 1) {
      fc.assert(real, { seed: first, numRuns: batch, includeErrorInReport: true });
    }
    console.table(Object.fromEntries([...visits].toSorted(([, a], [, b]) => b - a)));
    for (const state of states) {
      const walks = [...visits]
        .filter(([name]) => name === state || name.startsWith(`${state}{`))
        .reduce((sum, [, n]) => sum + n, 0);
      expect(walks, `walks that reach ${state}, seed ${seed}`).toBeGreaterThan(0);
    }
    expect(visits.get("accepted"), "accepted commands").toBeGreaterThan(wanted / 10);
    const notes = `${visits.get("accepted")} commands accepted, ${visits.get("refused")} refused`;
    proven({ part: "random", trials: stepsMade(), seed, notes });
  });

  // From one seed, so that whether it is found is no matter of luck.
  const findable = bugs.filter(({ says }) => !tooRare.has(says));
  let found = 0;
  afterAll(() => proven({ part: "random", controls: { found, of: findable.length } }));
  for (const { says, machine } of findable) {
    test(`find the bug that ${says}`, { timeout: 900_000 }, ({ expect }) => {
      const nothing = (): void => undefined;
      const broken = walking(machine, nothing, nothing, nothing);
      const { errorInstance } = fc.check(broken, { seed: 1, numRuns: 300, endOnFailure: true });
      expect(errorInstance).toBeInstanceOf(Violation);
      found += 1;
    });
  }

  test("know of no mistake that is too rare and not there", ({ expect }) => {
    const all = bugs.map(({ says }) => says);
    expect([...tooRare].filter((says) => !all.includes(says))).toEqual([]);
  });
});
