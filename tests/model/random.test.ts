import * as fc from "fast-check";
import { describe, test } from "vitest";
import type { CommandType } from "../../core/machine/command.ts";
import { step } from "../../core/machine/step.ts";
import { transitions } from "../../core/machine/transitions.ts";
import { rowsFor } from "../../core/outbox.ts";
import { states } from "../../schemas/action.ts";
import { laterTimes } from "./explore.ts";
import type { Node } from "./node.ts";
import { checkPlace, next, start, take, wait } from "./walk.ts";
import { randomWorld } from "./random-world.ts";
import { movesOf, type World } from "./world.ts";

const machine = { step, rowsFor };

/** One choice: let time pass (how far), or make a move (which), mostly one that the place takes and that goes on with it. */
const choice = fc.record({
  waits: fc.nat(6),
  takes: fc.nat(29),
  which: fc.nat(9_999),
  extra: fc.nat(20_000),
});
type Choice = typeof choice extends fc.Arbitrary<infer Value> ? Value : never;

const stops: ReadonlySet<CommandType> = new Set(["cancel", "revoke", "supersede", "stopByPolicy"]);

function walk(world: World, choices: readonly Choice[], visit: (node: Node, moved: boolean) => void): void {
  let { node } = start(world, machine);
  visit(node, true);
  for (const { waits, takes, which, extra } of choices) {
    const times = [...laterTimes(world, node), node.now + extra];
    if (waits === 0) {
      node = wait(world, machine, node, times[which % times.length] ?? node.now);
      continue;
    }
    const all = movesOf(world, node.state);
    const taken = all.filter(({ command }) => command.type in transitions[node.settled.state]);
    const goesOn = taken.filter(({ command }) => !stops.has(command.type));
    const moves = [takes === 0 ? all : takes === 1 ? taken : goesOn, all].find((some) => some.length > 0)!;
    const made = take(world, machine, node, moves[which % moves.length]!);
    node = next(made);
    checkPlace(world, node);
    visit(node, made.step.refusal === null);
  }
}

describe("random commands on random requests", () => {
  test("I1 to I10 hold along every walk of some 60 commands", { timeout: 120_000 }, ({ expect }) => {
    const visits = new Map<string, number>();
    const count = (name: string): void => void visits.set(name, (visits.get(name) ?? 0) + 1);
    // On failure fast-check prints the seed and the path to put here, and the shortest walk it could find.
    fc.assert(
      fc.property(randomWorld, fc.array(choice, { maxLength: 120, size: "max" }), (world, choices) => {
        const reached = new Set<string>();
        walk(world, choices, ({ state, events }, moved) => {
          count(moved ? "accepted" : "refused");
          reached.add(state.detail === null ? state.state : `${state.state}{${state.detail}}`);
          for (const { type } of events) reached.add(`an event ${type}`);
        });
        for (const name of reached) count(name);
      }),
      { numRuns: 4_000, includeErrorInReport: true },
    );
    console.table(Object.fromEntries([...visits].toSorted(([, a], [, b]) => b - a)));
    for (const state of states) {
      const walks = [...visits]
        .filter(([name]) => name === state || name.startsWith(`${state}{`))
        .reduce((sum, [, n]) => sum + n, 0);
      expect(walks, `walks that reach ${state}`).toBeGreaterThanOrEqual(10);
    }
    expect(visits.get("accepted"), "accepted commands").toBeGreaterThan(15_000);
  });
});
