import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { CliError, exitCodes } from "./exit-code.ts";
import { keyFromCommand } from "./key-command.ts";

/** `.holdpoint/dev.json` as `npm start` writes it. */
const DevJson = v.object({ url: v.string(), workspace: v.string(), keys: v.record(v.string(), v.string()) });
export type DevFile = v.InferOutput<typeof DevJson> & {
  path: string;
  /** Permission bits: others must not read keys. */
  mode: number;
};

export type Flags = { url?: string | undefined; key?: string | undefined; as?: string | undefined };

/** Whose key a command takes from dev.json when nothing else is said; `person`: nobody's, a person must be named. */
export type Role = "agent" | "operator" | "person";
const roleKeys = { agent: "agent:demo", operator: "operator" } as const;

export type Connection = {
  url: string;
  /** The key, or what gives the one of the moment. */
  key: string | (() => Promise<string>);
  /** Where each came from, for `doctor`. Never the key itself. */
  urlFrom: string;
  keyFrom: string;
  /** The name in dev.json, where the key came from there. */
  name: string | null;
  dev: DevFile | null;
};

/** The nearest `.holdpoint/dev.json` from `folder` upwards; null where there is none. */
export function findDevFile(folder: string): DevFile | null {
  for (let at = folder; ; at = dirname(at)) {
    const path = join(at, ".holdpoint", "dev.json");
    const file = readDevFile(path);
    if (file !== null) return file;
    if (dirname(at) === at) return null;
  }
}

function readDevFile(path: string): DevFile | null {
  let text: string;
  let mode: number;
  try {
    text = readFileSync(path, "utf8");
    mode = statSync(path).mode & 0o777;
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) {
      return null;
    }
    throw new CliError(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), DevJson), text);
  if (!parsed.success) {
    throw new CliError(`${path} is not what \`npm start\` writes: run \`npm start\` again.`);
  }
  return { ...parsed.output, path, mode };
}

/**
 * Which engine, as whom: flags first, then HOLDPOINT_URL and HOLDPOINT_KEY, then dev.json. A key from dev.json goes only to
 * the engine that dev.json is about. Throws `CliError` saying what is missing.
 */
export function resolveConnection(options: {
  flags: Flags;
  env: Record<string, string | undefined>;
  dev: DevFile | null;
  role: Role;
}): Connection {
  const { url, urlFrom } = resolveUrl(options);
  return { url, urlFrom, dev: options.dev, ...resolveKey({ ...options, url, urlFrom }) };
}

/** The keys of dev.json, where it is about the engine that is talked to. */
export function localKeys({ url, dev }: Pick<Connection, "url" | "dev">): Record<string, string> {
  return dev !== null && new URL(url).origin === new URL(dev.url).origin ? dev.keys : {};
}

type Sources = { flags: Flags; env: Record<string, string | undefined>; dev: DevFile | null };

function resolveUrl({ flags, env, dev }: Sources): { url: string; urlFrom: string } {
  const [url, urlFrom] =
    flags.url !== undefined
      ? [flags.url, "--url"]
      : isSet(env["HOLDPOINT_URL"])
        ? [env["HOLDPOINT_URL"], "HOLDPOINT_URL"]
        : [dev?.url, dev?.path ?? ""];
  if (url === undefined) {
    throw new CliError(
      "Which engine? Give --url, set HOLDPOINT_URL, or run `npm start` in this folder or one above it.",
      exitCodes.usage,
    );
  }
  if (!/^https?:$/u.test(URL.parse(url)?.protocol ?? "")) {
    throw new CliError(
      `${urlFrom} is not an address such as https://holdpoint.example: ${url}`,
      exitCodes.usage,
    );
  }
  return { url, urlFrom };
}

type Key = { key: Connection["key"]; keyFrom: string; name: string | null };

function resolveKey({
  flags,
  env,
  dev,
  role,
  url,
  urlFrom,
}: Sources & { role: Role; url: string; urlFrom: string }): Key {
  if (flags.key !== undefined && flags.as !== undefined) {
    throw new CliError("Give --key or --as, not both.", exitCodes.usage);
  }
  if (flags.key !== undefined) return { key: flags.key, keyFrom: "--key", name: null };
  if (flags.as === undefined && isSet(env["HOLDPOINT_KEY"])) {
    return { key: env["HOLDPOINT_KEY"], keyFrom: "HOLDPOINT_KEY", name: null };
  }
  if (flags.as === undefined && isSet(env["HOLDPOINT_KEY_COMMAND"])) {
    const key = keyFromCommand(env["HOLDPOINT_KEY_COMMAND"]);
    return { key, keyFrom: "HOLDPOINT_KEY_COMMAND", name: null };
  }

  const name = flags.as ?? (role === "person" ? undefined : roleKeys[role]);
  if (name === undefined) throw new CliError(whoHelp(dev), exitCodes.usage);
  if (dev === null) {
    throw new CliError(
      "No key: set HOLDPOINT_KEY (or give --key), or run `npm start` for a local engine with keys.",
      exitCodes.usage,
    );
  }
  if (new URL(url).origin !== new URL(dev.url).origin) {
    const detail = `The keys in ${dev.path} are for ${dev.url}, and ${urlFrom} says ${url}: set HOLDPOINT_KEY for that engine.`;
    throw new CliError(detail, exitCodes.usage);
  }
  const key = Object.hasOwn(dev.keys, name) ? dev.keys[name] : undefined;
  if (key === undefined) {
    throw new CliError(
      `${dev.path} has no key for ${name}. It has: ${Object.keys(dev.keys).join(", ")}.`,
      exitCodes.usage,
    );
  }
  return { key, keyFrom: dev.path, name };
}

function whoHelp(dev: DevFile | null): string {
  const people = Object.keys(dev?.keys ?? {}).filter((name) => name.startsWith("person:"));
  const first = "A decision is a person's: say whose.";
  if (people.length === 0) return `${first} Set HOLDPOINT_KEY to your own key.`;
  return `${first} Set HOLDPOINT_KEY to your own key, or give --as with one of ${people.join(", ")}.`;
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== "";
}
