import type { Json } from "../schemas/json.ts";

/**
 * RFC 8785 (JCS): object keys in UTF-16 order, no white space, numbers and strings as ECMAScript writes them.
 * `JSON.stringify` already gives the RFC's number and string forms, so only the key order is ours.
 * Lone surrogates have no UTF-8 form and are refused; so are NaN and the infinities.
 */
export function canonicalJson(value: Json): string {
  if (typeof value === "string") {
    if (!value.isWellFormed()) throw new TypeError("a lone surrogate has no canonical form");
    return JSON.stringify(value);
  }
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new TypeError("NaN and infinities have no canonical form");
  }
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const members = Object.keys(value)
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((key) => `${canonicalJson(key)}:${canonicalJson(value[key] ?? null)}`);
  return `{${members.join(",")}}`;
}
