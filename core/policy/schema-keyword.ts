import type { Json, JsonObject } from "../../schemas/json.ts";

/**
 * The keywords of JSON Schema (draft 2020-12) that a contract's `args` may use, by what they hold. A keyword that is not here
 * is refused and not ignored: a misspelt `requierd` would otherwise let anything through.
 */
type Shape = {
  readonly keywords: readonly string[];
  readonly fits: (value: Json) => boolean;
  readonly says: string;
  /** How the schemas under the keyword are held, for those that hold any. */
  readonly holds?: "one" | "list" | "map";
};

const words = (text: string): string[] => text.split(" ");

const types = ["object", "array", "string", "number", "integer", "boolean", "null"];
/** Those that are checked in linear time. A validator ignores any other name without a word, so they are refused. */
const formats = words(
  "date time date-time duration email hostname ipv4 ipv6 uri uri-reference uuid json-pointer",
);

const shapes: readonly Shape[] = [
  {
    keywords: words(
      "not if then else items contains propertyNames additionalProperties unevaluatedProperties unevaluatedItems",
    ),
    fits: isSchema,
    says: "must be a schema: an object, true or false",
    holds: "one",
  },
  {
    keywords: ["allOf", "anyOf", "oneOf", "prefixItems"],
    fits: (value) => Array.isArray(value) && value.length > 0 && value.every(isSchema),
    says: "must be a list of at least one schema",
    holds: "list",
  },
  {
    keywords: ["properties", "patternProperties", "dependentSchemas", "$defs"],
    fits: (value) => isObject(value) && Object.values(value).every(isSchema),
    says: "must be an object of schemas",
    holds: "map",
  },
  {
    keywords: ["type"],
    fits: (value) => isListOf(Array.isArray(value) ? value : [value], types),
    says: `must be one or more of ${types.join(", ")}`,
  },
  {
    keywords: ["format"],
    fits: (value) => isListOf([value], formats),
    says: `must be one of ${formats.join(", ")}`,
  },
  { keywords: ["required"], fits: isStrings, says: "must be a list of field names" },
  {
    keywords: ["dependentRequired"],
    fits: (value) => isObject(value) && Object.values(value).every(isStrings),
    says: "must be an object of lists of field names",
  },
  {
    keywords: ["enum"],
    fits: (value) => Array.isArray(value) && value.length > 0,
    says: "must be a list of at least one value",
  },
  {
    keywords: words(
      "minLength maxLength minItems maxItems minContains maxContains minProperties maxProperties",
    ),
    fits: (value) => typeof value === "number" && Number.isInteger(value) && value >= 0,
    says: "must be a whole number, 0 or more",
  },
  {
    keywords: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
    fits: (value) => typeof value === "number",
    says: "must be a number",
  },
  {
    keywords: ["multipleOf"],
    fits: (value) => typeof value === "number" && value > 0,
    says: "must be a number above 0",
  },
  {
    keywords: ["uniqueItems", "deprecated", "readOnly", "writeOnly"],
    fits: (value) => typeof value === "boolean",
    says: "must be true or false",
  },
  {
    keywords: words("title description $comment $schema contentEncoding contentMediaType pattern $ref"),
    fits: (value) => typeof value === "string",
    says: "must be text",
  },
  { keywords: ["const", "default", "examples"], fits: () => true, says: "" },
];

const byKeyword: ReadonlyMap<string, Shape> = new Map(
  shapes.flatMap((shape) => shape.keywords.map((keyword) => [keyword, shape] as const)),
);

/** What is wrong with `keyword: value` by itself; null where nothing is. Names that start with x- are the operator's own. */
export function keywordFault(keyword: string, value: Json): string | null {
  const shape = byKeyword.get(keyword);
  if (shape !== undefined) return shape.fits(value) ? null : shape.says;
  return keyword.startsWith("x-") ? null : "is not a keyword of JSON Schema draft 2020-12 that is taken here";
}

/** How the schemas under a keyword are held; undefined for a keyword that holds none. */
export function holdingOf(keyword: string): Shape["holds"] {
  return byKeyword.get(keyword)?.holds;
}

/** The schemas directly under a keyword, with their path from it. */
export function subschemasOf(keyword: string, value: Json): [path: string[], schema: Json][] {
  switch (holdingOf(keyword)) {
    case "one":
      return [[[], value]];
    case "list":
      return Array.isArray(value) ? value.map((each, index) => [[String(index)], each]) : [];
    case "map":
      return isObject(value) ? Object.entries(value).map(([key, each]) => [[key], each]) : [];
    case undefined:
      break;
  }
  return [];
}

/** A copy of `schema` whose direct subschemas have gone through `change`. */
export function mapSubschemas(schema: JsonObject, change: (subschema: Json) => Json): JsonObject {
  const entries = Object.entries(schema).map(([keyword, value]): [string, Json] => {
    const holding = holdingOf(keyword);
    if (holding === "one") return [keyword, change(value)];
    if (holding === "list" && Array.isArray(value)) return [keyword, value.map(change)];
    if (holding !== "map" || !isObject(value)) return [keyword, value];
    return [keyword, Object.fromEntries(Object.entries(value).map(([key, each]) => [key, change(each)]))];
  });
  return Object.fromEntries(entries);
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSchema(value: Json): boolean {
  return typeof value === "boolean" || isObject(value);
}

function isStrings(value: Json): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === "string");
}

function isListOf(values: readonly Json[], allowed: readonly string[]): boolean {
  return values.length > 0 && values.every((value) => typeof value === "string" && allowed.includes(value));
}
