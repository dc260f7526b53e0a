import canonicalize from "canonicalize";
import * as fc from "fast-check";
import { describe, test } from "vitest";
import { canonicalJson } from "../../core/canonical.ts";
import type { Json } from "../../schemas/json.ts";

/** Any JSON value, with any text in keys and strings that has a UTF-8 form. */
const anyJson = fc.jsonValue({ maxDepth: 5, stringUnit: "binary" }) as fc.Arbitrary<Json>;

/** RFC 8785, appendix B: the bits of a double, and how it is written. */
const numbers = {
  "0000000000000000": "0",
  "8000000000000000": "0",
  "0000000000000001": "5e-324",
  "8000000000000001": "-5e-324",
  "7fefffffffffffff": "1.7976931348623157e+308",
  ffefffffffffffff: "-1.7976931348623157e+308",
  "4340000000000000": "9007199254740992",
  c340000000000000: "-9007199254740992",
  "4430000000000000": "295147905179352830000",
  "44b52d02c7e14af5": "9.999999999999997e+22",
  "44b52d02c7e14af6": "1e+23",
  "44b52d02c7e14af7": "1.0000000000000001e+23",
  "444b1ae4d6e2ef4e": "999999999999999700000",
  "444b1ae4d6e2ef4f": "999999999999999900000",
  "444b1ae4d6e2ef50": "1e+21",
  "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
  "3eb0c6f7a0b5ed8d": "0.000001",
  "41b3de4355555553": "333333333.3333332",
  "41b3de4355555554": "333333333.33333325",
  "41b3de4355555555": "333333333.3333333",
  "41b3de4355555556": "333333333.3333334",
  "41b3de4355555557": "333333333.33333343",
  becbf647612f3696: "-0.0000033333333333333333",
  "43143ff3c1cb0959": "1424953923781206.2",
};

describe("canonical JSON", () => {
  test("writes numbers as RFC 8785 does", ({ expect }) => {
    for (const [bits, text] of Object.entries(numbers)) {
      expect(canonicalJson(Buffer.from(bits, "hex").readDoubleBE())).toBe(text);
    }
  });

  test("writes the RFC's example as the RFC does", ({ expect }) => {
    const input = String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`;
    expect(canonicalJson(JSON.parse(input) as Json)).toBe(
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  test("orders keys by UTF-16 code units, so a surrogate pair stands before U+FB33", ({ expect }) => {
    const input = { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\u{1f600}": 5, "\u0080": 6, "\u00f6": 7 };
    expect(Object.keys(JSON.parse(canonicalJson(input)) as object)).toHaveLength(7);
    expect(canonicalJson(input).match(/:\d/gu)?.join("")).toBe(":2:4:6:7:1:5:3");
  });

  test("is the same for every order of keys, and has no white space", ({ expect }) => {
    expect(canonicalJson({ b: [1, { d: null, c: "x y" }], a: {} })).toBe(
      '{"a":{},"b":[1,{"c":"x y","d":null}]}',
    );
    expect(canonicalJson({ a: {}, b: [1, { c: "x y", d: null }] })).toBe(
      '{"a":{},"b":[1,{"c":"x y","d":null}]}',
    );
  });

  test("equals another implementation on any JSON, and reads back as what was written", () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        const text = canonicalJson(value);
        return text === canonicalize(value) && canonicalJson(JSON.parse(text) as Json) === text;
      }),
      { numRuns: 2_000 },
    );
  });

  test("refuses what has no UTF-8 form or is no JSON number, and says which", ({ expect }) => {
    for (const value of ["\ud800", "a\udc00b", { "\udfff": 1 }, ["\ud83d"]]) {
      expect(() => canonicalJson(value)).toThrow(new TypeError("a lone surrogate has no canonical form"));
    }
    for (const value of [NaN, Infinity, -Infinity, [{ a: NaN }]]) {
      expect(() => canonicalJson(value)).toThrow(new TypeError("NaN and infinities have no canonical form"));
    }
  });

  test("keeps a key that is the name of a prototype property", ({ expect }) => {
    const hostile = JSON.parse('{"constructor":1,"__proto__":2,"toString":3}') as Json;
    expect(canonicalJson(hostile)).toBe('{"__proto__":2,"constructor":1,"toString":3}');
  });
});
