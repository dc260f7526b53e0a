import { concatBytes, sameBytes } from "../bytes.ts";

/**
 * The tree of a log, as RFC 9162 §2.1 has it: a leaf is SHA-256(0x00 || text), a node SHA-256(0x01 || left || right), and
 * the left side of a node is always the largest whole power of two. Sizes and indexes count leaves and go to 2^53, which is
 * why nothing here shifts bits: JavaScript's shifts end at 32.
 */

/** SHA-256, synchronous; passed in, because `core/` has no cryptography of its own. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

export const hashBytes = 32;

/** @param text the UTF-8 text of a line of the log. */
export function leafHash(text: string, sha256: Sha256): Uint8Array {
  return leafHashOf(new TextEncoder().encode(text), sha256);
}

export function leafHashOf(bytes: Uint8Array, sha256: Sha256): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(0), bytes));
}

export function nodeHash(left: Uint8Array, right: Uint8Array, sha256: Sha256): Uint8Array {
  return sha256(concatBytes(Uint8Array.of(1), left, right));
}

/** The largest power of two below `size`, which is at least 2. */
export function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** The root over leaf hashes; over none it is the hash of nothing. */
export function rootOf(hashes: readonly Uint8Array[], sha256: Sha256): Uint8Array {
  const [first] = hashes;
  if (first === undefined) return sha256(new Uint8Array());
  if (hashes.length === 1) return first;
  const split = splitOf(hashes.length);
  return nodeHash(rootOf(hashes.slice(0, split), sha256), rootOf(hashes.slice(split), sha256), sha256);
}

/** The root over the leaves from `start` up to, without, `end`. */
export type RangeRoot = (start: number, end: number) => Uint8Array;

/**
 * RFC 9162 §2.1.3.1, in a tree of `size` leaves, hashes from the leaf up.
 * @throws RangeError where there is no such leaf.
 */
export function inclusionPath(index: number, size: number, root: RangeRoot): Uint8Array[] {
  if (!isSize(size) || !isSize(index) || index >= size) {
    throw new RangeError(`there is no leaf ${index} in a log of ${size}`);
  }
  const path: Uint8Array[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    const left = index < middle;
    path.push(left ? root(middle, end) : root(start, middle));
    [start, end] = left ? [start, middle] : [middle, end];
  }
  return path.toReversed();
}

/**
 * RFC 9162 §2.1.4.1: that the first `from` of `to` leaves are those they were. Empty from nothing, and from all of them.
 * @throws RangeError where `from` is more than `to`.
 */
export function consistencyPath(from: number, to: number, root: RangeRoot): Uint8Array[] {
  if (!isSize(from) || !isSize(to) || from > to) {
    throw new RangeError(`a log of ${to} does not go on from one of ${from}`);
  }
  if (from === 0) return [];
  const path: Uint8Array[] = [];
  let [start, end] = [0, to];
  while (end !== from) {
    const middle = start + splitOf(end - start);
    const left = from <= middle;
    path.push(left ? root(middle, end) : root(start, middle));
    [start, end] = left ? [start, middle] : [middle, end];
  }
  // A whole left side is the old root itself, which the reader has; any other piece of the old tree must be told.
  if (start !== 0) path.push(root(start, end));
  return path.toReversed();
}

/** `inclusionPath` over leaf hashes that are all at hand. */
export function inclusionProof(index: number, hashes: readonly Uint8Array[], sha256: Sha256): Uint8Array[] {
  return inclusionPath(index, hashes.length, (start, end) => rootOf(hashes.slice(start, end), sha256));
}

/** `consistencyPath` over leaf hashes that are all at hand. */
export function consistencyProof(from: number, hashes: readonly Uint8Array[], sha256: Sha256): Uint8Array[] {
  return consistencyPath(from, hashes.length, (start, end) => rootOf(hashes.slice(start, end), sha256));
}

/**
 * RFC 9162 §2.1.3.2: whether the tree of `size` leaves with this root has `leaf`, a leaf's hash, at `index`. False for
 * anything that is no proof; never throws.
 */
export function verifyInclusion(
  index: number,
  size: number,
  leaf: Uint8Array,
  proof: readonly Uint8Array[],
  root: Uint8Array,
  sha256: Sha256,
): boolean {
  if (!isSize(size) || !isSize(index) || index >= size || ![leaf, root, ...proof].every(isHash)) return false;
  let [at, last] = [index, size - 1];
  let hash = leaf;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      hash = nodeHash(sibling, hash, sha256);
      // Where the right edge has no sibling on a level, it moves up unchanged.
      while (!isOdd(at) && at !== 0) [at, last] = [half(at), half(last)];
    } else {
      hash = nodeHash(hash, sibling, sha256);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && sameBytes(hash, root);
}

/**
 * RFC 9162 §2.1.4.2: whether the tree of `to` leaves goes on from that of `from`: the same leaves, and then more. Every
 * tree goes on from the empty one, whose root is the hash of nothing. False for anything that is no proof; never throws.
 */
export function verifyConsistency(
  from: number,
  to: number,
  fromRoot: Uint8Array,
  toRoot: Uint8Array,
  proof: readonly Uint8Array[],
  sha256: Sha256,
): boolean {
  if (!isSize(from) || !isSize(to) || from > to || ![fromRoot, toRoot, ...proof].every(isHash)) return false;
  if (from === to) return proof.length === 0 && sameBytes(fromRoot, toRoot);
  if (from === 0) return proof.length === 0 && sameBytes(fromRoot, sha256(new Uint8Array()));
  const [first, ...rest] = isPowerOfTwo(from) ? [fromRoot, ...proof] : proof;
  if (first === undefined) return false;
  let [at, last] = [from - 1, to - 1];
  while (isOdd(at)) [at, last] = [half(at), half(last)];
  let [old, grown] = [first, first];
  for (const sibling of rest) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      old = nodeHash(sibling, old, sha256);
      grown = nodeHash(sibling, grown, sha256);
      while (!isOdd(at) && at !== 0) [at, last] = [half(at), half(last)];
    } else {
      grown = nodeHash(grown, sibling, sha256);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && sameBytes(old, fromRoot) && sameBytes(grown, toRoot);
}

const isSize = (size: number): boolean => Number.isSafeInteger(size) && size >= 0;
const isHash = (bytes: Uint8Array): boolean => bytes.length === hashBytes;
const isOdd = (index: number): boolean => index % 2 === 1;
const half = (index: number): number => Math.floor(index / 2);

function isPowerOfTwo(size: number): boolean {
  return size === 1 || splitOf(size) * 2 === size;
}
