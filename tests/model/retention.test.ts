import { describe, test } from "vitest";
import type { Command, CommandType } from "../../core/machine/command.ts";
import { step } from "../../core/machine/step.ts";
import { rowsFor } from "../../core/outbox.ts";
import { judgeCondition as judge } from "../../core/policy/condition.ts";
import { anchorOf } from "../../core/retention/dues.ts";
import type { State } from "../../schemas/action.ts";
import { cast } from "./cast.ts";
import { proven } from "../support/proof.ts";
import { explore } from "./explore.ts";
import type { Machine } from "./node.ts";
import type { World } from "./world.ts";
import { worlds } from "./worlds.ts";

/** What is needed of an action is never due to be forgotten: over every move that the search makes in every small world. */

type Anchor = typeof anchorOf;
const open: ReadonlySet<State> = new Set(["pending", "approved", "executing", "rolling_back"]);
/** What is judged by what was asked, or runs it. A report says what has been run, and may come at any time. */
const needing: ReadonlySet<CommandType> = new Set(["vote", "claim", "heartbeat", "breakGlass", "rollback"]);
const tick: Command = { type: "tick", actor: cast.engine };

/** The machine, which tells `fault` of what of its moves would have been made on values that were due already. */
function watched(anchor: Anchor, fault: (says: string) => void): { machine: Machine; moves: () => number } {
  let moves = 0;
  const machine: Machine = {
    rowsFor,
    step: (payload, before, command, facts, now) => {
      const made = step(payload, before, command, facts, now);
      if (before.seq === 0) return made;
      const nobody = { version: 0, people: {}, agents: {}, groups: {}, delegations: [] };
      const idle = { contract: null, directory: nobody, operator: false, outOfScope: null, judge };
      const settled = step(payload, before, tick, idle, now).state;
      const at = anchor(payload, settled);
      moves += 1;
      if (open.has(settled.state) && at !== null) fault(`${settled.state} has an end at ${at}`);
      const isNeeded = made.refusal === null && made.answerSeq === null && needing.has(command.type);
      if (isNeeded && at !== null && at <= now) fault(`${command.type} in ${settled.state} after it`);
      const after = anchor(payload, made.state);
      const rollback = made.state.deadlines.rollback ?? 0;
      if (
        after !== null &&
        (after < rollback || after > Math.max(made.state.at, rollback, reviewOf(made.state)))
      ) {
        fault(`${made.state.state} counts from ${after}`);
      }
      return made;
    },
  };
  return { machine, moves: () => moves };
}

const reviewOf = ({ deadlines }: { deadlines: { review: number | null } }): number => deadlines.review ?? 0;

class Due extends Error {}

/** A search that ends with the first fault that begins so. */
const findsIn =
  (world: World, anchor: Anchor, fault: string): (() => void) =>
  () => {
    const { machine } = watched(anchor, (says) => {
      if (says.startsWith(fault)) throw new Due(says);
    });
    explore(world, machine);
  };

describe("what an action still needs", () => {
  for (const world of worlds.small) {
    test(`is not due in the world "${world.name}"`, { timeout: 900_000 }, ({ expect }) => {
      const faults: string[] = [];
      const { machine, moves } = watched(anchorOf, (says) => void faults.push(says));
      explore(world, machine);
      expect(faults.slice(0, 3)).toEqual([]);
      expect(moves()).toBeGreaterThan(10);
      proven({ part: "retention", trials: moves() });
    });
  }

  test("would be, if it were counted from the end alone", { timeout: 900_000 }, ({ expect }) => {
    const world = worlds.small.find(({ name }) => name === "one seat, rollback on demand")!;
    const fromEnd: Anchor = (payload, state) => (anchorOf(payload, state) === null ? null : state.at);
    expect(findsIn(world, fromEnd, "rollback in executed")).toThrow(Due);
    proven({ part: "retention", controls: { found: 1, of: 1 } });
  });

  test("would be, if an action that goes on had an end", { timeout: 900_000 }, ({ expect }) => {
    const world = worlds.small.find(({ name }) => name === "one seat, rollback on demand")!;
    expect(findsIn(world, (_, state) => state.at, "claim in approved")).toThrow(Due);
    proven({ part: "retention", controls: { found: 1, of: 1 } });
  });
});
