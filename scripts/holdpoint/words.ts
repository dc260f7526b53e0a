import { CliError, exitCodes } from "./exit-code.ts";

/**
 * Splits a command written as one text into its words, as a POSIX shell would quote them and with nothing else of a shell:
 *
 * - blanks separate words;
 * - '…' is literal; "…" is literal but for \" \\ \$ and \`; outside quotes a backslash makes the next character literal;
 * - nothing is expanded, and there are no pipes, lists or redirections. A character that would mean something to a shell is
 *   refused unless it is quoted, rather than passed on as if the author had not meant it.
 *
 * Throws `CliError` with the place.
 */
export function splitWords(text: string, name = "--rollback"): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let at = 0;

  const refuse = (what: string): never => {
    const hint = `There is no shell here: quote it to mean the character itself, or write sh -c '…' to have a shell.`;
    throw new CliError(`${name}: ${what} at character ${at + 1}. ${hint}`, exitCodes.usage);
  };
  while (at < text.length) {
    const character = text.charAt(at);
    if (character === " " || character === "\t") {
      if (word !== undefined) words.push(word);
      word = undefined;
      at += 1;
    } else if (character === "'") {
      const end = text.indexOf("'", at + 1);
      if (end < 0) refuse("a ' is not closed");
      word = (word ?? "") + text.slice(at + 1, end);
      at = end + 1;
    } else if (character === '"') {
      const quoted = doubleQuoted(text, at, refuse);
      word = (word ?? "") + quoted.value;
      at = quoted.end;
    } else if (character === "\\") {
      if (at + 1 === text.length) refuse("a \\ is last");
      word = (word ?? "") + text.charAt(at + 1);
      at += 2;
    } else {
      if (/[|&;<>()$`*?[\n\r]/u.test(character) || (word === undefined && /[~#]/u.test(character))) {
        refuse(`an unquoted ${JSON.stringify(character)}`);
      }
      word = (word ?? "") + character;
      at += 1;
    }
  }
  if (word !== undefined) words.push(word);
  if (words.length === 0) throw new CliError(`${name} is empty: give a command.`, exitCodes.usage);
  return words;
}

function doubleQuoted(
  text: string,
  from: number,
  refuse: (what: string) => never,
): { value: string; end: number } {
  let value = "";
  for (let at = from + 1; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') return { value, end: at + 1 };
    if (character === "$" || character === "`") return refuse(`${JSON.stringify(character)} inside "…"`);
    if (character === "\\" && /["\\$`]/u.test(text.charAt(at + 1))) at += 1;
    value += text.charAt(at);
  }
  return refuse('a " is not closed');
}

/** Words as one line that a POSIX shell would read back as the same words. For showing, never for running. */
export function quoteWords(words: readonly string[]): string {
  return words.map(quoteWord).join(" ");
}

function quoteWord(word: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/u.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
