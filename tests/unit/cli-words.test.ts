import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, test } from "vitest";
import { quoteWords, splitWords } from "../../scripts/holdpoint/words.ts";

/** What a real POSIX shell makes of a text: the oracle for everything that is taken. */
function shellWords(text: string): string[] {
  return execFileSync("sh", ["-c", `printf '%s\\0' ${text}`], { encoding: "utf8" })
    .split("\0")
    .slice(0, -1);
}

describe("the words of a rollback command", () => {
  test.for([
    ["systemctl start app", ["systemctl", "start", "app"]],
    ["  a \t b  ", ["a", "b"]],
    ["'a b' \"c d\"", ["a b", "c d"]],
    ["a'b'\"c\"d", ["abcd"]],
    ["''", [""]],
    ["a '' b", ["a", "", "b"]],
    ["a\\ b", ["a b"]],
    ["\\$HOME \\|", ["$HOME", "|"]],
    ["'$HOME | * ; `x`'", ["$HOME | * ; `x`"]],
    ['"a\\"b\\\\c\\$d\\`e"', ['a"b\\c$d`e']],
    ['"a\\nb"', ["a\\nb"]],
    ["sh -c 'a && b > c'", ["sh", "-c", "a && b > c"]],
    ["--flag=x,y:z /path/to a~b a#b {} +", ["--flag=x,y:z", "/path/to", "a~b", "a#b", "{}", "+"]],
  ] as const)("%s is what a shell would make of it", ([text, words], { expect }) => {
    expect(splitWords(text)).toEqual(words);
    expect(shellWords(text)).toEqual(words);
  });

  test.for([
    "a | b",
    "a && b",
    "a; b",
    "a > b",
    "a < b",
    "(a)",
    "echo $HOME",
    "`a`",
    '"$HOME"',
    '"`a`"',
    "ls *",
    "ls a?",
    "ls [a]",
    "~/x",
    "# a",
    "a\nb",
    "a &",
  ])("%j means something to a shell only, and is refused rather than passed on", (text, { expect }) => {
    expect(() => splitWords(text)).toThrow("There is no shell here");
  });

  test.for(["'a", '"a', "a\\", '"a\\"'])("%j is not closed", (text, { expect }) => {
    expect(() => splitWords(text)).toThrow(expect.objectContaining({ exitCode: 2 }));
  });

  test("nothing at all is refused", ({ expect }) => {
    expect(() => splitWords(" \t ")).toThrow("is empty");
  });

  test("any words, shown quoted, are read back as the same words", ({ expect }) => {
    const word = fc.string({
      unit: fc.constantFrom(...Array.from("ab $'\"\\|&;<>()`*?[]~# \t\n{}=é")),
      maxLength: 8,
    });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
        expect(splitWords(quoteWords(words))).toEqual(words);
      }),
    );
  });

  test("a shell reads the quoted words back as the same words", ({ expect }) => {
    const words = ["", "a b", "it's", '"', "\\", "$HOME", "`id`", "a\nb", "*", "--", "é"];
    expect(shellWords(quoteWords(words))).toEqual(words);
  });
});
