import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync as statOf,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, test, vi } from "vitest";
import { headersOf, type Page, parseHeaders, placeOf, typeOf } from "../../scripts/selfhost/page.ts";
import { hold } from "../../scripts/selfhost/hold.ts";
import { optionsOf } from "../../scripts/selfhost/options.ts";
import { Snapshot } from "../../scripts/selfhost/snapshot.ts";
import { selfHostConfig } from "../../scripts/selfhost/workerd.ts";

const page: Page = {
  engineFirst: ["/v1/*", "/healthz"],
  files: {
    "/index.html": { type: "text/html; charset=utf-8", etag: '"1"' },
    "/assets/a.js": { type: "text/javascript; charset=utf-8", etag: '"2"' },
  },
  rules: parseHeaders(
    "# a word\n/*\n  X-One: 1\n  Cache-Control: no-cache\n\n/assets/*\n  Cache-Control: immutable\n",
  ),
};

describe("the page under plain workerd", () => {
  test("an address is the engine's, a file's, or the page's own", ({ expect }) => {
    for (const path of ["/v1/", "/v1/actions", "/healthz"]) expect(placeOf(path, page), path).toBe("engine");
    expect(placeOf("/assets/a.js", page)).toEqual({ file: "/assets/a.js" });
    for (const path of ["/", "/v1", "/healthz/", "/actions/1", "/assets/", "/__proto__", "/toString"]) {
      expect(placeOf(path, page), path).toEqual({ file: "/index.html" });
    }
  });

  test("a file has the headers of every rule that it falls under, the last word being the last rule's", ({
    expect,
  }) => {
    expect(headersOf("/index.html", page)).toEqual({
      "content-type": "text/html; charset=utf-8",
      etag: '"1"',
      "x-one": "1",
      "cache-control": "no-cache",
    });
    expect(headersOf("/assets/a.js", page)).toMatchObject({ "x-one": "1", "cache-control": "immutable" });
  });

  test("a rule that is not understood is never left out in silence", ({ expect }) => {
    for (const text of ["/*\n  X-One", "X-One: 1", "/a/:b\n  X-One: 1", "/*/b\n  X: 1", "/*\n  ! X-One"]) {
      expect(() => parseHeaders(text), text).toThrow(/_headers, line \d/u);
    }
  });

  test("a file of an unknown kind is nothing that a browser would run", ({ expect }) => {
    expect(typeOf("/a.exe")).toBe("application/octet-stream");
    expect(typeOf("/noending")).toBe("application/octet-stream");
    expect(typeOf("/a.b.mjs")).toBe("text/javascript; charset=utf-8");
  });
});

describe("the configuration of a self-hosted engine", () => {
  const bundle = {
    module: "index.js",
    compatibilityDate: "2026-10-20",
    compatibilityFlags: [],
    objects: [{ binding: "ACTIONS", className: "Action" }],
  };
  const front = { ...bundle, objects: [{ binding: "TIMER", className: "Timer" }] };
  const configWith = (parts: { reachesPrivate?: boolean; origin?: string }): string =>
    selfHostConfig({
      prepared: { folder: "/built", engine: bundle, front, page },
      folder: "/data",
      storage: "/data/storage",
      host: "127.0.0.1",
      port: 1,
      origin: parts.origin ?? null,
      sweepMs: 60_000,
      reachesPrivate: parts.reachesPrivate ?? false,
      settings: { HOLDPOINT_SEAL_KEY: "a-very-secret-key" },
    });

  test("names its secrets and does not hold them", ({ expect }) => {
    const text = configWith({});
    expect(text).toContain('(name = "HOLDPOINT_SEAL_KEY", fromEnvironment = "HOLDPOINT_SEAL_KEY")');
    expect(text).not.toContain("a-very-secret-key");
  });

  test("gives the engine no queue and nothing of what stands before it", ({ expect }) => {
    const text = configWith({});
    expect(text).not.toMatch(/queue/iu);
    const [, ...workers] = text.split("Workerd.Worker = (");
    const engine = workers.find((worker) => worker.includes('"ACTIONS"'));
    expect(engine).not.toMatch(/TIMER|FILES|service =/u);
  });

  test("lets it connect to public addresses only, unless it is told otherwise", ({ expect }) => {
    expect(configWith({})).toContain('allow = ["public"]');
    expect(configWith({ reachesPrivate: true })).toContain('allow = ["public", "private"]');
  });
});

describe("the unit for systemd", () => {
  const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/u, "");
  const unit = readFileSync(join(root, "scripts", "selfhost", "holdpoint.service"), "utf8");
  const analyze = "/usr/bin/systemd-analyze";

  test("starts what there is, with options that it has", ({ expect }) => {
    const [node, script, ...args] = /^ExecStart=(.*)$/mu.exec(unit)![1]!.split(" ") as [string, string];
    for (const path of [node, script]) {
      expect(existsSync(path.replace("/opt/holdpoint", root)), path).toBe(true);
    }
    expect(optionsOf([node, script, ...args])).toMatchObject({
      port: 8787,
      host: "127.0.0.1",
      origin: "https://holdpoint.example.com",
      data: "%S/holdpoint",
    });
  });

  test("starts it again whenever it ends, and lets it write to its data alone", ({ expect }) => {
    for (const line of [
      "Restart=always",
      "StartLimitIntervalSec=0",
      "DynamicUser=yes",
      "StateDirectory=holdpoint",
      "ProtectSystem=strict",
      "NoNewPrivileges=yes",
      "CapabilityBoundingSet=",
    ]) {
      expect(unit.split("\n")).toContain(line);
    }
    expect(unit).not.toMatch(/ReadWritePaths|BindPaths/u);
  });

  test.runIf(existsSync(analyze))("is one that systemd understands", ({ expect }) => {
    const folder = mkdtempSync(join(tmpdir(), "holdpoint-unit-"));
    try {
      const path = join(folder, "holdpoint.service");
      writeFileSync(path, unit.replaceAll("/opt/holdpoint", root));
      const { status, stderr } = spawnSync(analyze, ["verify", path], { encoding: "utf8" });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("holding a process still", () => {
  const started: ChildProcess[] = [];
  afterEach(() => {
    for (const child of started.splice(0)) child.kill("SIGKILL");
  });

  function start(code: string): ChildProcess {
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    started.push(child);
    return child;
  }
  const idle = (): ChildProcess => start("setInterval(() => undefined, 1000); console.log('up');");
  const stateOf = (pid: number): string =>
    /\) (\w)/u.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? "";

  test.runIf(process.platform === "linux")("ends when it is released", async ({ expect }) => {
    const child = idle();
    await once(child.stdout!, "data");
    const held = await hold([child.pid!]);
    expect(stateOf(child.pid!)).toBe("T");
    expect(held.isHeld()).toBe(true);
    held.release();
    await vi.waitFor(() => expect(stateOf(child.pid!)).not.toBe("T"));
    expect(held.isHeld()).toBe(false);
  });

  test.runIf(process.platform === "linux")(
    "ends when whoever holds it is killed: no engine is left standing by a back-up that died",
    async ({ expect }) => {
      const child = idle();
      await once(child.stdout!, "data");
      const module = fileURLToPath(new URL("../../scripts/selfhost/hold.ts", import.meta.url));
      const holder = start(
        `import { hold } from ${JSON.stringify(module)};
         await hold([${child.pid}]); console.log("held"); setInterval(() => undefined, 1000);`,
      );
      await once(holder.stdout!, "data");
      expect(stateOf(child.pid!)).toBe("T");
      holder.kill("SIGKILL");
      await vi.waitFor(() => expect(stateOf(child.pid!)).not.toBe("T"), { timeout: 5_000 });
    },
  );

  test("of a process that is not there is refused", async ({ expect }) => {
    const child = start("");
    await once(child, "exit");
    await expect(hold([child.pid!])).rejects.toThrow("could not be held still");
  });
});

describe("a snapshot", () => {
  const folder = mkdtempSync(join(tmpdir(), "holdpoint-snapshot-"));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("copies again whatever may have changed, and forgets what is gone", ({ expect }) => {
    const from = join(folder, "from");
    const to = join(folder, "to");
    mkdirSync(join(from, "Action"), { recursive: true });
    const old = new Date(Date.now() - 60_000);
    for (const name of ["quiet", "grown", "rewritten", "gone", "index-shm"]) {
      writeFileSync(join(from, "Action", name), "before");
      utimesSync(join(from, "Action", name), old, old);
    }
    writeFileSync(join(from, "Action", "fresh"), "before");
    const snapshot = new Snapshot(from, to);
    expect(snapshot.copy(() => undefined)).toBe(5);
    appendFileSync(join(from, "Action", "grown"), " and after");
    writeFileSync(join(from, "Action", "rewritten"), "behind");
    rmSync(join(from, "Action", "gone"));
    writeFileSync(join(from, "Action", "new"), "after");
    // Written to again within one tick of the clock: nothing about the file shows it.
    const { mtime } = statOf(join(from, "Action", "fresh"));
    writeFileSync(join(from, "Action", "fresh"), "behind");
    utimesSync(join(from, "Action", "fresh"), mtime, mtime);
    expect(snapshot.copy(() => undefined)).toBe(4);
    const read = (name: string): string => readFileSync(join(to, "Action", name), "utf8");
    expect(["quiet", "grown", "rewritten", "fresh", "new"].map(read)).toEqual([
      "before",
      "before and after",
      "behind",
      "behind",
      "after",
    ]);
    expect(() => read("gone")).toThrow("ENOENT");
    expect(() => read("index-shm")).toThrow("ENOENT");
  });
});
