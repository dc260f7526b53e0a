import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { CommandLine } from "../support/command-line.ts";
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

const approve = (id: string, who: string) => cli.run("approve", id, "--as", who);

/** The index that lists come from is a moment behind, and a busy machine makes the moment longer. */
const patience = { timeout: 20_000 };

describe("deciding", () => {
  const request = [
    "request",
    "--type",
    "db.migrate",
    "--target",
    "orders-db",
    "--segment",
    "prod-data",
    "--environment",
    "production",
    "--reason",
    "Free 80 GB",
  ];
  const migration = [...request, "--arg", "migration=0042_drop.sql", "--arg", "rows=12"];

  test("shows everything that is approved before the vote, and says what is still needed", async ({
    expect,
  }) => {
    const { code, stdout } = await cli.run(...migration);
    expect(code).toBe(0);
    const id = stdout.trim();
    const waiting = cli.start(["wait", id]);
    const first = await approve(id, "person:alice");
    for (const fact of [
      "db.migrate",
      "orders-db",
      "0042_drop.sql",
      "agent:demo (owner person:omar)",
      "sha256:",
      "agent says (unverified)",
      "Free 80 GB",
    ]) {
      expect(first.stderr).toContain(fact);
    }
    expect(first.stdout).toBe(`${id} approval recorded; it waits for 1 more for oncall from group:oncall\n`);
    expect((await approve(id, "person:bob")).stdout).toBe(`${id} approved\n`);
    expect(await waiting.ended).toMatchObject({ code: 0, stdout: `${id} approved\n` });

    expect(await cli.run("revoke", id, "--as", "person:bob", "--reason", "The sale has begun")).toMatchObject(
      { code: 0 },
    );
    expect((await cli.run("wait", id)).code).toBe(5);
  });

  test("is a person's who was chosen, and one the rule names", async ({ expect }) => {
    const { id } = await cli.json<ActionView>(...migration);
    const nobody = await cli.run("approve", id);
    expect(nobody).toMatchObject({ code: 2 });
    expect(nobody.stderr).toContain("person:alice, person:bob, person:carol, person:omar");
    expect(await approve(id, "person:carol")).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("not_eligible"),
    });
    expect(await approve(id, "person:omar")).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("owns the agent"),
    });
    expect(await approve(id, "agent:demo")).toMatchObject({ code: 6 });
    expect(await cli.json("show", id)).toMatchObject({ action: { state: "pending", votes: [] } });
    expect(await cli.run("cancel", id)).toMatchObject({ code: 0, stdout: `${id} cancelled (requester)\n` });
  });

  test("of several gives each its own verdict, and the exit code of the first that failed", async ({
    expect,
  }) => {
    const { id } = await cli.json<ActionView>(...migration);
    const { code, stdout } = await cli.run(
      "deny",
      id,
      "act_0000000000000000000000",
      "--reason",
      "no",
      "--as",
      "person:bob",
      "--json",
    );
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      items: [{ id, action: { state: "denied" } }, { error: { code: "not_found", status: 404 } }],
    });
    expect((await cli.run("wait", id)).code).toBe(3);
  });

  test("a refused request names every field that is wrong, and exits 1", async ({ expect }) => {
    const { code, stderr } = await cli.run(...request, "--arg", "rows=many", "--arg", "force=true");
    expect(code).toBe(1);
    for (const pointer of ["/args/rows", "/args/migration", "/args/force"]) {
      expect(stderr).toContain(`${pointer}: `);
    }
  });

  test("the queue lists what waits, for whom, and follows it", async ({ expect }) => {
    const { id } = await cli.json<ActionView>(...migration);
    const watching = cli.start(["queue", "--watch", "--json", "--as", "person:alice", "--mine"]);
    await expect.poll(() => watching.stdout(), patience).toContain(id);
    const table = await cli.run("queue");
    expect(table.stdout.split("\n").find((line) => line.startsWith(id))).toMatch(
      /high +db\.migrate +orders-db +agent:demo +dba 0\/1 oncall 0\/1/u,
    );
    const { items } = await cli.json<{ items: { id: string }[] }>("queue", "--mine", "--as", "person:carol");
    expect(items).toEqual([]);

    await cli.run("cancel", id);
    await expect
      .poll(() => watching.stdout(), patience)
      .toContain(`{"change":"removed","action":{"id":"${id}"`);
    watching.child.kill("SIGINT");
    expect((await watching.ended).code).toBe(130);
    for (const line of watching.stdout().trim().split("\n")) {
      expect(JSON.parse(line)).toHaveProperty("change");
    }
  });
});

describe("running an engine", () => {
  test("a policy is checked, compared and published, every fault named", async ({ expect }) => {
    const { version, document } = await cli.json<{
      version: string;
      document: { contracts: Record<string, unknown>[] };
    }>("policy", "show");
    const write = (name: string, content: unknown): string => {
      writeFileSync(join(cli.folder, name), JSON.stringify(content));
      return name;
    };
    expect((await cli.run("policy", "diff", write("same.json", document))).stdout).toBe("No difference.\n");
    const [first = {}, ...rest] = document.contracts;
    const faulty = write("faulty.json", {
      ...document,
      contracts: [{ ...first, risk: "vast", extra: 1 }, ...rest],
    });
    const check = await cli.run("policy", "check", faulty);
    expect(check).toMatchObject({ code: 1, stdout: expect.stringContaining("/contracts/0/risk: ") });
    expect(check.stdout).toContain("/contracts/0/extra: ");
    expect((await cli.run("policy", "publish", faulty)).code).toBe(1);

    const changed = write("changed.json", {
      ...document,
      contracts: [{ ...first, description: "Another wording" }, ...rest],
    });
    expect((await cli.run("policy", "diff", changed)).stdout).toContain("/description");
    expect((await cli.run("policy", "publish", changed, "--note", "wording")).code).toBe(0);
    expect((await cli.run("policy", "publish", changed, "--as", "agent:demo")).code).toBe(6);
    expect((await cli.run("policy", "versions")).stdout.split("\n")[1]).toContain("wording");
    expect((await cli.run("policy", "activate", version)).code).toBe(0);
    expect((await cli.run("policy", "diff", "same.json")).stdout).toBe("No difference.\n");
  });

  test("a key is made, rotated and revoked, and shown once on stdout alone", async ({ expect }) => {
    const made = await cli.run(
      "key",
      "create",
      "--principal",
      "agent:demo",
      "--expires",
      "1h",
      "--name",
      "for a test",
    );
    expect(made.stdout).toMatch(/^hp_default_\S+\n$/u);
    const doctor = (key: string) => cli.start(["doctor"], { env: { HOLDPOINT_KEY: key } }).ended;
    expect(await doctor(made.stdout.trim())).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("agent:demo in workspace default"),
    });
    const { items } = await cli.json<{ items: { id: string; name: string | null }[] }>("key", "list");
    const { id = "" } = items.find((item) => item.name === "for a test") ?? {};
    const next = await cli.run("key", "rotate", id, "--overlap", "1m");
    expect(await doctor(next.stdout.trim())).toMatchObject({ code: 0 });
    expect((await cli.run("key", "revoke", id)).code).toBe(0);
    expect(await doctor(made.stdout.trim())).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("is refused"),
    });
    expect((await cli.start(["queue"], { env: { HOLDPOINT_KEY: made.stdout.trim() } }).ended).code).toBe(6);
    expect((await cli.run("dead-letters", "list")).stdout).toBe("Everything was delivered.\n");
  });

  test("P26 metrics say how long people wait and who decides, as a table or as JSON", async ({ expect }) => {
    const { code, stdout } = await cli.run("metrics", "--window", "1h");
    expect(code).toBe(0);
    for (const words of ["The last 1h", "P50", "asked → decided", "under five seconds"]) {
      expect(stdout).toContain(words);
    }
    expect(await cli.json("metrics")).toMatchObject({ window: "24h", queueTime: { decided: {} } });
    expect((await cli.run("metrics", "--window", "2h")).code).toBe(2);
    // People may read them; an agent may not.
    expect((await cli.run("metrics", "--as", "person:bob")).code).toBe(0);
    expect((await cli.run("metrics", "--as", "agent:demo")).code).toBe(6);
  });

  test("doctor finds nothing wrong with a healthy engine, and says what to do about one that is not there", async ({
    expect,
  }) => {
    expect(await cli.json("doctor")).toMatchObject({ ok: true });
    const away = await cli.start(["doctor"], {
      env: { HOLDPOINT_URL: "http://127.0.0.1:1", HOLDPOINT_KEY: "hp_x" },
    }).ended;
    expect(away).toMatchObject({ code: 1, stdout: expect.stringContaining("npm start") });
  });
});

describe("a command line that is not understood", () => {
  test.for([
    [["run", "--type", "x", "--target", "y", "--reason", "z", "echo", "hi"], "put -- before the command"],
    [["approve", "act_x", "--as", "person:zed"], "no key for person:zed"],
    [["frobnicate"], "unknown command"],
  ] as const)("exits 2 and says what to do: %j", async ([args, words], { expect }) => {
    const { code, stdout, stderr } = await cli.run(...args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain(words);
  });

  test("is not an engine that cannot be reached: that exits 7", async ({ expect }) => {
    const env = { HOLDPOINT_URL: "http://127.0.0.1:1", HOLDPOINT_KEY: "hp_x" };
    const { code, stdout } = await cli.start(["queue", "--json"], { env }).ended;
    expect(code).toBe(7);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "network" } });
  });
});
