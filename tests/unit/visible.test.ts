import * as fc from "fast-check";
import { describe, test } from "vitest";
import { asciiOf, hasHidden, mixesScripts, visible, visibleLines } from "../../core/card/visible.ts";

/** What no reader may be shown raw: none of it is seen, or it moves what is. */
const hidden = /(?! )[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Z}\p{Default_Ignorable_Code_Point}]/u;

describe("T2 foreign text", () => {
  test("of every code point there is comes out without one that hides or reorders", ({ expect }) => {
    let named = 0;
    let bidi = 0;
    for (let code = 0; code <= 0x10_ff_ff; code += 1) {
      const character = String.fromCodePoint(code);
      const text = visible(`a${character}b`);
      if (hidden.test(text)) throw new Error(`U+${code.toString(16)} stays hidden`);
      if (/\p{Bidi_Control}/u.test(character)) bidi += text.includes("[U+") ? 1 : 0;
      if (text !== `a${character}b`) named += 1;
    }
    expect(bidi).toBe(12);
    expect(named).toBeGreaterThan(4_206);
  });

  test("only ever shows as itself: two that look the same are the same", ({ expect }) => {
    const awkward = fc.constantFrom(
      "[",
      "U",
      "+",
      "2",
      "0",
      "E",
      "]",
      "\u202E",
      "\u200B",
      "e",
      "\u0301",
      "é",
      "\t",
      " ",
      "\u00A0",
    );
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 20 }),
      fc.string({ unit: awkward, maxLength: 12 }),
    );
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(text, (one) => {
        const shown = visible(one).normalize("NFC");
        const other = seen.get(shown);
        seen.set(shown, one);
        return other === undefined || other === one;
      }),
      { numRuns: 20_000 },
    );
    expect(visible("[U+202E]")).not.toBe(visible("\u202E"));
  });

  test("of people's own languages stays as it is, and no escape reaches a terminal", ({ expect }) => {
    expect(visible("Grüße, 東京, мир \u{1F600}")).toBe("Grüße, 東京, мир \u{1F600}");
    expect(visible("\u001B[2J\u009B\u0000")).toBe("[U+001B][2J[U+009B][U+0000]");
  });

  test("cannot pile marks over the lines above", ({ expect }) => {
    expect(visible(`a${"\u0316".repeat(60)}`).match(/\p{M}/gu)).toHaveLength(4);
  });

  test("keeps its lines, and nothing else of what moves text", ({ expect }) => {
    expect(visibleLines("one\ntwo\tthree\r")).toEqual(["one", "two[U+0009]three[U+000D]"]);
    expect(hasHidden("one\ntwo")).toBe(false);
    expect(hasHidden("one\u2028two")).toBe(true);
  });

  test("says where a word mixes alphabets, and what an identifier is in ASCII", ({ expect }) => {
    expect(mixesScripts("\u0430dmin")).toBe(true);
    expect(mixesScripts("admin \u043C\u0438\u0440")).toBe(false);
    expect(asciiOf("prod-db-1")).toBeNull();
    expect(asciiOf("\u0430dmin")).toBe("[U+0430]dmin");
  });
});
