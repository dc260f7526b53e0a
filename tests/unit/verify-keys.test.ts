import { describe, test } from "vitest";
import { vkeyOf, type Signer } from "../../core/evidence/note.ts";
import { verdictOf, verifyBundle, type Finding, type Trust } from "../../core/evidence/verify.ts";
import { tools } from "../../scripts/holdpoint/verify/tools.ts";
import { Dice } from "../support/dice.ts";
import { storyOf } from "../support/evidence.ts";
import { bundleIn, checkpointAt, Tree } from "../support/evidence-bundle.ts";
import { newSigner, sha256 } from "../support/log-keys.ts";
import { plainLife } from "../support/tampering/alone.ts";

/** Whose signature counts: keys that the reader brings, those that signed what was kept, and whom these speak for. */

const story = storyOf(Array.from({ length: 6 }, plainLife), new Dice(9), { rotated: true, erases: 0 });
const tree = new Tree(story.lines);
const [former, newer] = story.signers as [Signer, Signer];
const size = story.lines.length;
const keyLine = story.lines.findIndex((line) => line.includes('"kind":"key"'));
const one = story.told[0]!;

const vkey = ({ publicKey }: Signer): string => vkeyOf(story.origin, publicKey, sha256);
const bundleBy = (signers: readonly Signer[], since: number | null): unknown =>
  bundleIn(story, tree, one, checkpointAt(story, tree, size, signers), since);
const keptAt = (at: number, ...signers: Signer[]): Trust["kept"][number] => ({
  name: `kept-${at}`,
  note: checkpointAt(story, tree, at, signers).note,
});
const said = (bundle: unknown, trust: Trust): { verdict: string; says: string } => {
  const findings: Finding[] = verifyBundle(bundle, trust, tools);
  return {
    verdict: verdictOf(findings),
    says: findings
      .filter(({ check }) => check === "keys" || check === "kept" || check === "signatures")
      .map(({ says }) => says)
      .join("\n"),
  };
};

describe("a log that has changed its key", () => {
  test("is known by the old key while both sign", ({ expect }) => {
    expect(said(bundleBy([former, newer], null), { kept: [], keys: [vkey(former)] })).toMatchObject({
      verdict: "proven",
    });
  });

  test("is known by the new key alone", ({ expect }) => {
    expect(said(bundleBy([newer], null), { kept: [], keys: [vkey(newer)] })).toMatchObject({
      verdict: "proven",
    });
  });

  test("is not known by the old key once only the new one signs: its line could be anybody's", ({
    expect,
  }) => {
    const { verdict, says } = said(bundleBy([newer], null), { kept: [], keys: [vkey(former)] });
    expect(verdict).toBe("failed");
    expect(says).toContain("give --key with the new one");
  });

  test("is known by the old key through a checkpoint that both have signed, or that covers the line", ({
    expect,
  }) => {
    const since = keyLine + 1;
    for (const kept of [keptAt(since, former, newer), keptAt(since, former)]) {
      expect(said(bundleBy([newer], since), { kept: [kept], keys: [vkey(former)] })).toMatchObject({
        verdict: "proven",
      });
      expect(said(bundleBy([newer], since), { kept: [kept], keys: [] })).toMatchObject({ verdict: "proven" });
    }
    const before = keptAt(keyLine, former);
    expect(said(bundleBy([newer], keyLine), { kept: [before], keys: [] })).toMatchObject({
      verdict: "failed",
    });
  });

  test("names the line that brought the key in, at its time", ({ expect }) => {
    const bundle = bundleIn(story, tree, one, checkpointAt(story, tree, size), null);
    const [first, second] = bundle.log.keys;
    for (const keys of [
      [first!, { ...second!, since: second!.since + 1 }],
      [{ ...first!, until: null }, second!],
      [first!],
    ]) {
      expect(said({ ...bundle, log: { ...bundle.log, keys } }, { kept: [], keys: [] })).toMatchObject({
        verdict: "failed",
      });
    }
  });
});

describe("a checkpoint that was kept", () => {
  test("of the same size has the same root", ({ expect }) => {
    expect(said(bundleBy([former, newer], null), { kept: [keptAt(size, former)], keys: [] })).toMatchObject({
      verdict: "proven",
    });
    const other = new Tree(story.lines.with(size - 1, story.lines[0]!));
    const forked = { name: "mine", note: checkpointAt(story, other, size, [former]).note };
    const { verdict, says } = said(bundleBy([former, newer], null), { kept: [forked], keys: [] });
    expect(verdict).toBe("failed");
    expect(says).toContain("does not go on from your checkpoint");
  });

  test("that is larger is not proven, and what to do is said", ({ expect }) => {
    const smaller = bundleIn(story, tree, one, checkpointAt(story, tree, size - 1), null);
    const { verdict, says } = said(smaller, { kept: [keptAt(size, former)], keys: [] });
    expect(verdict).toBe("failed");
    expect(says).toContain("get it anew and check that");
  });

  test("without a proof from it is not proven, and what to do is said", ({ expect }) => {
    const { verdict, says } = said(bundleBy([former, newer], null), { kept: [keptAt(10, former)], keys: [] });
    expect(verdict).toBe("failed");
    expect(says).toContain("?since=10");
  });

  test("of nobody, or of another log, is said to be so", ({ expect }) => {
    const stranger = newSigner(story.origin);
    const nobody = said(bundleBy([former, newer], 10), { kept: [keptAt(10, stranger)], keys: [] });
    expect(nobody).toMatchObject({ verdict: "failed" });
    expect(nobody.says).toContain("is not signed by a key of this log");
    const other = storyOf([plainLife()], new Dice(1), { workspace: "elsewhere", rotated: false });
    const otherTree = new Tree(other.lines);
    const note = checkpointAt(other, otherTree, 2).note;
    const keys = [vkeyOf(other.origin, other.signers[0]!.publicKey, sha256), vkey(former)];
    const { says } = said(bundleBy([former, newer], 2), { kept: [{ name: "theirs", note }], keys });
    expect(says).toContain(
      "Your checkpoint is of the log holdpoint.example/elsewhere, and this is holdpoint.example/default.",
    );
  });

  test("every one that is given is held against the log", ({ expect }) => {
    const two = [keptAt(10, former), keptAt(size, former, newer)];
    const { verdict, says } = said(bundleBy([former, newer], 10), { kept: two, keys: [] });
    expect(verdict).toBe("proven");
    expect(says.match(/Nothing in the first/gu)).toHaveLength(2);
  });
});
