import type { Json } from "../../schemas/json.ts";

/** What a keyword asks for, and where it helps what was sent. A keyword that is not here only reports what its parts report. */
export const wording: Readonly<Record<string, (value: Json, instance: Json) => string>> = {
  type: (value, instance) =>
    `must be ${[value]
      .flat()
      .map((type) => article(plain(type)))
      .join(" or ")}, is ${article(typeOf(instance))}`,
  const: (value) => `must be ${JSON.stringify(value)}`,
  enum: (value) =>
    `must be one of ${[value]
      .flat()
      .slice(0, 50)
      .map((each) => JSON.stringify(each))
      .join(", ")}`,
  minLength: (value) => `must be at least ${count(value, "character")} long`,
  maxLength: (value) => `must be at most ${count(value, "character")} long`,
  pattern: (value) => `must match the pattern ${plain(value)}`,
  format: (value) => `must have the format ${plain(value)}`,
  minimum: (value) => `must be ${plain(value)} or more`,
  maximum: (value) => `must be ${plain(value)} or less`,
  exclusiveMinimum: (value) => `must be more than ${plain(value)}`,
  exclusiveMaximum: (value) => `must be less than ${plain(value)}`,
  multipleOf: (value) => `must be a multiple of ${plain(value)}`,
  minItems: (value) => `must hold at least ${count(value, "item")}`,
  maxItems: (value) => `must hold at most ${count(value, "item")}`,
  uniqueItems: () => "must not hold the same item twice",
  minProperties: (value) => `must hold at least ${count(value, "field")}`,
  maxProperties: (value) => `must hold at most ${count(value, "field")}`,
  contains: () => "must hold an item that fits the schema's `contains`",
  minContains: (value) => `must hold at least ${count(value, "item")} that fit the schema's \`contains\``,
  maxContains: (value) => `must hold at most ${count(value, "item")} that fit the schema's \`contains\``,
  not: () => "is a value that is ruled out by the schema's `not`",
};

/** Text as it is, anything else as JSON. */
export function plain(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function typeOf(value: Json): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function article(type: string): string {
  if (type === "integer") return "a whole number";
  if (type === "null") return "null";
  return /^[ao]/u.test(type) ? `an ${type}` : `a ${type}`;
}

function count(value: Json, noun: string): string {
  return `${plain(value)} ${noun}${value === 1 ? "" : "s"}`;
}
