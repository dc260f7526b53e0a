import { createHash } from "node:crypto";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { describe, onTestFinished, test } from "vitest";
import { Capture } from "../../scripts/holdpoint/capture.ts";
import { execute, type Execution } from "../../scripts/holdpoint/execute.ts";
import { CliError, exitCodeOf, exitCodeOfState } from "../../scripts/holdpoint/exit-code.ts";
import { reportOf } from "../../scripts/holdpoint/reporting.ts";
import { keepUnsent, readUnsent } from "../../scripts/holdpoint/unsent.ts";
import { HoldpointError } from "../../client/index.ts";
import type { ClaimAnswer } from "../../schemas/action.ts";
import { fakeAction } from "../support/fake-engine.ts";

function folder(): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), "holdpoint-cli-")));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

async function run(argv: string[], cwd = folder()): Promise<Execution & { output: string }> {
  const stdout = new PassThrough();
  const chunks: Buffer[] = [];
  stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const execution = await execute({ argv, cwd, stdout }).done;
  return { ...execution, output: Buffer.concat(chunks).toString() };
}

const sha256 = (data: string | Buffer): string => `sha256:${createHash("sha256").update(data).digest("hex")}`;

describe("a command", () => {
  test("gets exactly its words: no shell reads them", async ({ expect }) => {
    const words = ["a b", "$HOME", "; echo no", "`id`", "*", "a'b\"c", "", "--json", "--", "\n"];
    const { output, exitCode } = await run(["printf", "%s\\0", ...words]);
    expect(output.split("\0").slice(0, -1)).toEqual(words);
    expect(exitCode).toBe(0);
  });

  test("runs in the folder that was approved, with this environment", async ({ expect }) => {
    const cwd = folder();
    process.env["HOLDPOINT_TEST_VARIABLE"] = "here";
    expect((await run(["sh", "-c", 'pwd; echo "$HOLDPOINT_TEST_VARIABLE"'], cwd)).output).toBe(
      `${cwd}\nhere\n`,
    );
  });

  test("has its output hashed whole and kept at its end, stdout and stderr apart", async ({ expect }) => {
    const { stdout, stderr, output } = await run(["sh", "-c", "seq 5000; echo oops >&2; exit 3"]);
    expect(stdout).toMatchObject({
      bytes: output.length,
      digest: sha256(output),
      tail: output.slice(-4_096),
    });
    expect(stderr).toMatchObject({ bytes: 5, digest: sha256("oops\n"), tail: "oops\n" });
  });

  test("ends with its own exit code, or 128 and the signal", async ({ expect }) => {
    expect(await run(["sh", "-c", "exit 7"])).toMatchObject({ started: true, exitCode: 7, signal: null });
    expect(await run(["sh", "-c", "kill -TERM $$"])).toMatchObject({
      started: true,
      exitCode: 143,
      signal: "SIGTERM",
    });
  });

  test("that cannot start is told apart from one that failed", async ({ expect }) => {
    const cwd = folder();
    writeFileSync(join(cwd, "plain"), "not a program");
    expect(await run(["no-such-command-here"])).toMatchObject({
      started: false,
      exitCode: 127,
      failure: "no-such-command-here: command not found",
    });
    expect(await run(["./plain"], cwd)).toMatchObject({
      started: false,
      exitCode: 126,
      failure: "./plain: permission denied",
    });
    expect(await run(["true"], join(cwd, "gone"))).toMatchObject({
      started: false,
      exitCode: 126,
      failure: expect.stringContaining("is not there"),
    });
    expect(await run(["true"], join(cwd, "plain"))).toMatchObject({
      started: false,
      failure: expect.stringContaining("is not a folder"),
    });
    expect(await run(["echo", "a\0b"])).toMatchObject({ started: false, exitCode: 126 });
  });

  test("that leaves a daemon holding its output is over when it is over", async ({ expect }) => {
    const begun = performance.now();
    const execution = await run(["sh", "-c", "sleep 8 & echo started"]);
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(execution).toMatchObject({ exitCode: 0, output: "started\n" });
    expect(execution.durationMs).toBeLessThan(1_000);
  });

  test("is not stopped by a reader that goes away, and is still hashed whole", async ({ expect }) => {
    const gone = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
    const { exitCode, stdout } = await execute({
      argv: ["sh", "-c", "seq 100000; exit 4"],
      cwd: folder(),
      stdout: gone,
    }).done;
    expect(exitCode).toBe(4);
    expect(stdout.bytes).toBe(588_895);
  });

  test("whose reader is slow is over once that has taken all of it", async ({ expect }) => {
    let bytes = 0;
    const slow = new Writable({
      highWaterMark: 1_024,
      write(chunk: Buffer, _encoding, done) {
        // The first one takes until long after the command is gone; then its pipe flows, paused or not.
        setTimeout(
          () => {
            bytes += chunk.length;
            done();
          },
          bytes === 0 ? 300 : 5,
        );
      },
    });
    const { stdout } = await execute({ argv: ["seq", "20000"], cwd: folder(), stdout: slow }).done;
    expect(stdout.bytes).toBe(108_894);
    expect(bytes).toBe(108_894);
  });
});

describe("the tail of an output", () => {
  const tailOf = (...chunks: (string | Buffer)[]): string => {
    const capture = new Capture();
    for (const chunk of chunks) capture.take(Buffer.from(chunk as string));
    return capture.finish().tail;
  };

  test("is its last 4 KiB, from a whole character on", ({ expect }) => {
    expect(tailOf("a".repeat(3_000), "b".repeat(3_000))).toBe("a".repeat(1_096) + "b".repeat(3_000));
    expect(tailOf(`${"é".repeat(3_000)}x`)).toBe(`${"é".repeat(2_047)}x`);
  });

  test("has no colours and no control characters", ({ expect }) => {
    expect(tailOf("\u001B[31mred\u001B[0m\r\n\tdone\u0007\u202E\n")).toBe("red\n\tdone[U+0007][U+202E]\n");
  });
});

describe("a report", () => {
  const claim: ClaimAnswer = {
    lease: "lse_1",
    fence: 3,
    grant: "",
    expiresAt: "",
    action: fakeAction("executing"),
  };
  const nothing = { bytes: 0, digest: sha256(""), tail: "" };
  const done: Execution = {
    started: true,
    failure: null,
    exitCode: 0,
    signal: null,
    startedAt: "",
    durationMs: 1_234,
    stdout: nothing,
    stderr: nothing,
  };
  const calm = { interrupt: undefined, leaseLost: false, startupMs: 5 };

  test.for([
    ["a clean end", {}, {}, { outcome: "succeeded", summary: "exit 0 after 1.2 s" }],
    [
      "a failure",
      { exitCode: 3 },
      {},
      { outcome: "failed", effect: "partial", summary: "exit 3 after 1.2 s" },
    ],
    [
      "a signal",
      { exitCode: 137, signal: "SIGKILL" },
      {},
      { outcome: "failed", effect: "partial", summary: "ended by SIGKILL after 1.2 s" },
    ],
    [
      "no start",
      { started: false, exitCode: 127, failure: "x: command not found" },
      {},
      { outcome: "failed", effect: "none", summary: "did not start: x: command not found" },
    ],
    [
      "an interrupt",
      { exitCode: 130, signal: "SIGINT" },
      { interrupt: "SIGINT" },
      { outcome: "failed", effect: "unknown", summary: "interrupted by SIGINT: ended by SIGINT after 1.2 s" },
    ],
    ["an interrupt it shrugged off", {}, { interrupt: "SIGINT" }, { outcome: "failed", effect: "unknown" }],
    [
      "a lost lease",
      { exitCode: 143, signal: "SIGTERM" },
      { leaseLost: true },
      { outcome: "failed", effect: "unknown" },
    ],
  ] as const)("of %s is honest", ([, how, circumstances, expected], { expect }) => {
    const report = reportOf(claim, { ...done, ...how }, { ...calm, ...circumstances });
    expect(report).toMatchObject({ lease: "lse_1", fence: 3, startupMs: 5, ...expected });
    if (expected.outcome === "succeeded") expect(report).not.toHaveProperty("effect");
  });

  test("that could not be delivered is kept for its owner only, and read back whole", ({ expect }) => {
    const unsent = {
      url: "http://127.0.0.1:1",
      action: "act_1",
      idempotencyKey: "k",
      report: { ...reportOf(claim, done, calm), effect: "none" as const, evidence: null, startupMs: null },
    };
    const path = keepUnsent(unsent, join(folder(), "dev.json"));
    expect(readUnsent(path)).toEqual(unsent);
    expect(() => readUnsent(join(folder(), "nope.json"))).toThrow("Cannot read");
  });
});

describe("exit codes", () => {
  test("say how an action stands", ({ expect }) => {
    const codes = {
      pending: 0,
      approved: 0,
      executing: 0,
      executed: 0,
      denied: 3,
      expired: 4,
      cancelled: 5,
      failed: 1,
      rolling_back: 1,
      rolled_back: 1,
      rollback_failed: 1,
    } as const;
    for (const state of Object.keys(codes) as (keyof typeof codes)[]) {
      expect(exitCodeOfState({ state })).toBe(codes[state]);
    }
  });

  test("say what went wrong", ({ expect }) => {
    const error = (code: string, status = 0): HoldpointError =>
      new HoldpointError({ code, status, detail: "" });
    expect(exitCodeOf(error("network"))).toBe(7);
    expect(exitCodeOf(error("internal", 502))).toBe(7);
    expect(exitCodeOf(error("unauthenticated", 401))).toBe(6);
    expect(exitCodeOf(error("not_eligible", 403))).toBe(6);
    expect(exitCodeOf(error("wrong_state", 409))).toBe(1);
    expect(exitCodeOf(error("wait_timeout"))).toBe(8);
    expect(exitCodeOf(new CliError("x", 2))).toBe(2);
    expect(exitCodeOf(new Error("bug"))).toBe(1);
  });
});
