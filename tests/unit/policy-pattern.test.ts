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
    ["^(?=<ab>)x$", 64, "looks ahead or behind"],
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

describe("the bounds of what is taken", () => {
  const refused = "could take too long to match";

  test("are a hundred thousand ways of reading a text, and no more", ({ expect }) => {
    // 100,000 ways of ending it, and one more.
    expect(patternFault("^a*$", 99_999)).toBeNull();
    expect(patternFault("^a*$", 100_000)).toContain(refused);
    // Without ^ it may begin anywhere: 316 × 316 ways, and 317 × 317.
    expect(patternFault("a*", 315)).toBeNull();
    expect(patternFault("a*", 316)).toBe(
      "could take too long to match a text of 316 characters: give it a maxLength of 256 or less beside it",
    );
    // 316 counted ways in each of two parts are 99,856; 317 are too many.
    expect(patternFault("^a{0,315}a{0,315}$", 1_000)).toBeNull();
    expect(patternFault("^a{0,316}a{0,316}$", 1_000)).toContain(refused);
    // Counts that begin above nothing: 900 to 1000 times are 101 ways.
    expect(patternFault("^a{900,1000}a{1,990}$", 2_000)).toBeNull();
    expect(patternFault("^a{900,1000}a{1,991}$", 2_000)).toContain(refused);
  });

  test("are 512 characters and counts of 1000", ({ expect }) => {
    expect(patternFault("a".repeat(512), 64)).toBeNull();
    expect(patternFault("^a{1000}$", 64)).toBeNull();
    expect(patternFault("^a{0,1000}$", 64)).toBeNull();
    for (const pattern of ["^a{1001}$", "^a{1001,}$", "^a{0,1001}$"]) {
      expect(patternFault(pattern, 64)).toBe("counts past 1000 in {…}");
    }
  });

  test("name a shorter text only where that is enough, and only a shorter one", ({ expect }) => {
    expect(patternFault("^a*a*$", 316)).toContain("a maxLength of 256 or less");
    expect(patternFault("^a*a*a*$", 64)).toContain("a maxLength of 32 or less");
    expect(patternFault("^a*a*a*a*$", 32)).toContain("a maxLength of 16 or less");
    // 32 ways of the first by five of each other, which is the bound itself.
    expect(patternFault(`^a+${"a{0,4}".repeat(5)}$`, 64)).toContain("a maxLength of 32 or less");
    expect(patternFault("^a*a*a*a*$", 17)).toContain("a maxLength of 16 or less");
    expect(patternFault("^a*a*a*a*a*$", 16)).toContain("it repeats a part that itself repeats or chooses");
  });

  test.for<[pattern: string, maxLength: number, taken: boolean]>([
    // Begins at one place only where every branch does.
    ["^a*|^b*", 50_000, false],
    ["^a*|^b*", 49_998, true],
    ["^a*|b*", 1_000, false],
    ["(?:^a*)", 90_000, true],
    ["(?:a^*)a*", 1_000, false],
    ["", 90_000, true],
    // Lazy ones try as many ways.
    ["^a*?$", 100_000, false],
    ["^a+?$", 100_001, false],
    ["^a+$", 100_000, true],
    ["^a??a*$", 50_000, false],
    ["^a??a*$", 49_999, true],
    ["^a*?$", 99_999, true],
    ["^a+?$", 100_000, true],
    ["^a{2,}?$", 100_002, false],
    // With a lower end alone, as many as the text is long.
    ["^a{2,}$", 100_001, true],
    ["^a{2,}$", 100_002, false],
    ["^(?:a|b){2,}$", 64, false],
    // A brace, a bar or a bracket that is text is not read as more.
    ["^[|(]*$", 90_000, true],
    ["^[\\]|]*$", 90_000, true],
    ["^\\p{L}*\\u{61}$", 90_000, true],
    ["^\\p{Lu}\\P{Ll}*$", 90_000, true],
    ["^\\u0061*$", 90_000, true],
    ["^\\u0061*b*c{100,200}$", 1_000, false],
    ["^\\u{61}*b*$", 1_000, false],
    ["^\\u{2028}$", 1_000, true],
    ["^\\d{3}a*$", 90_000, true],
    ["^\\d{0,3}a*$", 90_000, false],
    ["^(?<year>a)a*(?<day>b)$", 90_000, true],
    ["^a\\|b*$", 90_000, true],
  ])("%s on %i characters: %s", ([pattern, maxLength, taken], { expect }) => {
    expect(patternFault(pattern, maxLength) === null).toBe(taken);
  });

  test("are those of the u flag", ({ expect }) => {
    expect(patternFault("^\\-$", 64)).toBe("is not a regular expression (ECMAScript, with the u flag)");
  });
});
