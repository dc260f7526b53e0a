import { hash } from "node:crypto";
import { beforeAll, describe, test } from "vitest";
import { verifyFolder } from "../../core/evidence/verify-folder.ts";
import { verdictOf, verifyBundle, type Finding, type Tools, type Trust } from "../../core/evidence/verify.ts";
import { checks } from "../../core/evidence/verify-finding.ts";
import { Dice } from "../support/dice.ts";
import { lifeIn, worldsOf } from "../support/lives.ts";
import { proven } from "../support/proof.ts";
import { loneTamperings } from "../support/tampering/alone.ts";
import { sha512, verifyEd25519 } from "../support/log-keys.ts";
import { tamperings } from "../support/tampering/kinds.ts";
import { sceneOf, trueBundle, trueFolder, type Parts, type Scene } from "../support/tampering/scene.ts";

/** How often evidence is tampered with; HOLDPOINT_TAMPERINGS=100000 for the whole campaign, HOLDPOINT_SEED for another one. */
const wanted = Number(process.env["HOLDPOINT_TAMPERINGS"] ?? 6_000);
const seed = Number(process.env["HOLDPOINT_SEED"] ?? 20_260_101);
const livesPerScene = 6;

/** Most signatures are looked at again and again: each is worked out once. */
function remembering(): Tools {
  const known = new Map<string, boolean>();
  const binary = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
  return {
    sha256: (bytes) => new Uint8Array(hash("sha256", bytes, "buffer")),
    sha512,
    verify: (key, message, signature) => {
      const name = `${binary(key)}${binary(signature)}${binary(message)}`;
      const before = known.get(name);
      if (before !== undefined) return before;
      const good = verifyEd25519(key, message, signature);
      if (known.size > 20_000) known.clear();
      known.set(name, good);
      return good;
    },
  };
}
const tools = remembering();

const findingsOf = (parts: Parts, trust: Trust): Finding[] =>
  "bundle" in parts ? verifyBundle(parts.bundle, trust, tools) : verifyFolder(parts.folder, trust, tools);
const trustIn = ({ kept }: Scene): Trust => ({ kept: [kept], keys: [] });
const nothing: Trust = { kept: [], keys: [] };

function scenesOf(count: number, dice: Dice): Scene[] {
  const scenes: Scene[] = [];
  const worlds = worldsOf(count * livesPerScene * 2, seed);
  for (let at = 0; at + livesPerScene <= worlds.length && scenes.length < count; at += livesPerScene) {
    const scene = sceneOf(
      worlds.slice(at, at + livesPerScene).map((world) => lifeIn(world, dice)),
      dice,
    );
    if (scene !== null) scenes.push(scene);
  }
  return scenes;
}

describe("tampering with evidence", () => {
  const dice = new Dice(seed);
  let scenes: Scene[] = [];
  beforeAll(() => {
    console.log(`seed ${seed} (HOLDPOINT_SEED)`);
    scenes = scenesOf(Math.max(24, Math.ceil(wanted / 800)), dice);
  }, 300_000);

  test("true evidence passes, every bundle and every export", { timeout: 600_000 }, ({ expect }) => {
    let bundles = 0;
    for (const scene of scenes) {
      for (const one of scene.story.told) {
        const findings = verifyBundle(trueBundle(scene, one), trustIn(scene), tools);
        expect(findings.filter(({ status, open }) => status === "failed" || open === true)).toEqual([]);
        bundles += 1;
      }
      const findings = verifyFolder(trueFolder(scene, scene.settled[0]!), trustIn(scene), tools);
      expect(findings.filter(({ status, open }) => status === "failed" || open === true)).toEqual([]);
    }
    console.log(`${bundles} true bundles in ${scenes.length} exports, no alarm`);
  });

  test(
    "T16, T26: none is missed against a checkpoint that was kept",
    { timeout: 3_600_000 },
    ({ expect }) => {
      const counts = new Map(
        tamperings.map(({ name }) => [name, { made: 0, missed: 0, missedWithoutCheckpoint: 0 }]),
      );
      let made = 0;
      for (let at = 0; made < wanted; at += 1) {
        const tampering = tamperings[at % tamperings.length]!;
        const scene = dice.pick(scenes);
        const parts = tampering.make(scene, dice);
        if (parts === null) continue;
        made += 1;
        const count = counts.get(tampering.name)!;
        count.made += 1;
        if (verdictOf(findingsOf(parts, trustIn(scene))) === "proven") count.missed += 1;
        // Only with the key can what was kept make a difference; of the others some are looked at without it.
        if (tampering.forged !== true && dice.chance(0.8)) continue;
        if (verdictOf(findingsOf(parts, nothing)) === "proven") count.missedWithoutCheckpoint += 1;
      }
      console.table(Object.fromEntries(counts));
      const missed = [...counts].filter(([, count]) => count.missed > 0);
      expect(missed, `seed ${seed}`).toEqual([]);
      const unmade = [...counts].filter(([, count]) => count.made < wanted / tamperings.length / 8);
      expect(unmade, "kinds that hardly ever came up").toEqual([]);
      // The control: without a checkpoint whoever has the key writes what they like, and nobody sees a tail that was cut off.
      for (const { name, forged } of tamperings) {
        const { made: all, missedWithoutCheckpoint } = counts.get(name)!;
        if (/tail|access taken out, the log|rewound/u.test(name) && forged === true) {
          expect(missedWithoutCheckpoint, name).toBe(all);
        } else if (forged === true && /re-timed|loosened/u.test(name)) {
          expect(missedWithoutCheckpoint, name).toBeGreaterThan(0);
        } else if (forged !== true && !/key/u.test(name)) {
          expect(missedWithoutCheckpoint, name).toBe(0);
        }
      }
      const notes = `${tamperings.length} kinds of tampering, ${scenes.length} exports`;
      proven({ part: "evidence", trials: made, seed, controls: { found: 1, of: 1 }, notes });
    },
  );
});

describe("a verifier without one of its checks", () => {
  const dice = new Dice(seed);

  test.for(checks.filter((check) => check !== "outside"))(
    "misses something without %s",
    (check, { expect }) => {
      const { parts, trust = nothing } = loneTamperings[check](dice);
      const findings = findingsOf(parts, trust);
      expect(verdictOf(findings)).toBe("failed");
      const others = findings.filter((finding) => finding.check !== check);
      expect(others.filter(({ status, open }) => status === "failed" || open === true)).toEqual([]);
      proven({ part: "evidence", controls: { found: 1, of: 1 } });
    },
  );
});
