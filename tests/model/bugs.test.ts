import { afterAll, describe, test } from "vitest";
import { states } from "../../schemas/action.ts";
import { bugs } from "./bugs.ts";
import type { CommandType } from "../../core/machine/command.ts";
import { transitions, type Cell } from "../../core/machine/transitions.ts";
import { proven } from "../support/proof.ts";
import { withCell, without } from "./broken.ts";
import { explore } from "./explore.ts";
import type { Machine } from "./node.ts";
import { Violation } from "./walk.ts";
import { worldNamed, worlds } from "./worlds.ts";

type Catch = { readonly steps: number; readonly violated: string };
const caught: Record<string, Catch> = {};
/** How many broken machines there are, and how many of them the search has found. */
let [broken, found] = [0, 0];
afterAll(() => proven({ part: "search", controls: { found, of: broken } }));

/** The search that finds nothing wrong with the real machine, over a broken one. */
function firstViolation(world: string, machine: Machine, most = Infinity): Violation | null {
  try {
    explore(worldNamed(world), machine, null, most);
    return null;
  } catch (error) {
    if (error instanceof Violation) return error;
    throw error;
  }
}

describe("the search that passes the real machine", () => {
  for (const { says, world, caughtBy, machine } of bugs) {
    broken += 1;
    test(`finds the bug that ${says}, by ${caughtBy}`, { timeout: 900_000 }, ({ expect }) => {
      const violation = firstViolation(world, machine);
      expect(violation?.invariants, violation?.message).toContain(caughtBy);
      found += 1;
      caught[says] = { steps: violation?.trace.length ?? 0, violated: violation?.invariants.join(" ") ?? "" };
    });
  }

  afterAll(() => console.table(caught));
});

/** What can be taken away without anybody noticing more than another wording, each with its reason. */
const equivalent: Readonly<Record<string, string>> = {
  "executed.rollback without rollbackAgreed":
    "without an agreement there is no window, so insideRollbackWindow refuses it",
  "failed.rollback without rollbackAgreed": "the same",
  // It takes as many words as are kept, which tests/unit/feedback.test.ts says.
  ...Object.fromEntries(
    states.map((state) => [`${state}.feedback without feedbackRoom`, "its limit is tested beside the model"]),
  ),
};

/** The table with one guard or one edge less, for every one of them. */
function* mutants(): Generator<{ says: string; machine: Machine }> {
  for (const place of Object.keys(transitions) as (keyof typeof transitions)[]) {
    for (const [command, { needs, edges }] of Object.entries(transitions[place]) as [CommandType, Cell][]) {
      for (const guard of needs) {
        yield {
          says: `${place}.${command} without ${guard}`,
          machine: withCell(place, command, without(guard)),
        };
      }
      for (const [index, edge] of edges.entries()) {
        const rest = edges.toSpliced(index, 1);
        yield {
          says: `${place}.${command} without edge ${index} to ${edge.to}`,
          machine: withCell(place, command, (cell) => ({ ...cell, edges: rest })),
        };
      }
    }
  }
}

/** So many places of every world are looked at before more of any: what is wrong mostly shows a few steps from the beginning. */
const depths = [60, 500, Infinity];

const isFoundIn = (machine: Machine): boolean =>
  depths.some((most) => worlds.small.some(({ name }) => firstViolation(name, machine, most) !== null));

describe("the search, with the table's guards and edges taken away one by one,", () => {
  test("knows of no equivalent that is not one", ({ expect }) => {
    const all = [...mutants()].map(({ says }) => says);
    expect(Object.keys(equivalent).filter((says) => !all.includes(says))).toEqual([]);
  });

  for (const { says, machine } of mutants()) {
    if (Object.hasOwn(equivalent, says)) continue;
    broken += 1;
    test(`finds ${says}`, { timeout: 900_000 }, ({ expect }) => {
      expect(isFoundIn(machine)).toBe(true);
      found += 1;
    });
  }
});
