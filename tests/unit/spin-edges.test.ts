import { readFileSync, writeFileSync } from "node:fs";
import { describe, test } from "vitest";
import { states } from "../../schemas/action.ts";
import { commandArrows, deadlineArrows } from "../support/machine-arrows.ts";

/**
 * tests/model/spin/edges.pml is made from the machine's table and its clocks, and every move of the model is held against it, so the
 * model cannot go where the machine does not. After a change to the machine,
 * `UPDATE=1 npx vitest run tests/unit/spin-edges.test.ts` writes it again.
 */
const file = new URL("../model/spin/edges.pml", import.meta.url);
const model = new URL("../model/spin/action.pml", import.meta.url);

type Edge = { readonly from: string; readonly command: string; readonly to: string };

/** What the machine does, each once. A clock is the command `tick`, and nothing stands before its `create`. */
function edges(): Edge[] {
  const arrows = [...commandArrows(), ...deadlineArrows()];
  const all = arrows.map(({ from, command, to }) => ({
    from: from === "[*]" ? "new" : from,
    command: command ?? "tick",
    to,
  }));
  return [...new Map(all.map((edge) => [Object.values(edge).join(" "), edge])).values()];
}

function text(): string {
  const all = edges();
  const commands = [...new Set(all.map(({ command }) => command))];
  const lines = all.map(
    ({ from, command, to }) => `  ((from) == ${from} && (command) == ${command} && (to) == ${to})`,
  );
  return [
    "/* Made from core/machine by tests/unit/spin-edges.test.ts, which says how to make it again. */",
    `mtype = { new, ${states.join(", ")} };`,
    `mtype = { ${commands.join(", ")} };`,
    "#define PERMITTED(from, command, to) ( \\",
    `${lines.join(" || \\\n")})`,
    "",
  ].join("\n");
}

/** Moves that the model makes, as `move(command, to)`. */
function moves(): { command: string; to: string }[] {
  const found = readFileSync(model, "utf8").matchAll(/\bmove\((?<command>\w+), (?<to>\w+)\)/gu);
  return [...found].flatMap(({ groups }) => {
    const { command = "", to = "" } = groups ?? {};
    return command === "command" ? [] : [{ command, to }];
  });
}

describe("the model for Spin", () => {
  test("has the states, commands and edges of the machine", ({ expect }) => {
    if (process.env["UPDATE"] === "1") writeFileSync(file, text());
    expect(readFileSync(file, "utf8")).toBe(text());
    expect(edges().length).toBeGreaterThan(40);
  });

  test("makes no move that the machine does not know", ({ expect }) => {
    const known = new Set(edges().map(({ command, to }) => `${command} ${to}`));
    expect(moves().length).toBeGreaterThan(15);
    expect(moves().filter(({ command, to }) => !known.has(`${command} ${to}`))).toEqual([]);
  });

  test("leads to every state of the machine", ({ expect }) => {
    const reached = new Set(moves().map(({ to }) => to));
    expect(states.filter((state) => !reached.has(state))).toEqual([]);
  });
});
