import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "vitest";
import { jobsOf } from "../../scripts/prove/jobs.ts";
import { filesOf, type Part } from "../../scripts/prove/part.ts";
import { parts, quickFiles } from "../../scripts/prove/parts.ts";
import { page } from "../../scripts/prove/print.ts";
import { root } from "../../scripts/prove/process.ts";
import { lineOf, reportsIn, type Report } from "../../scripts/prove/report.ts";
import { scoreOf, type Outcome } from "../../scripts/prove/score.ts";

const part: Part = {
  name: "dice",
  proves: "No throw is a seven.",
  unit: "throws",
  runs: { files: ["tests/unit/dice.test.ts", "tests/objects/dice.test.ts"] },
  size: "HOLDPOINT_THROWS",
  quick: 10,
  whole: 1_001,
  shards: 2,
  controls: 2,
};
const outcome = (reports: readonly Report[], parts_: Partial<Outcome> = {}): Outcome => ({
  label: "dice: unit",
  succeeded: true,
  seconds: 1,
  ...reportsIn(reports.map(lineOf).join("\n")),
  ...parts_,
});
const good = { part: "dice", trials: 10, seed: 7, controls: { found: 2, of: 2 } };

describe("the table of parts", () => {
  test("names each part once, and only files that are there", ({ expect }) => {
    expect(new Set(parts.map(({ name }) => name)).size).toBe(parts.length);
    expect(parts.flatMap(filesOf).filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  test("gives each variable and each file to one part only, or to one for each setting it is run with", ({
    expect,
  }) => {
    const under = ({ env = {} }: Part): string => JSON.stringify(env);
    const sizes = parts.flatMap((one) => (one.size === null ? [] : [one.size + under(one)]));
    expect(new Set(sizes).size).toBe(sizes.length);
    const files = parts.flatMap((one) => filesOf(one).map((file) => file + under(one)));
    expect(new Set(files).size).toBe(files.length);
  });

  test("asks every part for trials and for controls, quick and whole", ({ expect }) => {
    for (const { name, quick, whole, controls, size } of parts) {
      expect([name, quick === null || quick > 0, whole > 0, controls > 0]).toEqual([name, true, true, true]);
      if (size === null && quick !== null) expect([name, quick]).toEqual([name, whole]);
    }
    expect(quickFiles.length).toBeGreaterThan(10);
  });
});

describe("the processes of a part", () => {
  test("divide its trials among shards with a seed each, and run each file in its project", ({ expect }) => {
    const jobs = jobsOf(part, "whole", 7);
    expect(jobs.map(({ label, runs, env }) => [label, runs, env])).toEqual(
      [
        ["dice: unit/dice 1/2", "unit", "tests/unit/dice.test.ts", 7],
        ["dice: objects/dice 1/2", "objects", "tests/objects/dice.test.ts", 7],
        ["dice: unit/dice 2/2", "unit", "tests/unit/dice.test.ts", 8],
        ["dice: objects/dice 2/2", "objects", "tests/objects/dice.test.ts", 8],
      ].map(([label, project, file, seed]) => [
        label,
        { vitest: ["run", "--project", project, file] },
        { HOLDPOINT_THROWS: "501", HOLDPOINT_SEED: String(seed) },
      ]),
    );
  });

  test("are one for each last argument of a program that takes some", ({ expect }) => {
    const jobs = jobsOf(
      { ...part, shards: 1, runs: { command: ["deal"] }, each: ["red", "black"] },
      "whole",
      7,
    );
    expect(jobs.map(({ label, runs }) => [label, runs])).toEqual([
      ["dice: red", { command: ["deal", "red"] }],
      ["dice: black", { command: ["deal", "black"] }],
    ]);
  });

  test("are not divided in a quick run, and are none where there is no quick size", ({ expect }) => {
    expect(jobsOf(part, "quick", 7).map(({ env }) => env["HOLDPOINT_THROWS"])).toEqual(["10", "10"]);
    expect(jobsOf({ ...part, quick: null }, "quick", 7)).toEqual([]);
    const [job] = jobsOf({ ...part, runs: { command: ["spin", "-a"] } }, "quick", 2 ** 31 - 1);
    expect(job).toMatchObject({ label: "dice", runs: { command: ["spin", "-a"] } });
  });
});

describe("a score", () => {
  test("adds up what was reported", ({ expect }) => {
    const score = scoreOf(part, "quick", 7, [
      outcome([{ part: "dice", trials: 6, seed: 7 }]),
      outcome([
        { part: "dice", trials: 4, notes: "often a six" },
        { part: "dice", controls: good.controls },
      ]),
    ]);
    expect(score).toMatchObject({
      trials: 10,
      violations: 0,
      controls: { found: 2, of: 2 },
      seed: 7,
      seconds: 2,
      notes: ["often a six"],
      faults: [],
    });
  });

  const wrong: Record<string, [Outcome[], string]> = {
    "a process that fails": [[outcome([good], { succeeded: false })], "dice: unit failed"],
    "a process that says nothing": [[outcome([good]), outcome([])], "dice: unit reported nothing"],
    "no process at all": [[], "0 trials instead of 10"],
    "a violation that was counted": [[outcome([{ ...good, violations: 3 }])], "3 violations"],
    "too few trials": [[outcome([{ ...good, trials: 9 }])], "9 trials instead of 10"],
    "a control that nobody noticed": [
      [outcome([{ ...good, controls: { found: 1, of: 2 } }])],
      "1 controls were not noticed",
    ],
    "a control that was not tried": [
      [outcome([{ ...good, controls: { found: 1, of: 1 } }])],
      "1 controls instead of 2",
    ],
    "a report for another part": [
      [outcome([good, { part: "cards", trials: 1 }])],
      'dice: unit reported for "cards"',
    ],
    "a report that cannot be read": [
      [outcome([good], reportsIn('proven: {"part":"dice"\nproven: {"part":"dice","trials":-1}'))],
      'dice: unit reported what is no report: proven: {"part":"dice"',
    ],
  };
  test.for(Object.entries(wrong))("does not let %s pass", ([, [outcomes, fault]], { expect }) => {
    expect(scoreOf(part, "quick", 7, outcomes).faults).toContain(fault);
  });

  test("counts a process that failed as a violation", ({ expect }) => {
    expect(scoreOf(part, "quick", 7, [outcome([good], { succeeded: false })]).violations).toBe(1);
  });

  test("has no seed where nothing is random", ({ expect }) => {
    expect(scoreOf(part, "quick", 7, [outcome([{ ...good, seed: null }])]).seed).toBeNull();
  });
});

test("the page says how each part is run again", ({ expect }) => {
  const score = scoreOf(part, "quick", 7, [outcome([{ ...good, notes: "often a six" }])]);
  const setting = {
    date: "2026-11-23",
    commit: "abc1234",
    processors: 2,
    node: "v24",
    seed: 7,
    extent: "whole",
    minutes: 3,
  } as const;
  const text = page([{ score, setting }], ["cards"]);
  expect(text).toContain("| dice | 10 | throws | 0 | 2 of 2 | 7 | 1 | 2026-11-23 | abc1234 |");
  expect(text).toContain("Not run whole yet: cards.");
  expect(page([{ score, setting }], [])).not.toContain("Not run whole yet");
  expect(text).toContain("`npm run prove -- --only dice --seed 7`");
  expect(text).toContain("- often a six");
});
