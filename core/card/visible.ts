/**
 * Code points that a reader cannot see, or that reorder what they see: control, format (the bidirectional overrides
 * are among them), private, surrogate, unassigned, separators, every space but the plain one, everything a font may
 * draw as nothing, and the blank Braille pattern (threat T2).
 */
const hidden = /(?! )[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu;
/** Our own notation inside foreign text, which would otherwise look like something that we have made visible. */
const notation = /\[(?=U\+)/gu;
/** More marks on one letter than any language writes pile up over the lines above. */
const piled = /(\p{M}{4})(\p{M}+)/gu;
const mark = /\p{M}/gu;

function named(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `[U+${code.padStart(4, "0")}]`;
}

/**
 * Foreign text on one line, with everything misleading shown as `[U+202E]`. One text only ever shows as itself: two
 * that look the same are the same, so text that is not composed (NFC) has its marks named too.
 */
export function visible(text: string): string {
  const shown = text.replace(notation, named).replace(hidden, named);
  if (shown !== shown.normalize("NFC")) return shown.replace(mark, named);
  return shown.replace(piled, (_, kept: string, more: string) => kept + Array.from(more, named).join(""));
}

/** The same with its line breaks kept. A tab is shown by name: it can push what follows out of sight. */
export function visibleLines(text: string): string[] {
  return text.split("\n").map(visible);
}

/** Whether `visible` has something to show. */
export function hasHidden(text: string): boolean {
  return visibleLines(text).join("\n") !== text;
}

/** Scripts whose letters are commonly mistaken for one another. */
const lookalikes = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u] as const;

/** Whether one word mixes scripts whose letters look alike, as the first letter of "аdmin" may. */
export function mixesScripts(text: string): boolean {
  return text
    .split(/[^\p{L}\p{M}\p{N}]+/u)
    .some((word) => lookalikes.filter((script) => script.test(word)).length > 1);
}

/** An identifier in ASCII, where it is not in ASCII already: every other character by its number. */
export function asciiOf(text: string): string | null {
  if (/^[\x20-\x7e]*$/u.test(text)) return null;
  return text.replaceAll(/[^\x20-\x7e]/gu, named);
}
