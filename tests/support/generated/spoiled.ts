import type { Dice } from "../dice.ts";

/** A value with one place of it made wrong, or odd: the rest is as it was. */

type Place = { readonly path: readonly (string | number)[]; readonly value: unknown };

function placesIn(value: unknown, path: readonly (string | number)[] = []): Place[] {
  const here = { path, value };
  if (typeof value !== "object" || value === null) return [here];
  const inner = Array.isArray(value)
    ? value.flatMap((item, index) => placesIn(item, [...path, index]))
    : Object.entries(value).flatMap(([key, item]) => placesIn(item, [...path, key]));
  return [here, ...inner];
}

const missing = Symbol("missing");

function changed(value: unknown, path: readonly (string | number)[], to: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return to;
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index) => {
      const made = index === first ? changed(item, rest, to) : item;
      return made === missing ? [] : [made];
    });
  }
  const entries = Object.entries(value as Record<string, unknown>).flatMap(([key, item]) => {
    const made = key === first ? changed(item, rest, to) : item;
    return made === missing ? [] : [[key, made] as const];
  });
  return Object.fromEntries(entries);
}

/** Texts that something behind the door may stumble over. */
export const oddTexts = [
  "",
  " ",
  "\u0000",
  "\u202eabc",
  "\u200b",
  "\ud800",
  "e\u0301",
  "🙂".repeat(40),
  "x".repeat(5_000),
  "__proto__",
  "constructor",
  "NaN",
  "-0",
  "1e999",
  "../../etc/passwd",
  "%00",
  "{{7*7}}",
  "2026-02-30T00:00:00Z",
  "9999-12-31T23:59:59.999Z",
  "0000-01-01T00:00:00Z",
  "P1D",
  "person:",
  "agent:a b",
  `sha256:${"0".repeat(64)}`,
  `act_${"x".repeat(22)}`,
] as const;

const oddNumbers = [0, -1, 0.5, 1e21, 2 ** 31, 2 ** 53, -(2 ** 53), 253_402_300_800_000] as const;
const others = [null, true, false, [], {}, [[]], { a: 1 }, "x", 7] as const;

/** One kind of damage; `value` is what stands at the place. */
const damages: readonly ((dice: Dice, value: unknown) => unknown)[] = [
  () => missing,
  () => null,
  (_, value) => (isObject(value) ? Object.values(value) : isText(value) ? value.split("") : value),
  (dice) => dice.pick(others),
  (dice) => dice.pick(oddTexts),
  (dice) => dice.pick(oddNumbers),
  (dice, value) =>
    isObject(value) ? { ...value, [dice.pick(["more", "id", "__proto__x", "é"])]: 1 } : [value],
  (dice, value) =>
    Array.isArray(value) ? [...value, ...value] : isText(value) ? value + dice.pick(oddTexts) : 7,
  (dice, value) =>
    Array.isArray(value) && value.length > 0 ? Array.from({ length: 300 }, () => value[0]) : value,
  (dice, value) =>
    isText(value) ? dice.pick([value.toUpperCase(), ` ${value}`, value.slice(0, -1)]) : value,
];
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === "string";

export function spoiled(dice: Dice, value: unknown): unknown {
  const places = placesIn(value);
  const place = dice.pick(places);
  const damage = dice.pick(damages)(dice, place.value);
  const made = changed(value, place.path, damage);
  return made === missing ? null : made;
}
