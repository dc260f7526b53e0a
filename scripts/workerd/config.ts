import type { Bundle } from "./bundle.ts";

/** What a Worker finds in its environment under a name. */
export type Binding =
  | { readonly text: string }
  /** Parsed, so that the Worker has the value and not its text. */
  | { readonly json: string }
  /** The name of a variable of workerd's own environment: what is secret stays out of the file. */
  | { readonly fromEnvironment: string }
  /** Another service of the same server, and of a Worker perhaps one of its named entrypoints. */
  | { readonly service: string; readonly entrypoint?: string };

export type ServedWorker = {
  readonly bundle: Bundle;
  /** The module, from where the configuration lies; from workerd's import path where it begins with `/`. */
  readonly module: string;
  readonly bindings: Readonly<Record<string, Binding>>;
};

/** A server of plain workerd: Workers by name, folders by name, and which Worker is asked by whoever connects. */
export type Served = {
  readonly workers: Readonly<Record<string, ServedWorker>>;
  readonly folders: Readonly<Record<string, { readonly path: string; readonly writable: boolean }>>;
  /** The folder that all objects are kept in. */
  readonly storage: string;
  /** Where Workers may connect to: `public` addresses, `private` networks and this machine, or both. */
  readonly reach: readonly ("public" | "private")[];
  readonly entry: string;
};

/** Cap'n Proto writes text as JSON does. */
const text = (value: string): string => JSON.stringify(value);

/**
 * The configuration of a server for `workerd serve`. No queue is bound, and nothing fires a cron trigger. The address is given on the
 * command line, for the socket named `http`.
 */
export function configOf(served: Served): string {
  const { workers, folders, storage, reach, entry } = served;
  const constants = Object.keys(workers).map((name, index) => ({ name, constant: `worker${index}` }));
  const services = [
    ...constants.map(({ name, constant }) => `(name = ${text(name)}, worker = .${constant})`),
    ...Object.entries(folders).map(
      ([name, { path, writable }]) =>
        `(name = ${text(name)}, disk = (path = ${text(path)}, writable = ${writable}))`,
    ),
    `(name = "internet", network = (allow = [${reach.map(text).join(", ")}], tlsOptions = (trustBrowserCas = true)))`,
  ];
  const written = Object.values(workers).map(
    (worker, index) => `const worker${index} :Workerd.Worker = (\n${workerText(worker, storage)});\n`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
${services.map((line) => `    ${line},`).join("\n")}
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = ${text(entry)})],
);

${written.join("\n")}`;
}

/** Class names are storage identities here too: an object's file is named after its class and its own name. */
function workerText({ bundle, module, bindings }: ServedWorker, storage: string): string {
  const { compatibilityDate, compatibilityFlags, objects } = bundle;
  const namespaces = objects.map(
    ({ className }) => `(className = ${text(className)}, uniqueKey = ${text(className)}, enableSql = true)`,
  );
  const bound = [
    ...objects.map(
      ({ binding, className }) => `(name = ${text(binding)}, durableObjectNamespace = ${text(className)})`,
    ),
    ...Object.entries(bindings).map(([name, binding]) => `(name = ${text(name)}, ${bindingText(binding)})`),
  ];
  return `  modules = [(name = "index.js", esModule = embed ${text(module)})],
  compatibilityDate = ${text(compatibilityDate)},
  compatibilityFlags = [${compatibilityFlags.map(text).join(", ")}],
  durableObjectNamespaces = [${namespaces.join(", ")}],
  durableObjectStorage = (localDisk = ${text(storage)}),
  bindings = [${bound.join(", ")}],
`;
}

function bindingText(binding: Binding): string {
  if ("text" in binding) return `text = ${text(binding.text)}`;
  if ("json" in binding) return `json = ${text(binding.json)}`;
  if ("fromEnvironment" in binding) return `fromEnvironment = ${text(binding.fromEnvironment)}`;
  const { service, entrypoint } = binding;
  if (entrypoint === undefined) return `service = ${text(service)}`;
  return `service = (name = ${text(service)}, entrypoint = ${text(entrypoint)})`;
}

/**
 * The least of a server: one bundle, its objects in `storage`, bindings of plain text in `vars`. The configuration has to lie beside
 * the module.
 */
export function workerdConfig(
  bundle: Bundle,
  storage: string,
  vars: Readonly<Record<string, string>>,
): string {
  const bindings = Object.fromEntries(Object.entries(vars).map(([name, value]) => [name, { text: value }]));
  return configOf({
    workers: { main: { bundle, module: bundle.module, bindings } },
    folders: { storage: { path: storage, writable: true } },
    storage: "storage",
    reach: ["public", "private"],
    entry: "main",
  });
}
