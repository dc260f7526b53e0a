import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { encodeBase64 } from "../../core/base64.ts";
import { leafHash, verifyConsistency, verifyInclusion } from "../../core/evidence/merkle.ts";
import { tileConsistency, tileInclusion, tileRoot } from "../../core/evidence/tiles.ts";
import { missingTools } from "../support/audit.ts";
import { sha256 } from "../support/log-keys.ts";
import { Rows } from "../support/tile-rows.ts";

const seed = Number(process.env["HOLDPOINT_SEED"] ?? Date.now() % 2 ** 31);
const runs = 2000;
const size = 5000;
const cache = mkdtempSync(join(tmpdir(), "holdpoint-tlog-"));
afterAll(() => rmSync(cache, { recursive: true, force: true }));

const leaves = Array.from({ length: size }, (_, index) => leafHash(`line ${index}`, sha256));
const { read } = new Rows(leaves, 1000);

/** What is done to a proof before both are asked: nothing, most of the time. */
const change = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ kind: "none", nth: 0 } as const) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("flip", "drop", "double", "swap"), nth: fc.nat() }),
  },
);
type Change = { readonly kind: "none" | "flip" | "drop" | "double" | "swap"; readonly nth: number };

function changed(proof: readonly Uint8Array[], { kind, nth }: Change): Uint8Array[] {
  const at = proof.length === 0 ? 0 : nth % proof.length;
  const hash = proof[at];
  if (hash === undefined) return kind === "double" ? [sha256(new Uint8Array())] : [];
  const flipped = Uint8Array.from(hash, (byte, index) => (index === nth % 32 ? byte ^ 1 : byte));
  if (kind === "flip") return proof.with(at, flipped);
  if (kind === "drop") return proof.toSpliced(at, 1);
  if (kind === "double") return proof.toSpliced(at, 0, hash);
  if (kind === "swap") return [...proof.slice(at), ...proof.slice(0, at)];
  return [...proof];
}

const cases = fc
  .record({
    of: fc.integer({ min: 1, max: size }),
    leaf: fc.nat(),
    before: fc.nat(),
    // Now and then a leaf or an old root that is not the one the proof is for.
    otherLeaf: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 3 })),
    otherFrom: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 3 })),
    record: change,
    growth: change,
  })
  .map(({ of, leaf, before, otherLeaf, otherFrom, record, growth }) => {
    const index = leaf % of;
    const from = (before % of) + 1;
    return {
      size: of,
      index,
      from,
      leaf: leaves[(index + otherLeaf) % size]!,
      root: tileRoot(of, read, sha256),
      old: tileRoot(((from - 1 + otherFrom) % of) + 1, read, sha256),
      ownRecord: tileInclusion(index, of, read, sha256),
      ownGrowth: tileConsistency(from, of, read, sha256),
      record: changed(tileInclusion(index, of, read, sha256), record),
      growth: changed(tileConsistency(from, of, read, sha256), growth),
    };
  });

type Answer = {
  root: string;
  old: string;
  record: string[] | null;
  growth: string[] | null;
  recordAccepted: boolean;
  growthAccepted: boolean;
};

/** One run of the Go program for all questions. */
function askGo(questions: readonly unknown[]): Answer[] {
  const program = join(import.meta.dirname, "../support/tlog.go");
  const { stdout, stderr, status } = spawnSync("go", ["run", program], {
    input: [size, ...questions].map((question) => JSON.stringify(question)).join("\n"),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    env: {
      ...process.env,
      GO111MODULE: "off",
      GOPATH: "/usr/share/gocode",
      GOFLAGS: "",
      GOCACHE: cache,
      CGO_ENABLED: "0",
    },
  });
  if (status !== 0) throw new Error(stderr);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe.skipIf(missingTools(["go"]).length > 0)("Go's tlog", () => {
  test(`makes the proofs that we make and judges any proof as we do (seed ${seed})`, () => {
    const drawn = fc.sample(cases, { numRuns: runs, seed });
    const told = askGo(
      drawn.map(({ size: of, index, from, leaf, root, old, record, growth }) => ({
        size: of,
        index,
        from,
        leaf: encodeBase64(leaf),
        root: encodeBase64(root),
        old: encodeBase64(old),
        record: record.map(encodeBase64),
        growth: growth.map(encodeBase64),
      })),
    );
    expect(told).toHaveLength(runs);
    const judged = { record: { accepted: 0, refused: 0 }, growth: { accepted: 0, refused: 0 } };
    for (const [nth, go] of told.entries()) {
      const one = drawn[nth]!;
      expect(encodeBase64(one.root)).toBe(go.root);
      expect(encodeBase64(tileRoot(one.from, read, sha256))).toBe(go.old);
      expect(one.ownRecord.map(encodeBase64)).toEqual(go.record ?? []);
      expect(one.ownGrowth.map(encodeBase64)).toEqual(go.growth ?? []);
      const record = verifyInclusion(one.index, one.size, one.leaf, one.record, one.root, sha256);
      const growth = verifyConsistency(one.from, one.size, one.old, one.root, one.growth, sha256);
      expect({ nth, record, growth }).toEqual({ nth, record: go.recordAccepted, growth: go.growthAccepted });
      judged.record[record ? "accepted" : "refused"] += 1;
      judged.growth[growth ? "accepted" : "refused"] += 1;
    }
    console.info(`Go's tlog and ours: seed ${seed}, ${runs} questions, ${JSON.stringify(judged)}`);
    // Were all proofs good, or all bad, the agreement would say little.
    for (const { accepted, refused } of Object.values(judged)) {
      expect(Math.min(accepted, refused)).toBeGreaterThan(runs / 10);
    }
  });
});
