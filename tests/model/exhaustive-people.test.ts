import { afterAll, describe, test } from "vitest";
import { step } from "../../core/machine/step.ts";
import { rowsFor } from "../../core/outbox.ts";
import { proven } from "../support/proof.ts";
import { explore, type Found } from "./explore.ts";
import { worlds } from "./worlds.ts";

describe("every reachable state of the machine while the people change", () => {
  const found: Record<string, Found> = {};

  for (const world of worlds.people) {
    test(`keeps I1 to I10 in the world "${world.name}"`, { timeout: 900_000 }, ({ expect }) => {
      found[world.name] = explore(world, { step, rowsFor });
      expect(found[world.name]?.states).toBeGreaterThan(1_000);
      proven({ part: "search", trials: found[world.name]?.states ?? 0 });
    });
  }

  afterAll(() => console.table(found));
});
