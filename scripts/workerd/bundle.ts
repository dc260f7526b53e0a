import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import * as v from "valibot";
import quiet from "../quiet.json" with { type: "json" };

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

/** A Worker as it would be uploaded, and what its configuration says about running it. */
export const Bundle = v.object({
  /** The one module: a file name in the bundle's folder. */
  module: v.string(),
  compatibilityDate: v.string(),
  compatibilityFlags: v.array(v.string()),
  objects: v.array(v.object({ binding: v.string(), className: v.string() })),
});
export type Bundle = v.InferOutput<typeof Bundle>;

/** The part of a wrangler configuration that is read here. */
const Config = v.object({
  main: v.string(),
  compatibility_date: v.string(),
  compatibility_flags: v.array(v.string()),
  durable_objects: v.object({ bindings: v.array(v.object({ name: v.string(), class_name: v.string() })) }),
});

/** Bundles the Worker of a wrangler configuration into `folder`, as a deployment would. */
export async function bundle(config: string, folder: string): Promise<Bundle> {
  const wrangler = join(root, "node_modules", "wrangler", "bin", "wrangler.js");
  const args = [wrangler, "deploy", "--dry-run", "--outdir", folder, "--config", config];
  await run(process.execPath, args, { env: { ...process.env, ...quiet } });
  const { unstable_readConfig } = await import("wrangler");
  const read = v.parse(Config, unstable_readConfig({ config }));
  return {
    module: basename(read.main).replace(/\.ts$/u, ".js"),
    compatibilityDate: read.compatibility_date,
    compatibilityFlags: read.compatibility_flags,
    objects: read.durable_objects.bindings.map(({ name, class_name }) => ({
      binding: name,
      className: class_name,
    })),
  };
}

/** The workerd that wrangler runs: the very same one, and the binary itself instead of its launcher. */
export function workerdBinary(): string {
  const fromHere = createRequire(import.meta.url);
  const fromWrangler = createRequire(fromHere.resolve("wrangler/package.json"));
  const found: unknown = fromWrangler("workerd");
  if (
    typeof found === "object" &&
    found !== null &&
    "default" in found &&
    typeof found.default === "string"
  ) {
    return found.default;
  }
  throw new Error("the workerd binary is not where its package says");
}
