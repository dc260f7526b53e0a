import fc from "fast-check";
import { describe, test } from "vitest";
import { argumentSchemaFaults } from "../../core/policy/argument-schema.ts";
import { argumentFaults, isLoadable } from "../../core/policy/arguments.ts";
import type { JsonObject } from "../../schemas/json.ts";
import { starterPolicy } from "../support/starter.ts";

/** A schema that publishes: otherwise what it refuses means nothing. */
function held(schema: JsonObject, args: JsonObject): Record<string, string> {
  const broken = argumentSchemaFaults(schema);
  if (broken.length > 0 || !isLoadable(schema)) throw new Error(JSON.stringify(broken));
  return Object.fromEntries(argumentFaults(schema, args).map(({ pointer, detail }) => [pointer, detail]));
}
const field = (schema: JsonObject): JsonObject => ({ type: "object", properties: { x: schema } });
const shell: JsonObject = starterPolicy().contracts[0].args;

describe("arguments of host.shell", () => {
  test("fit", ({ expect }) => {
    expect(
      held(shell, { argv: ["systemctl", "restart", "nginx"], cwd: "/srv", env: { PATH: "sha256:0" } }),
    ).toEqual({});
  });

  const wrong: [JsonObject, Record<string, string>][] = [
    [{}, { "/args/argv": "is missing" }],
    [{ argv: [] }, { "/args/argv": "must hold at least 1 item" }],
    [{ argv: "ls -l" }, { "/args/argv": "must be an array, is a string" }],
    [
      { argv: ["ls", 1, null] },
      { "/args/argv/1": "must be a string, is a number", "/args/argv/2": "must be a string, is null" },
    ],
    [
      { argv: ["ls"], shell: true },
      { "/args/shell": "is not a known field; the fields taken here are argv, cwd, env" },
    ],
    [{ argv: ["ls"], env: { "A/B": 1 } }, { "/args/env/A~1B": "must be a string, is a number" }],
    [
      { argv: 1, cwd: "", timeoutSeconds: 5 },
      {
        "/args/argv": "must be an array, is a number",
        "/args/cwd": "must be at least 1 character long",
        "/args/timeoutSeconds": "is not a known field; the fields taken here are argv, cwd, env",
      },
    ],
  ];
  test.for(wrong)("do not: %j", ([args, expected], { expect }) => {
    expect(held(structuredClone(shell), args)).toEqual(expected);
  });
});

describe("each keyword says what it takes", () => {
  const cases: [schema: JsonObject, value: JsonObject[string], detail: string][] = [
    [{ type: ["string", "integer"] }, 1.5, "must be a string or a whole number, is a number"],
    [{ enum: ["rolling", "canary", 3] }, "big-bang", 'must be one of "rolling", "canary", 3'],
    [{ const: { a: 1 } }, {}, 'must be {"a":1}'],
    [{ type: "string", maxLength: 2 }, "abc", "must be at most 2 characters long"],
    [{ type: "string", pattern: "^[a-z]{2}$" }, "abc", "must match the pattern ^[a-z]{2}$"],
    [{ type: "string", pattern: "^[a-z]+$", maxLength: 8 }, "A", "must match the pattern ^[a-z]+$"],
    [{ type: "string", format: "email" }, "nobody", "must have the format email"],
    [{ minimum: 1 }, 0, "must be 1 or more"],
    [{ maximum: 1 }, 2, "must be 1 or less"],
    [{ exclusiveMinimum: 1 }, 1, "must be more than 1"],
    [{ exclusiveMaximum: 1 }, 1, "must be less than 1"],
    [{ multipleOf: 0.01 }, 0.001, "must be a multiple of 0.01"],
    [{ maxItems: 1 }, [1, 2], "must hold at most 1 item"],
    [{ uniqueItems: true }, [1, 1], "must not hold the same item twice"],
    [{ minProperties: 1 }, {}, "must hold at least 1 field"],
    [{ maxProperties: 1 }, { a: 1, b: 2 }, "must hold at most 1 field"],
    [{ contains: { const: 1 } }, [2], "must hold an item that fits the schema's `contains`"],
    [
      { contains: { const: 1 }, minContains: 2 },
      [1, 2],
      "must hold at least 2 items that fit the schema's `contains`",
    ],
    [{ not: { type: "string" } }, "a", "is a value that is ruled out by the schema's `not`"],
    [
      { anyOf: [{ type: "string" }, { type: "array" }] },
      1,
      "must be a string, is a number, or must be an array, is a number",
    ],
    [
      { oneOf: [{ minimum: 1 }, { minimum: 2 }] },
      3,
      "fits more than one of the forms it may have; it must fit one",
    ],
    [{ allOf: [{ type: "string" }, { minLength: 2 }] }, "a", "must be at least 2 characters long"],
    [{ $ref: "#/$defs/name" }, 1, "must be a string, is a number"],
    [{ if: { type: "string" }, then: { minLength: 3 } }, "ab", "must be at least 3 characters long"],
  ];
  test.for(cases)("%j", ([schema, value, detail], { expect }) => {
    const whole = { ...field(schema), $defs: { name: { type: "string" } } };
    expect(held(whole, { x: value })).toEqual({ "/args/x": detail });
  });

  test("of the forms of a value, the one that is nearest is told", ({ expect }) => {
    const user = {
      type: "object",
      properties: { kind: { const: "user" }, id: { type: "string" } },
      required: ["kind", "id"],
    };
    const group = {
      type: "object",
      properties: { kind: { const: "group" }, name: { type: "string" } },
      required: ["kind", "name"],
    };
    expect(held(field({ oneOf: [user, group] }), { x: { kind: "group" } })).toEqual({
      "/args/x/name": "is missing",
    });
    expect(held(field({ anyOf: [{ type: "string" }, user] }), { x: { kind: "user", id: 1 } })).toEqual({
      "/args/x/id": "must be a string, is a number",
    });
  });

  test("names of fields, and fields that go together", ({ expect }) => {
    const names = field({ type: "object", propertyNames: { pattern: "^[A-Z]+$" } });
    expect(held(names, { x: { a: 1, B: 2 } })).toEqual({
      "/args/x/a": "has a name that must match the pattern ^[A-Z]+$",
    });
    const pair: JsonObject = {
      type: "object",
      properties: { from: {}, to: {} },
      dependentRequired: { from: ["to"] },
    };
    expect(held(pair, { from: 1 })).toEqual({ "/args/to": "is missing; it goes with from" });
    expect(held(pair, { to: 1 })).toEqual({});
  });

  test("items past the end of a tuple", ({ expect }) => {
    expect(held(field({ prefixItems: [{ type: "string" }], items: false }), { x: ["a", 1] })).toEqual({
      "/args/x/1": "is one item too many",
    });
  });
});

describe("unknown fields at the top", () => {
  test("are refused unless the schema itself speaks of them", ({ expect }) => {
    const open = { ...field({ type: "string" }), additionalProperties: true };
    expect(Object.keys(held(field({ type: "string" }), { x: "a", y: 1 }))).toEqual(["/args/y"]);
    expect(held(open, { x: "a", y: 1 })).toEqual({});
    expect(held({ type: "object" }, { y: 1 })).toEqual({
      "/args/y": "is not a known field; no field is taken here",
    });
  });

  test("are those that no part of a combined schema mentions", ({ expect }) => {
    const combined: JsonObject = {
      type: "object",
      allOf: [{ properties: { a: { type: "string" } } }, { $ref: "#/$defs/b" }],
      $defs: { b: { properties: { b: { type: "number" } } } },
    };
    expect(held(combined, { a: "x", b: 1 })).toEqual({});
    expect(held(combined, { a: "x", b: 1, c: 1 })).toEqual({
      "/args/c": "is not a known field; the fields taken here are a, b",
    });
    // A field that is known but wrong is not also called unknown.
    expect(held(combined, { a: 1 })).toEqual({ "/args/a": "must be a string, is a number" });
  });
});

describe("hostile arguments", () => {
  test("T19 names of the prototype are fields like others, and __proto__ is none", ({ expect }) => {
    const args = JSON.parse('{"__proto__": {"x": 1}}');
    expect(held(shell, args)).toEqual({ "/args/__proto__": "is not a name that a field may have" });
    expect(
      Object.keys(
        held(shell, {
          argv: ["ls"],
          constructor: 1,
          toString: 2,
          hasOwnProperty: 3,
        }),
      ).toSorted(),
    ).toEqual(["/args/constructor", "/args/hasOwnProperty", "/args/toString"]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });

  test("long names, long lists and half characters are refused before anything is matched", ({ expect }) => {
    const any: JsonObject = { type: "object", additionalProperties: true };
    expect(Object.values(held(any, { ["k".repeat(129)]: 1 }))).toEqual([
      "has a name longer than 128 characters",
    ]);
    expect(Object.values(held(any, { x: Array.from({ length: 2_001 }, () => 0) }))).toEqual([
      "holds 2001 items; at most 2000 are taken",
    ]);
    expect(Object.values(held(any, { "\ud800": 1 }))).toEqual(["is not a name that a field may have"]);
  });

  test("T17 no published schema spends seconds on 64 KiB of arguments", ({ expect }) => {
    const schemas: JsonObject[] = [
      field({ type: "string", pattern: "[a-z]+x", maxLength: 256 }),
      field({ type: "string", pattern: "^[a-z]+[a-z]+x$", maxLength: 256 }),
      field({ type: "string", pattern: "^[a-z]+$" }),
      field({ type: "array", uniqueItems: true }),
      field({ type: "array", items: { type: "string", pattern: "a+b", maxLength: 256 } }),
    ];
    const long = "a".repeat(64 * 1_024);
    const lists = [
      Array.from({ length: 2_000 }, (_, index) => ({ i: index })),
      Array.from({ length: 250 }, () => "a".repeat(256)),
    ];
    for (const schema of schemas) {
      for (const value of [long, "a".repeat(256), ...lists]) {
        const started = performance.now();
        held(schema, { x: value });
        expect(performance.now() - started, JSON.stringify(schema)).toBeLessThan(3_000);
      }
    }
  });

  test("whatever is sent, it is answered with pointers and never thrown", () => {
    const schemas: JsonObject[] = starterPolicy().contracts.map(({ args }: { args: JsonObject }) => args);
    const names = fc.constantFrom(
      "argv",
      "cwd",
      "env",
      "migration",
      "rows",
      "to",
      "amount",
      "a/b",
      "~",
      "%",
      "é",
      "#",
    );
    const json = fc.letrec<{ value: JsonObject[string] }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie("value"), { maxLength: 4 }),
        fc.dictionary(names, tie("value"), { maxKeys: 4 }),
      ),
    })).value;
    fc.assert(
      fc.property(fc.constantFrom(...schemas), fc.dictionary(names, json, { maxKeys: 5 }), (schema, args) =>
        argumentFaults(schema, args).every(
          ({ pointer, detail }) => pointer.startsWith("/args") && detail.length > 0,
        ),
      ),
      { numRuns: 2_000 },
    );
  });
});

test("a property may have the name of a keyword", ({ expect }) => {
  const schema: JsonObject = {
    type: "object",
    properties: {
      pattern: { type: "string" },
      maxLength: { type: "number" },
      $ref: { type: "string" },
      enum: {},
    },
  };
  expect(held(schema, { pattern: "(", maxLength: 3, $ref: "x", enum: null })).toEqual({});
  expect(held(schema, { pattern: 1 })).toEqual({ "/args/pattern": "must be a string, is a number" });
});

describe("the bounds of arguments", () => {
  const any: JsonObject = { type: "object", additionalProperties: true };

  test("take a name of 128 characters and a list of 2000 items", ({ expect }) => {
    expect(held(any, { ["k".repeat(128)]: Array.from({ length: 2_000 }, () => 0) })).toEqual({});
  });

  test("hold wherever a schema speaks of unknown fields by itself", ({ expect }) => {
    const open: JsonObject = { type: "object", unevaluatedProperties: true };
    expect(held(open, { y: 1 })).toEqual({});
    const typed: JsonObject = {
      type: "object",
      additionalProperties: { type: "string" },
      allOf: [{ minProperties: 1 }],
    };
    expect(held(typed, { y: "x" })).toEqual({});
    expect(held(typed, { y: 1 })).toEqual({ "/args/y": "must be a string, is a number" });
    const closed: JsonObject = {
      type: "object",
      unevaluatedProperties: false,
      allOf: [{ properties: { a: {} } }],
    };
    expect(Object.keys(held(closed, { a: 1, y: 1 }))).toEqual(["/args/y"]);
  });

  const part: JsonObject = { properties: { a: { type: "string" } } };
  test.for<[keyword: string, schema: JsonObject]>([
    ["allOf", { allOf: [part] }],
    ["anyOf", { anyOf: [part] }],
    ["oneOf", { oneOf: [part] }],
    ["if", { if: { properties: { a: { type: "string" } } }, then: true }],
    ["$ref", { $ref: "#/$defs/part", $defs: { part } }],
    ["dependentSchemas", { properties: { b: {} }, dependentSchemas: { b: part } }],
  ])("know the fields that %s mentions, and no others", ([, schema], { expect }) => {
    const whole: JsonObject = { type: "object", ...schema };
    expect(held(whole, { a: "x", ...(schema["dependentSchemas"] !== undefined && { b: 1 }) })).toEqual({});
    expect(Object.keys(held(whole, { c: 1 }))).toEqual(["/args/c"]);
  });

  test("keep what stands beside a pattern with a maxLength", ({ expect }) => {
    const schema = { type: "string", pattern: "^[a-z]+$", maxLength: 8, allOf: [{ minLength: 2 }] };
    expect(held(field(schema), { x: "a" })).toEqual({ "/args/x": "must be at least 2 characters long" });
    expect(held(field(schema), { x: "ab" })).toEqual({});
    expect(held(field({ type: "string", maxLength: 2 }), { x: "A" })).toEqual({});
    expect(held(field({ type: "string", pattern: "^[a-z]+$" }), { x: "a".repeat(99) })).toEqual({});
    expect(held(field(schema), { x: "a".repeat(9) })).toEqual({
      "/args/x": "must be at most 8 characters long",
    });
  });
});

/** The texts that patterns were run on, while `what` was done. */
function matchedIn(what: () => unknown): string[] {
  const texts: string[] = [];
  // oxlint-disable-next-line typescript/unbound-method -- put back as it was
  const { test: original } = RegExp.prototype;
  // oxlint-disable-next-line no-extend-native -- for as long as it is watched
  RegExp.prototype.test = function (text: string) {
    texts.push(text);
    return original.call(this, text);
  };
  try {
    what();
  } finally {
    // oxlint-disable-next-line no-extend-native -- as above
    RegExp.prototype.test = original;
  }
  return texts;
}

test("T17 a pattern never sees a text that is longer than the maxLength beside it", ({ expect }) => {
  const [short, long] = ["a".repeat(8), "a".repeat(9)];
  const bounded = { type: "string", pattern: "^[a-z]+$", maxLength: 8 };
  const isMatched = (schema: JsonObject, text: string): boolean =>
    matchedIn(() => argumentFaults(field(schema), { x: text })).includes(text);
  expect(isMatched(bounded, short)).toBe(true);
  expect(isMatched(bounded, long)).toBe(false);
  expect(isMatched({ ...bounded, allOf: [{ minLength: 1 }] }, long)).toBe(false);
  expect(isMatched({ anyOf: [bounded, { type: "number" }] }, long)).toBe(false);
  // Without one beside it the pattern has been found safe for whatever comes.
  expect(isMatched({ type: "string", pattern: "^[a-z]+$" }, long)).toBe(true);
});

test("a schema that leads nowhere is not taken", ({ expect }) => {
  expect(isLoadable({ type: "object", $ref: "#/$defs/gone" })).toBe(false);
  expect(isLoadable(field({ type: "string" }))).toBe(true);
});
