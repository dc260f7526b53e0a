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
export type Bundle = {
  /** The one module: a file name in the bundle's folder. */
  readonly module: string;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly objects: readonly { readonly binding: string; readonly className: string }[];
};

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

/** Cap'n Proto writes text as JSON does. */
const text = (value: string): string => JSON.stringify(value);

/**
 * A configuration for plain `workerd serve`: the bundle, its objects on disk in `storage`, and nothing else. No queue is
 * bound. Bindings of plain text in `vars`. The address is given on the command line, for the socket named `http`.
 * The configuration has to lie beside the module: what it embeds is looked for from there.
 */
export function workerdConfig(
  { module, compatibilityDate, compatibilityFlags, objects }: Bundle,
  storage: string,
  vars: Readonly<Record<string, string>>,
): string {
  const flags = compatibilityFlags.map(text).join(", ");
  const namespaces = objects.map(
    ({ className }) => `(className = ${text(className)}, uniqueKey = ${text(className)}, enableSql = true)`,
  );
  const bindings = [
    ...objects.map(
      ({ binding, className }) => `(name = ${text(binding)}, durableObjectNamespace = ${text(className)})`,
    ),
    ...Object.entries(vars).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
  ];
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "storage", disk = (path = ${text(storage)}, writable = true)),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed ${text(module)})],
  compatibilityDate = ${text(compatibilityDate)},
  compatibilityFlags = [${flags}],
  durableObjectNamespaces = [${namespaces.join(", ")}],
  durableObjectStorage = (localDisk = "storage"),
  bindings = [${bindings.join(", ")}],
);
`;
}
