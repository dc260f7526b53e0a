import { pointerOf } from "../schemas/parse.ts";

/** Where in a JSON text each value stands, for texts that `JSON.parse` has read. Lines and columns count from 1, columns in characters. */

export type Place = { readonly line: number; readonly column: number };

export type JsonPlaces = {
  /** Where the value of a JSON Pointer begins; of a pointer that leads to nothing, the nearest value above it. */
  readonly at: (pointer: string) => Place;
  /** A place inside a string, given as the line and column of what it means: escapes are one character there and several here. */
  readonly within: (pointer: string, inside: Place) => Place;
  /** Members that an object has more than once. Only the last of them counts. */
  readonly twice: readonly string[];
};

/** Reads the places of a text. What it says of a text that is not JSON means nothing. */
export function jsonPlaces(text: string): JsonPlaces {
  const walk = new Walk(text);
  walk.value("");
  const { starts, twice } = walk;
  const nearest = (pointer: string): number => {
    for (let at = pointer; ; at = at.slice(0, at.lastIndexOf("/"))) {
      const start = starts.get(at);
      if (start !== undefined) return start;
      if (!at.includes("/")) return 0;
    }
  };
  return {
    at: (pointer) => placeAt(text, nearest(pointer)),
    within: (pointer, inside) => {
      const start = starts.get(pointer);
      const inString = start !== undefined && text[start] === '"';
      return placeAt(text, inString ? offsetWithin(text, start, inside) : nearest(pointer));
    },
    twice,
  };
}

function placeAt(text: string, offset: number): Place {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return { line, column: Array.from(before.slice(before.lastIndexOf("\n") + 1)).length + 1 };
}

/** The offset of the character that stands at `inside` of what the string at `start` means. */
function offsetWithin(text: string, start: number, { line, column }: Place): number {
  let atLine = 1;
  let atColumn = 1;
  let offset = start + 1;
  while (offset < text.length && text[offset] !== '"') {
    if (atLine === line && atColumn >= column) return offset;
    const { length, meaning } = unitAt(text, offset);
    if (meaning === "\n") {
      atLine += 1;
      atColumn = 1;
    } else atColumn += 1;
    offset += length;
  }
  return offset;
}

/** One character of a string as it is written; a pair of escapes that means one character is one. */
function unitAt(text: string, offset: number): { length: number; meaning: string } {
  const escape = /\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u([0-9a-fA-F]{4})|(.))/suy;
  escape.lastIndex = offset;
  const found = escape.exec(text);
  if (found === null) {
    const [character = ""] = text.slice(offset, offset + 2);
    return { length: character.length, meaning: character };
  }
  const [whole, hex, letter] = found;
  const isBreak = letter === "n" || (hex !== undefined && parseInt(hex, 16) === 10);
  return { length: whole.length, meaning: isBreak ? "\n" : whole };
}

/** Recursion is as deep as the text, which the parser that read it before has survived. */
class Walk {
  readonly starts = new Map<string, number>();
  readonly twice: string[] = [];
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(pointer: string): void {
    this.#blanks();
    this.starts.set(pointer, this.#at);
    const first = this.#text[this.#at];
    if (first === "{") this.#object(pointer);
    else if (first === "[") this.#array(pointer);
    else if (first === '"') this.#string();
    else this.#skip(/[^\s,\]}]+/uy);
  }

  #object(pointer: string): void {
    const names = new Set<string>();
    this.#at += 1;
    for (this.#blanks(); this.#text[this.#at] === '"'; this.#blanks()) {
      const name = this.#string();
      const member = pointerOf([name], pointer);
      if (names.has(name)) this.twice.push(member);
      names.add(name);
      this.#blanks();
      this.#at += 1;
      this.value(member);
      this.#blanks();
      if (this.#text[this.#at] === ",") this.#at += 1;
    }
    this.#at += 1;
  }

  #array(pointer: string): void {
    this.#at += 1;
    this.#blanks();
    for (let index = 0; this.#at < this.#text.length && this.#text[this.#at] !== "]"; index += 1) {
      this.value(`${pointer}/${index}`);
      this.#blanks();
      if (this.#text[this.#at] === ",") this.#at += 1;
      this.#blanks();
    }
    this.#at += 1;
  }

  #string(): string {
    const start = this.#at;
    this.#skip(/"(?:[^"\\]|\\.)*"/suy);
    if (this.#at === start) this.#at = this.#text.length;
    const parsed: unknown = JSON.parse(this.#text.slice(start, this.#at) || '""');
    return typeof parsed === "string" ? parsed : "";
  }

  #blanks(): void {
    this.#skip(/\s+/uy);
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    this.#at += pattern.exec(this.#text)?.[0].length ?? 0;
  }
}
