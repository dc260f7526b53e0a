import { afterAll, describe, test } from "vitest";
import { step } from "../../core/machine/step.ts";
import { rowsFor } from "../../core/outbox.ts";
import { proven } from "../support/proof.ts";
import { Coverage } from "./coverage.ts";
import { explore, type Found } from "./explore.ts";
import { worlds } from "./worlds.ts";

/** Parts of the table that no world goes through, each with its reason. Empty: all of it is exercised. */
const unreachable: Readonly<Record<string, string>> = {
  "feedbackRoom fails": "it takes as many words as are kept; tests/unit/feedback.test.ts says them",
};

/** Every reachable state of every world but the largest, which have files of their own to run beside this one. */
describe("every reachable state of the machine", () => {
  const coverage = new Coverage();
  const found: Record<string, Found> = {};

  for (const world of worlds.small) {
    test(`keeps I1 to I10 in the world "${world.name}"`, { timeout: 900_000 }, ({ expect }) => {
      found[world.name] = explore(world, { step, rowsFor }, coverage);
      expect(found[world.name]?.states).toBeGreaterThan(0);
      proven({ part: "search", trials: found[world.name]?.states ?? 0 });
    });
  }

  test("goes through every edge of the table, and through every guard both ways", ({ expect }) => {
    expect(coverage.missing().filter((name) => !Object.hasOwn(unreachable, name))).toEqual([]);
    expect(coverage.size).toBeGreaterThan(80);
    proven({ part: "search", notes: `${coverage.size} edges and guards of the table, each gone through` });
  });

  afterAll(() => console.table(found));
});
