import { createHash, type Hash } from "node:crypto";
import { createReadStream, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import * as v from "valibot";

/** What a back-up consists of, to the byte. */
export const manifestName = "manifest.json";

/** What the data folder holds beside the objects that a restored engine needs. Each is for its owner's eyes only. */
export const secretNames = ["seal-key", "setup-token", "dev.json"] as const;

/** There while a restore is under way; an engine does not start on half of its data. */
export const restoringName = "restoring";

/** A path below the folder, and never out of it. */
const Inside = v.pipe(
  v.string(),
  v.check((path) => !path.startsWith("/") && !path.split("/").includes(".."), "is not inside the back-up"),
);

export const Manifest = v.object({
  format: v.literal("holdpoint-backup/1"),
  /** RFC 3339, UTC: of this moment everything is. */
  madeAt: v.pipe(v.string(), v.isoTimestamp()),
  /** Whether the engine ran, and how long it was held still for, in ms. */
  engine: v.picklist(["running", "stopped"]),
  heldMs: v.number(),
  /** Whether the seal key and the other secrets of the data folder are in it. */
  secrets: v.boolean(),
  files: v.array(
    v.object({
      path: Inside,
      bytes: v.number(),
      sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/u)),
    }),
  ),
});
export type Manifest = v.InferOutput<typeof Manifest>;

/** The files below a folder, by their paths from there, in one order; none where there is no folder. */
export function filesBelow(folder: string): string[] {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted();
}

/** SHA-256 of a file and its size. */
export async function measured(path: string): Promise<{ bytes: number; sha256: string }> {
  const hash: Hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path)) {
    const part: unknown = chunk;
    if (!(part instanceof Uint8Array)) throw new Error("a file is read in bytes");
    hash.update(part);
    bytes += part.byteLength;
  }
  return { bytes, sha256: hash.digest("hex") };
}
