import { fits } from "./names.ts";
import type { Span } from "./span.ts";

/** Payment cards and bank accounts: numbers that carry their own check. */

/** Issuers by the first digits of a card, and how many digits theirs have. */
const issuers: readonly (readonly [RegExp, readonly number[]])[] = [
  [/^4/u, [13, 16, 19]],
  [/^(?:5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720)/u, [16]],
  [/^3[47]/u, [15]],
  [/^3(?:0[0-5]|[68])/u, [14]],
  [/^35(?:2[89]|[3-8])/u, [16]],
  [/^6(?:011|4[4-9]|5|2)/u, [16, 17, 18, 19]],
  [/^(?:5018|5020|5038|5893|6304|6759|676[1-3])/u, [13, 14, 15, 16, 17, 18, 19]],
];

/** Whether these digits are a payment card: a length of their issuer, and the check digit of ISO/IEC 7812. */
export function isCard(digits: string): boolean {
  if (!issuers.some(([start, lengths]) => lengths.includes(digits.length) && start.test(digits))) {
    return false;
  }
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0 && !/^(\d)\1+$/u.test(digits);
}

/** Digits in one go, or in groups as they stand on a card. */
export function cardsIn(text: string): Span[] {
  return [...text.matchAll(/(?<![0-9A-Za-z+])[0-9]+(?:[ -][0-9]+)*(?![0-9A-Za-z])/gu)].flatMap(
    ({ index, 0: chain }) => cardsInChain(chain).map(({ start, end }) => card(index + start, index + end)),
  );
}

const card = (start: number, end: number): Span => ({ start, end, kind: "payment-card" });

function cardsInChain(chain: string): { start: number; end: number }[] {
  const groups = [...chain.matchAll(/[0-9]+/gu)].map(({ index, 0: digits }) => ({ index, digits }));
  const found: { start: number; end: number }[] = [];
  for (let first = 0; first < groups.length; first += 1) {
    let digits = "";
    for (let last = first; last < groups.length && digits.length < 19; last += 1) {
      const group = groups[last];
      const start = groups[first];
      if (group === undefined || start === undefined) break;
      // Only groups as cards are written in: dates, telephone numbers and ranges are not.
      if (last > first && (start.digits.length !== 4 || group.digits.length < 2 || group.digits.length > 7)) {
        break;
      }
      digits += group.digits;
      if (digits.length > 19 || !isCard(digits)) continue;
      found.push({ start: start.index, end: group.index + group.digits.length });
      break;
    }
  }
  return found;
}

/** The codes of cards, where a text names them: `CVV 123`, `PIN is 4711`. A pin in small letters may be one of a plug. */
export function codesIn(text: string): Span[] {
  const found = text.matchAll(
    /(?<![A-Za-z])(?:PIN(?:[ ]code)?|[Cc][Vv][VvCc]2?|CSC)(?:[ ](?:is|was|number))?[ :=#]{1,3}([0-9]{3,8})(?![0-9A-Za-z]|[.:/-][0-9])/gu,
  );
  return [...found].flatMap(({ index, 0: whole, 1: digits = "" }): Span[] => {
    const kind = whole.startsWith("PIN") ? "pin" : "card-code";
    const end = index + whole.length;
    return fits(kind, digits) ? [{ start: end - digits.length, end, kind }] : [];
  });
}

/** How long an IBAN of each country is (ISO 13616). */
const ibanLengths: Readonly<Record<string, number>> = Object.fromEntries(
  (
    "NO15 BE16 DK18 FI18 FO18 GL18 NL18 MK19 SI19 AT20 BA20 EE20 KZ20 LT20 LU20 XK20 CH21 HR21 LI21 LV21 BG22 BH22 " +
    "CR22 DE22 GB22 GE22 IE22 ME22 RS22 AE23 IL23 AD24 CZ24 ES24 MD24 PK24 RO24 SA24 SE24 SK24 TN24 VG24 PT25 IS26 " +
    "TR26 FR27 GR27 IT27 MC27 MR27 SM27 AL28 AZ28 BY28 CY28 DO28 GT28 HU28 LB28 PL28 BR29 PS29 QA29 UA29 JO30 KW30 MU30 MT31"
  )
    .split(" ")
    .map((row) => [row.slice(0, 2), Number(row.slice(2))]),
);

/** Whether it is an account: the length of its country, and its check digits. Without spaces, in capitals. */
export function isIban(text: string): boolean {
  const country = text.slice(0, 2);
  if (!Object.hasOwn(ibanLengths, country) || ibanLengths[country] !== text.length) return false;
  let rest = 0;
  for (const character of text.slice(4) + text.slice(0, 4)) {
    const value = parseInt(character, 36);
    rest = (value > 9 ? rest * 100 + value : rest * 10 + value) % 97;
  }
  return rest === 1;
}

/** By the length of the account: its letters and digits in one go, or in groups. */
const written = new Map(
  [...new Set(Object.values(ibanLengths))].map((length) => [
    length,
    new RegExp(`[0-9A-Za-z](?:[ -]?[0-9A-Za-z]){${length - 1}}(?![0-9A-Za-z])`, "uy"),
  ]),
);

/** In one go, or in groups of four. */
export function ibansIn(text: string): Span[] {
  const starts = text.matchAll(/(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?=[ -]?[0-9A-Za-z]{2})/gu);
  return [...starts].flatMap(({ index }): Span[] => {
    const form = written.get(ibanLengths[text.slice(index, index + 2).toUpperCase()] ?? 0);
    if (form === undefined) return [];
    form.lastIndex = index;
    const [found] = form.exec(text) ?? [];
    const isOne = found !== undefined && isIban(found.replaceAll(/[ -]/gu, "").toUpperCase());
    return isOne ? [{ start: index, end: index + found.length, kind: "iban" }] : [];
  });
}
