import { statSync } from "node:fs";
import { describe, test } from "vitest";
import { fileText, sectionsOf, testTitles } from "../support/pages.ts";

/**
 * The threat model says of each threat, and of each way in which others have failed, which tests show our defence. A page that
 * names a test which is not there would be believed all the same.
 */
const page = fileText("docs/threats.md");
const titles = testTitles();

type Row = { id: string; tests: { file: string; title: string }[]; text: string };

/** `### T1 · …`, and below it lines such as "- `tests/unit/card.test.ts` · the title of a test". */
const rows: Row[] = sectionsOf(page, 3).flatMap(({ title, text }) => {
  const id = /^(?<id>[TP]\d{1,2}) · /u.exec(title)?.groups?.["id"];
  if (id === undefined) return [];
  const tests = [...text.matchAll(/^- `(?<file>tests\/[^`]+)` · (?<title>.+)$/gmu)].map(({ groups }) => ({
    file: groups?.["file"] ?? "",
    title: groups?.["title"] ?? "",
  }));
  return [{ id, tests, text }];
});

/** Rows that the page itself says no test shows. */
const admitted = new Set(
  sectionsOf(page, 2)
    .filter(({ title }) => title === "Not shown by a test")
    .flatMap(({ text }) => [...text.matchAll(/^- \*\*(?<id>[TP]\d{1,2})\*\*/gmu)])
    .map(({ groups }) => groups?.["id"]),
);

const namesIn = (text: string): string[] => [...text.matchAll(/\b[TP]\d{1,2}\b/gu)].map(([id]) => id);

describe("docs/threats.md", () => {
  test("has the rows T1 to T26 and P1 to P30, each once and in order", ({ expect }) => {
    const numbered = (letter: string, last: number): string[] =>
      Array.from({ length: last }, (_, nth) => `${letter}${nth + 1}`);
    expect(rows.map(({ id }) => id)).toEqual([...numbered("T", 26), ...numbered("P", 30)]);
  });

  test("has a row for every threat and failure that the title of a test names", ({ expect }) => {
    const known = new Set(rows.map(({ id }) => id));
    const named = titles.flatMap(({ file, title }) => namesIn(title).map((id) => ({ file, title, id })));
    expect(named.length).toBeGreaterThan(100);
    expect(named.filter(({ id }) => !known.has(id))).toEqual([]);
  });

  test.for(rows)(
    "$id names tests that are there, or says that none shows it",
    ({ id, tests }, { expect }) => {
      const missing = tests.filter((one) => !titles.some((real) => sameTest(one, real)));
      expect(missing).toEqual([]);
      expect(tests.length === 0).toBe(admitted.has(id));
    },
  );

  test.for(rows)("$id names one of the tests that bear its name, where there are some", (row, { expect }) => {
    const own = titles.filter(({ title }) => namesIn(title).includes(row.id));
    const isNamed = own.length === 0 || row.tests.some((one) => own.some((real) => sameTest(one, real)));
    expect({ isNamed, own: isNamed ? [] : own }).toEqual({ isNamed: true, own: [] });
  });

  test.for(rows)(
    "$id says what the defence is, by files that are there, and what remains",
    (row, { expect }) => {
      expect(row.text).toMatch(/^\*\*Defence\.\*\* \S/mu);
      expect(row.text).toMatch(/^\*\*What remains\.\*\* \S/mu);
      expect(row.text).toMatch(
        row.id.startsWith("T") ? /^\*\*Threat\.\*\* \S/mu : /^\*\*Reported at\*\* .*[\w.-]+\/[\w.-]+/mu,
      );
      const named = [...row.text.matchAll(/`(?<path>[\w-]+\/[\w./-]+)`/gu)].map((one) => one[1] ?? "");
      for (const path of named) expect(() => statOf(path), path).not.toThrow();
    },
  );

  test("and a title that is one letter off would be noticed", ({ expect }) => {
    const [real] = titles;
    if (real === undefined) throw new Error("there are no tests");
    expect(titles.some((one) => sameTest(real, one))).toBe(true);
    expect(titles.some((one) => sameTest({ ...real, title: `${real.title}x` }, one))).toBe(false);
  });
});

function sameTest(a: { file: string; title: string }, b: { file: string; title: string }): boolean {
  return a.file === b.file && a.title === b.title;
}

/** @throws where nothing of that path is there. */
const statOf = (path: string): unknown => statSync(new URL(`../../${path}`, import.meta.url));
