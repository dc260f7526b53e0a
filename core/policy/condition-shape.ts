import type { Json, JsonObject } from "../../schemas/json.ts";
import { definitionOf } from "./argument-schema.ts";
import { isObject } from "./schema-keyword.ts";

/** What is known of a value before there is one: an upper bound of what it can be, never less. */
export type Kind =
  | "null"
  | "bool"
  | "int"
  | "uint"
  | "double"
  | "string"
  | "bytes"
  | "timestamp"
  | "duration"
  | "list"
  | "map"
  | "type";

export type Shape = {
  /** Null where it may be anything. */
  readonly kinds: ReadonlySet<Kind> | null;
  /** The only values there are; scalars only. */
  readonly values?: readonly Json[];
  /** Bounds of a number, inside which it lies. */
  readonly min?: number;
  readonly max?: number;
  readonly item?: Shape;
  readonly fields?: ReadonlyMap<string, Shape>;
  /** No field but these. */
  readonly closed?: boolean;
  /** How it is written in the condition, for messages. */
  readonly name?: string;
  /** It may be left out of a request. */
  readonly optional?: boolean;
};

export const anything: Shape = { kinds: null };
export const of = (...kinds: Kind[]): Shape => ({ kinds: new Set(kinds) });
const text = of("string");
const closed = (fields: Record<string, Shape>): Shape => ({
  ...of("map"),
  fields: new Map(Object.entries(fields)),
  closed: true,
});
const optional = (shape: Shape): Shape => ({ ...shape, optional: true });
const listOf = (item: Shape): Shape => ({ ...of("list"), item });

/** The variables of a condition, `args` by the contract's schema. */
export function variableShapes(args: JsonObject): ReadonlyMap<string, Shape> {
  const variables: Record<string, Shape> = {
    args: shapeOf(args, args, true),
    target: closed({
      resource: text,
      segment: optional(text),
      environment: optional(text),
      tool: optional(text),
    }),
    agent: closed({ id: text, owner: text, roles: listOf(text), segments: listOf(text) }),
    requester: closed({ id: text, owner: text, onBehalfOf: of("string", "null") }),
    person: closed({ id: text, groups: listOf(text) }),
    now: of("timestamp"),
  };
  return new Map(Object.entries(variables).map(([name, shape]) => [name, named(shape, name)]));
}

export function named(shape: Shape, name: string): Shape {
  return { ...shape, name };
}

const kindsOfType: Readonly<Record<string, readonly Kind[]>> = {
  object: ["map"],
  array: ["list"],
  string: ["string"],
  integer: ["int"],
  // A whole number of JSON is an integer here, also where the schema takes fractions.
  number: ["int", "double"],
  boolean: ["bool"],
  null: ["null"],
};
/** Keywords that may let in fields which `properties` does not name. */
const combinators = [
  "allOf",
  "anyOf",
  "oneOf",
  "if",
  "then",
  "else",
  "$ref",
  "dependentSchemas",
  "patternProperties",
];

/** `top`: unknown fields of the arguments themselves are refused unless the schema says otherwise (`argumentFaults`). */
function shapeOf(schema: Json, root: JsonObject, top = false): Shape {
  if (!isObject(schema)) return anything;
  const definition = definitionOf(schema["$ref"], root);
  // What stands beside a reference only narrows what it says; publishing refuses one that leads back to itself.
  if (definition !== undefined && !("type" in schema)) return shapeOf(definition, root);
  const values = valuesOf(schema);
  const kinds = values === null ? typesOf(schema) : new Set(values.map(kindOf));
  return {
    kinds,
    ...(values !== null && { values }),
    ...boundsOf(schema),
    ...(schema["items"] !== undefined &&
      !("prefixItems" in schema) && { item: shapeOf(schema["items"], root) }),
    ...fieldsOf(schema, root, top),
  };
}

function typesOf({ type }: JsonObject): ReadonlySet<Kind> | null {
  const names = (Array.isArray(type) ? type : [type]).filter((name) => typeof name === "string");
  return names.length === 0 ? null : new Set(names.flatMap((name) => kindsOfType[name] ?? []));
}

function valuesOf(schema: JsonObject): Json[] | null {
  const values = "const" in schema ? [schema["const"] ?? null] : schema["enum"];
  const scalars = Array.isArray(values) ? values : [];
  return scalars.length === 0 || scalars.some((value) => typeof value === "object" && value !== null)
    ? null
    : scalars;
}

/** The kind of a scalar of JSON. */
export function kindOf(value: Json): Kind {
  if (value === null) return "null";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "double";
  if (typeof value === "boolean") return "bool";
  return "string";
}

function boundsOf(schema: JsonObject): { min?: number; max?: number } {
  const numbers = (...keywords: string[]): number[] =>
    keywords.map((keyword) => schema[keyword]).filter((value) => typeof value === "number");
  const lower = numbers("minimum", "exclusiveMinimum");
  const upper = numbers("maximum", "exclusiveMaximum");
  return {
    ...(lower.length > 0 && { min: Math.max(...lower) }),
    ...(upper.length > 0 && { max: Math.min(...upper) }),
  };
}

function fieldsOf(schema: JsonObject, root: JsonObject, top: boolean): Partial<Shape> {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  const fields = new Map(
    Object.entries(properties).map(([name, property]): [string, Shape] => {
      const shape = shapeOf(property, root);
      return [name, required.includes(name) ? shape : { ...shape, optional: true }];
    }),
  );
  const open = combinators.some((keyword) => keyword in schema);
  const others = schema["additionalProperties"] ?? schema["unevaluatedProperties"];
  const refusesOthers = others === false || (top && others === undefined);
  return { fields, closed: !open && refusesOthers };
}
