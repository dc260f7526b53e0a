import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, test } from "vitest";
import { proven } from "../support/proof.ts";
import { hasSpin, installSpin, search, searchedIn, type Searched } from "../support/spin.ts";
import { bugs, searches } from "./spin/searches.ts";

/**
 * The models of tests/model/spin, searched by Spin to their ends (docs/spin.md). `HOLDPOINT_SPIN_STATES` says how many states there
 * are to be at least; without it nothing is searched.
 */
const wanted = Number(process.env["HOLDPOINT_SPIN_STATES"] ?? 0);
const isWhole = wanted > 0;
const timeout = 3_600_000;
const folder = fileURLToPath(new URL("spin", import.meta.url));
const isThere = await hasSpin();

const found: Record<string, Searched> = {};
const noticed: string[] = [];

test.runIf(isWhole)("Spin is there", ({ expect }) => {
  expect(isThere, installSpin).toBe(true);
});

describe.runIf(isWhole)("everybody's calls, crashes, clocks and notices", () => {
  for (const [name, what] of Object.entries(searches)) {
    test(`keep what they promise in a world with ${name}`, { timeout }, async ({ expect }) => {
      const searched = await search(what);
      console.log(`${name}: ${searched.states} states, ${searched.depth} deep, ${searched.seconds} s`);
      expect(searched.violated).toBeNull();
      found[name] = searched;
    });
  }

  test("come to every step of the models in one world or another", ({ expect }) => {
    for (const model of ["action", "outbox"]) {
      const all = Object.entries(searches).filter(([, one]) => one.model === model);
      const sets = all.map(([name]) => new Set(found[name]?.unreached));
      const first = [...(sets[0] ?? [])];
      expect(first.length).toBeGreaterThan(0);
      expect(first.filter((statement) => sets.every((set) => set.has(statement)))).toEqual([]);
    }
  });

  for (const { bug, in: name, violates } of bugs) {
    test(`would be found out with ${bug} in a world with ${name}`, { timeout }, async ({ expect }) => {
      const { model = "", defines = [] } = searches[name] ?? {};
      const { violated, states } = await search({ model, defines: [...defines, `BUG_${bug}`] }, true);
      console.log(
        `${bug}: ${violated?.what ?? "nothing"} after ${violated?.steps ?? 0} steps, ${states} states`,
      );
      expect(violated?.what).toContain(violates);
      noticed.push(`${bug} ${violated?.steps}`);
    });
  }

  test("are searched in as many states as there are to be", ({ expect }) => {
    const states = Object.values(found).reduce((sum, one) => sum + one.states, 0);
    expect(Object.keys(found)).toEqual(Object.keys(searches));
    expect(noticed).toHaveLength(bugs.length);
    expect(states).toBeGreaterThanOrEqual(wanted);
    proven({
      part: "spin",
      trials: states,
      controls: { found: noticed.length, of: bugs.length },
      notes: `${Object.keys(found).length} worlds, each to its end; steps to each planted mistake: ${noticed.join(", ")}`,
    });
  });
});

test("every mistake that a model can make is made, in a world that is searched without it", ({ expect }) => {
  const models = readdirSync(folder).filter((file) => file.endsWith(".pml"));
  const text = models.map((file) => readFileSync(`${folder}/${file}`, "utf8")).join("\n");
  const there = new Set(
    [...text.matchAll(/^#ifn?def BUG_(?<name>\w+)/gmu)].map(({ groups }) => groups?.["name"] ?? ""),
  );
  expect(bugs.map(({ bug }) => bug).toSorted()).toEqual([...there].toSorted());
  expect(bugs.filter(({ in: name }) => searches[name] === undefined)).toEqual([]);
});

const clean = [
  "Full statespace search for:",
  "\tassertion violations\t+",
  "\tinvalid end states\t+",
  "State-vector 124 byte, depth reached 84, errors: 0",
  "    15566 states, stored",
  "unreached in proctype Channel",
  '\toutbox.pml:401, state 150, "(s==1)"',
  '\toutbox.pml:434, state 180, "-end-"',
  "\t(1 of 180 states)",
  "pan: elapsed time 0.15 seconds",
].join("\n");

describe("what a search has written", () => {
  test("is read", ({ expect }) => {
    const unreached = ["proctype Channel, 401: (s==1)"];
    expect(searchedIn(clean)).toEqual({
      states: 15_566,
      depth: 84,
      seconds: 0.15,
      unreached,
      violated: null,
    });
    const broken = `pan:1: assertion violated (a==1) (at depth 30)\nWarning: Search not completed\n${clean.replace("errors: 0", "errors: 1")}`;
    expect(searchedIn(broken).violated).toEqual({ what: "assertion violated (a==1)", steps: 30 });
  });

  const lacking: Record<string, string> = {
    "was cut short in depth": `error: max search depth too small\n${clean}`,
    "ran out of memory": `pan: reached -DMEMLIM bound\n${clean}`,
    "was not exhaustive": clean.replace("Full statespace", "Bit statespace"),
    "was not completed": `Warning: Search not completed\n${clean}`,
    "says nothing of errors": clean.replace("errors: 0", ""),
    "counts an error and names none": clean.replace("errors: 0", "errors: 1"),
    "did not look at ends": clean.replace(
      "invalid end states\t+",
      "invalid end states\t- (disabled by flag)",
    ),
  };
  test.for(Object.entries(lacking))(
    "is not taken for one that found nothing where it %s",
    ([, text], { expect }) => {
      expect(() => searchedIn(text)).toThrow();
    },
  );
});
