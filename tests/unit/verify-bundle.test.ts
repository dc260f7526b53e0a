import { describe, test } from "vitest";
import { canonicalJson } from "../../core/canonical.ts";
import { plainObject } from "../../core/plain-json.ts";
import type { Entry } from "../../schemas/evidence.ts";
import { verdictOf, verifyBundle, type Finding, type Trust } from "../../core/evidence/verify.ts";
import { verifyFolder } from "../../core/evidence/verify-folder.ts";
import { tools } from "../../scripts/holdpoint/verify/tools.ts";
import type { Bundle } from "../../schemas/bundle.ts";
import { Dice } from "../support/dice.ts";
import { Tree } from "../support/evidence-bundle.ts";
import { plainScene } from "../support/tampering/alone.ts";
import { tamperings } from "../support/tampering/kinds.ts";
import { forgedBundle, trueBundle, trueFolder, type Parts } from "../support/tampering/scene.ts";

/** Everything that may be wrong with evidence is found, and said in words that name the reason. */

const dice = new Dice(5);
const scene = plainScene(dice);
const one = scene.settled[0]!;
const trust: Trust = { kept: [scene.kept], keys: [] };

const findingsOf = (parts: Parts, by = trust): Finding[] =>
  "bundle" in parts ? verifyBundle(parts.bundle, by, tools) : verifyFolder(parts.folder, by, tools);

/** What is said against it. */
const faultsOf = (findings: readonly Finding[]): string[] =>
  findings.filter(({ status, open }) => status === "failed" || open === true).map(({ says }) => says);

const named = (name: string): Parts => {
  const found = tamperings.find((tampering) => tampering.name === name);
  if (found === undefined) throw new Error(`there is no tampering "${name}"`);
  for (let tries = 0; tries < 100; tries += 1) {
    const parts = found.make(scene, dice);
    if (parts !== null) return parts;
  }
  throw new Error(`"${name}" cannot be done here`);
};

describe("bad evidence", () => {
  test.for([
    ["an entry dropped", /does not hold the hash of the entry before it|one is missing or too many/u],
    [
      "an entry dropped, chained anew",
      /are not those that the log has sealed|the end was cut off|does not say what was asked/u,
    ],
    ["an entry dropped, the log signed anew", /does not go on from your checkpoint/u],
    ["an entry added", /one is missing or too many/u],
    ["two entries swapped", /does not hold the hash of the entry before it/u],
    ["an entry re-timed", /hash of the entry before it|have been sealed|are not those/u],
    ["an entry re-timed, the log signed anew", /does not go on from your checkpoint/u],
    ["a byte of an entry flipped, chained anew", /./u],
    ["a vote turned round, chained anew", /are not those that the log has sealed/u],
    [
      "a vote removed, the log signed anew",
      /without a vote that closes it|does not go on from your checkpoint/u,
    ],
    ["an opened value changed", /The value or the salt given for .* is not what was committed to/u],
    ["a salt changed", /The value or the salt given for .* is not what was committed to/u],
    ["an opened value taken out", /is missing, and the log does not say that it was let go of/u],
    ["a value opened that is not there", /nothing is committed to there/u],
    ["the contract loosened", /This is not the contract that the request was judged by/u],
    ["the contract loosened, its digest made anew", /The first entry is not the one that the log saw first/u],
    ["the policy exchanged", /The policy was changed/u],
    ["the seal altered", /It is not in the log of the checkpoint at this place/u],
    ["a proof altered", /It is not in the log of the checkpoint at this place/u],
    ["the root altered", /is not signed as it should be/u],
    ["a signature altered", /signature/u],
    ["signed with another key", /is not signed by a key of this log/u],
    ["the checkpoint of another workspace", /not one of the workspace default/u],
    ["the log cut at its tail", /Either the evidence is the older of the two.*Or lines were cut off/u],
    ["the log rewound and written on", /does not go on from your checkpoint/u],
    ["a key brought in by a line of its own", /by no key that you know/u],
    ["all entries taken out", /the log does not say that the evidence itself was let go of/u],
    ["a record of an access taken out", /one was changed, dropped or added/u],
    ["a record of an access taken out, the log signed anew", /does not go on from your checkpoint/u],
    ["a bundle taken out", /is over, and its bundle is missing/u],
    ["a bundle put in twice", /There are two bundles of action/u],
    ["a number skipped, the log signed anew", /Line \d+ opens number \d+, and \d+ comes next/u],
    [
      "the seal left out, and the entries behind it changed",
      /leaves out what the log says: the last line that sealed it/u,
    ],
  ] as const)("%s: the reason is named", ([name, reason], { expect }) => {
    const findings = findingsOf(named(name));
    expect(verdictOf(findings)).toBe("failed");
    expect(faultsOf(findings).join("\n")).toMatch(reason);
  });

  test("a contradiction that the log has put down is a failure, whatever else holds", ({ expect }) => {
    const last = JSON.parse(scene.story.lines.at(-1)!) as { at: number };
    const { number, payload, links } = one;
    const about = {
      v: 1,
      workspace: payload.workspace,
      at: last.at,
      kind: "conflict",
      number,
      action: payload.id,
    };
    const known = { knownEvents: links.length, knownHead: links.at(-1)!.hash };
    const line = canonicalJson({ ...about, ...known, events: 2, head: links[0]!.hash });
    const bundle = forgedBundle(scene, one, [...scene.story.lines, line]);
    expect(faultsOf(verifyBundle(bundle, trust, tools))).toEqual([
      `Line ${scene.size} of the log says that this action has contradicted what it had said before.`,
    ]);
    // Left out of the bundle, it is still in the lines of an export.
    const folder = trueFolder(
      {
        ...scene,
        story: { ...scene.story, lines: [...scene.story.lines, line] },
        tree: new Tree([...scene.story.lines, line]),
        size: scene.size + 1,
      },
      one,
    );
    const [first, ...rest] = [...folder.bundles] as { name: string; value: Bundle }[];
    const hidden = { ...first!.value, log: { ...first!.value.log, conflicts: [] } };
    const findings = verifyFolder(
      { ...folder, bundles: [{ ...first!, value: hidden }, ...rest] },
      trust,
      tools,
    );
    expect(faultsOf(findings)).toEqual(["It leaves out what the log says: a contradiction."]);
  });
});

describe("what is not proven is said, and is no failure", () => {
  const notProven = (findings: readonly Finding[]): string =>
    findings
      .filter(({ status }) => status === "not_proven")
      .map(({ says }) => says)
      .join("\n");

  test("an action that is not over is not sealed", ({ expect }) => {
    const bundle = trueBundle(scene, one);
    const findings = verifyBundle({ ...bundle, log: { ...bundle.log, sealed: null } }, trust, tools);
    expect(verdictOf(findings)).toBe("proven");
    expect(notProven(findings)).toMatch(
      /the log speaks for the first entry alone, and for none of the \d+ after it/u,
    );
  });

  test("entries after the seal are not spoken for yet", ({ expect }) => {
    const bundle = trueBundle(scene, one);
    const last = JSON.parse(bundle.entries.at(-1)!.text) as Entry;
    const late = {
      ...last,
      seq: last.seq + 1,
      type: "late_command",
      data: { command: "claim", decision: null },
    };
    const text = canonicalJson(plainObject({ ...late, reason: null, prev: one.links.at(-1)!.hash }));
    const findings = verifyBundle(
      { ...bundle, entries: [...bundle.entries, { text, openings: {} }] },
      trust,
      tools,
    );
    expect(faultsOf(findings)).toEqual([]);
    expect(notProven(findings)).toContain(
      "The last 1 entries are not sealed yet: the log does not speak for them.",
    );
  });

  test("without a checkpoint that was kept, and without keys, both are asked for", ({ expect }) => {
    const findings = verifyBundle(trueBundle(scene, one), { kept: [], keys: [] }, tools);
    expect(verdictOf(findings)).toBe("proven");
    expect(notProven(findings)).toContain("No checkpoint that you have kept was given");
    expect(notProven(findings)).toContain("The keys are those that the evidence brings along");
  });

  test("what no record can show is said with every one", ({ expect }) => {
    const said = verifyBundle(trueBundle(scene, one), trust, tools).filter(
      ({ check }) => check === "outside",
    );
    expect(said).toHaveLength(5);
    const folder = verifyFolder(trueFolder(scene, one), trust, tools).filter(
      ({ check }) => check === "outside",
    );
    expect(folder).toHaveLength(5);
  });

  test("an export of one type says that others may be missing", ({ expect }) => {
    const folder = trueFolder(scene, one);
    const typed = {
      ...folder,
      question: { ...folder.question, type: "db.migrate" },
      bundles: [...folder.bundles].slice(1),
    };
    const findings = verifyFolder(typed, trust, tools);
    expect(verdictOf(findings)).toBe("proven");
    expect(notProven(findings)).toContain("Only actions of the type db.migrate were asked for");
  });
});
