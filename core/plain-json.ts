import type { Json, JsonObject } from "../schemas/json.ts";

/** JSON as our own types describe it: with fields that may be left out. */
type Typed =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly Typed[]
  | { readonly [key: string]: Typed };

/**
 * A copy in which what is left out is left out, so that its type and its JSON text say the same. Every key becomes the
 * copy's own: assigning `__proto__` would drop it, and with it leave the digest without it.
 */
export function plainObject(value: { readonly [key: string]: Typed }): JsonObject {
  const given = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(given.map(([key, item]) => [key, plain(item)]));
}

function plain(value: Typed): Json {
  if (value === null || value === undefined) return null;
  if (typeof value !== "object") return value;
  return isList(value) ? value.map(plain) : plainObject(value);
}

/** `Array.isArray` does not narrow readonly lists. */
const isList = (value: object): value is readonly Typed[] => Array.isArray(value);
