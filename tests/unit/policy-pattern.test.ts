import { describe, test } from "vitest";
import { patternFault } from "../../core/policy/pattern.ts";

const whole = 64 * 1_024;

describe("patterns that are taken", () => {
  const cases: [pattern: string, maxLength: number][] = [
    ["^[a-z]+$", whole],
    ["^sha256:[0-9a-f]{64}$", whole],
    ["^(foo|bar)-\\d{1,3}$", whole],
    ["^v?[0-9]{1,3}(\\.[0-9]{1,3}){2}$", whole],
    ["^[^\\](*+]+$", whole],
    ["foo", whole],
    ["^\\p{L}\\u{1F600}[\\]\\w-]$", whole],
    ["^(?:a|(?<name>b))$", whole],
    ["[a-z]+", 256],
    ["^[a-z]+-[0-9]+$", 256],
    ["^\\d{4}-\\d{2}$|^never$", whole],
  ];
  test.for(cases)("%s on %i characters", ([pattern, maxLength], { expect }) => {
    expect(patternFault(pattern, maxLength)).toBeNull();
  });
});

describe("patterns that are refused", () => {
  const cases: [pattern: string, maxLength: number, detail: string][] = [
    ["^(a+)+$", 64, "repeats a part"],
    ["^(a*)*$", 64, "repeats a part"],
    ["^(a|a)*$", 64, "repeats a part"],
    ["^(a|ab)*c$", 64, "repeats a part"],
    ["^(?:a?){30}$", 64, "repeats a part"],
    ["^((a{1,5}){1,5}){1,5}$", 64, "repeats a part"],
    ["^(\\s*a\\s*)+$", 64, "repeats a part"],
    ["[a-z]+", whole, "a maxLength of 256 or less"],
    ["^a*a*a*b$", 256, "a maxLength of 32 or less"],
    ["^(?=a)b$", 64, "looks ahead"],
    ["^(?!a)b$", 64, "looks ahead"],
    ["(?<=a)b", 64, "looks ahead or behind"],
    ["^(a)\\1$", 64, "refers back"],
    ["^(?<n>a)\\k<n>$", 64, "refers back"],
    ["^a{1,5000}$", 64, "counts past 1000"],
    ["(", 64, "not a regular expression"],
    ["a".repeat(513), 64, "longer than 512"],
  ];
  test.for(cases)("%s on %i characters", ([pattern, maxLength, detail], { expect }) => {
    expect(patternFault(pattern, maxLength)).toContain(detail);
  });
});

test("T17 what is taken stays fast on the texts that hurt most", ({ expect }) => {
  const taken: [string, number][] = [
    ["[a-z]+x", 256],
    ["^[a-z]+[a-z]+x$", 256],
    ["^a*a*a*b$", 32],
    ["^(a{1,40}){1,3}b$", 128],
    ["^[a-z]+$", whole],
    ["^(?:a|aa){10}x$", whole],
  ];
  for (const [pattern, maxLength] of taken) {
    expect(patternFault(pattern, maxLength), pattern).toBeNull();
    const started = performance.now();
    new RegExp(pattern, "u").test("a".repeat(maxLength));
    expect(performance.now() - started, pattern).toBeLessThan(1_000);
  }
});
