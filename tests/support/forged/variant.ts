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
const standIn = pathToFileURL(join(root, "tests", "support", "forged", "workers.mjs")).href;

/** A line of the product that a variant has otherwise. Every one of them has to be there, or the variant would be the product. */
export type Change = { readonly file: string; readonly from: string; readonly to: string };

const folders: string[] = [];

/** The copies are a few MB. Call it when all of them are done with; the next variant makes new ones. */
export function forgetVariants(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  written.clear();
  common = null;
}

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "holdpoint-forged-"));
  folders.push(folder);
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Where all variants have what none of them has otherwise, and the files that are there. */
let common: string | null = null;
const written = new Set<string>();

/**
 * What the files export, all together. What remembers anything between two calls, and what is changed or imports what is, is loaded
 * anew for each variant; the rest is loaded once, or a hundred controls would be a hundred copies of every schema.
 */
export function variantOf(
  entries: readonly string[],
  changes: readonly Change[] = [],
): Record<string, unknown> {
  const files = reachedFrom(entries);
  for (const { file } of changes) {
    if (!files.has(file)) throw new Error(`${file} is not part of ${entries.join(", ")}`);
  }
  const own = ownOf(files, changes);
  const folder = newFolder();
  common ??= newFolder();
  const shared = common;
  const at = (file: string): string => join(own.has(file) ? folder : shared, loadable(file));
  for (const file of files.keys()) {
    if (own.has(file)) {
      put(at(file), pointed(changed(file, changes), file, own, shared));
    } else if (!written.has(file)) {
      written.add(file);
      put(at(file), pointed(sourceOf(file), file, null, shared));
    }
  }
  // Not by `import`, which Vitest would take for its own and transform each time.
  const load = createRequire(import.meta.url);
  const loaded = entries.map((entry): unknown => load(at(entry)));
  return Object.assign({}, ...loaded) as Record<string, unknown>;
}

/** What a variant does not share: the Worker's modules, which remember, and whatever leads to a change. */
function ownOf(files: ReadonlyMap<string, readonly string[]>, changes: readonly Change[]): Set<string> {
  const own = new Set(changes.map(({ file }) => file));
  for (const file of files.keys()) if (/^(?:workers|client)\//u.test(file)) own.add(file);
  for (let before = -1; before !== own.size;) {
    before = own.size;
    for (const [file, imports] of files) if (imports.some((one) => own.has(one))) own.add(file);
  }
  return own;
}

/** What Node takes for a module, wherever it is. */
const loadable = (file: string): string => file.replace(/\.ts$/u, ".mjs");

const bare = new Map<string, string>();

/** A file of the product without its types. */
function sourceOf(file: string): string {
  const known = bare.get(file) ?? stripTypeScriptTypes(readFileSync(join(root, file), "utf8"));
  bare.set(file, known);
  return known;
}

function changed(file: string, changes: readonly Change[]): string {
  const mine = changes.filter((one) => one.file === file);
  if (mine.length === 0) return sourceOf(file);
  let source = readFileSync(join(root, file), "utf8");
  for (const { from, to } of mine) {
    if (!source.includes(from)) throw new Error(`${file} has no ${from}`);
    source = source.replaceAll(from, () => to);
  }
  return stripTypeScriptTypes(source);
}

/** The same with its imports where they are: beside it, or among what all variants share. */
function pointed(source: string, file: string, own: ReadonlySet<string> | null, shared: string): string {
  return source
    .replaceAll(ours, (_whole, start: string, name: string) => {
      const target = targetOf(file, name);
      const isBeside = own === null || own.has(target);
      return isBeside ? `${start}${loadable(name)}"` : `${start}${join(shared, loadable(target))}"`;
    })
    .replaceAll('"cloudflare:workers"', JSON.stringify(standIn));
}

/** Where a module names another of ours. */
const ours = /(\bfrom\s+")(\.[^"]+\.ts)"/gu;
const targetOf = (file: string, name: string): string => relative(root, join(root, dirname(file), name));

/** All files that the entries need, each with those that it imports itself. */
function reachedFrom(entries: readonly string[]): Map<string, readonly string[]> {
  const files = new Map<string, readonly string[]>();
  const waiting = new Set(entries);
  // A Set is walked to its end even as it grows.
  for (const file of waiting) {
    const imports = Array.from(sourceOf(file).matchAll(ours), ([, , name = ""]) => targetOf(file, name));
    files.set(file, imports);
    for (const one of imports) waiting.add(one);
  }
  return files;
}

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
