import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Bundle } from "../../schemas/bundle.ts";
import type { AccessView } from "../../schemas/evidence-list.ts";
import { type Cast, castOf, wholeLife } from "../support/actors.ts";
import { missingTools } from "../support/audit.ts";
import { CommandLine } from "../support/command-line.ts";
import { startEngine, type TestEngine } from "../support/server.ts";
import { parseCsv } from "../support/tables.ts";

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

describe("npx holdpoint evidence", () => {
  const withoutSsh = missingTools(["ssh-keygen"]).length > 0;
  const out = (name: string): string => join(cli.folder, name);
  const read = (...path: string[]): string => readFileSync(join(cli.folder, ...path), "utf8");

  test("export makes a folder that an auditor can read, and a spreadsheet opens without harm", async ({
    expect,
  }) => {
    const id = await wholeLife(cast);
    await cast.auditor.get(`/v1/actions/${id}/evidence`);
    const { code, stdout, stderr } = await cli.run("evidence", "export", "--out", "first", "--as", "auditor");
    expect(stderr).toContain("exporting");
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining("reads of evidence") });
    const summary = JSON.parse(read("first", "summary.json")) as { actions: number; accesses: number };
    expect(readdirSync(join(out("first"), "bundles"))).toHaveLength(summary.actions);
    const actions = parseCsv(read("first", "actions.csv"));
    const row = actions.find((cells) => cells[1] === id);
    expect(row?.[8]).toBe("'=cmd|'/C calc'!A0 <b>bold</b>");
    expect(actions).toHaveLength(1 + summary.actions);
    expect(read("first", "index.html")).toContain("&lt;b&gt;bold&lt;/b&gt;");
    expect(read("first", "index.html")).not.toContain("<b>bold");
    expect(parseCsv(read("first", "access.csv"))).toHaveLength(1 + summary.accesses);
    for (const name of readdirSync(join(out("first"), "bundles"))) {
      v.parse(Bundle, JSON.parse(read("first", "bundles", name)));
    }
  });

  test.skipIf(withoutSsh)("export is signed so that ssh-keygen says so", ({ expect }) => {
    const [origin = ""] = read("first", "checkpoint.txt").split("\n");
    const verify = (text: string): number | null =>
      spawnSync(
        "ssh-keygen",
        [
          "-Y",
          "verify",
          "-f",
          "allowed_signers",
          "-I",
          origin,
          "-n",
          "holdpoint-checkpoint",
          "-s",
          "checkpoint.sig",
        ],
        { cwd: out("first"), input: text },
      ).status;
    expect(verify(read("first", "checkpoint.txt"))).toBe(0);
    expect(verify(`${read("first", "checkpoint.txt")} `)).not.toBe(0);
  });

  test("export with a kept checkpoint proves that nothing before it was changed", async ({ expect }) => {
    const args = [
      "evidence",
      "export",
      "--since",
      "1h",
      "--out",
      "second",
      "--checkpoint",
      "first/checkpoint",
    ];
    const { code, stdout } = await cli.run(...args);
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("since your checkpoint"),
    });
    expect(read("second", "kept-checkpoint")).toBe(read("first", "checkpoint"));
  });

  test("export that is killed leaves no folder of its name, and the next one finishes it", async ({
    expect,
  }) => {
    const args = ["evidence", "export", "--out", "third"];
    const started = cli.start(args);
    while (!existsSync(out("third.partial")) && started.child.exitCode === null) await delay(2);
    started.child.kill("SIGKILL");
    await started.ended;
    expect(existsSync(out("third"))).toBe(existsSync(join(out("third"), "summary.json")));
    expect((await cli.run(...args, "--force")).code).toBe(0);
    expect(existsSync(out("third.partial"))).toBe(false);
    expect(existsSync(join(out("third"), "summary.json"))).toBe(true);
  });

  test.for([
    [["--out", "first"], 2, "--force"],
    [["--out", "x", "--since", "yesterday"], 2, "how long ago, such as 7d"],
    [["--out", "x", "--checkpoint", "nowhere"], 2, "Cannot read nowhere"],
    [["--out", "x", "--checkpoint", "first/README.txt"], 1, "is no checkpoint"],
    [[], 2, "--out <dir>"],
    [["--out", "x", "--as", "agent:demo"], 6, "evidence:read"],
  ] as const)("export %j exits %i and says what to do", async ([args, wanted, words], { expect }) => {
    const { code, stderr } = await cli.run("evidence", "export", ...args);
    expect({ code, stderr }).toMatchObject({ code: wanted, stderr: expect.stringContaining(words) });
    expect(existsSync(out("x"))).toBe(false);
  });

  test("show tells one action's, or writes its bundle", async ({ expect }) => {
    const id = await wholeLife(cast);
    const { code, stdout } = await cli.run("evidence", "show", id);
    expect(code).toBe(0);
    for (const words of ["host.shell", "I have looked", "heartbeat", "in the log: first seen at line"]) {
      expect(stdout).toContain(words);
    }
    expect(v.is(Bundle, await cli.json("evidence", "show", id))).toBe(true);
    expect((await cli.run("evidence", "show", id, "--out", "one.json")).code).toBe(0);
    expect(v.is(Bundle, JSON.parse(read("one.json")))).toBe(true);
    expect((await cli.run("evidence", "show", id, "--out", "one.json")).code).toBe(2);
    expect((await cli.run("evidence", "show", "act_0000000000000000000000")).code).toBe(1);
  });

  test("access says who has read", async ({ expect }) => {
    const { code, stdout } = await cli.run("evidence", "access", "--by", "service:auditor", "--since", "1h");
    expect(code).toBe(0);
    expect(stdout).toContain("GET /v1/actions/:id/evidence");
    const { items } = await cli.json<{ items: AccessView[] }>(
      "evidence",
      "access",
      "--by",
      "service:auditor",
    );
    expect(new Set(items.map(({ by }) => by.id))).toEqual(new Set(["service:auditor"]));
    expect((await cli.run("evidence", "access", "--by", "service:nobody")).stdout).toContain(
      "Nobody has read",
    );
  });
});

describe("npx holdpoint erase", () => {
  const erase = (id: string, name: string, ...more: string[]): string[] => [
    "erase",
    id,
    "--class",
    name,
    "--reason",
    "a key was in it",
    ...more,
  ];
  const asOmar = ["--as", "person:omar"];

  test("lets go of a class before its time, and says so once more to whoever asks again", async ({
    expect,
  }) => {
    const id = await wholeLife(cast);
    expect((await cli.run("show", id)).stdout).toContain("systemctl");
    const first = await cli.run(...erase(id, "operational", ...asOmar));
    expect(first).toMatchObject({
      code: 0,
      stdout: `${id} holds nothing any more of: operational\n`,
      stderr: expect.stringContaining("keep what they were told"),
    });
    expect((await cli.run("show", id)).stdout).not.toContain("systemctl");
    const shown = await cast.omar.sees({ id });
    expect(shown).toMatchObject({
      args: {},
      erased: [{ class: "operational", by: "person:omar", because: "a key was in it" }],
    });
    const again = await cli.json(...erase(id, "operational", ...asOmar));
    expect(again).toEqual({ id, gone: false, erased: [{ class: "operational", at: shown.erased?.[0]?.at }] });
  });

  test("lets go of everything with the class of the evidence", async ({ expect }) => {
    const id = await wholeLife(cast);
    const answer = await cli.json<{ gone: boolean; erased: { class: string }[] }>(
      ...erase(id, "compliance", ...asOmar),
    );
    expect(answer).toMatchObject({ id, gone: true });
    expect(answer.erased.map((one) => one.class)).toContain("compliance");
    const after = await cli.run("show", id);
    expect(after).toMatchObject({ code: 1, stderr: expect.stringContaining("was erased at") });
    const repeated = await cli.run(...erase(id, "compliance", ...asOmar));
    expect(repeated).toMatchObject({ code: 1, stderr: expect.stringContaining("was erased at") });
  });

  test("is refused while it is open, to whoever does not run the engine, and for what is none of its classes", async ({
    expect,
  }) => {
    const open = await cast.demo.asks();
    const cases: [args: string[], code: number, words: string][] = [
      [erase(open.id, "operational", ...asOmar), 1, "Nothing is let go of while it is open or running"],
      [erase(open.id, "operational", "--as", "person:bob"), 6, "Operators erase"],
      [erase(open.id, "operational", "--as", "agent:demo"), 6, "Only people erase"],
      [erase(`act_${"x".repeat(22)}`, "operational", ...asOmar), 1, "There is nothing here"],
      [erase(open.id, "everything", ...asOmar), 2, "ephemeral, operational, compliance"],
      [["erase", open.id, "--class", "operational", ...asOmar], 2, "--reason"],
      [["erase", open.id, "--reason", "x", ...asOmar], 2, "--class"],
    ];
    for (const [args, code, words] of cases) {
      const ended = await cli.run(...args);
      expect({ args, ...ended }).toMatchObject({ args, code, stderr: expect.stringContaining(words) });
    }
    expect((await cli.run("show", open.id)).stdout).toContain("systemctl");
    const problem = await cli.json(...erase(open.id, "operational", ...asOmar));
    expect(problem).toMatchObject({ error: { code: "wrong_state", status: 409, state: "pending" } });
  });
});
