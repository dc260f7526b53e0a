/** A part of a text, in UTF-16 units, and as what it was recognised. `kind` is lower-case words with dashes. */
export type Span = { readonly start: number; readonly end: number; readonly kind: string };

/** What stands where a secret was: deterministic in a workspace, so that two of them can be compared and neither be read. */
export type Mark = (kind: string, secret: string) => string;

const mark = /\[redacted [a-z0-9-]{1,64} [0-9a-f]{8}\]/gu;

/** The spans that the text had as it is replaced: in order, none over another, and none inside what was replaced before. */
export function apart(text: string, spans: readonly Span[]): Span[] {
  const marks = text.includes("[redacted ")
    ? [...text.matchAll(mark)].map(({ index, 0: found }) => ({ start: index, end: index + found.length }))
    : [];
  const kept: Span[] = [];
  const sorted = spans.toSorted((a, b) => a.start - b.start || b.end - a.end);
  let next = 0;
  for (const span of sorted) {
    if (span.end <= span.start) continue;
    while (next < marks.length && (marks[next]?.end ?? 0) <= span.start) next += 1;
    const before = marks[next];
    if (before !== undefined && before.start < span.end) continue;
    const last = kept.at(-1);
    if (last === undefined || span.start >= last.end) kept.push(span);
    // One secret that two rules see, each a part of it, is taken out whole, under the name of the first.
    else if (span.end > last.end) kept[kept.length - 1] = { ...last, end: span.end };
  }
  return kept;
}

/** The text with a mark in place of each span; `spans` as `apart` gives them. */
export function replaced(text: string, spans: readonly Span[], markOf: Mark): string {
  let at = 0;
  let result = "";
  for (const { start, end, kind } of spans) {
    result += text.slice(at, start) + markOf(kind, text.slice(start, end));
    at = end;
  }
  return result + text.slice(at);
}
