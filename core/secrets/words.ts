import type { Json, JsonObject } from "../../schemas/json.ts";

/** Where people write freely in a body, and what they wrote put back without its secrets. */

/** The members of these names, at any depth, in the order in which they stand: texts, and objects whole. */
export function wordsIn(body: Json, names: readonly string[]): JsonObject[] {
  if (typeof body !== "object" || body === null) return [];
  if (Array.isArray(body)) return body.flatMap((item) => wordsIn(item, names));
  return Object.entries(body).flatMap(([name, member]) => {
    if (!names.includes(name) || !isWritten(member)) return wordsIn(member, names);
    return [{ [name]: member }];
  });
}

/** The same body with `words` in place of what `wordsIn` found, in the same order. */
export function withWords(body: Json, names: readonly string[], words: readonly JsonObject[]): Json {
  const rest = words.values();
  const walk = (value: Json): Json => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(walk);
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => {
        if (!names.includes(name) || !isWritten(member)) return [name, walk(member)];
        return [name, rest.next().value?.[name] ?? null];
      }),
    );
  };
  return walk(body);
}

const isWritten = (member: Json): boolean =>
  typeof member === "string" || (typeof member === "object" && member !== null && !Array.isArray(member));
