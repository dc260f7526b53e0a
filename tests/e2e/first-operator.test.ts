import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "vitest";
import { launcher } from "../support/command-line.ts";
import { blocksOf, fileText } from "../support/pages.ts";
import { startEngine, type TestEngine } from "../support/server.ts";

/** The steps by which the operations guide makes a workspace's first operator and policy, followed as they stand in an empty folder. */
const steps =
  blocksOf(fileText("docs/operations.md")).find(({ info }) => info === "sh first-operator")?.text ?? "";
let engine: TestEngine;
let folder: string | undefined;
/** The steps call the API with curl, which a machine may not have. */
const hasCurl = spawnSync("curl", ["--version"]).status === 0;
if (!hasCurl) console.log("SKIPPED: the steps of the operations guide. There is no curl.");

beforeAll(async () => {
  if (!hasCurl) return;
  engine = await startEngine();
  folder = mkdtempSync(join(tmpdir(), "holdpoint-operator-"));
  copyFileSync(
    fileURLToPath(new URL("../../scripts/starter/policy.json", import.meta.url)),
    join(folder, "policy.json"),
  );
  // `npx holdpoint` is found as it is where the package is installed.
  mkdirSync(join(folder, "bin"));
  const npx = join(folder, "bin", "npx");
  writeFileSync(
    npx,
    `#!/bin/sh\n[ "$1" = holdpoint ] && shift && exec "${process.execPath}" "${launcher}" "$@"\n`,
  );
  chmodSync(npx, 0o755);
});

afterAll(async () => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  await engine?.stop();
});

function followed(text: string): Promise<{ code: number | null; printed: string }> {
  const { HOLDPOINT_URL: _url, HOLDPOINT_KEY: _key, ...rest } = process.env;
  const env = {
    ...rest,
    PATH: `${join(folder!, "bin")}:${process.env["PATH"] ?? ""}`,
    SETUP_TOKEN: readFileSync(join(engine.stateDir, "setup-token"), "utf8").trim(),
  };
  const child = spawn("sh", ["-eu", "-c", text], { cwd: folder, env });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (more: string) => (printed += more));
  }
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, printed })));
}

const ask = async (key: string, path: string): Promise<{ status: number; body: unknown }> => {
  const headers = { authorization: `Bearer ${key}` };
  const answer = await fetch(engine.url + path, { headers });
  return { status: answer.status, body: await answer.json() };
};

describe.runIf(hasCurl)("the first operator of a workspace", () => {
  test(
    "is made by the steps of the operations guide, with a policy in force and no key that is nobody's",
    {
      timeout: 300_000,
    },
    async ({ expect }) => {
      const here = steps.replace("https://holdpoint.example.com", engine.url);
      expect(here).not.toBe(steps);
      const { code, printed } = await followed(here);
      expect({ code, printed: code === 0 ? "" : printed }).toEqual({ code: 0, printed: "" });
      const key = (name: string): string => readFileSync(join(folder!, `${name}.key`), "utf8").trim();

      expect(await ask(key("omar"), "/v1/whoami")).toMatchObject({
        body: { workspace: "acme", id: "person:omar", scopes: ["admin"] },
      });
      expect((await ask(key("omar"), "/v1/policy")).status).toBe(200);
      const { body } = (await ask(key("omar"), "/v1/keys")) as {
        body: { items: { principal: string; revokedAt: string | null }[] };
      };
      const valid = body.items
        .filter(({ revokedAt }) => revokedAt === null)
        .map(({ principal }) => principal);
      expect(valid.toSorted()).toEqual([
        "agent:demo",
        "person:alice",
        "person:omar",
        "service:auditor",
        "service:metrics",
      ]);
      expect((await ask(key("alice"), "/v1/queue")).status).toBe(200);
      expect((await ask(key("auditor"), "/v1/ledger")).status).toBe(200);
      expect(
        (await fetch(`${engine.url}/metrics`, { headers: { authorization: `Bearer ${key("metrics")}` } }))
          .status,
      ).toBe(200);
    },
  );
});
