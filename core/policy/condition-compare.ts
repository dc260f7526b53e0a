import type { Json } from "../../schemas/json.ts";
import type { Kind, Shape } from "./condition-shape.ts";

/** What is certain of two values when they are compared, and how it is said. */

export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=";
const numbers: ReadonlySet<Kind> = new Set<Kind>(["int", "uint", "double"]);

function comparable(a: Kind, b: Kind): boolean {
  return a === b || (numbers.has(a) && numbers.has(b));
}

function overlaps(left: Shape, right: Shape): boolean {
  if (left.kinds === null || right.kinds === null) return true;
  const others = [...right.kinds];
  return [...left.kinds].some((kind) => others.some((other) => comparable(kind, other)));
}

/** Why two values can never be equal, or null. */
export function apartness(left: Shape, right: Shape): string | null {
  if (!overlaps(left, right)) {
    return `${spoken(left)} is ${kindsText(left)} and ${spoken(right)} is ${kindsText(right)}`;
  }
  for (const [some, other] of [
    [left, right],
    [right, left],
  ] as const) {
    const { values } = some;
    if (values === undefined || values.length === 0) continue;
    if (other.values !== undefined) {
      if (values.some((value) => other.values?.includes(value) === true)) continue;
      const listed = some.name === undefined ? other : some;
      return `${spoken(listed)} is ${(listed.values ?? []).map(textOf).join(" or ")}`;
    }
    if (values.every((value) => outsideOf(value, other))) return `${spoken(other)} is ${rangeText(other)}`;
  }
  return null;
}

const outsideOf = (value: Json, { kinds, min = -Infinity, max = Infinity }: Shape): boolean =>
  typeof value === "number" &&
  kinds !== null &&
  [...kinds].every((kind) => numbers.has(kind)) &&
  (value < min || value > max);

/** Both can only be the same one value. */
export function onlyValue(left: Shape, right: Shape): boolean | null {
  if (left.values?.length !== 1 || right.values?.length !== 1) return null;
  return left.values[0] === right.values[0] ? true : null;
}

const ordered: ReadonlySet<Kind> = new Set<Kind>([
  ...numbers,
  "string",
  "bytes",
  "bool",
  "timestamp",
  "duration",
]);

function hasOrder({ kinds }: Shape): boolean {
  return kinds === null || [...kinds].some((kind) => ordered.has(kind));
}

/** An order between them is always an error. */
export function ordersNever(left: Shape, right: Shape): boolean {
  return !overlaps(left, right) || !hasOrder(left) || !hasOrder(right);
}

function isNumber({ kinds }: Shape): boolean {
  return kinds !== null && [...kinds].every((kind) => numbers.has(kind));
}

/** What an order between two ranges of numbers certainly is, or null. */
export function rangeTruth(comparison: Comparison, left: Shape, right: Shape): boolean | null {
  if (!isNumber(left) || !isNumber(right)) return null;
  const { min: a = -Infinity, max: b = Infinity } = rangeOf(left);
  const { min: c = -Infinity, max: d = Infinity } = rangeOf(right);
  switch (comparison) {
    case "<":
      return b < c ? true : a >= d ? false : null;
    case "<=":
      return b <= c ? true : a > d ? false : null;
    case ">":
      return a > d ? true : b <= c ? false : null;
    case ">=":
      return a >= d ? true : b < c ? false : null;
    default:
      return null;
  }
}

function rangeOf({ values, min, max }: Shape): { min?: number | undefined; max?: number | undefined } {
  const given = values?.filter((value) => typeof value === "number");
  if (given === undefined || given.length === 0) return { min, max };
  return { min: Math.min(...given), max: Math.max(...given) };
}

/** A list that is written out: what is in it is all there is. */
export const certainList = ({ kinds, item }: Shape): boolean =>
  kinds?.size === 1 && kinds.has("list") && item !== undefined && item.kinds !== null;

/** A value as the condition writes it. */
export const spoken = ({ name, values }: Shape): string =>
  name ?? (values?.length === 1 ? textOf(values[0] ?? null) : "this");
const textOf = (value: Json): string => JSON.stringify(value);

const words: Readonly<Record<Kind, string>> = {
  null: "null",
  bool: "true or false",
  int: "a whole number",
  uint: "a whole number",
  double: "a number",
  string: "text",
  bytes: "bytes",
  timestamp: "a time",
  duration: "a duration",
  list: "a list",
  map: "a map",
  type: "a type",
};

/** `text or null`. */
export function kindsText({ kinds }: Shape): string {
  if (kinds === null) return "anything";
  const said = new Set([...kinds].map((kind) => words[kind]));
  if (kinds.has("double")) said.delete("a whole number");
  return [...said].join(" or ");
}

/** `from 1 to 5`. */
export function rangeText(shape: Shape): string {
  const { min, max } = rangeOf(shape);
  if (min !== undefined && max !== undefined) return `from ${min} to ${max}`;
  return min === undefined ? `at most ${max}` : `at least ${min}`;
}
