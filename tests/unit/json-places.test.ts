import fc from "fast-check";
import { describe, test } from "vitest";
import { jsonPlaces } from "../../core/json-places.ts";

const offsetOf = (text: string, { line, column }: { line: number; column: number }): number => {
  const lines = text.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  return (
    before +
    Array.from(lines[line - 1] ?? "")
      .slice(0, column - 1)
      .join("").length
  );
};

/** Every value of a document with its pointer. */
function* valuesOf(value: unknown, pointer = ""): Generator<[string, unknown]> {
  yield [pointer, value];
  if (typeof value !== "object" || value === null) return;
  for (const [key, member] of Object.entries(value)) {
    yield* valuesOf(member, `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`);
  }
}

describe("places in a JSON text", () => {
  test("are where each value begins, however the text is laid out", ({ expect }) => {
    const layout = fc.constantFrom(undefined, 1, 2, "\t", " \n ");
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), layout, (json, indent) => {
        const value: unknown = JSON.parse(JSON.stringify(json));
        const text = JSON.stringify(
          value,
          null,
          typeof indent === "string" && indent.includes("\n") ? 2 : indent,
        );
        const laidOut = typeof indent === "string" ? text.replaceAll(/,(?=\n)/gu, `${indent},`) : text;
        const { at } = jsonPlaces(laidOut);
        for (const [pointer, member] of valuesOf(value)) {
          const rest = laidOut.slice(offsetOf(laidOut, at(pointer)));
          const opening =
            typeof member === "object" && member !== null
              ? JSON.stringify(member)[0]
              : JSON.stringify(member);
          expect(rest.startsWith(opening ?? "")).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("inside a string count what it means, not how it is escaped", ({ expect }) => {
    const characters = fc.array(fc.constantFrom("a", " ", "\n", '"', "\\", "é", "😀", "\t", "\u2028", "/"), {
      minLength: 1,
      maxLength: 30,
    });
    const escaped = (character: string): string =>
      Array.from({ length: character.length }, (_, unit) => character.charCodeAt(unit))
        .map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`)
        .join("");
    fc.assert(
      fc.property(characters, fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }), (meant, choices) => {
        const written = meant.map((one, index) =>
          choices[index] === true ? escaped(one) : JSON.stringify(one).slice(1, -1),
        );
        const text = `{\n  "when": "${written.join("")}"\n}`;
        const { within } = jsonPlaces(text);
        let line = 1;
        let column = 1;
        for (const [index, character] of meant.entries()) {
          const before = `  "when": "${written.slice(0, index).join("")}`;
          expect(within("/when", { line, column })).toEqual({
            line: 2,
            column: Array.from(before).length + 1,
          });
          if (character === "\n") {
            line += 1;
            column = 1;
          } else column += 1;
        }
      }),
      { numRuns: 500 },
    );
  });

  test("of what is not there are those of the nearest value above it", ({ expect }) => {
    const text = '{\n  "a": [\n    {"b": 1}\n  ]\n}';
    const { at } = jsonPlaces(text);
    expect(at("/a/0/c/d")).toEqual({ line: 3, column: 5 });
    expect(at("/z")).toEqual({ line: 1, column: 1 });
  });

  test("name members that stand twice, of which JSON itself says nothing", ({ expect }) => {
    expect(jsonPlaces('{"a":{"b":1,"b":2,"c":3},"a":4}').twice).toEqual(["/a/b", "/a"]);
    expect(jsonPlaces('{"a":{"b":1},"c":{"b":1}}').twice).toEqual([]);
  });
});
