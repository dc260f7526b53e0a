import { describe, test } from "vitest";
import { byRoom, callsOf, placesIn, roomOf } from "../../scripts/bench/profile/calls.ts";
import { flameGraph } from "../../scripts/bench/profile/flame.ts";
import { countSyncs } from "../../scripts/bench/profile/syncs.ts";

const frame = (functionName: string, lineNumber: number): Frame => ({
  functionName,
  lineNumber,
  columnNumber: 0,
});
type Frame = { functionName: string; lineNumber: number; columnNumber: number };

/** Two ways to the same function, which calls another; a library; and time in which nothing was done. */
const samples = {
  nodes: [
    { id: 1, callFrame: frame("(root)", -1), children: [2, 3, 6, 7] },
    { id: 2, callFrame: frame("vote", 10), children: [4] },
    { id: 3, callFrame: frame("vote", 10), children: [5] },
    { id: 4, callFrame: frame("step", 20), children: [] },
    { id: 5, callFrame: frame("step", 20), children: [] },
    { id: 6, callFrame: frame("(idle)", -1), children: [] },
    { id: 7, callFrame: frame("", 30), children: [] },
  ],
  samples: [2, 4, 5, 6, 7],
  timeDeltas: [100, 200, 300, 5_000, 50],
};
const files: Readonly<Record<number, string>> = {
  10: "objects/action/action.ts",
  20: "core/machine/step.ts",
  30: "node_modules/valibot/dist/index.mjs",
};
const calls = callsOf(samples, (line) => files[line] ?? null);

describe("sampled calls", () => {
  test("are one tree, the same calls on the same way together, and waiting left out", ({ expect }) => {
    expect(calls.us).toBe(650);
    expect(calls.calls.map(({ name, file, us }) => [name, file, us])).toEqual([
      ["vote", "objects/action/action.ts", 600],
      ["(anonymous)", "node_modules/valibot/dist/index.mjs", 50],
    ]);
    expect(calls.calls[0]?.calls.map(({ name, us }) => [name, us])).toEqual([["step", 500]]);
  });

  test("are counted by the folder of who did the work itself", ({ expect }) => {
    expect(byRoom(calls)).toEqual([
      { room: "core/machine", us: 500 },
      { room: "objects/action", us: 100 },
      { room: "libraries", us: 50 },
    ]);
    expect(["core/digest.ts", null].map(roomOf)).toEqual(["core", "workerd and V8"]);
  });

  test("lead back from the bundle to the file that they were written in", ({ expect }) => {
    // One mapping: line 1, column 0 of the bundle is line 1, column 0 of its first source.
    const map = {
      version: 3,
      file: "index.js",
      sources: ["../../core/digest.ts"],
      names: [],
      mappings: "AAAA",
    };
    const where = placesIn(
      { ...map, sourceRoot: "", sourcesContent: [] },
      "/project/out/bundle",
      "/project/",
    );
    expect([where(0, 0), where(-1, -1)]).toEqual(["core/digest.ts", null]);
  });

  test("are drawn each as wide as it took, with its name made safe", ({ expect }) => {
    const svg = flameGraph(
      "A & B",
      { ...calls, calls: [{ name: "<b>", file: null, us: 650, calls: [] }] },
      10,
    );
    expect(svg).toContain("A &amp; B");
    expect(svg).toContain("<title>&lt;b&gt;, workerd and V8: 0.065 ms a life</title>");
    expect(svg).not.toContain("<b>");
    const widths = [...flameGraph("", calls, 1).matchAll(/<rect class="[a-z]" .*? width="([\d.]+)"/gu)].map(
      ([, width]) => Number(width),
    );
    expect(widths).toEqual([1_179.5, 1_088.7, 907.2, 90.3]);
  });
});

test("syncs are counted by what was synced, all objects of a class as one", ({ expect }) => {
  const text = `7 fsync(20</tmp/storage/Action/3f2a.sqlite-wal>) = 0
7 fsync(21</tmp/storage/Action/77b1.sqlite-wal>) = 0
7 fdatasync(22</tmp/storage/Action/77b1.sqlite>) = 0
7 fsync(23</tmp/storage/Action/metadata.sqlite-wal>) = 0
7 fsync(24</tmp/storage/Action>) = 0
7 read(24</tmp/storage/Action>, "x", 1) = 1
`;
  expect(countSyncs(text)).toEqual({
    "Action, log": 2,
    "Action, database": 1,
    "Action, alarms": 1,
    "Action, the folder": 1,
  });
});
