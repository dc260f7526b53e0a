import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import quiet from "../../scripts/quiet.json" with { type: "json" };

/** A binding of the caller to the engine: `entrypoint` and `props` as wrangler.toml takes them. */
type Binding = { entrypoint?: string; props?: Record<string, unknown> };

/** The engine, and another Worker whose code sends on whatever it is told to, through the binding that the path starts with. */
export type BoundWorkers = {
  readonly engineUrl: string;
  /** `path` starts with a binding: `/DEPLOYER/v1/whoami`. `as` is the address the caller's code writes into its request. */
  readonly call: (
    path: string,
    init?: RequestInit,
    as?: string,
  ) => Promise<{ status: number; body: unknown }>;
  readonly close: () => Promise<void>;
};

export const setupToken = "a-setup-token-for-tests-only";

const code = `export default {
  async fetch(request, env) {
    const { pathname, search } = new URL(request.url);
    const [, binding, ...rest] = pathname.split("/");
    const as = request.headers.get("x-as") ?? "https://whatever.example";
    return env[binding].fetch(new Request(as + "/" + rest.join("/") + search, request));
  },
};`;

export async function startBoundWorkers(bindings: Record<string, Binding>): Promise<BoundWorkers> {
  Object.assign(process.env, quiet);
  const { createTestHarness } = await import("wrangler");
  const folder = mkdtempSync(join(tmpdir(), "holdpoint-bound-"));
  writeFileSync(join(folder, "caller.js"), code);
  const services = Object.entries(bindings).map(([binding, more]) => ({
    binding,
    service: "holdpoint",
    ...more,
  }));
  const config = { name: "caller", main: "caller.js", compatibility_date: "2026-10-20", services };
  writeFileSync(join(folder, "wrangler.json"), JSON.stringify(config));
  const harness = createTestHarness({
    workers: [
      {
        configPath: fileURLToPath(new URL("../../wrangler.toml", import.meta.url)),
        vars: { HOLDPOINT_LOCAL: "true" },
        secrets: { HOLDPOINT_SETUP_TOKEN: setupToken },
      },
      { configPath: join(folder, "wrangler.json") },
    ],
  });
  const { url } = await harness.listen();
  const caller = harness.getWorker("caller");
  return {
    engineUrl: url.origin,
    call: async (path, init = {}, as) => {
      const headers = {
        ...(init.headers as Record<string, string>),
        ...(as !== undefined && { "x-as": as }),
      };
      const answer = await caller.fetch(`http://caller${path}`, { ...(init as object), headers });
      const text = await answer.text();
      return { status: answer.status, body: text === "" ? null : (JSON.parse(text) as unknown) };
    },
    close: async () => {
      await harness.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
