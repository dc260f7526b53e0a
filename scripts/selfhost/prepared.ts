import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { lockOf, StartError } from "../start/lock.ts";
import { Bundle, bundle } from "../workerd/bundle.ts";
import { Page, parseHeaders, typeOf } from "./page.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
/** Where it is kept: made from the sources, and of no use without what lies beside it. */
const kept = join(root, "node_modules", ".cache", "holdpoint-selfhost");
const engineConfig = join(root, "wrangler.toml");
const frontConfig = join(root, "scripts", "selfhost", "front.toml");
/** What it is made of, under the root. */
const sources = [
  "core",
  "dist",
  "objects",
  "package-lock.json",
  "schemas",
  "scripts/selfhost/front-worker.ts",
  "scripts/selfhost/front.toml",
  "scripts/selfhost/page.ts",
  "scripts/selfhost/prepared.ts",
  "scripts/workerd",
  "workers",
  "wrangler.toml",
];

const Described = v.object({ engine: Bundle, front: Bundle, page: Page });

/** The Workers in one module each, and the page, all in one folder that is put in its place whole. */
export type Prepared = v.InferOutput<typeof Described> & { readonly folder: string };

/** Where, in a prepared folder, the files of the page are. */
export const pageFolder = "page";

/** How many builds are kept: a service that still runs on the one before reads the files of its page from there. */
const keptBuilds = 4;

/**
 * What is to be served, built where the sources are others than at the last time: so a service that is restarted builds nothing and
 * writes nowhere but to its data. One process builds at a time; what has been built never changes.
 * @throws StartError where something is missing, or where it cannot be written.
 */
export async function prepare(onBuild: () => void): Promise<Prepared> {
  if (!existsSync(join(root, "dist", "index.html"))) {
    throw new StartError("The page has not been built yet: run `npm run selfhost -- --prepare` once.");
  }
  const folder = join(kept, hashOfSources());
  const found = read(folder);
  if (found !== null) return { ...found, folder };
  onBuild();
  try {
    return await buildAlone(folder);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartError(
      `What is to be served is not built from these sources, and could not be built now: ${why}\n` +
        "Run `npm run selfhost -- --prepare` as the user who owns this folder, then start again.",
    );
  }
}

async function buildAlone(folder: string): Promise<Prepared> {
  // For whoever serves it later to read, and not only for whoever builds it.
  mkdirSync(kept, { recursive: true, mode: 0o755 });
  let lock = lockOf(kept, "--prepare");
  while (lock === null) {
    await delay(100);
    lock = lockOf(kept, "--prepare");
  }
  const draft = `${folder}.draft`;
  try {
    const meanwhile = read(folder);
    if (meanwhile !== null) return { ...meanwhile, folder };
    rmSync(draft, { recursive: true, force: true });
    await build(draft);
    renameSync(draft, folder);
    removeOld();
  } finally {
    rmSync(draft, { recursive: true, force: true });
    lock.close();
  }
  const built = read(folder);
  if (built === null) throw new Error(`what was built into ${folder} cannot be read back`);
  return { ...built, folder };
}

function removeOld(): void {
  const builds = readdirSync(kept, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const byAge = builds
    .map(({ name }) => ({ path: join(kept, name), at: statSync(join(kept, name)).mtimeMs }))
    .toSorted((one, other) => other.at - one.at);
  for (const { path } of byAge.slice(keptBuilds)) rmSync(path, { recursive: true, force: true });
}

async function build(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const [engine, front] = await Promise.all([
    bundle(engineConfig, join(folder, "engine")),
    bundle(frontConfig, join(folder, "front")),
  ]);
  cpSync(join(root, "dist"), join(folder, pageFolder), { recursive: true });
  const described = { engine, front, page: await describePage() };
  writeFileSync(join(folder, "prepared.json"), JSON.stringify(described));
}

const Routing = v.object({ assets: v.object({ run_worker_first: v.array(v.string()) }) });

/** Which addresses are the engine's, and which headers the page has, is read from where Cloudflare reads it. */
async function describePage(): Promise<Page> {
  const { unstable_readConfig } = await import("wrangler");
  const { assets } = v.parse(Routing, unstable_readConfig({ config: engineConfig }));
  const dist = join(root, "dist");
  const rules = parseHeaders(readFileSync(join(dist, "_headers"), "utf8"));
  const names = filesIn(dist).filter((name) => name !== "_headers");
  const files = names.map((name) => {
    const hash = createHash("sha256")
      .update(readFileSync(join(dist, name)))
      .digest("base64url");
    return [`/${name}`, { type: typeOf(name), etag: `"${hash}"` }];
  });
  return v.parse(Page, { engineFirst: assets.run_worker_first, files: Object.fromEntries(files), rules });
}

function read(folder: string): v.InferOutput<typeof Described> | null {
  try {
    return v.parse(Described, JSON.parse(readFileSync(join(folder, "prepared.json"), "utf8")));
  } catch {
    return null;
  }
}

/** Of names and contents: times of files say little where a folder has been copied or unpacked. */
function hashOfSources(): string {
  const hash = createHash("sha256");
  for (const source of sources) {
    for (const name of filesIn(root, source)) {
      hash
        .update(`${name}\0`)
        .update(readFileSync(join(root, name)))
        .update("\0");
    }
  }
  return hash.digest("hex");
}

/** The files below `folder` or below one place in it, by their paths from there, in one order. */
function filesIn(folder: string, below = ""): string[] {
  if (statSync(join(folder, below)).isFile()) return [below];
  const entries = readdirSync(join(folder, below), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}
