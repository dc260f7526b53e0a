import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  consistencyPath,
  consistencyProof,
  inclusionPath,
  inclusionProof,
  leafHash,
  leafHashOf,
  nodeHash,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from "../../core/evidence/merkle.ts";
import {
  frontierOf,
  hashesOfLevel,
  rootAt,
  tileConsistency,
  tileInclusion,
  tileRoot,
  tileWidth,
  type ReadTile,
} from "../../core/evidence/tiles.ts";
import { sha256 } from "../support/log-keys.ts";
import { Rows } from "../support/tile-rows.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const bytes = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits, "hex"));

const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 2 ** 31);
console.log(`evidence-merkle: HOLDPOINT_SEED=${seed}`);

/** RFC 9162 §2.1 word for word, over leaf hashes: MTH, PATH, and SUBPROOF. Slow, and nobody's but the RFC's. */
const plain = {
  k: (n: number): number => 2 ** Math.ceil(Math.log2(n) - 1),
  mth: (d: Uint8Array[]): Uint8Array => {
    if (d.length === 0) return sha256(Buffer.alloc(0));
    if (d.length === 1) return d[0]!;
    const k = plain.k(d.length);
    return sha256(Buffer.concat([Buffer.of(1), plain.mth(d.slice(0, k)), plain.mth(d.slice(k))]));
  },
  path: (m: number, d: Uint8Array[]): Uint8Array[] => {
    if (d.length === 1) return [];
    const k = plain.k(d.length);
    return m < k
      ? [...plain.path(m, d.slice(0, k)), plain.mth(d.slice(k))]
      : [...plain.path(m - k, d.slice(k)), plain.mth(d.slice(0, k))];
  },
  proof: (m: number, d: Uint8Array[]): Uint8Array[] => (m === 0 ? [] : plain.subproof(m, d, true)),
  subproof: (m: number, d: Uint8Array[], whole: boolean): Uint8Array[] => {
    if (m === d.length) return whole ? [] : [plain.mth(d)];
    const k = plain.k(d.length);
    return m <= k
      ? [...plain.subproof(m, d.slice(0, k), whole), plain.mth(d.slice(k))]
      : [...plain.subproof(m - k, d.slice(k), false), plain.mth(d.slice(0, k))];
  },
};

const hashesOf = (size: number): Uint8Array[] =>
  Array.from({ length: size }, (_, index) => leafHash(`line ${index}`, sha256));

/** The reference vectors of Certificate Transparency: eight leaves and the root after each. */
const published = {
  leaves: [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
  ],
  roots: [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  ],
  /** Leaf (from 0), size, path: the five of the reference implementation's tests. */
  paths: [
    [0, 1, []],
    [
      0,
      8,
      [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
      ],
    ],
    [
      5,
      8,
      [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      ],
    ],
    [2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]],
    [
      1,
      5,
      [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      ],
    ],
  ] satisfies [number, number, string[]][],
  /** From, to, proof. */
  proofs: [
    [1, 1, []],
    [
      1,
      8,
      [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
      ],
    ],
    [
      6,
      8,
      [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      ],
    ],
    [
      2,
      5,
      [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      ],
    ],
  ] satisfies [number, number, string[]][],
} as const;

describe("the vectors that Certificate Transparency publishes", () => {
  const leaves = published.leaves.map((leaf) => leafHashOf(bytes(leaf), sha256));

  test.each(published.roots.map((root, size) => ({ size, root })))(
    "the root of $size leaves is theirs",
    ({ size, root }) => {
      expect(hex(rootOf(leaves.slice(0, size), sha256))).toBe(root);
    },
  );

  test.each(published.paths)("the path of leaf %i in %i is theirs, and verifies", (index, size, path) => {
    const proof = inclusionProof(index, leaves.slice(0, size), sha256);
    expect(proof.map(hex)).toEqual(path);
    expect(verifyInclusion(index, size, leaves[index]!, proof, bytes(published.roots[size]!), sha256)).toBe(
      true,
    );
  });

  test.each(published.proofs)("the proof from %i to %i is theirs, and verifies", (from, to, told) => {
    const proof = consistencyProof(from, leaves.slice(0, to), sha256);
    expect(proof.map(hex)).toEqual(told);
    const roots = [bytes(published.roots[from]!), bytes(published.roots[to]!)] as const;
    expect(verifyConsistency(from, to, ...roots, proof, sha256)).toBe(true);
  });
});

describe("roots and proofs", () => {
  test("are those of the RFC's own definition for every size from 0 to 600, from memory and from tiles", () => {
    const all = hashesOf(600);
    const rows = new Rows(all, 7);
    for (let size = 0; size <= 600; size += 1) {
      const leaves = all.slice(0, size);
      const root = hex(plain.mth(leaves));
      expect(hex(rootOf(leaves, sha256))).toBe(root);
      expect(hex(tileRoot(size, rows.read, sha256))).toBe(root);
      expect(hex(rootAt(frontierOf(size, rows.read), sha256))).toBe(root);
    }
  });

  test("of every leaf in, and of every size before, each size up to 70 are the RFC's, and verify", () => {
    const all = hashesOf(70);
    const rows = new Rows(all, 1);
    for (let size = 1; size <= all.length; size += 1) {
      const leaves = all.slice(0, size);
      const root = plain.mth(leaves);
      for (let index = 0; index < size; index += 1) {
        const path = plain.path(index, leaves);
        expect(inclusionProof(index, leaves, sha256).map(hex)).toEqual(path.map(hex));
        expect(tileInclusion(index, size, rows.read, sha256).map(hex)).toEqual(path.map(hex));
        expect(verifyInclusion(index, size, all[index]!, path, root, sha256)).toBe(true);
      }
      for (let from = 0; from <= size; from += 1) {
        const proof = plain.proof(from, leaves);
        expect(consistencyProof(from, leaves, sha256).map(hex)).toEqual(proof.map(hex));
        expect(tileConsistency(from, size, rows.read, sha256).map(hex)).toEqual(proof.map(hex));
        const old = plain.mth(all.slice(0, from));
        expect(verifyConsistency(from, size, old, root, proof, sha256)).toBe(true);
      }
    }
  });

  test("at random in a log of 100,000 are the RFC's, and read at most two tiles a level", () => {
    const all = hashesOf(100_000);
    const rows = new Rows(all, 997);
    expect(rows.tiles.size).toBe(390 + 1);
    const levels = 3;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: all.length }), fc.nat(), fc.nat(), (size, one, other) => {
        const [index, from] = [one % size, (other % size) + 1];
        const leaves = all.slice(0, size);
        const root = plain.mth(leaves);
        rows.reads = 0;
        const path = tileInclusion(index, size, rows.read, sha256);
        expect(rows.reads).toBeLessThanOrEqual(2 * levels);
        expect(path.map(hex)).toEqual(plain.path(index, leaves).map(hex));
        expect(verifyInclusion(index, size, all[index]!, path, root, sha256)).toBe(true);
        rows.reads = 0;
        const proof = tileConsistency(from, size, rows.read, sha256);
        expect(rows.reads).toBeLessThanOrEqual(2 * levels);
        expect(proof.map(hex)).toEqual(plain.proof(from, leaves).map(hex));
        expect(verifyConsistency(from, size, plain.mth(all.slice(0, from)), root, proof, sha256)).toBe(true);
        expect(hex(tileRoot(size, rows.read, sha256))).toBe(hex(root));
      }),
      { seed, numRuns: 12 },
    );
  });

  test("come out the same however many lines are added at a time", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1500 }), fc.integer({ min: 1, max: 900 }), (size, batch) => {
        const all = hashesOf(size);
        const rows = new Rows(all, batch);
        expect(hex(rootAt(rows.frontier, sha256))).toBe(hex(rootOf(all, sha256)));
        expect(rows.tiles.size).toBe(hashesOfLevel(1, size).all);
        expect(frontierOf(size, rows.read).partial.flat().map(hex)).toEqual(
          rows.frontier.partial.flat().map(hex),
        );
      }),
      { seed, numRuns: 60 },
    );
  });

  test("fill a tile of the second level with the roots of 256 full ones, once", () => {
    const all = hashesOf(tileWidth ** 2 + 3);
    const rows = new Rows(all, 4096);
    expect(rows.tiles.size).toBe(tileWidth + 1);
    expect(rows.tiles.get("1/0")?.hashes.map(hex)).toEqual(
      Array.from({ length: tileWidth }, (_, nth) => hex(rows.tiles.get(`0/${nth}`)!.root)),
    );
    expect(rows.frontier.partial.map(({ length }) => length)).toEqual([3, 0, 1]);
    expect(hex(rootAt(rows.frontier, sha256))).toBe(hex(plain.mth(all)));
  });

  test("say so where a row of the log is not there, instead of a root over less", () => {
    const rows = new Rows(hashesOf(600), 600);
    rows.tiles.delete("0/1");
    const lost: ReadTile = (level, index) => (level === 0 && index === 1 ? [] : rows.read(level, index));
    expect(() => tileInclusion(300, 600, lost, sha256)).toThrow(/lacks hashes/u);
    expect(() => frontierOf(600, lost)).toThrow(/level 1 of a log of 600 has 1 of 2 hashes/u);
    expect(() => inclusionProof(3, hashesOf(3), sha256)).toThrow("there is no leaf 3 in a log of 3");
    expect(() => tileConsistency(5, 4, rows.read, sha256)).toThrow("does not go on");
  });
});

describe("what is no proof", () => {
  const all = hashesOf(200);
  const flipped = (hash: Uint8Array, bit: number): Uint8Array =>
    hash.map((byte, index) => (index === Math.floor(bit / 8) % 32 ? byte ^ (1 << (bit % 8)) : byte));

  test("of a leaf is refused: any flipped bit, hash too many or too few, other place, other size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: all.length }), fc.nat(), fc.nat(), (size, one, bit) => {
        const index = one % size;
        const leaves = all.slice(0, size);
        const [leaf, root] = [all[index]!, rootOf(leaves, sha256)];
        const proof = inclusionProof(index, leaves, sha256);
        const holds = (
          at: number,
          of: number,
          what: Uint8Array,
          by: Uint8Array[],
          under: Uint8Array,
        ): boolean => verifyInclusion(at, of, what, by, under, sha256);
        expect(holds(index, size, leaf, proof, root)).toBe(true);
        const nth = bit % proof.length;
        const bad = proof.map((hash, at) => (at === nth ? flipped(hash, bit) : hash));
        expect(holds(index, size, leaf, bad, root)).toBe(false);
        expect(holds(index, size, flipped(leaf, bit), proof, root)).toBe(false);
        expect(holds(index, size, leaf, proof, flipped(root, bit))).toBe(false);
        expect(holds(index, size, leaf, proof.slice(1), root)).toBe(false);
        expect(holds(index, size, leaf, [...proof, leaf], root)).toBe(false);
        expect(holds(index, size, leaf, [...proof.slice(1), proof[0]!.subarray(1)], root)).toBe(false);
        expect(holds((index + 1) % size, size, leaf, proof, root)).toBe(false);
        for (const other of [-1, size, 0.5, Number.NaN, 2 ** 53]) {
          expect(holds(other, size, leaf, proof, root)).toBe(false);
        }
        expect(holds(index, Number.POSITIVE_INFINITY, leaf, proof, root)).toBe(false);
      }),
      { seed, numRuns: 300 },
    );
  });

  test("of growth is refused: any flipped bit, hash too many or too few, other sizes, a changed old line", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: all.length }), fc.nat(), fc.nat(), (to, one, bit) => {
        const from = (one % (to - 1)) + 1;
        const leaves = all.slice(0, to);
        const [old, root] = [rootOf(all.slice(0, from), sha256), rootOf(leaves, sha256)];
        const proof = consistencyProof(from, leaves, sha256);
        const holds = (
          first: number,
          then: number,
          a: Uint8Array,
          b: Uint8Array,
          by: Uint8Array[],
        ): boolean => verifyConsistency(first, then, a, b, by, sha256);
        expect(holds(from, to, old, root, proof)).toBe(true);
        const nth = bit % proof.length;
        const bad = proof.map((hash, at) => (at === nth ? flipped(hash, bit) : hash));
        expect(holds(from, to, old, root, bad)).toBe(false);
        expect(holds(from, to, flipped(old, bit), root, proof)).toBe(false);
        expect(holds(from, to, old, flipped(root, bit), proof)).toBe(false);
        expect(holds(from, to, old, root, proof.slice(1))).toBe(false);
        expect(holds(from, to, old, root, [...proof, old])).toBe(false);
        expect(holds(to, from, root, old, proof)).toBe(false);
        expect(holds(from, from, old, root, [])).toBe(false);
        expect(holds(0, to, old, root, [])).toBe(false);
        expect(holds(-1, to, old, root, proof)).toBe(false);
        const changed = leaves.map((leaf, at) => (at === bit % from ? flipped(leaf, bit) : leaf));
        const forged = consistencyProof(from, changed, sha256);
        expect(holds(from, to, old, rootOf(changed, sha256), forged)).toBe(false);
      }),
      { seed, numRuns: 300 },
    );
  });

  test("is one whose hashes are cut elsewhere, though together they are the same bytes", () => {
    const [left, right] = [all[0]!, all[1]!];
    const root = rootOf([left, right], sha256);
    const [short, long] = [left.subarray(0, 31), Uint8Array.of(left[31]!, ...right)];
    // Both make the very bytes that the root is the hash of.
    expect(hex(nodeHash(short, long, sha256))).toBe(hex(root));
    expect(verifyInclusion(0, 2, left, [right], root, sha256)).toBe(true);
    expect(verifyInclusion(0, 2, short, [long], root, sha256)).toBe(false);
    expect(verifyConsistency(1, 2, left, root, [right], sha256)).toBe(true);
    expect(verifyConsistency(1, 2, short, root, [long], sha256)).toBe(false);
    // Nor is a root one that has another length.
    expect(verifyInclusion(0, 1, short, [], short, sha256)).toBe(false);
    expect(verifyConsistency(2, 2, short, short, [], sha256)).toBe(false);
  });

  test("is any of a size that is none", () => {
    const three = all.slice(0, 3);
    const root = rootOf(three, sha256);
    for (const size of [-1, 0.5, 2.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
      expect(verifyInclusion(0, size, all[0]!, [], all[0]!, sha256)).toBe(false);
      expect(verifyInclusion(size, 3, all[0]!, inclusionProof(0, three, sha256), root, sha256)).toBe(false);
      expect(verifyConsistency(size, size, root, root, [], sha256)).toBe(false);
      expect(verifyConsistency(size, 3, root, root, [], sha256)).toBe(false);
      expect(verifyConsistency(0, size, sha256(new Uint8Array()), root, [], sha256)).toBe(false);
      expect(() => inclusionPath(0, size, () => root)).toThrow("there is no leaf");
      expect(() => inclusionPath(size, 3, () => root)).toThrow("there is no leaf");
      expect(() => consistencyPath(size, 3, () => root)).toThrow("does not go on");
      expect(() => consistencyPath(0, size, () => root)).toThrow("does not go on");
    }
  });

  test("is any but the empty one from nothing, and from all to all", () => {
    const nothing = sha256(new Uint8Array());
    const three = all.slice(0, 3);
    const root = rootOf(three, sha256);
    expect([consistencyProof(0, three, sha256), consistencyProof(3, three, sha256)]).toEqual([[], []]);
    expect(verifyConsistency(0, 3, nothing, root, [], sha256)).toBe(true);
    expect(verifyConsistency(0, 0, nothing, nothing, [], sha256)).toBe(true);
    expect(verifyConsistency(3, 3, root, root, [], sha256)).toBe(true);
    for (const proof of [[root], [nothing]]) {
      expect(verifyConsistency(0, 3, nothing, root, proof, sha256)).toBe(false);
      expect(verifyConsistency(3, 3, root, root, proof, sha256)).toBe(false);
    }
    expect(verifyConsistency(0, 3, root, root, [], sha256)).toBe(false);
    // Nor does a smaller tree go on from a greater one of the same root.
    expect(verifyConsistency(2, 1, root, root, [], sha256)).toBe(false);
    expect(verifyConsistency(2, 3, rootOf(three.slice(0, 2), sha256), root, [], sha256)).toBe(false);
    // Neither size is a power of two, so that the proof would have to say the first hash.
    expect(verifyConsistency(3, 5, root, rootOf(all.slice(0, 5), sha256), [], sha256)).toBe(false);
  });

  test("is one that ends below the root of so many lines, or goes on above it", () => {
    const [three, four] = [all.slice(0, 3), all.slice(0, 4)];
    const [small, grown] = [rootOf(three, sha256), rootOf(four, sha256)];
    const path = inclusionProof(0, four, sha256);
    expect(verifyInclusion(0, 4, all[0]!, path, grown, sha256)).toBe(true);
    expect(verifyInclusion(0, 8, all[0]!, path, grown, sha256)).toBe(false);
    const [beside, leaf] = [all[9]!, all[0]!];
    const above = nodeHash(beside, leaf, sha256);
    expect(verifyInclusion(1, 2, leaf, [beside], above, sha256)).toBe(true);
    expect(verifyInclusion(0, 1, leaf, [beside], above, sha256)).toBe(false);

    const proof = consistencyProof(3, four, sha256);
    expect(verifyConsistency(3, 4, small, grown, proof, sha256)).toBe(true);
    expect(verifyConsistency(3, 8, small, grown, proof, sha256)).toBe(false);
    const higher = [small, grown].map((root) => nodeHash(beside, root, sha256));
    expect(verifyConsistency(3, 4, higher[0]!, higher[1]!, [...proof, beside], sha256)).toBe(false);
  });

  test("is what a tree without leaf and node prefixes would let through: the control", () => {
    const bare = (at: Uint8Array): Uint8Array => sha256(at.subarray(1));
    const [a, b] = [leafHash("a", bare), leafHash("b", bare)];
    const node = Buffer.concat([a, b]);
    // Without prefixes the text "<hash a><hash b>" is a leaf with the very root of the tree over a and b.
    expect(hex(leafHashOf(node, bare))).toBe(hex(nodeHash(a, b, bare)));
    expect(hex(leafHashOf(node, sha256))).not.toBe(hex(nodeHash(a, b, sha256)));
  });
});
