import type { Span } from "./span.ts";
import { isPublicName, secretWords } from "./names.ts";

/**
 * Texts that nobody makes up: what only a generator writes. A generator writes ids and digests too, and of the letters alone nobody can
 * tell those from a key. So three things decide together:
 * - the letters: how often they change between small, capital and digit, which words and names do seldom;
 * - the length: below 24 letters ids are about as long (nanoid has 21, a UUID in base64 has 22), and hexadecimal of the length of a
 *   digest is one more often than not: such a text is a secret only by what stands round it;
 * - what stands round it: after a word such as "token" 16 letters will do, and after a name such as `commitId` none are taken.
 */

const least = 24;
const leastBits = 4;
/** Of a token at least this much is neither words nor hexadecimal. */
const leastOdd = 16;
/** How long a piece of two kinds of letters is at least: shorter ones are part of names. */
const leastPiece = 32;
const leastTold = 16;

/** Lengths of hexadecimal that a digest or a public key has. Longer than the longest is data. */
const digestLengths = new Set([56, 64, 66, 68, 96, 128]);
const keyHex = { least: 44, most: 127 };

/** What reads like one and is a name in public: digests with their algorithm, keys that are public, ids and addresses. */
const exempt = [
  /^sha(?:1|256|384|512)-[A-Za-z0-9+/]+=*$/u,
  /^(?:act|whs|whe|hold|lse|byp|req|use)_[\w-]+$/u,
  // Objects of payments, which are what is refunded and charged.
  /^(?:acct|card|cbtxn|ch|cn|cs|cus|dp|evt|fee|ii|in|pi|pm|po|price|prod|promo|py|re|seti|si|src|sub|tr|txn|we)_(?:(?:live|test)_)?[A-Za-z0-9]{14,64}$/u,
  // `ssh-rsa`, `ssh-ed25519`, `ecdsa-sha2-…` as the first field of a public key.
  /^AAAA(?:B3NzaC1yc2E|B3NzaC1kc3M|C3NzaC1lZDI1NTE5|E2VjZHNhLXNoYTIt|GnNrLXNzaC|InNrLWVjZHNh)/u,
  // Content addresses, names of hidden services, and accounts on chains.
  /^(?:baf[ky][a-z2-7]{50,64}|Qm[1-9A-HJ-NP-Za-km-z]{44}|k51[a-z0-9]{50,64}|[a-z2-7]{56}|(?:bc|tb|ltc)1[a-z0-9]{30,62})$/u,
  /^\/nix\/store\//u,
];

export function randomIn(text: string): Span[] {
  const spans: Span[] = [];
  for (const { index, 0: token } of text.matchAll(/(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_=-]{24,}/gu)) {
    // `NAME=value`: the name is none of it.
    const [, name = ""] = /^([A-Za-z_-]{1,64}=)[^=]/u.exec(token) ?? [];
    const value = token.slice(name.length);
    if (!isRandom(value) || isNamedPublic(text, index + name.length)) continue;
    spans.push({ start: index + name.length, end: index + token.length, kind: "high-entropy" });
  }
  return spans.length === 0 ? spans : outside(spans, publicIn(text));
}

/** Whether the text, of the letters of base64 and base64url, is one that only a generator writes. */
export function isRandom(token: string): boolean {
  if (token.length < least || exempt.some((one) => one.test(token))) return false;
  const pieces = token.split(/[+/_=-]+/u).filter((piece) => piece !== "");
  if (pieces.some((piece) => isKeyHex(piece) || isOddPiece(piece))) return true;
  if (classesOf(token) < 3 || bitsOf(token) < leastBits) return false;
  const odd = pieces.filter((piece) => !isPlain(piece));
  return odd.reduce((sum, piece) => sum + piece.length, 0) >= leastOdd;
}

const classesOf = (text: string): number =>
  [/[a-z]/u, /[A-Z]/u, /[0-9]/u].filter((one) => one.test(text)).length;

const runsOf = (piece: string): number => piece.match(/[A-Z]?[a-z]+|[A-Z]+|[0-9]+/gu)?.length ?? 0;
const pairsOfCapitals = (piece: string): number => piece.match(/(?=[A-Z][A-Z])/gu)?.length ?? 0;
const runsOfDigits = (piece: string): number => piece.match(/[0-9]+/gu)?.length ?? 0;

/** Words, also set together, a number, or hexadecimal. */
const isPlain = (piece: string): boolean => isHexLike(piece) || piece.length / runsOf(piece) >= 3.6;

/** Hexadecimal, also with some letters before it: `0x…`, `rev…`. */
function isHexLike(piece: string): boolean {
  if (/^(?:[0-9a-f]+|[0-9A-F]+)$/u.test(piece)) return true;
  return classesOf(piece) < 3 && (piece.match(/[0-9a-fA-F]/gu)?.length ?? 0) >= piece.length * 0.9;
}

/** A long one of small letters and digits, of capitals and digits, or of small letters and capitals without the form of names. */
function isOddPiece(piece: string): boolean {
  if (piece.length < leastPiece || classesOf(piece) !== 2 || isHexLike(piece)) return false;
  const mean = piece.length / runsOf(piece);
  if (/[0-9]/u.test(piece)) return mean < 5 && runsOfDigits(piece) >= 4;
  return mean < 3.6 && pairsOfCapitals(piece) >= piece.length / 12;
}

/** Hexadecimal of a length that no digest has. */
const isKeyHex = (piece: string): boolean =>
  piece.length >= keyHex.least &&
  piece.length <= keyHex.most &&
  !digestLengths.has(piece.length) &&
  /^(?:[0-9a-f]+|[0-9A-F]+)$/u.test(piece) &&
  (piece.match(/[a-fA-F]/gu)?.length ?? 0) >= 6 &&
  runsOfDigits(piece) >= 6;

/** Shannon's entropy in bits a character, by how often each is in the text. */
function bitsOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

/** Whether what stands before says that this is an id or a digest: `commitId=`, `"etag": "`, `SHA256:`, `h1:`. */
function isNamedPublic(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - 72), at);
  if (/(?:sha(?:1|256|384|512)|\bh1):$/iu.test(before)) return true;
  const [, name = ""] =
    /([A-Za-z][A-Za-z0-9_.-]{0,63})["'`]?[ ]{0,2}[:=]?[ ]{0,2}["'`(]{0,2}$/u.exec(before) ?? [];
  return name !== "" && isPublicName(name);
}

const told = new RegExp(
  `(?<![A-Za-z])(?:${secretWords})(?:[ ]{1,2}(?:is|was))?(?:[ ]{0,2}[:=][ ]{0,2}|[ ]{1,2})["'\`(]{0,2}([A-Za-z0-9+/_=-]{${leastTold},512})`,
  "giu",
);

/** A shorter one, or hexadecimal, right after a word that says what it is. */
export function toldIn(text: string): Span[] {
  return [...text.matchAll(told)].flatMap(({ index, 0: whole, 1: value = "" }): Span[] => {
    const end = index + whole.length;
    return isTold(value) ? [{ start: end - value.length, end, kind: "high-entropy" }] : [];
  });
}

/** Whether it may be a secret where something says that there is one. UUIDs are ids there too. */
export function isTold(value: string): boolean {
  if (value.length < leastTold || exempt.some((one) => one.test(value))) return false;
  if (/^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/iu.test(value)) return false;
  const pieces = value.split(/[+/_=-]+/u).filter((piece) => piece !== "");
  return pieces.some(
    (piece) =>
      (piece.length >= 32 && /^[0-9a-f]+$/iu.test(piece) && classesOf(piece) === 2) ||
      (piece.length >= 12 && !isPlain(piece) && classesOf(piece) >= 2 && /[0-9]/u.test(piece)),
  );
}

/** Pictures, and what is armored to be given away. */
function publicIn(text: string): { start: number; end: number }[] {
  const found = [
    ...text.matchAll(/data:(?:image|font)\/[a-z0-9.+-]{1,32};base64,[A-Za-z0-9+/=]*/gu),
    ...text.matchAll(
      /-----BEGIN (?:CERTIFICATE(?: REQUEST)?|(?:RSA |EC )?PUBLIC KEY|X509 CRL)-----[A-Za-z0-9+/=\s\\]*-----END/gu,
    ),
  ];
  return found
    .map(({ index, 0: { length } }) => ({ start: index, end: index + length }))
    .toSorted((a, b) => a.start - b.start);
}

/** Both in order. */
function outside(spans: readonly Span[], places: readonly { start: number; end: number }[]): Span[] {
  let next = 0;
  return spans.filter((span) => {
    while (next < places.length && (places[next]?.end ?? 0) < span.end) next += 1;
    return (places[next]?.start ?? Infinity) > span.start;
  });
}
