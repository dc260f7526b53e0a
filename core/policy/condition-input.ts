import { celError, celList, celMap } from "@bufbuild/cel";
import type { CelError, CelInput } from "@bufbuild/cel";
import type { Json, JsonObject } from "../../schemas/json.ts";

/**
 * JSON as a condition sees it. Whole numbers are 64-bit integers, so that `amount > 500000` and sums are exact; JSON cannot carry
 * one past 2^53 − 1 unchanged, so such a number is an error and not the number next to it.
 */

/** Values in one piece of input, every member and item counted. The body of a request holds fewer. */
const maxValues = 20_000;
const maxDepth = 32;

/** The value for a condition; an error, which any use of the value becomes, where there is none. */
export function inputOf(json: Json, name: string): CelInput | CelError {
  const budget = { left: maxValues };
  try {
    return convert(json, name, 1, budget);
  } catch (error) {
    return celError(error instanceof Unfit ? error.message : `${name} cannot be read`);
  }
}

class Unfit extends Error {}

function convert(json: Json, name: string, depth: number, budget: { left: number }): CelInput {
  if (--budget.left < 0) throw new Unfit(`${name} holds more than ${maxValues} values`);
  if (depth > maxDepth) throw new Unfit(`${name} is nested deeper than ${maxDepth} levels`);
  if (typeof json === "number") return numberOf(json, name);
  if (typeof json !== "object" || json === null) return json;
  if (Array.isArray(json)) {
    return celList(json.map((item, index) => convert(item, `${name}[${index}]`, depth + 1, budget)));
  }
  return mapOf(json, name, depth, budget);
}

/** A map of its own, so that nothing in a name can reach a prototype (threat T19). */
function mapOf(json: JsonObject, name: string, depth: number, budget: { left: number }): CelInput {
  const entries = Object.entries(json).map(([key, value]): [string, CelInput] => [
    key,
    convert(value, `${name}.${key}`, depth + 1, budget),
  ]);
  const map = new Map(entries);
  // A field that is null is there; the evaluator would say of it that it is not.
  return Object.assign(celMap(map), { has: (key: unknown) => typeof key === "string" && map.has(key) });
}

function numberOf(value: number, name: string): CelInput {
  if (!Number.isInteger(value)) return value;
  if (Number.isSafeInteger(value)) return BigInt(value);
  throw new Unfit(`${name} is a whole number past 2^53 - 1, which JSON does not carry exactly`);
}
