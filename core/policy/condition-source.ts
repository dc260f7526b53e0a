/**
 * The text of a condition in pieces, without reading it: what is a name, what is inside a string and how deep the brackets go.
 * It runs over any text in linear time, before the parser, which is recursive, sees it.
 */

export type Token = {
  readonly kind: "name" | "number" | "string" | "sign";
  readonly text: string;
  /** UTF-16 offsets into the source. */
  readonly start: number;
  readonly end: number;
};

/** Something wrong at a place of a condition; line and column count from 1, columns in characters as an editor shows them. */
export type ConditionFault = { readonly detail: string; readonly line: number; readonly column: number };

const pieces =
  /\s+|\/\/[^\n]*|(?<string>[rRbB]{0,2}(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|"(?:\\[^]|[^"\\\n])*"?|'(?:\\[^]|[^'\\\n])*'?))|(?<name>[A-Za-z_]\w*)|(?<number>\d[\w.]*)|(?<sign>[^])/uy;

/** Every token, left to right; white space and comments are left out. */
export function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  for (const { 0: text, index: start, groups = {} } of source.matchAll(new RegExp(pieces, "gu"))) {
    for (const kind of ["string", "name", "number", "sign"] as const) {
      if (groups[kind] !== undefined) tokens.push({ kind, text, start, end: start + text.length });
    }
  }
  return tokens;
}

/** The deepest that brackets go, and signs and branches that nest the same way: what the parser's recursion depends on. */
export function nestingOf(tokens: readonly Token[]): number {
  let open = 0;
  let deepest = 0;
  let prefixed = 0;
  let branches = 0;
  for (const { kind, text } of tokens) {
    if (kind !== "sign") {
      prefixed = 0;
      continue;
    }
    if ("([{".includes(text)) open += 1;
    if (")]}".includes(text)) open -= 1;
    prefixed = "!-".includes(text) ? prefixed + 1 : 0;
    if (text === "?") branches += 1;
    deepest = Math.max(deepest, open + prefixed + branches);
  }
  return deepest;
}

/** A fault at a UTF-16 offset of the source. */
export function faultAt(source: string, offset: number, detail: string): ConditionFault {
  const before = source.slice(0, Math.max(0, offset));
  const line = before.split("\n").length;
  const column = Array.from(before.slice(before.lastIndexOf("\n") + 1)).length + 1;
  return { detail, line, column };
}

/** `line 1, column 8: is …`, as it stands in the detail of a problem's field. */
export function wordsOf({ line, column, detail }: ConditionFault): string {
  return `line ${line}, column ${column}: ${detail}`;
}
