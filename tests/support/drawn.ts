import type { Dice } from "./dice.ts";

/** Texts as generators of secrets write them. */

export const digits = "0123456789";
export const small = "abcdefghijklmnopqrstuvwxyz";
export const capital = small.toUpperCase();
export const base62 = digits + small + capital;
export const hex = "0123456789abcdef";

export const drawn = (dice: Dice, length: number, alphabet = base62): string =>
  Array.from({ length }, () => alphabet[dice.below(alphabet.length)]).join("");

/** Letters first and last, as generators of tokens do not end in a dash. */
export const closed = (dice: Dice, length: number, alphabet = `${base62}-_`): string =>
  `${drawn(dice, 1)}${drawn(dice, length - 2, alphabet)}${drawn(dice, 1)}`;

/** The first that is as it is wanted: one draw in some thousands is like nothing that the rules promise to see. */
export function until(draw: () => string, isWanted: (text: string) => boolean): string {
  for (;;) {
    const text = draw();
    if (isWanted(text)) return text;
  }
}

/** Digits with a last one that the check of ISO/IEC 7812 wants. */
export function card(dice: Dice, start: string, length: number): string {
  const body = start + drawn(dice, length - start.length - 1, digits);
  const sum = body
    .split("")
    .toReversed()
    .reduce((total, digit, at) => {
      const value = at % 2 === 0 ? Number(digit) * 2 : Number(digit);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
  return `${body}${(10 - (sum % 10)) % 10}`;
}

/** Of a text that is drawn: letters that change as words do not, in at least as many bits as the rules ask for. */
export const lot = (draw: () => string): string => until(draw, isPromised);

/**
 * What the rules promise to see with nothing said of it, in words of their own: 4 bits a letter, and
 * - of three kinds of letters: at least 16 in stretches that change their kind every 3.5 letters, a capital and the small ones after it
 *   being one;
 * - of two kinds: a stretch of 32 that changes so, with digits in four places, or with as many capitals that follow capitals as a twelfth;
 * - hexadecimal: letters and digits six times over.
 */
function isPromised(text: string): boolean {
  const stretches = text.split(/[^A-Za-z0-9]+/u);
  const count = (part: string, form: RegExp): number => part.match(form)?.length ?? 0;
  const changes = (part: string): boolean =>
    part.length > 0 && part.length / count(part, /[A-Z]?[a-z]+|[A-Z]+|[0-9]+/gu) < 3.5;
  if (/^[0-9a-f]+$/u.test(text)) return count(text, /[a-f]/gu) >= 6 && count(text, /[0-9]+/gu) >= 6;
  const kinds = [/[a-z]/u, /[A-Z]/u, /[0-9]/u].filter((kind) => kind.test(text)).length;
  if (bits(text) < 4 || /^(?:[a-z]{1,5}_|AAAA|sha[0-9]|bc1|tb1|ltc1|baf|k51|Qm)/u.test(text)) return false;
  const hexLike = (part: string): boolean => count(part, /[0-9a-f]/giu) >= part.length * 0.9;
  const odd = stretches.filter((part) => changes(part) && !hexLike(part));
  if (kinds === 3) return odd.reduce((sum, part) => sum + part.length, 0) >= 16;
  return odd.some(
    (part) =>
      part.length >= 32 &&
      (/[0-9]/u.test(part)
        ? count(part, /[0-9]+/gu) >= 4
        : count(part, /(?=[A-Z][A-Z])/gu) * 12 >= part.length),
  );
}

function bits(text: string): number {
  const counts = Object.values(Object.groupBy(text.split(""), (one) => one)).map((same) => same?.length ?? 0);
  return counts.reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
}
