/**
 * Is a regular expression of a policy safe to run on an agent's text (threat T17)? JavaScript's matcher backtracks, so one
 * short input can hold an isolate for minutes. Bounded here is the number of ways the matcher could try to read a text of a
 * given length, and a pattern past that bound is not published.
 */

/** Ways to read one text. A hundred thousand of them take well under 10 ms on any machine we know. */
const maxWays = 100_000;
/** Characters of a pattern: bounds the parser's own recursion. */
const maxPatternLength = 512;
/** `x{n,m}`: the engine unrolls counted repetitions when it compiles. */
const maxCounted = 1_000;

/** Null for a safe pattern, else what is wrong with it. `maxLength` is the longest text (in characters) it will be run on. */
export function patternFault(source: string, maxLength: number): string | null {
  if (source.length > maxPatternLength) return `is longer than ${maxPatternLength} characters`;
  try {
    void new RegExp(source, "u");
  } catch {
    return "is not a regular expression (ECMAScript, with the u flag)";
  }
  const parsed = new PatternReader(source).read();
  if (typeof parsed === "string") return parsed;
  if (waysOf(parsed, maxLength) <= maxWays) return null;
  const length = [4_096, 1_024, 256, 128, 64, 32, 16].find(
    // A longer text has more ways, so that only shorter ones than `maxLength` are found.
    (limit) => waysOf(parsed, limit) <= maxWays,
  );
  return length === undefined
    ? "could take too long to match: it repeats a part that itself repeats or chooses; write it without, or with counts such as {0,8}"
    : `could take too long to match a text of ${maxLength} characters: give it a maxLength of ${length} or less beside it`;
}

/** What a pattern looks like to the matcher: what it must try one after the other, and what it can choose between. */
type Part =
  | { readonly kind: "one" }
  | { readonly kind: "anchor" }
  | { readonly kind: "sequence"; readonly parts: readonly Part[] }
  | { readonly kind: "choice"; readonly branches: readonly Part[] }
  | { readonly kind: "repeat"; readonly part: Part; readonly from: number; readonly to: number };

/** Upper bound on the ways to read a text of `length` characters; a pattern that does not start with ^ may also start anywhere. */
function waysOf(part: Part, length: number): number {
  return countWays(part, length) * (isAnchored(part) ? 1 : length + 1);
}

function countWays(part: Part, length: number): number {
  switch (part.kind) {
    case "sequence":
      return part.parts.reduce((ways, each) => ways * countWays(each, length), 1);
    case "choice":
      return part.branches.reduce((ways, each) => ways + countWays(each, length), 0);
    case "repeat":
      return countRepeats(countWays(part.part, length), part.from, part.to, length);
    case "one":
    case "anchor":
      return 1;
  }
}

/** A part read k times can be read in (ways of the part)^k ways; without an upper end, k is only bounded by the text. */
function countRepeats(each: number, from: number, to: number, length: number): number {
  const most = Math.min(to, Math.max(length, from));
  if (each === 1) return most - from + 1;
  let ways = 0;
  for (let times = from; times <= most && ways <= maxWays; times++) ways += each ** times;
  return ways;
}

function isAnchored(part: Part): boolean {
  if (part.kind === "anchor") return true;
  if (part.kind === "sequence") return part.parts[0] !== undefined && isAnchored(part.parts[0]);
  return part.kind === "choice" && part.branches.every(isAnchored);
}

/** Reads a pattern that `RegExp` has already accepted with the u flag, so only its shape is of interest. */
class PatternReader {
  readonly #source: string;
  #at = 0;
  #fault: string | null = null;

  constructor(source: string) {
    this.#source = source;
  }

  /** The pattern's shape, or what in it is refused. */
  read(): Part | string {
    const part = this.#choice();
    return this.#fault ?? part;
  }

  #choice(): Part {
    const branches = [this.#sequence()];
    while (this.#take("|")) branches.push(this.#sequence());
    return { kind: "choice", branches };
  }

  #sequence(): Part {
    const parts: Part[] = [];
    while (this.#at < this.#source.length && !this.#ahead("|") && !this.#ahead(")")) {
      parts.push(this.#repeated(this.#atom()));
    }
    return { kind: "sequence", parts };
  }

  #atom(): Part {
    if (this.#take("(")) return this.#group();
    if (this.#take("[")) return this.#characterClass();
    if (this.#take("\\")) return this.#escape();
    if (this.#take("^")) return { kind: "anchor" };
    this.#at += 1;
    return { kind: "one" };
  }

  #group(): Part {
    if (this.#take("?")) {
      const named = /^<[^=!][^>]*>/u.exec(this.#source.slice(this.#at));
      if (named !== null) this.#at += named[0].length;
      else if (!this.#take(":")) {
        this.#fault ??= "looks ahead or behind, or changes flags inside, which is not taken";
      }
    }
    const part = this.#choice();
    this.#take(")");
    return part;
  }

  #characterClass(): Part {
    while (this.#at < this.#source.length && !this.#take("]")) this.#at += this.#ahead("\\") ? 2 : 1;
    return { kind: "one" };
  }

  #escape(): Part {
    const next = this.#source[this.#at] ?? "";
    if (/[1-9k]/u.test(next)) this.#fault ??= "refers back to what a group matched, which is not taken";
    this.#at += 1;
    const braced = /[pPu]/u.test(next) ? /^\{[^}]*\}/u.exec(this.#source.slice(this.#at)) : null;
    if (braced !== null) this.#at += braced[0].length;
    return { kind: "one" };
  }

  #repeated(part: Part): Part {
    const quantifier = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/u.exec(this.#source.slice(this.#at));
    if (quantifier === null) return part;
    this.#at += quantifier[0].length;
    if (quantifier[0].startsWith("*")) return { kind: "repeat", part, from: 0, to: Infinity };
    if (quantifier[0].startsWith("+")) return { kind: "repeat", part, from: 1, to: Infinity };
    if (quantifier[0].startsWith("?")) return { kind: "repeat", part, from: 0, to: 1 };
    const from = Number(quantifier[1]);
    const open = quantifier[2] === "," && quantifier[3] === "";
    const to = quantifier[2] === "," ? Number(quantifier[3]) : from;
    if (from > maxCounted || (!open && to > maxCounted)) this.#fault ??= `counts past ${maxCounted} in {…}`;
    return { kind: "repeat", part, from, to: open ? Infinity : to };
  }

  #ahead(character: string): boolean {
    return this.#source[this.#at] === character;
  }

  #take(character: string): boolean {
    if (!this.#ahead(character)) return false;
    this.#at += 1;
    return true;
  }
}
