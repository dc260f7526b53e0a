import { Validator } from "@cfworker/json-schema";
import type { Json, JsonObject } from "../../schemas/json.ts";
import { pointerOf } from "../../schemas/parse.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { fieldsOfErrors } from "./argument-error.ts";
import { maxFieldName } from "./argument-schema.ts";
import { isObject, mapSubschemas } from "./schema-keyword.ts";

/**
 * Arguments held against a contract's JSON Schema. The validator interprets the schema and never compiles it to code, so it
 * runs where eval does not.
 */

/** `uniqueItems` compares every pair: two million comparisons at this length. */
const maxItems = 2_000;

type Loaded = { readonly schema: JsonObject; readonly validator: Validator };
/** By the schema object of a cached policy, so that a policy's schemas are prepared once. */
const loaded = new WeakMap<JsonObject, Loaded>();

/**
 * Every offending field of `args`, by JSON Pointer from the request (`/args/…`), with what is wrong and what is taken; empty for
 * arguments that fit. Fields at the top that the schema does not mention are refused unless it says `additionalProperties` itself.
 * Expects a schema without `argumentSchemaFaults`.
 */
export function argumentFaults(schema: JsonObject, args: JsonObject): ProblemField[] {
  const unsafe = sizeFaults(args, "/args");
  if (unsafe.length > 0) return unsafe;
  const known = loaded.get(schema) ?? load(schema);
  loaded.set(schema, known);
  const { valid, errors } = known.validator.validate(args);
  if (valid) return [];
  const fields = fieldsOfErrors(errors, known.schema, args);
  // Whatever the validator refuses stays refused, even if no error of it can be put in words.
  return fields.length > 0
    ? fields
    : [{ pointer: "/args", detail: "does not fit the schema of this action type" }];
}

/** True where the validator takes the schema at all: it throws on what it cannot resolve. */
export function isLoadable(schema: JsonObject): boolean {
  try {
    load(schema).validator.validate({});
    return true;
  } catch {
    return false;
  }
}

function load(schema: JsonObject): Loaded {
  const prepared = { ...withoutUnknownFields(schema), ...guarded(schema) };
  return { schema: prepared, validator: new Validator(prepared, "2020-12", false) };
}

/** What refuses unknown fields at the top: `additionalProperties` sees only the `properties` beside it, so with combinators it is `unevaluatedProperties`. */
function withoutUnknownFields(schema: JsonObject): JsonObject {
  if ("additionalProperties" in schema || "unevaluatedProperties" in schema) return {};
  const combinators = ["allOf", "anyOf", "oneOf", "if", "$ref", "dependentSchemas"];
  const combined = combinators.some((keyword) => keyword in schema);
  return combined ? { unevaluatedProperties: false } : { additionalProperties: false };
}

/**
 * The same schema, where a pattern with a `maxLength` beside it runs only on text that short: the validator would try both, and
 * the bound on a pattern's time holds for its `maxLength` (`patternFault`). What fits stays the same, as both must hold.
 */
function guarded(schema: JsonObject): JsonObject {
  const copy = mapSubschemas(schema, (subschema) => (isObject(subschema) ? guarded(subschema) : subschema));
  const { pattern, maxLength, ...rest } = copy;
  if (typeof pattern !== "string" || typeof maxLength !== "number") return copy;
  const others = Array.isArray(rest["allOf"]) ? rest["allOf"] : [];
  return { ...rest, maxLength, allOf: [...others, { if: { maxLength }, then: { pattern } }] };
}

function sizeFaults(value: Json, pointer: string): ProblemField[] {
  if (typeof value !== "object" || value === null) return [];
  if (Array.isArray(value) && value.length > maxItems) {
    return [{ pointer, detail: `holds ${value.length} items; at most ${maxItems} are taken` }];
  }
  return Object.entries(value).flatMap(([key, each]) => {
    const at = pointerOf([key], pointer);
    if (key === "__proto__" || !key.isWellFormed()) {
      return [{ pointer: at, detail: "is not a name that a field may have" }];
    }
    if (key.length > maxFieldName) {
      return [{ pointer: at, detail: `has a name longer than ${maxFieldName} characters` }];
    }
    return sizeFaults(each, at);
  });
}
