import { readFileSync, writeFileSync } from "node:fs";
import { test } from "vitest";
import { states, type State } from "../../schemas/action.ts";
import { commandArrows, deadlineArrows, reminderArrows } from "../support/machine-arrows.ts";

/**
 * The diagram of docs/machine.md is made from the table and the deadlines, so it cannot drift from them. After a change
 * to the machine, `UPDATE=1 npx vitest run tests/unit/machine-diagram.test.ts` writes it again; read the difference.
 */
const file = new URL("../../docs/machine.md", import.meta.url);
const fence = /(?<=```mermaid\n)[\s\S]*?(?=```)/u;

function diagram(): string {
  const between = new Map<string, Set<string>>();
  for (const { from, to, label } of [...commandArrows(), ...deadlineArrows(), ...reminderArrows()]) {
    const labels = between.get(`${from} --> ${to}`) ?? new Set();
    between.set(`${from} --> ${to}`, labels.add(label));
  }
  const leaves = (state: State): boolean =>
    [...between.keys()].some((arrow) => arrow.startsWith(`${state} --> `) && !arrow.endsWith(` ${state}`));
  const lines = [...between].map(([arrow, labels]) => `  ${arrow}: ${[...labels].join(", ")}`);
  const ends = states.filter((state) => !leaves(state)).map((state) => `  ${state} --> [*]`);
  return ["stateDiagram-v2", ...lines, ...ends, ""].join("\n");
}

test("docs/machine.md holds the diagram of the machine as it is", ({ expect }) => {
  const page = readFileSync(file, "utf8");
  expect(page).toMatch(fence);
  if (process.env["UPDATE"] === "1") {
    writeFileSync(
      file,
      page.replace(fence, () => diagram()),
    );
  }
  expect(readFileSync(file, "utf8").match(fence)?.[0]).toBe(diagram());
});

test("the diagram names every state, and nothing leaves an end", ({ expect }) => {
  const lines = diagram()
    .split("\n")
    .map((line) => line.trim());
  for (const state of states) expect(lines.some((line) => line.includes(` --> ${state}:`))).toBe(true);
  const ends = states.filter((state) => lines.includes(`${state} --> [*]`));
  expect(ends).toEqual(["denied", "cancelled", "expired", "rolled_back", "rollback_failed"]);
});
