import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A model in tests/model/spin, and the sizes and mistakes that it is compiled with. */
export type Search = { readonly model: string; readonly defines: readonly string[] };

/** What came of an exhaustive search: either every state was seen and none is wrong, or one is. */
export type Searched = {
  readonly states: number;
  readonly depth: number;
  readonly seconds: number;
  /** Steps that it never came to, as `process, line: text`; of a search that ended early they say nothing. */
  readonly unreached: readonly string[];
  /** What is violated, and how many steps lead there; null where nothing is. */
  readonly violated: { readonly what: string; readonly steps: number } | null;
};

const folder = fileURLToPath(new URL("../model/spin", import.meta.url));
/** More than the longest path by far: one that is cut short is an error here. */
const maxDepth = 100_000;
/** MB, for the states of one search. */
const memoryLimit = 2_800;
/** Exhaustive, and only what asserts and ends say: states are compressed without loss, and none is left out. */
const compiling = ["-w", "-DSAFETY", "-DNOFAIR", "-DCOLLAPSE", `-DMEMLIM=${memoryLimit}`];
const patienceMs = 3_600_000;

/** @returns whether Spin and a compiler are there. */
export async function hasSpin(): Promise<boolean> {
  const tried = await Promise.allSettled([run(folder, "spin", ["-V"]), run(folder, "gcc", ["--version"])]);
  return tried.every(({ status }) => status === "fulfilled");
}

export const installSpin = "Spin and a C compiler are missing: apt-get install spin gcc";

/**
 * Searches one model to its end, or to the first violation. `isShort`: the search is so short that compiling it well would take longer.
 * @throws Error where that was not to be had: then nothing is known.
 */
export async function search({ model, defines }: Search, isShort = false): Promise<Searched> {
  const work = mkdtempSync(join(tmpdir(), "holdpoint-spin-"));
  try {
    cpSync(folder, work, { recursive: true });
    const flags = defines.map((define) => `-D${define}`);
    const made = await run(work, "spin", ["-a", ...flags, `${model}.pml`]);
    if (/\b(?:error|warning)\b/iu.test(made)) throw new Error(`${model}: ${made}`);
    await run(work, "gcc", [isShort ? "-O1" : "-O2", ...compiling, "-o", "pan", "pan.c"]);
    return searchedIn(await run(work, join(work, "pan"), [`-m${maxDepth}`]));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Whatever would make less of a search than all of it. */
const cutShort = [
  "max search depth too small",
  "out of memory",
  "memory exhausted",
  "reached -DMEMLIM bound",
  "VECTORSZ",
  "too many",
  "Bit statespace",
  "Hash-Compact",
];
const needed = ["Full statespace search for", "assertion violations\t+", "invalid end states\t+"];

/** Reads what the search has written. @throws Error where it is not what an exhaustive search writes. */
export function searchedIn(output: string): Searched {
  const fault = (why: string): Error => new Error(`${why}:\n${output}`);
  const cut = cutShort.find((text) => output.includes(text));
  if (cut !== undefined) throw fault(`the search is not exhaustive: ${cut}`);
  const unsaid = needed.find((text) => !output.includes(text));
  if (unsaid !== undefined) throw fault(`the search has not said ${unsaid}`);
  const number = (pattern: RegExp): number => {
    const found = [...output.matchAll(pattern)].map(({ groups }) => Number(groups?.["n"]));
    const [only] = found;
    if (found.length !== 1 || only === undefined || !Number.isFinite(only)) {
      throw fault(`not exactly one ${pattern.source}`);
    }
    return only;
  };
  const errors = number(/errors: (?<n>\d+)/gu);
  const first = /^pan:1: (?<what>.*) \(at depth (?<steps>\d+)\)$/mu.exec(output)?.groups;
  const incomplete = output.includes("Search not completed");
  if ((errors === 0) !== (first === undefined) || (errors === 0) === incomplete) {
    throw fault("the search contradicts itself");
  }
  return {
    states: number(/^ *(?<n>[\d.e+]+) states, stored/gmu),
    depth: number(/depth reached (?<n>\d+)/gu),
    seconds: number(/elapsed time (?<n>[\d.e+-]+) seconds/gu),
    unreached: unreachedIn(output),
    violated: first === undefined ? null : { what: first["what"] ?? "", steps: Number(first["steps"]) },
  };
}

/** Whoever waits for ever has an end that is never come to. */
function unreachedIn(output: string): string[] {
  return output
    .split(/^unreached in /mu)
    .slice(1)
    .flatMap((process) => {
      const name = process.split("\n", 1)[0] ?? "";
      const found = process.matchAll(/^\t\S+\.pml:(?<line>\d+), state \d+, "(?<text>.*)"$/gmu);
      return [...found].flatMap(({ groups }) => {
        const { line = "", text = "" } = groups ?? {};
        return text === "-end-" ? [] : [`${name}, ${line}: ${text}`];
      });
    });
}

/** Standard output and error. @throws Error where the program is not there or ends with anything but 0. */
function run(cwd: string, program: string, args: readonly string[]): Promise<string> {
  const options = { cwd, encoding: "utf8", timeout: patienceMs, maxBuffer: 2 ** 26 } as const;
  return new Promise((resolve, reject) => {
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) resolve(`${stdout}${stderr}`);
      else reject(new Error(`${program} ${args.join(" ")}: ${error.message}\n${stdout}${stderr}`));
    });
  });
}
