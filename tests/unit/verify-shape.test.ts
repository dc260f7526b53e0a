import * as fc from "fast-check";
import { describe, test } from "vitest";
import { verdictOf, verifyBundle } from "../../core/evidence/verify.ts";
import { verifyFolder } from "../../core/evidence/verify-folder.ts";
import { tools } from "../../scripts/holdpoint/verify/tools.ts";
import { Dice } from "../support/dice.ts";
import { plainScene } from "../support/tampering/alone.ts";
import { trueBundle, trueFolder } from "../support/tampering/scene.ts";

/** A verifier reads what its adversary wrote: whatever that is, it answers, and never with a yes. */

const scene = plainScene(new Dice(3));
const bundle = trueBundle(scene, scene.settled[0]!);
const trust = { kept: [scene.kept], keys: [] };

type Place = readonly (string | number)[];
function placesIn(value: unknown, at: Place = []): Place[] {
  if (typeof value !== "object" || value === null) return [at];
  return [at, ...Object.entries(value).flatMap(([key, item]) => placesIn(item, [...at, key]))];
}

function put(value: unknown, [key, ...rest]: Place, garbage: unknown): unknown {
  if (key === undefined) return garbage;
  if (Array.isArray(value)) {
    return value.map((item, index) => (String(index) === key ? put(item, rest, garbage) : item));
  }
  const object = value as Record<string, unknown>;
  return { ...object, [key]: put(object[key], rest, garbage) };
}

const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level += 1) value = [value];
  return value;
};

/** Nobody signs these, or they may be missing, which is said and is no failure. */
const unsaid =
  /^(?:exportedAt|log\.checkpoint\.at|log\.keys\.\d+\.(?:since|until)|erased.*|shown|shown\.\d+\.card|policy|policy\.document|log\.sealed)$/u;

const plain = (value: unknown): string => JSON.stringify(value).replaceAll("[]", "{}");

describe("whatever is handed in", () => {
  test("garbage in any place is found, and nothing throws", ({ expect }) => {
    const places = placesIn(bundle).filter((place) => !unsaid.test(place.join(".")));
    const garbage = fc.oneof(
      fc.constantFrom<unknown>(
        null,
        -1,
        1e300,
        0.5,
        "",
        "\ud800",
        "\u202e",
        [],
        {},
        true,
        deep(500),
        "x".repeat(5_000),
      ),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(fc.constantFrom(...places), garbage, (place, value) => {
        const changed = put(bundle, place, value);
        // A list of none says as much as an object of none.
        if (plain(changed) === plain(bundle)) return;
        const findings = verifyBundle(changed, trust, tools);
        expect(verdictOf(findings), `${place.join(".")} = ${JSON.stringify(value)?.slice(0, 80)}`).toBe(
          "failed",
        );
      }),
      { numRuns: 1_500 },
    );
  });

  test.for([
    ["nothing", undefined],
    ["null", null],
    ["a text", "holdpoint-evidence/1"],
    ["a number that is none", Number.NaN],
    ["an empty object", {}],
    ["a list a million deep", deep(1_000_000)],
    [
      "a deep value in an opening",
      put(bundle, ["entries", "0", "openings", "/args", "value"], deep(100_000)),
    ],
    ["a reserved name", JSON.parse('{"__proto__": {"format": "holdpoint-evidence/1"}}')],
    ["two million values", Array.from({ length: 2_000_000 }, () => 0)],
    [
      "an entry that is a bomb",
      put(bundle, ["entries", "0", "text"], "[".repeat(200_000) + "]".repeat(200_000)),
    ],
    ["a note without an end", put(bundle, ["log", "checkpoint", "note"], "\n".repeat(2_000_000))],
    [
      "a proof without an end",
      put(
        bundle,
        ["log", "opened", "proof"],
        Array.from({ length: 100_000 }, () => ""),
      ),
    ],
    ["a place past all numbers", put(bundle, ["log", "opened", "index"], 2 ** 53)],
  ] as const)("%s is no evidence", ([, value], { expect }) => {
    expect(verdictOf(verifyBundle(value, trust, tools))).toBe("failed");
  });

  test("a log of garbage is no log, and is said once or twice and not for each line", ({ expect }) => {
    const folder = trueFolder(scene, scene.settled[0]!);
    const lines = Array.from({ length: 10_000 }, (_, index) => `{"line": ${index}}`);
    const findings = verifyFolder({ ...folder, lines }, trust, tools);
    expect(verdictOf(findings)).toBe("failed");
    expect(findings.length).toBeLessThan(200);
  });

  test.for(["", "x", "\n\n", "origin\n1\nAA==\n\n\u2014 a b\n"])(
    "a checkpoint %j is none",
    (checkpoint, { expect }) => {
      const folder = trueFolder(scene, scene.settled[0]!);
      expect(verdictOf(verifyFolder({ ...folder, checkpoint }, trust, tools))).toBe("failed");
      const kept = { kept: [{ name: "mine", note: checkpoint }], keys: [] };
      expect(verdictOf(verifyBundle(bundle, kept, tools))).toBe("failed");
      expect(verdictOf(verifyFolder(folder, kept, tools))).toBe("failed");
    },
  );

  test.for(["", "a+b+c", "holdpoint.example/default+00000000+AQ=="])(
    "a key %j is none",
    (key, { expect }) => {
      expect(verdictOf(verifyBundle(bundle, { kept: [], keys: [key] }, tools))).toBe("failed");
    },
  );
});
