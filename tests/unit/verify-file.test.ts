import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "vitest";
import { vkeyOf } from "../../core/evidence/note.ts";
import type { Finding } from "../../core/evidence/verify.ts";
import { Dice } from "../support/dice.ts";
import { writeExport } from "../support/evidence-files.ts";
import { sha256 } from "../support/log-keys.ts";
import { plainScene } from "../support/tampering/alone.ts";
import { trueBundle, trueFolder } from "../support/tampering/scene.ts";

/** The verifier as an auditor has it: one file, taken to a place where nothing of ours is. */

const scene = plainScene(new Dice(11));
const one = scene.settled[0]!;
const [signer] = scene.story.signers;
const key = vkeyOf(scene.story.origin, signer!.publicKey, sha256);
const root = fileURLToPath(new URL("../..", import.meta.url));
let home: string;
let file: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "holdpoint-verify-"));
  const vite = join(root, "node_modules", "vite", "bin", "vite.js");
  const built = spawnSync(
    process.execPath,
    [vite, "build", "--logLevel", "warn", "--outDir", join(home, "dist")],
    {
      cwd: root,
      encoding: "utf8",
    },
  );
  if (built.status !== 0) throw new Error(built.stderr);
  file = join(home, "holdpoint-verify.mjs");
  writeFileSync(file, readFileSync(join(home, "dist", "holdpoint-verify.mjs")));
  const bundle = trueBundle(scene, one);
  writeFileSync(join(home, "act.json"), JSON.stringify(bundle));
  const changed = { ...bundle, contract: { ...bundle.contract, description: "harmless" } };
  writeFileSync(join(home, "changed.json"), JSON.stringify(changed));
  writeFileSync(join(home, "kept"), scene.kept.note);
  writeFileSync(join(home, "kept.json"), JSON.stringify({ note: scene.kept.note, size: 1 }));
  writeFileSync(join(home, "none.json"), "not json");
  writeExport(join(home, "export"), trueFolder(scene, one));
}, 120_000);
afterAll(() => rmSync(home, { recursive: true, force: true }));

type Ran = { code: number | null; stdout: string; stderr: string };
function run(...args: string[]): Ran {
  const env = { PATH: process.env["PATH"] };
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    cwd: home,
    env,
    encoding: "utf8",
  });
  return { code: status, stdout, stderr };
}

describe("the verifier in one file", () => {
  test("imports nothing but what Node has", ({ expect }) => {
    const text = readFileSync(file, "utf8");
    const imported = [...text.matchAll(/^(?:import|export)\b[^;]*?["']([^"'\n]+)["'];$/gmu)].map(
      ([, name]) => name!,
    );
    expect(imported.length).toBeGreaterThan(0);
    for (const name of imported) {
      expect(name).toMatch(/^node:/u);
      expect(builtinModules).toContain(name.slice("node:".length));
    }
    expect(text).not.toMatch(/\b(?:import|require)\s*\(/u);
    expect(text).not.toContain("fetch(");
  });

  test("checks a bundle against a checkpoint and a key, and ends with 0", ({ expect }) => {
    const { code, stdout, stderr } = run(
      "act.json",
      "--checkpoint",
      "kept",
      "--checkpoint",
      "kept.json",
      "--key",
      key,
    );
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("Nothing in the first");
    expect(stdout).toContain("Approved by person:bob");
    expect(stdout).toContain("A key that you know has signed it");
    expect(stdout).not.toContain("\u001b[");
    expect(stdout.indexOf("Proven")).toBeLessThan(stdout.indexOf("What no record can show"));
  });

  test("checks an exported folder, and says so in JSON", ({ expect }) => {
    const { code, stdout } = run("export", "--checkpoint", "kept", "--json");
    const said = JSON.parse(stdout) as {
      kind: string;
      verdict: string;
      version: string;
      findings: Finding[];
    };
    expect([code, said.kind, said.verdict]).toEqual([0, "export", "proven"]);
    expect(said.findings.filter(({ check, status }) => check === "gaps" && status === "proven")).toHaveLength(
      1,
    );
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
    expect(said.version).toBe(version);
  });

  test("says without a checkpoint what that leaves open, and still ends with 0", ({ expect }) => {
    const { code, stdout } = run("act.json");
    expect(code).toBe(0);
    expect(stdout).toContain("keep a checkpoint, and give it with --checkpoint");
  });

  test("ends with 1 where something was changed, and names it", ({ expect }) => {
    const { code, stdout } = run("changed.json", "--checkpoint", "kept");
    expect(code).toBe(1);
    expect(stdout).toContain("✗ contract: This is not the contract that the request was judged by");
  });

  test("ends with 1 for what is no bundle at all", ({ expect }) => {
    const { code, stdout } = run("none.json");
    expect(code).toBe(1);
    expect(stdout).toContain("This is no bundle");
  });

  test.for([
    [["missing.json"], "Cannot read missing.json"],
    [["act.json", "--checkpoint", "missing"], "Cannot read missing"],
    [["."], "is no export: bundles, ledger.jsonl, checkpoint, summary.json is missing"],
    [[], "Give one bundle, or one exported folder."],
    [["act.json", "export"], "Give one bundle, or one exported folder."],
    [["act.json", "--wrong"], "--wrong"],
  ] as const)("ends with 2 for %j", ([args, why], { expect }) => {
    const { code, stdout, stderr } = run(...args);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(why);
  });

  test("tells its usage and its version", ({ expect }) => {
    expect(run("--help").stdout).toContain("Usage: holdpoint-verify BUNDLE");
    expect(run("--version").stdout).toMatch(/^\d+\.\d+\.\d+/u);
  });
});

describe("npx holdpoint verify", () => {
  const main = join(root, "scripts", "holdpoint", "main.ts");
  const cli = (...args: string[]): Ran => {
    const env = { PATH: process.env["PATH"] };
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
      cwd: home,
      env,
      encoding: "utf8",
    });
    return { code: status, stdout, stderr };
  };

  test("is the same, and needs no engine and no login", ({ expect }) => {
    const args = ["--checkpoint", "kept", "--key", key, "--key", key];
    const { code, stdout, stderr } = cli("verify", "act.json", ...args);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toBe(run("act.json", ...args).stdout);
    expect(cli("verify", "changed.json").code).toBe(1);
    expect(cli("verify", "missing.json").code).toBe(2);
  });
});
