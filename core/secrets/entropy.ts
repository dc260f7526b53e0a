import type { Span } from "./span.ts";

/** Texts that nobody makes up: what only a generator of keys writes. */

const least = 24;
const leastBits = 4;
/** Of a token at least this much is neither words nor hexadecimal. */
const leastOdd = 16;

/** What reads like one and is a name in public: digests with their algorithm, and ids. */
const exempt = /^(?:sha(?:1|256|384|512)-[A-Za-z0-9+/]+=*|(?:act|whs|whe|hold|lse|byp|req)_[\w-]+)$/u;

export function randomIn(text: string): Span[] {
  const spans: Span[] = [];
  for (const { index, 0: token } of text.matchAll(/(?<![A-Za-z0-9+/_=-])[A-Za-z0-9+/_=-]{24,}/gu)) {
    // An SSH fingerprint, or a digest of the same form.
    if (/sha(?:1|256|384|512):$/iu.test(text.slice(Math.max(0, index - 7), index))) continue;
    // `NAME=value`: the name is none of it.
    const [, name = ""] = /^([A-Za-z_-]{1,64}=)[^=]/u.exec(token) ?? [];
    const value = token.slice(name.length);
    if (isRandom(value)) {
      spans.push({ start: index + name.length, end: index + token.length, kind: "high-entropy" });
    }
  }
  return spans;
}

/** Whether the text, of the letters of base64 and base64url, is one that only a generator writes. */
export function isRandom(token: string): boolean {
  if (token.length < least || exempt.test(token)) return false;
  const classes = [/[a-z]/u, /[A-Z]/u, /[0-9]/u].filter((one) => one.test(token));
  if (classes.length < 3 || bitsOf(token) < leastBits) return false;
  const odd = token.split(/[+/_=-]+/u).filter((piece) => piece !== "" && !isPlain(piece));
  return odd.reduce((sum, piece) => sum + piece.length, 0) >= leastOdd;
}

/** Words, also set together, a number, or hexadecimal. */
function isPlain(piece: string): boolean {
  if (/^(?:[0-9a-f]+|[0-9A-F]+)$/u.test(piece)) return true;
  const runs = piece.match(/[A-Z]?[a-z]+|[A-Z]+|[0-9]+/gu) ?? [];
  return piece.length / runs.length >= 3.6;
}

/** Shannon's entropy in bits a character, by how often each is in the text. */
function bitsOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}
