import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire, stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/**
 * The product's own files, as they are or with one check taken out, loaded into this process: a campaign of a million requests has no
 * time for a server. They are copied without their types and otherwise to the letter; only the base classes of Workers are stand-ins.
 */
const root = fileURLToPath(new URL("../../..", import.meta.url));
const standIn = join(root, "tests", "support", "forged", "workers.mjs");

/** A line of the product that a variant has otherwise. Every one of them has to be there, or the variant would be the product. */
export type Change = { readonly file: string; readonly from: string; readonly to: string };

const folders: string[] = [];

/** The copies are a few MB each. Call it when all of them are done with. */
export function forgetVariants(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** What the files export, all together. Each call loads them anew, so that two variants share no state. */
export function variantOf(
  entries: readonly string[],
  changes: readonly Change[] = [],
): Record<string, unknown> {
  const folder = mkdtempSync(join(tmpdir(), "holdpoint-forged-"));
  folders.push(folder);
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const files = reachedFrom(entries);
  for (const change of changes) {
    if (!files.has(change.file)) throw new Error(`${change.file} is not part of ${entries.join(", ")}`);
  }
  for (const file of files) {
    const path = join(folder, loadable(file));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, stripped(file, changes));
  }
  // Not by `import`, which Vitest would take for its own and transform each time.
  const load = createRequire(import.meta.url);
  const loaded = entries.map((entry) => load(join(folder, loadable(entry))) as Record<string, unknown>);
  return Object.assign({}, ...loaded) as Record<string, unknown>;
}

/** What Node takes for a module, wherever it is. */
const loadable = (file: string): string => file.replace(/\.ts$/u, ".mjs");

/** Where a module names another of ours. */
const ours = /(\bfrom\s+"\.[^"]+)\.ts"/gu;

const kept = new Map<string, string>();

function stripped(file: string, changes: readonly Change[]): string {
  const own = changes.filter((one) => one.file === file);
  const known = own.length === 0 ? kept.get(file) : undefined;
  if (known !== undefined) return known;
  let source = readFileSync(join(root, file), "utf8");
  for (const { from, to } of own) {
    if (!source.includes(from)) throw new Error(`${file} has no ${from}`);
    source = source.replaceAll(from, () => to);
  }
  const code = stripTypeScriptTypes(source)
    .replaceAll(ours, '$1.mjs"')
    .replaceAll('"cloudflare:workers"', JSON.stringify(pathToFileURL(standIn).href));
  if (own.length === 0) kept.set(file, code);
  return code;
}

function reachedFrom(entries: readonly string[]): Set<string> {
  const files = new Set(entries);
  // A Set is walked to its end even as it grows.
  for (const file of files) {
    for (const [, name = ""] of stripped(file, []).matchAll(/\bfrom\s+"(\.[^"]+)\.mjs"/gu)) {
      files.add(relative(root, join(root, dirname(file), `${name}.ts`)));
    }
  }
  return files;
}
