import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "vitest";
import * as v from "valibot";
import { groups } from "../../scripts/mutation/groups.ts";
import { Explanations, judge, StrykerReport } from "../../scripts/mutation/judge.ts";
import { root } from "../../scripts/prove/process.ts";

const source = "export const isOver = (now: number, due: number): boolean =>\n  now   >= due;\n";
const place = (line: number, from: number, to: number) => ({
  start: { line, column: from },
  end: { line, column: to },
});
const mutant = (status: string, replacement: string) => ({
  id: "0",
  mutatorName: "EqualityOperator",
  status,
  replacement,
  location: place(2, 3, 15),
});
const report = (...mutants: unknown[]): StrykerReport =>
  v.parse(StrykerReport, { files: { "core/over.ts": { source, mutants } } });
const why = "A clock is never read at the very millisecond.";
const explained = (to: string): Explanations => [
  { file: "core/over.ts", why, changes: [{ in: "now >= due;", from: "now >= due", to }] },
];

describe("the verdict on a group of changes", () => {
  test("counts what is noticed, or goes round for ever, of all that was tried", ({ expect }) => {
    const verdict = judge(
      report(
        mutant("Killed", "a"),
        mutant("Timeout", "b"),
        mutant("Killed", "c"),
        mutant("Survived", "now > due"),
      ),
      explained("now > due"),
      75,
    );
    expect(verdict).toEqual({ valid: 4, noticed: 3, score: 75, explained: 1, unexplained: [], faults: [] });
  });

  test("takes nothing off for what is explained", ({ expect }) => {
    const all = report(mutant("Killed", "a"), mutant("Survived", "now > due"));
    expect(judge(all, explained("now > due"), 51).faults).toEqual([
      "50.0 of 100 changes were noticed instead of 51",
    ]);
  });

  test.for(["Survived", "NoCoverage"])("finds what is %s and not explained", (status, { expect }) => {
    const { unexplained, faults } = judge(report(mutant("Killed", "a"), mutant(status, "true")), [], 50);
    expect(unexplained).toEqual([
      { file: "core/over.ts", in: "now >= due;", from: "now >= due", to: "true" },
    ]);
    expect(faults).toHaveLength(1);
  });

  test("finds an explanation that explains nothing any more", ({ expect }) => {
    const { faults } = judge(report(mutant("Killed", "now > due")), explained("now > due"), 50);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain("noticed or not made any more");
  });

  test("takes an explanation for one change only", ({ expect }) => {
    const missed = report(
      mutant("Killed", "a"),
      mutant("Survived", "now > due"),
      mutant("Survived", "false"),
    );
    expect(judge(missed, explained("now > due"), 0).unexplained.map(({ to }) => to)).toEqual(["false"]);
  });

  test("finds what could not be tried, and a group where nothing was", ({ expect }) => {
    expect(judge(report(mutant("Killed", "a"), mutant("RuntimeError", "b")), [], 50).faults).toHaveLength(1);
    expect(judge(report(), [], 50).faults).toHaveLength(1);
  });
});

describe("the groups", () => {
  test("name files that are there, and explanations that can be read", ({ expect }) => {
    const paths = groups.flatMap(({ mutate, control, tests }) => [
      ...mutate.filter((path) => !path.includes("*")),
      control.file,
      ...tests.map((name) => `tests/${name}.test.ts`),
    ]);
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    for (const { name } of groups) {
      const text = readFileSync(join(root, "tests", "mutation", `${name}.json`), "utf8");
      expect(() => v.parse(Explanations, JSON.parse(text)), name).not.toThrow();
    }
  });

  test("take out tests for their control that they have", ({ expect }) => {
    for (const { control, tests } of groups) {
      expect(control.without.length).toBeGreaterThan(0);
      expect(control.without.filter((name) => !tests.includes(name))).toEqual([]);
    }
  });
});
