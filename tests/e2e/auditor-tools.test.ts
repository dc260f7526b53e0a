import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import { castOf, wholeLife, type Cast } from "../support/actors.ts";
import { auditTools, missingTools } from "../support/audit.ts";
import { CommandLine } from "../support/command-line.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

let engine: TestEngine;
let cast: Cast;
let cli: CommandLine;

beforeAll(async () => {
  engine = await startEngine();
  cast = castOf(engine);
  cli = new CommandLine(engine);
});
afterAll(async () => {
  cli.close();
  await engine.stop();
});

/** What `tests/unit/auditor-tools` shows of a made-up log, of a real engine's. */
describe.skipIf(missingTools(auditTools).length > 0)("an auditor with other people's tools", () => {
  const script = join(import.meta.dirname, "../../scripts/audit/check.sh");
  const check = (...args: string[]): { status: number | null; stdout: string } =>
    spawnSync("sh", [script, ...args], {
      cwd: cli.folder,
      encoding: "utf8",
      env: { ...process.env, AUDIT_GOCACHE: join(cli.folder, "gocache") },
    });

  test("finds an export of a real engine in order, from a checkpoint that was kept before, and not after a change", async ({
    expect,
  }) => {
    await wholeLife(cast);
    const before = await cli.run("evidence", "export", "--out", "before", "--as", "auditor");
    expect(before).toMatchObject({ code: 0 });
    const id = await wholeLife(cast);
    // The log hears of it by a queue; whoever asks for the evidence of one has it heard of at once.
    expect(await cli.run("evidence", "show", id, "--as", "auditor")).toMatchObject({ code: 0 });
    const kept = join(cli.folder, "before/checkpoint");
    const now = ["--out", "audited", "--checkpoint", kept, "--as", "auditor"];
    expect(await cli.run("evidence", "export", ...now)).toMatchObject({ code: 0 });

    const asked = ["--keys", "before/log.vkey", "--checkpoint", kept, "audited"];
    const good = check(...asked);
    expect(good.stdout).not.toMatch(/FAILED|skipped/u);
    expect(good.stdout).toContain("every line of the log, hashed, comes to the signed root");
    expect(good.stdout).toContain("the log goes on from the checkpoint that was kept");
    expect(good.status).toBe(0);

    const name = readdirSync(join(cli.folder, "audited/bundles")).find((one) => one.includes(id));
    const path = join(cli.folder, "audited/bundles", name ?? "");
    const bundle: { log: { opened: { text: string } } } = JSON.parse(readFileSync(path, "utf8"));
    bundle.log.opened.text = bundle.log.opened.text.replace('"first":"sha256:', '"first":"sha256:0');
    writeFileSync(path, JSON.stringify(bundle));
    const bad = check(...asked);
    expect(bad.stdout).toMatch(/^FAILED +go /mu);
    expect(bad.stdout).toMatch(/^FAILED +sigstore /mu);
    expect(bad.status).toBe(1);
  });
});
