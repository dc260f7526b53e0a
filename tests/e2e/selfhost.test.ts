import { readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, test } from "vitest";
import type { ActionView } from "../../schemas/action.ts";
import { type Cast, castOf } from "../support/actors.ts";
import { type Receiver, startReceiver } from "../support/receiver.ts";
import { dataFolder, runScript, type SelfHost, startSelfHost, until } from "../support/selfhost.ts";

/** The bundle that would be deployed, under plain workerd: no queues, no cron, no static assets but what stands before it. */

const options = ["--local", "--starter", "--sweep-every", "1"];
const place = dataFolder();
let engine: SelfHost;
let cast: Cast;
let receiver: Receiver;

/** What is served may have to be built first. */
const buildMs = 120_000;

beforeAll(async () => {
  engine = await startSelfHost(place.folder, ...options);
  cast = castOf(engine);
  receiver = await startReceiver();
  const { secret } = await cast.operator.post<{ secret: string }>("/v1/webhooks", { url: receiver.url });
  receiver.setSecrets(secret);
}, buildMs);
afterAll(async () => {
  await engine?.stop();
  await receiver?.close();
  place.remove();
});

const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();

/** The types of what was told about an action. */
const toldOf = ({ id }: ActionView): string[] =>
  receiver.processed.flatMap(({ verified }) => (verified?.data["id"] === id ? [verified.type] : []));

describe("without a queue", () => {
  test("a whole life goes through, whoever waits is told at once, and every notice arrives", async ({
    expect,
  }) => {
    const { demo, bob } = cast;
    const action = await demo.asks();
    const stream = await demo.follows(action);
    const waiting = demo.waitsFor(action, action.seq);
    await bob.approves(action);
    expect(await waiting).toMatchObject({ state: "approved" });
    const held = await demo.claims(action);
    expect(await demo.reports(held, "succeeded")).toMatchObject({ state: "executed" });
    await stream.until(({ messages }) => messages.at(-1)?.action.state === "executed");
    await stream.close();
    const wanted = ["action.approved", "action.executed", "action.pending"];
    await receiver.until(() => wanted.every((type) => toldOf(action).includes(type)));
    await until(async () => {
      const { items } = await cast.auditor.lists();
      return items.some(({ id, state }) => id === action.id && state === "executed") ? true : null;
    });
  });

  test("a deadline is met by the action's own alarm", async ({ expect }) => {
    const action = await cast.demo.asks({ notAfter: soon(2_000) });
    await receiver.until(() => toldOf(action).includes("action.expired"));
    expect(await cast.demo.sees(action)).toMatchObject({ state: "expired" });
  });
});

describe("the page", () => {
  const rules = readFileSync(new URL("../../dist/_headers", import.meta.url), "utf8");
  const wanted = [...rules.matchAll(/^ {2}([\w-]+): (.+)$/gmu)].map(([, name, value]) => [
    name!.toLowerCase(),
    value!,
  ]);
  const onAll = wanted.filter(([name]) => name !== "cache-control");

  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(engine.url + path, { redirect: "manual", ...init });

  test("answers its own addresses, with every header of its rules and nothing of a folder", async ({
    expect,
  }) => {
    const index = readFileSync(new URL("../../dist/index.html", import.meta.url), "utf8");
    const beside = [
      "/",
      "/actions/act_AAAAAAAAAAAAAAAAAAAAAA",
      "/sign-in",
      "/assets",
      "/assets/",
      "/_headers",
    ];
    for (const path of [...beside, "/..%2f..%2fwrangler.toml", "/__proto__", "/constructor"]) {
      const answer = await ask(path);
      expect(answer.status, path).toBe(200);
      expect(await answer.text(), path).toBe(index);
      for (const [name, value] of onAll) expect(answer.headers.get(name!), `${path} ${name}`).toBe(value);
    }
  });

  test("has its scripts under names that may be kept, and its types right", async ({ expect }) => {
    const names = readdirSync(new URL("../../dist/assets", import.meta.url));
    const types = { js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8" };
    for (const name of names) {
      const answer = await ask(`/assets/${name}`);
      const file = readFileSync(new URL(`../../dist/assets/${name}`, import.meta.url), "utf8");
      expect(await answer.text()).toBe(file);
      expect(answer.headers.get("content-type")).toBe(types[name.split(".").at(-1) as "js" | "css"]);
      expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    }
  });

  test("is not sent again to whoever has it, and changes for nobody", async ({ expect }) => {
    const first = await ask("/");
    await first.text();
    const again = await ask("/", { headers: { "if-none-match": first.headers.get("etag")! } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    const head = await ask("/", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
    for (const method of ["POST", "PUT", "DELETE"]) {
      const answer = await ask("/actions", { method });
      expect([answer.status, await answer.text()]).toEqual([405, ""]);
      for (const [name, value] of onAll) expect(answer.headers.get(name!), name).toBe(value);
    }
  });

  test("leaves every address of the API to the engine, the ones that are not there too", async ({
    expect,
  }) => {
    for (const [path, status] of [
      ["/healthz", 200],
      ["/openapi.json", 200],
      ["/v1/nothing", 404],
      ["/slack/nothing", 404],
      ["/.well-known/jwks.json", 200],
    ] as const) {
      const answer = await ask(path);
      expect(answer.status, path).toBe(status);
      expect(answer.headers.get("content-type"), path).toMatch(/json/u);
      expect(answer.headers.get("x-content-type-options"), path).toBe("nosniff");
      await answer.text();
    }
  });
});

describe("a data folder", () => {
  test("keeps its secrets in files of their own, for their owner alone", ({ expect }) => {
    for (const name of ["setup-token", "seal-key", "dev.json", "workerd.capnp"]) {
      expect(statSync(join(place.folder, name)).mode & 0o777, name).toBe(0o600);
    }
    expect(statSync(place.folder).mode & 0o777).toBe(0o700);
    const config = readFileSync(join(place.folder, "workerd.capnp"), "utf8");
    for (const name of ["setup-token", "seal-key"]) {
      expect(config).not.toContain(readFileSync(join(place.folder, name), "utf8").trim());
    }
  });

  test("is for one engine at a time", async ({ expect }) => {
    const second = await runScript("selfhost.ts", "--port", "0", "--data", place.folder);
    expect(second.status).toBe(1);
    expect(second.stderr).toContain(engine.url);
    expect(second.stderr).toContain("--data OTHER_FOLDER");
    expect(second.stderr).not.toContain("    at ");
  });
});

describe("what cannot be started", () => {
  const other = dataFolder();
  afterAll(other.remove);

  test("says why, and what to do", async ({ expect }) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as { port: number };
    const file = join(place.folder, "seal-key");
    const own = (name: string): string => join(other.folder, name);
    const cases = [
      [["--port", String(port), "--data", own("port")], `Port ${port} is in use`],
      [["--port", "0", "--data", file], "cannot be written to"],
      [["--port", "0", "--host", "203.0.113.1", "--data", own("host")], "no address 203.0.113.1"],
      [["--port", "70000"], "0 to 65535"],
      [["--origin", "https://example.com/path"], "scheme and host alone"],
      [["--local", "--host", "0.0.0.0", "--data", own("local")], "--local takes defences away"],
    ] as const;
    try {
      await Promise.all(
        cases.map(async ([args, why]) => {
          const { status, stderr } = await runScript("selfhost.ts", ...args);
          expect(stderr).toContain(why);
          expect(stderr).not.toContain("    at ");
          expect(status, why).toBe(1);
        }),
      );
    } finally {
      taken.close();
    }
  });

  test("is an engine whose seal key is lost: a new one would open nothing", async ({ expect }) => {
    const data = join(other.folder, "lost");
    const first = await startSelfHost(data, "--origin", "https://holdpoint.example.com");
    const { servers } = (await (await fetch(`${first.url}/openapi.json`)).json()) as { servers: unknown };
    // Whatever a proxy says in Host, the engine is called what --origin says.
    expect(servers).toEqual([{ url: "https://holdpoint.example.com" }]);
    await first.stop();
    rmSync(join(data, "seal-key"));
    const { status, stderr } = await runScript("selfhost.ts", "--port", "0", "--data", data);
    expect(stderr).toContain("the key that it is sealed with");
    expect(status).toBe(1);
  });
});
