import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { root } from "../prove/process.ts";
import { StrykerReport } from "./judge.ts";

const home = join(root, "scripts", "mutation");
const program = join(home, "node_modules", "@stryker-mutator", "core", "bin", "stryker.js");

/** Changes files, one change at a time, and has the tests (scripts/mutation/groups.ts) try each, without the slow ones. Throws an Error that says what went wrong. */
export async function tried(
  mutate: readonly string[],
  tests: readonly string[],
  slow: readonly string[],
): Promise<StrykerReport> {
  await ensureStryker();
  const folder = mkdtempSync(join(tmpdir(), "holdpoint-mutation-"));
  try {
    const fileName = join(folder, "report.json");
    const settings = {
      testRunner: "holdpoint",
      plugins: [join(root, "tests", "support", "mutation", "runner.ts")],
      coverageAnalysis: "perTest",
      concurrency: 1,
      mutate,
      reporters: ["json"],
      jsonReporter: { fileName },
      // Outside the project: Node does not read TypeScript below a folder that is called node_modules.
      tempDirName: join(folder, "sandbox"),
      cleanTempDir: "always",
      // The last are where another of these is just installing itself (`ensureStryker`).
      ignorePatterns: ["dist", ".holdpoint", "docs", "node_modules.*"],
      // The types are checked by `npm test`, and the compiler has no interface any more that Stryker could use.
      disableTypeChecks: false,
      tsconfigFile: "none",
      timeoutMS: 10_000,
      timeoutFactor: 3,
      allowConsoleColors: false,
    };
    const settingsFile = join(folder, "stryker.json");
    writeFileSync(settingsFile, JSON.stringify(settings));
    await run(process.execPath, [program, "run", settingsFile], root, {
      HOLDPOINT_MUTATION_TESTS: tests.map((name) => `tests/${name}.test.ts`).join(","),
      HOLDPOINT_MUTATION_SLOW: slow.join("|"),
    });
    return v.parse(StrykerReport, JSON.parse(readFileSync(fileName, "utf8")));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Installs Stryker where it is not there yet: beside and not among what everybody installs, because it is half as many packages
 * again. What is installed is put in its place when it is whole, so that two of these may begin at once.
 */
async function ensureStryker(): Promise<void> {
  if (existsSync(program) && !isOutdated()) return;
  const draft = join(home, `node_modules.${process.pid}`, "draft");
  try {
    mkdirSync(draft, { recursive: true });
    for (const name of ["package.json", "package-lock.json"]) {
      cpSync(join(home, name), join(draft, name));
    }
    await run("npm", ["ci", "--no-audit", "--no-fund"], draft, {});
    if (existsSync(program) && !isOutdated()) return;
    rmSync(join(home, "node_modules"), { recursive: true, force: true });
    renameSync(join(draft, "node_modules"), join(home, "node_modules"));
  } finally {
    rmSync(join(home, `node_modules.${process.pid}`), { recursive: true, force: true });
  }
}

const Locked = v.object({ packages: v.record(v.string(), v.object({ version: v.optional(v.string()) })) });
const locked = (...path: string[]): Record<string, { version?: string | undefined }> =>
  v.parse(Locked, JSON.parse(readFileSync(join(home, ...path), "utf8"))).packages;

function isOutdated(): boolean {
  const found = locked("node_modules", ".package-lock.json");
  const wanted = locked("package-lock.json");
  return Object.keys(found).some((path) => found[path]?.version !== wanted[path]?.version);
}

async function run(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  }
  const code = await new Promise<number | string | null>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", resolve);
  });
  if (code !== 0) {
    throw new Error(`${command} ${args.join(" ")} ended with ${String(code)}.\n${said.slice(-6_000)}`);
  }
}
