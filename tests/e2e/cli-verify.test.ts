import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test, vi } from "vitest";
import type { Finding } from "../../core/evidence/verify.ts";
import type { PolicyInput } from "../../schemas/policy.ts";
import { castOf, contractOf, withContracts, wholeLife, type Cast } from "../support/actors.ts";
import { Caller } from "../support/caller.ts";
import { CommandLine } from "../support/command-line.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** Evidence of a real engine, taken away and checked by what the engine itself hands out for that. */

let engine: TestEngine;
let cast: Cast;
let cli: CommandLine;
/** The one file, as anybody may fetch it. */
let verifier: string;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  cli = new CommandLine(engine);
  const { demo, bob, omar, operator } = cast;
  await operator.adopts(contractOf("db.migrate", undoable));
  // A change of the policy that takes two is an action of the engine's own, and is evidence like any other.
  const key = await operator.givesKey("person:carol", { scopes: ["policy:read", "policy:write"] });
  const carol = new Caller("person:carol", engine.url, key);
  const { document } = await carol.get<{ document: PolicyInput }>("/v1/policy");
  const mended = withContracts(document, [contractOf("test.more", {})]);
  await omar.approves(await carol.post("/v1/policy", { document: mended }));
  const migration = { type: "db.migrate", target: { resource: "orders-db", segment: "prod-data" }, args: {} };
  const failed = await demo.asks({ ...migration, rollbackPlan: { restore: "0041" } });
  await bob.approves(failed);
  await demo.reports(await demo.claims(failed), "failed");
  await omar.post(`/v1/actions/${failed.id}/rollback`, { reason: "it broke" });
  await demo.reports(await demo.claims(failed), "succeeded");
  await wholeLife(cast);
  const denied = await demo.asks();
  await bob.denies(denied);
  await demo.asks();
  // The log hears of them a moment later.
  await vi.waitFor(
    async () => {
      const { items } = await cast.auditor.get<{ items: unknown[] }>("/v1/evidence");
      if (items.length < 5) throw new Error(`the log has seen ${items.length} actions`);
    },
    { timeout: 30_000, interval: 200 },
  );
  const answer = await fetch(new URL("/holdpoint-verify.mjs", engine.url));
  verifier = await answer.text();
  writeFileSync(join(cli.folder, "holdpoint-verify.mjs"), verifier);
});
afterAll(async () => {
  cli?.close();
  await engine?.stop();
});

/** What a failed run may be undone by, and who agrees. */
const undoable: Parameters<typeof contractOf>[1] = { rollback: { window: "5m", auto: "never" } };

type Said = { code: number | null; stdout: string; findings: Finding[]; faults: string[] };

/** Without the command line, its keys and its environment: Node and the one file. */
function verify(...args: string[]): Said {
  const { status, stdout } = spawnSync(process.execPath, ["holdpoint-verify.mjs", ...args, "--json"], {
    cwd: cli.folder,
    env: {},
    encoding: "utf8",
  });
  const { findings = [] } = JSON.parse(stdout) as { findings?: Finding[] };
  const faults = findings
    .filter(({ status: one, open }) => one === "failed" || open === true)
    .map(({ says }) => says);
  return { code: status, stdout, findings, faults };
}

describe("evidence of a real engine", () => {
  test("is served with what checks it: one file that needs no engine", ({ expect }) => {
    expect(verifier.startsWith("#!/usr/bin/env node")).toBe(true);
    expect(verifier).toBe(readFileSync(new URL("../../dist/holdpoint-verify.mjs", import.meta.url), "utf8"));
  });

  test("holds, every bundle of an export and the log as a whole", async ({ expect }) => {
    expect((await cli.run("evidence", "export", "--out", "first", "--as", "auditor")).code).toBe(0);
    const { code, faults, findings } = verify("first");
    expect(faults).toEqual([]);
    expect(code).toBe(0);
    const proven = (check: string): number =>
      findings.filter((one) => one.check === check && one.status === "proven").length;
    const bundles = readdirSync(join(cli.folder, "first", "bundles"));
    expect(bundles.length).toBeGreaterThanOrEqual(5);
    for (const check of ["chain", "commitments", "contract", "policy", "digest", "transitions", "clocks"]) {
      expect(proven(check), check).toBe(bundles.length);
    }
    expect(proven("gaps")).toBe(1);
  });

  test("holds against the checkpoint of before, and a changed line of it does not", async ({ expect }) => {
    await wholeLife(cast);
    const args = [
      "evidence",
      "export",
      "--out",
      "second",
      "--checkpoint",
      "first/checkpoint",
      "--as",
      "auditor",
    ];
    expect((await cli.run(...args)).code).toBe(0);
    expect(verify("second", "--checkpoint", "first/checkpoint")).toMatchObject({ code: 0, faults: [] });
    // The older export against the newer checkpoint: nothing is wrong with it, and nothing is shown.
    const older = verify("first", "--checkpoint", "second/checkpoint");
    expect(older.code).toBe(1);
    expect(older.faults.join("\n")).toContain("get it anew and check that");
    const path = join(cli.folder, "second", "ledger.jsonl");
    writeFileSync(path, readFileSync(path, "utf8").replace("GET /v1/", "GET /v2/"));
    expect(verify("second").faults.join("\n")).toContain("one was changed, dropped or added");
  });

  test("of one action holds by itself, and tells a value that was changed", async ({ expect }) => {
    const id = await wholeLife(cast);
    const show = [
      "evidence",
      "show",
      id,
      "--out",
      "act.json",
      "--checkpoint",
      "first/checkpoint",
      "--as",
      "auditor",
    ];
    expect((await cli.run(...show)).code).toBe(0);
    const said = await cli.run("verify", "act.json", "--checkpoint", "first/checkpoint");
    expect({ code: said.code, stderr: said.stderr }).toEqual({ code: 0, stderr: "" });
    expect(said.stdout).toContain("Nothing in the first");
    expect(said.stdout).toContain("Approved by person:bob");
    const path = join(cli.folder, "act.json");
    const text = readFileSync(path, "utf8");
    expect(text).toContain("I have looked");
    writeFileSync(path, text.replace("I have looked", "I never looked"));
    expect(verify("act.json").faults.join("\n")).toContain("is not what was committed to");
  });
});
