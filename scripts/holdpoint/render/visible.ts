/**
 * Code points that a reader cannot see, or that reorder what they see: control, format (the bidirectional overrides are among
 * them), private, surrogate, unassigned, separators, and everything a font may draw as nothing.
 */
const invisible = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
/** More marks on one letter than any language writes pile up over the lines above. */
const piled = /(\p{M}{4})(\p{M}+)/gu;

function named(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
  return `[U+${code.padStart(4, "0")}]`;
}

/** Foreign text on one line, with everything invisible made visible as `[U+202E]`. Nothing of it can move the cursor. */
export function visible(text: string): string {
  return text
    .replace(invisible, named)
    .replace(piled, (_, kept: string, more: string) => kept + Array.from(more, named).join(""));
}

/** The same with its line breaks kept. */
export function visibleLines(text: string): string[] {
  return text.split("\n").map(visible);
}

/** True where `visible` has something to show. */
export function hasInvisible(text: string): boolean {
  return visible(text) !== text;
}
