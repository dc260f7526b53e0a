import { describe, test } from "vitest";
import { Dice } from "../support/dice.ts";
import { type Sample, slopeOf, verdictOn } from "../support/soak/trend.ts";

/** What is made of the samples of a soak: nothing where an engine breathes, and a fault where it grows. */

const mega = 1_048_576;

/** Half an hour of an engine whose heap grows and is tidied up, with ten lives a second. */
function soakOf(parts: (sample: Sample, dice: Dice) => Partial<Sample>): Sample[] {
  const dice = new Dice(7);
  return Array.from({ length: 180 }, (_, nth): Sample => {
    const at = nth * 10;
    const finished = at * 10;
    const heap = (nth % 9) * 2 * mega + dice.next() * mega;
    const sample = {
      at,
      memory: 200 * mega + heap,
      disk: finished * 50_000,
      files: 400,
      calls: finished * 9,
      finished,
      sent: 0,
    };
    return { ...sample, ...parts(sample, dice) };
  });
}

describe("a soak", () => {
  test("of an engine that tidies up its heap, and had to warm up, is flat", ({ expect }) => {
    const warming = soakOf(({ at, memory }) => ({ memory: memory - 100 * mega * Math.exp(-at / 120) }));
    expect(verdictOn(warming).faults).toEqual([]);
  });

  test("with a single sample far off is as flat as without it", ({ expect }) => {
    const odd = soakOf(({ at, memory }) => ({ memory: at === 1_700 ? 5 * memory : memory }));
    expect(verdictOn(odd).faults).toEqual([]);
  });

  test.for([
    ["memory grew by", ({ at, memory }: Sample) => ({ memory: memory + at * 120_000 })],
    ["bytes on disk", ({ disk, at }: Sample) => ({ disk: disk + Math.max(0, at - 900) * 300_000 })],
    ["files were open", ({ at }: Sample) => ({ files: 400 + at })],
  ] as const)("of an engine that grows is faulted: %s", ([fault, parts], { expect }) => {
    expect(verdictOn(soakOf(parts)).faults).toEqual([expect.stringContaining(fault)]);
  });

  test("has the slope that most of its points have", ({ expect }) => {
    expect(
      slopeOf([
        [0, 1],
        [1, 3],
        [2, 5],
        [3, 100],
        [4, 9],
      ]),
    ).toBe(2);
  });
});
