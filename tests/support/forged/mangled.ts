import type { Dice } from "../dice.ts";

/** Ways to spoil a text, for whoever forges one. Each gives another text than it was given, whatever the dice say. */

export const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
export const base64url = `${base62}-_`;

export const randomText = (dice: Dice, length: number, alphabet: string): string =>
  Array.from({ length }, () => alphabet[dice.below(alphabet.length)]).join("");

/** One character from `start` up to, without, `end` is another one. */
export function flipped(
  dice: Dice,
  text: string,
  {
    start = 0,
    end = text.length,
    alphabet = base62,
  }: { start?: number; end?: number; alphabet?: string } = {},
): string {
  const place = start + dice.below(end - start);
  const others = alphabet.replaceAll(text[place] ?? "", "");
  return `${text.slice(0, place)}${others[dice.below(others.length)]}${text.slice(place + 1)}`;
}

export const cutOff = (dice: Dice, text: string): string => text.slice(0, dice.below(text.length));
export const beheaded = (dice: Dice, text: string): string => text.slice(1 + dice.below(text.length - 1));
export const grown = (dice: Dice, text: string, alphabet = base62): string =>
  `${text}${randomText(dice, 1 + dice.below(8), alphabet)}`;
export const grownInFront = (dice: Dice, text: string, alphabet = base62): string =>
  `${randomText(dice, 1 + dice.below(8), alphabet)}${text}`;

/** Where a character is of a kind. There has to be one. */
export function placeOf(dice: Dice, text: string, kind: RegExp, from = 0): number {
  const places = Array.from(text, (character, at) => (at >= from && kind.test(character) ? at : -1));
  return dice.pick(places.filter((at) => at >= 0));
}

/** One letter is of the other case. */
export function otherCase(dice: Dice, text: string, from = 0): string {
  const place = placeOf(dice, text, /[A-Za-z]/u, from);
  const letter = text[place] ?? "";
  const other = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
  return `${text.slice(0, place)}${other}${text.slice(place + 1)}`;
}

/** Something that nobody sees, or hardly, in the midst of it. */
export function spaced(dice: Dice, text: string): string {
  const place = 1 + dice.below(text.length - 1);
  return `${text.slice(0, place)}${dice.pick([" ", "\t", "\u00a0", "\u00ad", "  "])}${text.slice(place)}`;
}

/** Letters of other alphabets that look like ours, as a header carries their UTF-8. */
const doubles: Readonly<Record<string, string>> = {
  a: "а",
  c: "с",
  e: "е",
  o: "о",
  p: "р",
  x: "х",
  y: "у",
  h: "һ",
};
const onTheWire = (text: string): string => Buffer.from(text).toString("latin1");

/** One character is its double of another alphabet, or full-width. */
export function lookalike(dice: Dice, text: string): string {
  const place = placeOf(dice, text, /[0-9A-Za-z]/u);
  const own = text[place] ?? "";
  const wide = String.fromCodePoint((own.codePointAt(0) ?? 0) + 0xfee0);
  const double = doubles[own] ?? wide;
  return `${text.slice(0, place)}${onTheWire(dice.chance(0.5) ? double : wide)}${text.slice(place + 1)}`;
}

/** One character is written as a browser writes it in an address. */
export function escaped(dice: Dice, text: string): string {
  const place = dice.below(text.length);
  const code = (text.codePointAt(place) ?? 0).toString(16).toUpperCase();
  return `${text.slice(0, place)}%${code}${text.slice(place + 1)}`;
}

/**
 * The same bytes in another spelling: the bits of the last character that base64 does not use are others. `unused` of them, 2 or 4.
 */
export function respelled(dice: Dice, text: string, unused: 2 | 4): string {
  const all = `${base62.slice(10)}${base62.slice(0, 10)}-_`;
  const value = all.indexOf(text.at(-1) ?? "");
  const other = value ^ (1 + dice.below(2 ** unused - 1));
  return `${text.slice(0, -1)}${all[other] ?? ""}`;
}

/** One of a list that may hold `undefined`. */
export const oneOf = <Value>(dice: Dice, list: readonly Value[]): Value | undefined =>
  list[dice.below(list.length)];
