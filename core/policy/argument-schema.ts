import type { Json, JsonObject } from "../../schemas/json.ts";
import { limits } from "../../schemas/limits.ts";
import { pointerOf } from "../../schemas/parse.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { patternFault } from "./pattern.ts";
import { isObject, keywordFault, subschemasOf } from "./schema-keyword.ts";

/**
 * Is a contract's `args` a schema that can be held against an agent's arguments: known keywords of the right shape, references
 * that stay inside and end, patterns that match in bounded time?
 */

/** Subschemas that one value may be held against, references followed: bounds the work per node of the arguments. */
const maxSubschemas = 2_000;
/** Longer field names are refused before any pattern sees them (`argumentFaults`). */
export const maxFieldName = limits.nameLength;

/** Every fault of a contract's `args`, by JSON Pointer; `under` is the pointer of the schema itself. */
export function argumentSchemaFaults(schema: JsonObject, under = ""): ProblemField[] {
  const faults: ProblemField[] = [];
  if (schema["type"] !== "object") {
    faults.push({ pointer: `${under}/type`, detail: 'must be "object": arguments are a JSON object' });
  }
  visit(schema, under, schema, faults);
  if (faults.length > 0) return faults;
  const size = sizeOf(schema, schema, new Map());
  if (size === Infinity) {
    return [
      {
        pointer: under,
        detail: "refers to itself through $ref; write the nesting out to the depth you need",
      },
    ];
  }
  if (size <= maxSubschemas) return [];
  return [
    { pointer: under, detail: `holds more than ${maxSubschemas} subschemas once every $ref is followed` },
  ];
}

/** `#/$defs/NAME` → the definition; undefined for any other reference. */
export function definitionOf(reference: Json | undefined, root: JsonObject): Json | undefined {
  const name =
    typeof reference === "string" ? /^#\/\$defs\/([A-Za-z0-9_.-]+)$/u.exec(reference)?.[1] : undefined;
  const definitions = root["$defs"];
  return name !== undefined && isObject(definitions) && Object.hasOwn(definitions, name)
    ? definitions[name]
    : undefined;
}

function visit(schema: Json, pointer: string, root: JsonObject, faults: ProblemField[]): void {
  if (!isObject(schema)) return;
  for (const [keyword, value] of Object.entries(schema)) {
    const at = pointerOf([keyword], pointer);
    const fault = keywordFault(keyword, value) ?? contentFault(keyword, value, schema, root);
    if (fault !== null) {
      faults.push({ pointer: at, detail: fault });
      continue;
    }
    for (const [path, subschema] of subschemasOf(keyword, value)) {
      const unsafe = keyword === "patternProperties" ? patternFault(path.join(""), maxFieldName) : null;
      if (unsafe !== null) faults.push({ pointer: pointerOf(path, at), detail: unsafe });
      visit(subschema, pointerOf(path, at), root, faults);
    }
  }
}

/** What is wrong with a value that has the right shape. */
function contentFault(keyword: string, value: Json, schema: JsonObject, root: JsonObject): string | null {
  if (keyword === "pattern" && typeof value === "string") {
    const { maxLength } = schema;
    return patternFault(value, typeof maxLength === "number" ? maxLength : limits.stringLength);
  }
  if (keyword !== "$ref" || definitionOf(value, root) !== undefined) return null;
  return "must name a definition of this schema, as #/$defs/NAME; nothing is fetched";
}

/** Subschemas with every reference followed; Infinity where one leads back to itself. */
function sizeOf(schema: Json, root: JsonObject, known: Map<Json, number>): number {
  if (!isObject(schema)) return 1;
  const done = known.get(schema);
  if (done !== undefined) return done;
  // While it is being measured its size is infinite: whoever meets it again has gone in a circle.
  known.set(schema, Infinity);
  let size = 1;
  for (const [keyword, value] of Object.entries(schema)) {
    // A definition counts where it is used.
    if (keyword === "$defs") continue;
    for (const [, subschema] of subschemasOf(keyword, value)) size += sizeOf(subschema, root, known);
    const definition = keyword === "$ref" ? definitionOf(value, root) : undefined;
    if (definition !== undefined) size += sizeOf(definition, root, known);
  }
  known.set(schema, size);
  return size;
}
