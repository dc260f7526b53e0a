import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "../../../scripts/workerd/bundle.ts";
import { type Point, withPoints } from "./points.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const entry = join("tests", "support", "crash", "crash-worker.ts");

/** A line of the product that a variant has otherwise. Every one of them has to be there, or the variant would be the product. */
export type Change = { readonly file: string; readonly from: string; readonly to: string };

/** Whoever was killed with the right to send holds it this long. Less, or each such point would take half a minute. */
const sooner: readonly Change[] = [
  { file: "core/outbox.ts", from: "sendLeaseMs = 30 * second", to: "sendLeaseMs = 3 * second" },
  { file: "core/outbox.ts", from: "sendRightMs = 30 * second", to: "sendRightMs = 6 * second" },
  { file: "objects/registry/idempotency.ts", from: "reservedMs = 10_000", to: "reservedMs = 2_000" },
];

/** The mistakes that campaigns have to notice, each as what it makes of the product. */
export const mistakes = {
  /** An object that answers a vote, and writes it a minute later. */
  answersFirst: [
    {
      file: "objects/action/action.ts",
      from: `    if (taken.events.length > 0) this.#append(there, taken, mark, now, epoch);
    const after = this.store.load() ?? there;`,
      to: `    const write = () => taken.events.length > 0 && this.#append(there, taken, mark, now, epoch);
    const early = command.type === "vote";
    if (early) setTimeout(write, 60_000); else write();
    const after = early ? { ...there, stored: { ...stored, state: taken.state } } : (this.store.load() ?? there);`,
    },
  ],
  /** An object that awaits between reading and writing, here until there are two votes, and trusts what it has read. */
  awaitsBetween: [
    {
      file: "objects/action/action.ts",
      from: "  tell({ command, known, key, fingerprint, origin, epoch = null }: Told): Reply {",
      to: `  both = Promise.withResolvers<void>();
  votes = 0;
  async tell({ command, known, key, fingerprint, origin, epoch = null }: Told): Promise<Reply> {`,
    },
    {
      file: "objects/action/action.ts",
      from: "    return this.#commit(current, command, facts, mark, origin, epoch);",
      to: `    if (command.type === "vote" && (this.votes += 1) === 2) this.both.resolve();
    if (command.type === "vote") await this.both.promise;
    return this.#commit(current, command, facts, mark, origin, epoch);`,
    },
    {
      file: "objects/action/rows.ts",
      from: "NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM events)",
      to: "FALSE",
    },
    { file: "objects/action/rows.ts", from: "INSERT INTO events", to: "INSERT OR REPLACE INTO events" },
  ],
} as const satisfies Record<string, readonly Change[]>;

export type Build = {
  /** A configuration of wrangler that serves the build. */
  readonly config: string;
  readonly points: readonly Point[];
};

/**
 * Builds the engine with a crash point before and after every `await` of the objects and the Worker, into `folder`. The product's own
 * files stay as they are: a copy of them is rewritten, and bundled as for a deployment.
 */
export async function buildWithPoints(folder: string, changes: readonly Change[] = []): Promise<Build> {
  const tree = join(folder, "tree");
  cpSync(join(root, "package.json"), join(tree, "package.json"));
  symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
  const all = [...sooner, ...changes];
  for (const file of [...sourcesOf("core"), ...sourcesOf("schemas")]) {
    put(join(tree, file), changed(file, all));
  }
  const points: Point[] = [];
  for (const file of [...sourcesOf("objects"), ...sourcesOf("workers")]) {
    const { code, points: more } = withPoints(file, changed(file, all), points.length);
    points.push(...more);
    put(join(tree, file), code);
  }
  put(join(tree, entry), readFileSync(join(root, entry), "utf8"));
  const own = readFileSync(join(root, "wrangler.toml"), "utf8");
  const toBundle = join(tree, "wrangler.toml");
  put(toBundle, configured(own, entry, ""));
  const { module } = await bundle(toBundle, join(folder, "bundle"));
  const config = join(folder, "wrangler.toml");
  put(config, configured(own, join("bundle", module), "no_bundle = true"));
  return { config, points };
}

/** The product's configuration for another entry point: without the page, with a bucket for copies of evidence, and in less of a hurry. */
function configured(own: string, main: string, more: string): string {
  const text = own
    .replace(/^main = .*$/mu, `main = ${JSON.stringify(main)}\n${more}`)
    .replace(/^\[assets\]\n(?:(?!\[).*\n)*/mu, "")
    .replace("max_batch_timeout = 1\n", "max_batch_timeout = 0\n");
  return `${text}\n[[r2_buckets]]\nbinding = "EVIDENCE"\nbucket_name = "holdpoint-evidence"\n`;
}

function sourcesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name))
    .toSorted();
}

function changed(file: string, changes: readonly Change[]): string {
  let source = readFileSync(join(root, file), "utf8");
  for (const { from, to } of changes.filter((one) => one.file === file)) {
    if (!source.includes(from)) throw new Error(`${file} has no ${from}`);
    source = source.replace(from, () => to);
  }
  return source;
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
