import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView, EventView } from "../../schemas/action.ts";
import { CommandLine, launcher, type Started } from "../support/command-line.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

let engine: TestEngine;
let cli: CommandLine;

beforeAll(async () => {
  engine = await startEngine();
  cli = new CommandLine(engine);
});

afterAll(async () => {
  cli.close();
  await engine.stop();
});

type Shown = { action: ActionView; events: EventView[] };

const asking = ["run", "--type", "host.shell", "--target", "prod-db-1", "--reason", "a test"];

/** Asks for a command and waits until it is waiting. */
async function ask(
  command: string[],
  more: string[] = [],
  options: Parameters<CommandLine["start"]>[1] = {},
): Promise<Started & { id: string }> {
  const started = cli.start([...asking, ...more, "--", ...command], options);
  const id = await started.action();
  return { ...started, id };
}

const approve = (id: string, who = "person:bob") => cli.run("approve", id, "--as", who);
const show = (id: string) => cli.json<Shown>("show", id);
const typesOf = ({ events }: Shown): string[] =>
  events.map((event) => event.type).filter((type) => type !== "heartbeat");

describe("holdpoint run", () => {
  test("runs exactly the words that were approved, without a shell, once another person has approved them", async ({
    expect,
  }) => {
    const words = [
      "a b",
      "$HOME",
      "; touch ran",
      "`id`",
      "*",
      'it\'s "quoted"',
      "",
      "--json",
      "--",
      "-x",
      "é東",
    ];
    const run = await ask(["printf", "%s\\0", ...words], [], { entry: launcher });
    await run.says("waiting for approval");
    expect(run.stderr()).toContain("1 of group:oncall");
    expect(run.stderr()).toContain(`npx holdpoint approve ${run.id} --as person:`);
    expect(run.stderr()).toContain(`/actions/${run.id}`);
    expect(run.stdout()).toBe("");

    expect((await approve(run.id)).stdout).toBe(`${run.id} approved\n`);
    const { code, stdout } = await run.ended;
    expect(code).toBe(0);
    expect(stdout.split("\0")).toEqual([...words, ""]);
    expect(existsSync(join(cli.folder, "ran"))).toBe(false);

    const shown = await show(run.id);
    expect(typesOf(shown)).toEqual(["requested", "voted", "approved", "claimed", "executed"]);
    expect(shown.action.args).toEqual({ argv: ["printf", "%s\\0", ...words], cwd: cli.folder });
    expect(shown.action.votes).toMatchObject([{ person: "person:bob", decision: "approve", via: "cli" }]);
    expect(shown.action.outcome).toMatchObject({
      outcome: "succeeded",
      evidence: { exitCode: 0, stdout: { bytes: Buffer.byteLength(stdout) } },
    });
  });

  test("that is denied runs nothing, says by whom and why, and exits 3", async ({ expect }) => {
    const run = await ask(["touch", "ran"]);
    expect(
      (await cli.run("deny", run.id, "--as", "person:bob", "--reason", "Not during the sale")).code,
    ).toBe(0);
    const { code, stderr } = await run.ended;
    expect(code).toBe(3);
    expect(stderr).toContain("denied by person:bob: Not during the sale");
    expect(existsSync(join(cli.folder, "ran"))).toBe(false);
    expect(typesOf(await show(run.id))).toEqual(["requested", "voted", "denied"]);
  });

  test("whose command fails is rolled back with the approved command, and ends with the command's exit code", async ({
    expect,
  }) => {
    const run = await ask(
      ["sh", "-c", "echo working; exit 5"],
      ["--rollback", "sh -c 'echo undone > rolled'"],
    );
    await approve(run.id);
    expect(await run.ended).toMatchObject({ code: 5, stdout: "working\n" });
    expect(readFileSync(join(cli.folder, "rolled"), "utf8")).toBe("undone\n");
    const shown = await show(run.id);
    expect(shown.action).toMatchObject({
      state: "rolled_back",
      outcome: {
        outcome: "failed",
        effect: "partial",
        evidence: { exitCode: 5, stdout: { tail: "working\n" } },
      },
      rollback: { startedBy: "engine", outcome: { outcome: "succeeded" } },
    });
    expect(typesOf(shown)).toEqual([
      "requested",
      "voted",
      "approved",
      "claimed",
      "failed",
      "rollback_started",
      "rollback_claimed",
      "rolled_back",
    ]);
  });

  test("whose command cannot start has failed without effect, and nothing is rolled back", async ({
    expect,
  }) => {
    const run = await ask(["no-such-command-here"], ["--rollback", "touch rolled-none"]);
    await approve(run.id);
    const { code, stderr } = await run.ended;
    expect(code).toBe(127);
    expect(stderr).toContain("command not found");
    expect(existsSync(join(cli.folder, "rolled-none"))).toBe(false);
    expect((await show(run.id)).action).toMatchObject({ state: "failed", detail: "none" });
  });

  test("interrupted while waiting cancels the action, and exits 130", async ({ expect }) => {
    const run = await ask(["touch", "ran"], [], { entry: launcher });
    await run.says("waiting for approval");
    run.child.kill("SIGINT");
    const { code, stderr } = await run.ended;
    expect(code).toBe(130);
    expect(stderr).toContain(`${run.id} cancelled; nothing ran`);
    expect((await show(run.id)).action).toMatchObject({ state: "cancelled", detail: "requester" });
    expect((await approve(run.id)).stderr).toContain("wrong_state, 409");
    expect(existsSync(join(cli.folder, "ran"))).toBe(false);
  });

  test("interrupted while executing passes it on, waits for the command and reports honestly", async ({
    expect,
  }) => {
    const run = await ask([
      "sh",
      "-c",
      'trap "echo stopped; exit 0" INT; echo begun >&2; while :; do sleep 0.1; done',
    ]);
    await approve(run.id);
    await run.says("begun\n");
    run.child.kill("SIGINT");
    expect(await run.ended).toMatchObject({ code: 130, stdout: "stopped\n" });
    const { action } = await show(run.id);
    expect(action).toMatchObject({
      state: "failed",
      detail: "unknown",
      outcome: { evidence: { exitCode: 0 } },
    });
    expect(action.outcome?.summary).toContain("interrupted by SIGINT");
  });

  test("gives its command stdin and the environment, and approvers a digest of each variable it names", async ({
    expect,
  }) => {
    const env = { TEST_TOKEN: "very secret" };
    const run = await ask(["sh", "-c", 'cat; echo "$TEST_TOKEN"'], ["--env", "TEST_TOKEN"], {
      env,
      stdin: "from stdin\n",
    });
    await approve(run.id);
    expect(await run.ended).toMatchObject({ code: 0, stdout: "from stdin\nvery secret\n" });
    const { action } = await show(run.id);
    expect(action.args["env"]).toEqual({ TEST_TOKEN: expect.stringMatching(/^sha256:[0-9a-f]{64}$/u) });
    expect(JSON.stringify(action.args)).not.toContain("very secret");
  });

  test("with --json prints one document on stdout, and the command's output goes to stderr", async ({
    expect,
  }) => {
    const run = await ask(["sh", "-c", "echo out; exit 2"], ["--json"]);
    await approve(run.id);
    const { code, stdout, stderr } = await run.ended;
    expect(code).toBe(2);
    expect(stderr).toContain("out\n");
    expect(JSON.parse(stdout)).toMatchObject({
      ran: true,
      exitCode: 2,
      action: { id: run.id, state: "failed" },
      execution: { exitCode: 2 },
    });
  });

  test("stops waiting after --timeout with 8, and the same key takes up the same action again", async ({
    expect,
  }) => {
    const more = ["--idempotency-key", "again-1"];
    const first = await ask(["echo", "ran"], [...more, "--timeout", "200ms"]);
    expect((await first.ended).code).toBe(8);
    const second = await ask(["echo", "ran"], more);
    expect(second.id).toBe(first.id);
    await approve(second.id);
    expect(await second.ended).toMatchObject({ code: 0, stdout: "ran\n" });
    // P3: an approval is good for one run, whoever asks again.
    const third = await ask(["echo", "ran"], more);
    expect(await third.ended).toMatchObject({ code: 0, stdout: "" });
    expect(third.stderr()).toContain("good for one run");
  });

  test("goes on waiting through a kill -9 and a restart of the engine", async ({ expect }) => {
    const run = await ask(["echo", "after the restart"]);
    await run.says("waiting for approval");
    await engine.kill9();
    engine = await startEngine({ state: engine.stateDir, port: Number(new URL(engine.url).port) });
    await approve(run.id);
    expect(await run.ended).toMatchObject({ code: 0, stdout: "after the restart\n" });
  });

  test("keeps a report that it cannot deliver, and `report` delivers it", async ({ expect }) => {
    const run = await ask(["sh", "-c", "echo begun >&2; sleep 1; exit 6"]);
    await approve(run.id);
    await run.says("begun\n");
    await engine.kill9();
    await run.says("does not take the report yet");
    run.child.kill("SIGINT");
    expect((await run.ended).code).toBe(6);
    const [name = ""] = readdirSync(join(cli.folder, ".holdpoint")).filter((file) =>
      file.startsWith("unsent-"),
    );
    const path = join(cli.folder, ".holdpoint", name);
    expect(run.stderr()).toContain(`npx holdpoint report --file ${path}`);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await cli.run("report", "--file", path)).code).toBe(7);

    engine = await startEngine({ state: engine.stateDir, port: Number(new URL(engine.url).port) });
    expect(await cli.run("report", "--file", path)).toMatchObject({ code: 0 });
    expect(existsSync(path)).toBe(false);
    expect((await show(run.id)).action).toMatchObject({
      state: "failed",
      outcome: { evidence: { exitCode: 6 } },
    });
  });
});

describe("T16 holdpoint run of a command that a secret was taken out of", () => {
  const secret = "Tulip!9731";

  test.for([
    ["an argument", ["curl", "-u", `admin:${secret}`, "https://internal.example.com"], []],
    ["a part of a script", ["sh", "-c", `PGPASSWORD=${secret} touch ran-without`], []],
    ["its folder", ["touch", "ran-without"], ["--cwd", `/srv/token=${secret}`]],
    ["its rollback", ["touch", "ran-without"], ["--rollback", `mysql -p${secret} orders`]],
  ] as const)("is refused before anybody is asked: %s", async ([, command, more], { expect }) => {
    const { code, stderr } = await cli.run(...asking, ...more, "--", ...command);
    expect(code).toBe(1);
    expect(stderr).toMatch(/A secret \([a-z-]+\) was taken out of the (?:rollback )?command/u);
    expect(stderr).toContain("Ask again with the secret in a variable of the environment.");
    expect(stderr).not.toContain(secret);
    const id = /act_[\w-]{22}(?= was cancelled)/u.exec(stderr)?.[0] ?? "";
    const { action } = await show(id);
    expect(action.state).toBe("cancelled");
    expect(JSON.stringify(action)).not.toContain(secret);
    expect(existsSync(join(cli.folder, "ran-without"))).toBe(false);
  });
});

describe("holdpoint rollback", () => {
  test("undoes an executed action with its approved command, when its owner says so", async ({ expect }) => {
    const run = await ask(["true"], ["--rollback", "echo undone by hand"]);
    await approve(run.id);
    expect((await run.ended).code).toBe(0);
    const refused = await cli.run("rollback", run.id);
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain(`npx holdpoint rollback ${run.id} --as person:omar`);
    expect(
      await cli.run("rollback", run.id, "--as", "person:omar", "--reason", "Errors went up"),
    ).toMatchObject({ code: 0, stdout: "undone by hand\n" });
    expect((await show(run.id)).action).toMatchObject({
      state: "rolled_back",
      rollback: { startedBy: "person:omar", reason: "Errors went up" },
    });
    expect((await cli.run("rollback", run.id, "--as", "person:omar")).code).toBe(1);
  });
});
