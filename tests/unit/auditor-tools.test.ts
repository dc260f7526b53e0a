import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { auditTools, missingTools } from "../support/audit.ts";
import {
  entries,
  first,
  good,
  lines,
  signatures,
  signers,
  since,
  stranger,
  tamperings,
} from "../support/audit-tamperings.ts";
import { logKey, madeBundle, madeCheckpoint } from "../support/evidence-log.ts";

const root = join(import.meta.dirname, "../..");
const script = join(root, "scripts/audit/check.sh");
const missing = missingTools(auditTools);
const folder = mkdtempSync(join(tmpdir(), "holdpoint-audit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const kept = file("kept", madeCheckpoint(lines.slice(0, since), signers).note);
const knownKeys = file("log.vkey", signers.map((signer) => `${logKey(signer).vkey}\n`).join(""));

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

type Run = { code: number | null; out: string; failed: (path: string) => string[] };

/** Runs the script. `failed`: the tools that refused what is in a file, each once. */
function check(args: readonly string[], env: NodeJS.ProcessEnv = {}): Run {
  const { status, stdout, stderr, error } = spawnSync("sh", [script, ...args], {
    encoding: "utf8",
    cwd: root,
    env: { ...process.env, AUDIT_GOCACHE: join(folder, "gocache"), ...env },
  });
  if (error !== undefined) throw error;
  const refused = new Map<string, Set<string>>();
  let current = "";
  for (const line of stdout.split("\n")) {
    const [, path] = /^ {8}(\/.*)$/u.exec(line) ?? [];
    if (path !== undefined) current = path;
    const [, tool] = /^FAILED {2}(\S+)/u.exec(line) ?? [];
    if (tool !== undefined) refused.set(current, (refused.get(current) ?? new Set<string>()).add(tool));
  }
  return {
    code: status,
    out: stdout + stderr,
    failed: (path) => [...(refused.get(path) ?? [])].toSorted(),
  };
}

const has = (tool: string): boolean => !missing.some((one) => one === tool);

describe("software that nobody here wrote", () => {
  // One run for all: each tool is started once and is given every file.
  const all = join(folder, "tampered");
  mkdirSync(all);
  const written = tamperings.map(([what, refusedBy, tamper], nth) => {
    const bundle = structuredClone(good);
    tamper(bundle);
    const path = file(`tampered/${String(nth).padStart(2, "0")}.json`, JSON.stringify(bundle));
    return { what, refusedBy, path };
  });
  const untouched = file("good.json", JSON.stringify(good));
  const run = check(["--checkpoint", kept, all]);

  test("accepts evidence of ours, with the keys and the checkpoint that an auditor kept and without", () => {
    for (const args of [
      [],
      ["--keys", knownKeys],
      ["--checkpoint", kept],
      ["--keys", knownKeys, "--checkpoint", kept],
    ]) {
      const { code, out } = check([...args, untouched]);
      expect(out).not.toContain("FAILED");
      // A check that was asked for and that no tool could do is no success.
      const looked = signatures.some(has) && (has("go") || !args.some((arg) => arg === "--checkpoint"));
      expect(code).toBe(looked ? 0 : 2);
      const ran = auditTools.filter((tool) => new RegExp(`^ok +${tool} `, "mu").test(out));
      expect(ran).toEqual(auditTools.filter(has));
      const skipped = auditTools.filter((tool) => new RegExp(`^skipped +${tool} `, "mu").test(out));
      expect(skipped).toEqual(auditTools.filter((tool) => !has(tool)));
    }
  });

  for (const { what, refusedBy, path } of written) {
    test.skipIf(!refusedBy.some(has))(`refuse ${what}: ${refusedBy.join(", ")}`, () => {
      expect(run.failed(path)).toEqual([...refusedBy].filter(has).toSorted());
      expect(run.code).toBe(1);
    });
  }

  test.skipIf(missing.length > 0)(
    "without a kept checkpoint misses a cut tail and a log written anew: the control",
    () => {
      const cut = written.filter(({ what }) => /cut off|written anew/u.test(what));
      expect(cut).toHaveLength(2);
      for (const { path } of cut) {
        const { code, out } = check([path]);
        expect(out).toContain("No --checkpoint was given");
        expect(code).toBe(0);
      }
    },
  );

  test.skipIf(missing.length > 0)(
    "without the log's known keys believes whoever signed it, and with them does not: the control",
    () => {
      const forged = file("forged.json", JSON.stringify(madeBundle(lines, [stranger], entries, since)));
      expect(check([forged])).toMatchObject({ code: 0 });
      const known = check(["--keys", knownKeys, forged]);
      expect(known.code).toBe(1);
      expect(known.failed(forged)).toEqual([...signatures].filter(has));
    },
  );

  test.skipIf(missing.length > 0)("goes by the one key that it was given while keys change hands", () => {
    // As an editor on Windows saves it.
    const old = file("old.vkey", `${logKey(first).vkey}\r\n\r\n`);
    const { code, out } = check(["--keys", old, "--checkpoint", kept, untouched]);
    expect(out).not.toContain("FAILED");
    expect(code).toBe(0);
    expect(!has("ssh-keygen") || out.includes("of a key that you did not give")).toBe(true);
  });

  test.skipIf(!has("go"))("computes the root over every line of an export", () => {
    const row = (text: string, index: number): string => `${JSON.stringify({ index, text })}\n`;
    for (const [name, log, code] of [
      ["whole", lines, 0],
      ["changed", lines.with(7, lines[8]!), 1],
      ["short", lines.slice(1), 1],
    ] as const) {
      mkdirSync(join(folder, name, "actions"), { recursive: true });
      file(`${name}/ledger.jsonl`, log.map(row).join(""));
      file(`${name}/summary.json`, "{}");
      file(`${name}/actions/1.json`, JSON.stringify(good));
      const done = check([join(folder, name)]);
      expect(done.out).toMatch(/^(?:ok {5}|FAILED) +go +every line of the log/mu);
      expect(done.code).toBe(code);
    }
  });

  test.each(["jq", "python3", "node"].filter((tool) => spawnSync(tool, ["--version"]).status === 0))(
    "is handed the same signatures by %s",
    (tool) => {
      const { code, out } = check([untouched], { AUDIT_JSON: tool });
      expect(code).toBe(signatures.some(has) ? 0 : 2);
      expect(out.match(/^ok +(?:openssl|ssh-keygen) /gmu) ?? []).toHaveLength(
        2 * ["openssl", "ssh-keygen"].filter(has).length,
      );
    },
  );
});

describe("the commands in docs/evidence.md", () => {
  const commands = [
    ...readFileSync(join(root, "docs/evidence.md"), "utf8").matchAll(/^```sh\n(.*?)^```$/gmsu),
  ];
  const wanted = missing.length === 0 && spawnSync("jq", ["--version"]).error === undefined;

  test.skipIf(!wanted)("run as they stand, and say what is written under them", () => {
    const place = mkdtempSync(join(folder, "by-hand-"));
    symlinkSync(join(root, "scripts"), join(place, "scripts"));
    writeFileSync(join(place, "bundle.json"), JSON.stringify(good));
    writeFileSync(join(place, "kept-checkpoint"), readFileSync(kept));
    writeFileSync(join(place, "log.vkey"), readFileSync(knownKeys));
    const text = commands.map(([, block]) => block).join("\n");
    const { status, stdout, stderr } = spawnSync("bash", ["-euo", "pipefail", "-c", text], {
      cwd: place,
      encoding: "utf8",
      env: { ...process.env, GOCACHE: join(folder, "gocache"), AUDIT_GOCACHE: join(folder, "gocache") },
    });
    expect(stderr.trim().split("\n").slice(-3).join("\n")).not.toMatch(/error|fail|No such/iu);
    expect(status).toBe(0);
    const promised = text.match(/^# .*$/gmu) ?? [];
    expect(promised.length).toBeGreaterThanOrEqual(8);
    for (const line of promised) expect(stdout).toContain(line.slice(2).replace("…", ""));
    const [hashed, before, inLog] = stdout.trim().split("\n").slice(-3);
    expect(before).toBe(`sha256:${hashed?.slice(0, 64)}`);
    expect(inLog).toBe(before);
  });
});

describe("the script", () => {
  test("says what it can do, and what was asked wrongly", () => {
    expect(check(["--help"])).toMatchObject({ code: 0, out: expect.stringContaining("Usage: check.sh") });
    for (const [args, words] of [
      [[], "give a bundle or a folder"],
      [["--frob"], "there is no option --frob"],
      [["a", "b"], "give one bundle or one folder"],
      [["/nowhere"], "there is no /nowhere"],
      [["--keys"], "--keys needs a file"],
      [["--keys", file("no.vkey", "\n"), kept], "there is no key in"],
      [["--checkpoint", "/nowhere", kept], "there is no /nowhere"],
      [[mkdtempSync(join(folder, "empty-"))], "no bundle is in"],
    ] as const) {
      const { code, out } = check(args);
      expect(out).toContain(words);
      expect(code).toBe(2);
    }
  });

  test("fails for what is no bundle at all, whichever way it is none", () => {
    for (const text of [
      "",
      "{",
      "{}",
      "[]",
      '{"log":null}',
      JSON.stringify({ log: { checkpoint: { note: 3 } } }),
    ]) {
      expect(check([file("none.json", text)]).code).toBe(1);
    }
  });

  /** A machine with nothing but these and the plain tools that are on every one. */
  function machineWith(tools: readonly string[]): NodeJS.ProcessEnv {
    const bin = mkdtempSync(join(folder, "bin-"));
    const plain = "sh cat mktemp tr tee grep find sort dirname rm sed head tail wc od cmp cp base64".split(
      " ",
    );
    for (const tool of [...plain, ...tools]) {
      const found = spawnSync("which", [tool], { encoding: "utf8" }).stdout.trim();
      symlinkSync(tool === "node" ? process.execPath : found, join(bin, tool));
    }
    return { PATH: bin };
  }

  test("names every tool that it has not got, and does not take their silence for an ok", () => {
    const path = file("good-again.json", JSON.stringify(good));
    const none = check([path], machineWith([]));
    expect(none.out).toContain("none of the tools is installed");
    for (const tool of auditTools) expect(none.out).toMatch(new RegExp(`^skipped +${tool} `, "mu"));
    expect(none.code).toBe(2);

    const proofsOnly = check([path], machineWith(["node"]));
    expect(proofsOnly.out).toMatch(/^ok +sigstore/mu);
    expect(proofsOnly.out).toContain("no tool that checks signatures is installed");
    expect(proofsOnly.code).toBe(2);
  });

  test.skipIf(!has("openssl"))("does not say ok to a kept checkpoint that no tool has looked at", () => {
    const path = file("good-once-more.json", JSON.stringify(good));
    const machine = machineWith(["node", "openssl"]);
    expect(check([path], machine).code).toBe(0);
    const { code, out } = check(["--checkpoint", kept, path], machine);
    expect(out).toContain("the kept checkpoint was not looked at");
    expect(code).toBe(2);
  });
});
