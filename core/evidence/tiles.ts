import { consistencyPath, inclusionPath, nodeHash, rootOf, type RangeRoot, type Sha256 } from "./merkle.ts";

/**
 * The tree of a long log cut into tiles of 256 hashes, by the arithmetic of C2SP tlog-tiles: tile `index` of level 0 holds
 * the leaf hashes from 256 * index on, and a hash of level n + 1 is the root over a full tile of level n. A tile that is
 * full never changes again, so a log writes each down once; any root or proof reads two tiles a level at most.
 */

/** Hashes in a full tile: 2^8. */
export const tileWidth = 256;

/** The hashes of a tile that there are by now, in order: all 256, or those so far of the last one of its level. */
export type ReadTile = (level: number, index: number) => readonly Uint8Array[];

/** A tile that has become full. `root` is the hash that stands for it in the level above. */
export type FullTile = {
  readonly level: number;
  readonly index: number;
  readonly hashes: readonly Uint8Array[];
  readonly root: Uint8Array;
};

/** The right edge of the tree: `partial[level]` are the hashes of the tile of that level that is not full yet. */
export type Frontier = { readonly size: number; readonly partial: readonly (readonly Uint8Array[])[] };

export const emptyFrontier: Frontier = { size: 0, partial: [] };

/** How many hashes tiles of a level hold in a log of `size` leaves, and so how many of them are in its last, partial tile. */
export function hashesOfLevel(
  level: number,
  size: number,
): { readonly all: number; readonly partial: number } {
  const all = Math.floor(size / tileWidth ** level);
  return { all, partial: all % tileWidth };
}

/** The edge of a log of `size` leaves, out of what is stored: one read a level. */
export function frontierOf(size: number, read: ReadTile): Frontier {
  const partial: (readonly Uint8Array[])[] = [];
  for (let level = 0; tileWidth ** level <= size; level += 1) {
    const here = hashesOfLevel(level, size);
    const hashes = here.partial === 0 ? [] : read(level, Math.floor(here.all / tileWidth));
    if (hashes.length < here.partial) {
      throw new RangeError(
        `level ${level} of a log of ${size} has ${hashes.length} of ${here.partial} hashes`,
      );
    }
    partial.push(hashes.slice(0, here.partial));
  }
  return { size, partial };
}

/** Adds leaf hashes on the right. `full`: the tiles that this made full, lowest level first, each to be kept for good. */
export function append(
  { size, partial }: Frontier,
  leaves: readonly Uint8Array[],
  sha256: Sha256,
): { frontier: Frontier; full: FullTile[] } {
  const grown: (readonly Uint8Array[])[] = [];
  const full: FullTile[] = [];
  let added = leaves;
  for (let level = 0; level < partial.length || added.length > 0; level += 1) {
    const hashes = [...(partial[level] ?? []), ...added];
    const whole = Math.floor(hashes.length / tileWidth);
    const first = Math.floor(hashesOfLevel(level, size).all / tileWidth);
    const tiles = Array.from({ length: whole }, (_, nth) => {
      const own = hashes.slice(nth * tileWidth, (nth + 1) * tileWidth);
      return { level, index: first + nth, hashes: own, root: rootOf(own, sha256) };
    });
    full.push(...tiles);
    grown.push(hashes.slice(whole * tileWidth));
    added = tiles.map(({ root }) => root);
  }
  return { frontier: { size: size + leaves.length, partial: grown }, full };
}

/** The root of the whole log, out of its edge alone. */
export function rootAt({ partial }: Frontier, sha256: Sha256): Uint8Array {
  // What is left over on a level stands as one more, last hash on the level above: it is where the tree splits last.
  const rest = partial.reduce<readonly Uint8Array[]>((below, hashes) => {
    const all = [...hashes, ...below];
    return all.length === 0 ? [] : [rootOf(all, sha256)];
  }, []);
  return rest[0] ?? rootOf([], sha256);
}

/** The root that the log had when it had `size` leaves. */
export function tileRoot(size: number, read: ReadTile, sha256: Sha256): Uint8Array {
  return size === 0 ? rootOf([], sha256) : rangeRootOf(read, sha256)(0, size);
}

/** The proof of the leaf `index` in the log of `size` leaves (see `inclusionPath`), which may be smaller than it is by now. */
export function tileInclusion(index: number, size: number, read: ReadTile, sha256: Sha256): Uint8Array[] {
  return inclusionPath(index, size, rangeRootOf(read, sha256));
}

/** See `consistencyPath`. */
export function tileConsistency(from: number, to: number, read: ReadTile, sha256: Sha256): Uint8Array[] {
  return consistencyPath(from, to, rangeRootOf(read, sha256));
}

/** Roots over ranges that a split of the tree leads to: whole subtrees, or the right edge, which is made of whole ones. */
function rangeRootOf(read: ReadTile, sha256: Sha256): RangeRoot {
  const seen = new Map<string, readonly Uint8Array[]>();
  const tile: ReadTile = (level, index) => {
    const key = `${level}/${index}`;
    const hashes = seen.get(key) ?? read(level, index);
    seen.set(key, hashes);
    return hashes;
  };
  const root: RangeRoot = (start, end) => {
    const width = wholeWidth(start, end);
    if (start + width === end) return subtree(start, width, tile, sha256);
    return nodeHash(subtree(start, width, tile, sha256), root(start + width, end), sha256);
  };
  return root;
}

/** The first whole subtree of a range: all of it where its length is a power of two, else what its split leaves on the left. */
function wholeWidth(start: number, end: number): number {
  let width = 1;
  while (width * 2 <= end - start) width *= 2;
  return width;
}

/** The root over `width` leaves, a power of two, from `start` on, a multiple of it: a run of hashes within one tile. */
function subtree(start: number, width: number, tile: ReadTile, sha256: Sha256): Uint8Array {
  let [level, span] = [0, 1];
  while (span * tileWidth <= width) [level, span] = [level + 1, span * tileWidth];
  const first = start / span;
  const count = width / span;
  const hashes = tile(level, Math.floor(first / tileWidth)).slice(
    first % tileWidth,
    (first % tileWidth) + count,
  );
  if (hashes.length < count) {
    throw new RangeError(
      `tile ${level}/${Math.floor(first / tileWidth)} lacks hashes for the leaves from ${start} on`,
    );
  }
  return rootOf(hashes, sha256);
}
