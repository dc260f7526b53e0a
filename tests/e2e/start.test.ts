import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { afterAll, beforeAll, describe, it } from "vitest";
import { startEngine, type TestEngine } from "../support/server.ts";

const script = (name: string): string => fileURLToPath(new URL(`../../scripts/${name}`, import.meta.url));

/** Runs `npm start`'s program to its end, for starts that are to be refused. */
function start(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [script("start.ts"), ...args], { encoding: "utf8", timeout: 30_000 });
}

const EngineJson = v.object({ pid: v.number(), url: v.string(), workerd: v.array(v.number()) });
const engineJson = (folder: string): v.InferOutput<typeof EngineJson> =>
  v.parse(EngineJson, JSON.parse(readFileSync(join(folder, "engine.json"), "utf8")));

async function status(url: string, key: string, path = "/v1/whoami"): Promise<number> {
  const answer = await fetch(url + path, { headers: { authorization: `Bearer ${key}` } });
  await answer.body?.cancel();
  return answer.status;
}

async function untilUnreachable(url: string): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const reachable = await fetch(`${url}/healthz`).then(
      () => true,
      () => false,
    );
    if (!reachable) return;
    await delay(100);
  }
  throw new Error(`${url} still answers`);
}

describe("a first start", () => {
  let engine: TestEngine;
  beforeAll(async () => {
    engine = await startEngine();
  });
  afterAll(() => engine.stop());

  it("leaves a key for every starter principal in a file that only its owner can read", async ({
    expect,
  }) => {
    const path = join(engine.stateDir, "dev.json");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({
      url: engine.url,
      workspace: "default",
      keys: engine.keys,
    });
    expect(Object.keys(engine.keys)).toEqual([
      "operator",
      "agent:demo",
      "agent:other",
      "person:alice",
      "person:bob",
      "person:carol",
      "person:omar",
      "auditor",
      "metrics",
    ]);
    const answers = Object.values(engine.keys).map((key) => status(engine.url, key));
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
  });

  it("puts the starter policy in force", async ({ expect }) => {
    expect(await status(engine.url, engine.keys["operator"]!, "/v1/policy")).toBe(200);
  });

  it("says nothing beside its one line", ({ expect }) => {
    expect(engine.errors()).toBe("");
  });

  it("refuses a second engine on the same state, naming the first one's process and address", ({
    expect,
  }) => {
    const second = start("--port", "0", "--state", engine.stateDir);
    expect(second.status).toBe(1);
    expect(second.stderr).toContain(`process ${engine.pid}`);
    expect(second.stderr).toContain(engine.url);
    expect(second.stderr).not.toContain("    at ");
  });

  it("refuses --reset under a running engine, whose data stays", async ({ expect }) => {
    expect(start("--reset", "--port", "0", "--state", engine.stateDir).status).toBe(1);
    expect(await status(engine.url, engine.keys["operator"]!)).toBe(200);
  });
});

describe("a later start", () => {
  it("keeps every key, and forgets them all with --reset", async ({ expect }) => {
    const first = await startEngine();
    const operator = first.keys["operator"]!;
    const second = await first.restart();
    expect(second.keys).toEqual(first.keys);
    expect(await status(second.url, operator)).toBe(200);

    await second.stop({ keep: true });
    const afresh = await startEngine({ state: first.stateDir, reset: true });
    expect(afresh.keys["operator"]).not.toBe(operator);
    expect(await status(afresh.url, operator)).toBe(401);
    await afresh.stop();
    rmSync(first.stateDir, { recursive: true, force: true });
  });

  it("makes new keys when the file with them is lost, and keeps what people changed meanwhile", async ({
    expect,
  }) => {
    const first = await startEngine();
    const put = await fetch(`${first.url}/v1/people/bob`, {
      method: "PUT",
      headers: { authorization: `Bearer ${first.keys["operator"]}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "Robert" }),
    });
    expect(put.status).toBe(200);
    await first.stop({ keep: true });
    rmSync(join(first.stateDir, "dev.json"));

    const second = await startEngine({ state: first.stateDir });
    expect(Object.keys(second.keys)).toEqual(Object.keys(first.keys));
    const people = await fetch(`${second.url}/v1/people`, {
      headers: { authorization: `Bearer ${second.keys["operator"]}` },
    });
    expect(await people.text()).toContain("Robert");
    await second.stop();
    rmSync(first.stateDir, { recursive: true, force: true });
  });

  it("goes through after a set-up that was cut off before its keys were on file", async ({ expect }) => {
    const first = await startEngine();
    await first.kill9();
    // As a crash while dev.json is written leaves it: half a draft beside nothing.
    writeFileSync(join(first.stateDir, "dev.json.new"), '{"url": "htt');
    rmSync(join(first.stateDir, "dev.json"));
    const second = await startEngine({ state: first.stateDir });
    expect(await status(second.url, second.keys["operator"]!)).toBe(200);
    await second.stop();
    rmSync(first.stateDir, { recursive: true, force: true });
  });
});

describe("a port", () => {
  it("that is in use is named, with one that is free", async ({ expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "holdpoint-"));
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
    const refused = start("--port", String(port), "--state", folder);
    expect(refused.status).toBe(1);
    expect(refused.stderr).toMatch(new RegExp(`^Port ${port} is in use.* npm start -- --port \\d+\n$`));
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("that is none is refused with how to say it", ({ expect }) => {
    const refused = start("--port", "banana");
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain("whole number");
  });
});

describe("kill -9", () => {
  it("of the engine's Node alone leaves no lock, and the next start ends the workerd it left", async ({
    expect,
  }) => {
    const first = await startEngine();
    const { workerd } = engineJson(first.stateDir);
    expect(workerd.length).toBeGreaterThan(0);
    process.kill(first.pid, "SIGKILL");
    await delay(200);

    const second = await startEngine({ state: first.stateDir });
    expect(second.keys).toEqual(first.keys);
    expect(engineJson(first.stateDir).workerd).not.toEqual(expect.arrayContaining(workerd));
    await untilUnreachable(first.url);
    await second.stop();
    expect(existsSync(join(first.stateDir, "engine.json"))).toBe(false);
    rmSync(first.stateDir, { recursive: true, force: true });
  });

  it("of the engine's Node under its launcher takes workerd with it", async ({ expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "holdpoint-"));
    const { url, ended } = await launch(folder);
    process.kill(engineJson(folder).pid, "SIGKILL");
    await untilUnreachable(url);
    expect(await ended).toBe("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  });

  it("of the launcher alone stops the engine, which lets its state go", async ({ expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "holdpoint-"));
    const { launcher, url, errors } = await launch(folder);
    launcher.kill("SIGKILL");
    await untilUnreachable(url);
    await expect.poll(() => existsSync(join(folder, "engine.json")), { timeout: 5_000 }).toBe(false);
    expect(errors()).toBe("");
    rmSync(folder, { recursive: true, force: true });
  });

  it("of a workerd ends the engine with a word about it", async ({ expect }) => {
    const engine = await startEngine();
    process.kill(engineJson(engine.stateDir).workerd[0]!, "SIGKILL");
    await untilUnreachable(engine.url);
    await delay(1_000);
    expect(engine.errors()).toContain("workerd has ended unexpectedly");
    await engine.stop();
  });
});

/** The program of `npm start` as a person runs it: the launcher, which runs the engine. */
async function launch(folder: string) {
  const launcher = spawn(
    process.execPath,
    [script("start.mjs"), "--json", "--port", "0", "--state", folder],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let complaints = "";
  launcher.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
  const ended = new Promise<string | number | null>((resolve) => {
    launcher.once("exit", (code, signal) => resolve(signal ?? code));
  });
  let text = "";
  for await (const chunk of launcher.stdout.setEncoding("utf8")) {
    text += String(chunk);
    if (text.includes("\n")) break;
  }
  return {
    launcher,
    ended,
    errors: () => complaints,
    url: v.parse(v.object({ url: v.string() }), JSON.parse(text)).url,
  };
}
