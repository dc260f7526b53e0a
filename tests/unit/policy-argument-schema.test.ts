import { describe, test } from "vitest";
import { argumentSchemaFaults } from "../../core/policy/argument-schema.ts";
import type { JsonObject } from "../../schemas/json.ts";

describe("schemas that do not publish", () => {
  const cases: [JsonObject, pointer: string, detail: string][] = [
    [{}, "/type", '"object"'],
    [
      { type: "object", properties: { a: { type: "text" } } },
      "/properties/a/type",
      "must be one or more of object",
    ],
    [{ type: "object", properties: { a: 5 } }, "/properties", "object of schemas"],
    [{ type: "object", properties: { a: { format: "url" } } }, "/properties/a/format", "must be one of date"],
    [{ type: "object", properties: { a: { minLength: -1 } } }, "/properties/a/minLength", "whole number"],
    [{ type: "object", properties: { a: { enum: [] } } }, "/properties/a/enum", "at least one value"],
    [{ type: "object", required: "a" }, "/required", "list of field names"],
    [{ type: "object", anyOf: [] }, "/anyOf", "at least one schema"],
    [{ type: "object", items: [{ type: "string" }] }, "/items", "must be a schema"],
    [{ type: "object", $id: "https://example.com/a" }, "/$id", "not a keyword"],
    [{ type: "object", $ref: "#/$defs/none" }, "/$ref", "nothing is fetched"],
    [{ type: "object", $ref: "#" }, "/$ref", "nothing is fetched"],
    [{ type: "object", patternProperties: { "(a*)*": {} } }, "/patternProperties/(a*)*", "too long"],
    [
      {
        type: "object",
        $ref: "#/$defs/a",
        $defs: { a: { anyOf: [{ $ref: "#/$defs/b" }] }, b: { $ref: "#/$defs/a" } },
      },
      "",
      "refers to itself",
    ],
  ];
  test.for(cases)("%j", ([schema, pointer, detail], { expect }) => {
    const [fault] = argumentSchemaFaults(schema);
    expect(fault?.pointer).toBe(pointer);
    expect(fault?.detail).toContain(detail);
  });

  test("one whose references double at every step", ({ expect }) => {
    const $defs = Object.fromEntries(
      Array.from({ length: 40 }, (_, at) => [
        `d${at}`,
        { allOf: [{ $ref: `#/$defs/d${at + 1}` }, { $ref: `#/$defs/d${at + 1}` }] },
      ]),
    );
    const schema: JsonObject = {
      type: "object",
      $ref: "#/$defs/d0",
      $defs: { ...$defs, d40: { type: "object" } },
    };
    expect(argumentSchemaFaults(schema)[0]?.detail).toContain("more than 2000 subschemas");
  });
});
