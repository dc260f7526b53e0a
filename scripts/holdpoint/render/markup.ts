import { visible, visibleLines } from "../../../core/card/visible.ts";

/**
 * HTML out of foreign text. Whatever goes into a page goes through `text` or `lines`: markup is only ever ours, and what a
 * reader could not see, or would see in another order than it stands, is named instead.
 */

/** Markup that is safe to put into a page. */
export type Markup = { readonly html: string };

export const markup = (
  parts: TemplateStringsArray,
  ...values: readonly (Markup | string | number)[]
): Markup => ({
  html: parts.reduce((before, part, index) => {
    const value = values[index - 1];
    return `${before}${typeof value === "object" ? value.html : text(String(value)).html}${part}`;
  }),
});

/** On one line. */
export const text = (value: string): Markup => ({ html: escaped(visible(value)) });

/** With its line breaks. */
export const lines = (value: string): Markup => ({ html: visibleLines(value).map(escaped).join("<br>") });

export const joined = (parts: readonly Markup[]): Markup => ({
  html: parts.map(({ html }) => html).join(""),
});

const names: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escaped = (value: string): string =>
  value.replaceAll(/[&<>"']/gu, (character) => names[character] ?? "");
