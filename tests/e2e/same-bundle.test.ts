import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, test } from "vitest";
import quiet from "../../scripts/quiet.json" with { type: "json" };

const root = fileURLToPath(new URL("../..", import.meta.url));
const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
const folder = mkdtempSync(join(tmpdir(), "holdpoint-bundle-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What `npx wrangler deploy` would upload, made without an account and without the network. @returns its SHA-256 */
function bundle(name: string, ...more: readonly string[]): string {
  const out = join(folder, name);
  const args = [wrangler, "deploy", "--dry-run", "--outdir", out, ...more];
  execFileSync(process.execPath, args, { cwd: root, env: { ...process.env, ...quiet }, stdio: "pipe" });
  return createHash("sha256")
    .update(readFileSync(join(out, "index.js")))
    .digest("hex");
}

describe("T25 what is deployed", () => {
  test("is the same to the byte whenever it is made from the same sources, and another from others", ({
    expect,
  }) => {
    const first = bundle("first");
    expect(bundle("second")).toBe(first);
    expect(bundle("other", "--minify")).not.toBe(first);
  });
});
