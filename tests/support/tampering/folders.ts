import type { Folder } from "../../../core/evidence/verify-folder.ts";
import type { Bundle } from "../../../schemas/bundle.ts";
import type { Dice } from "../dice.ts";
import { Tree } from "../evidence-bundle.ts";
import type { Told } from "../evidence.ts";
import {
  lineIn,
  textOf,
  withTexts,
  trueFolder,
  rechained,
  type Scene,
  type Tampering,
  linesOf,
} from "./scene.ts";
import { changedAt } from "./entries.ts";
import { inLog } from "./bundles.ts";

/** Exports that lack something, or have a thing changed. */

const inFolder = (
  name: string,
  change: (folder: Folder, dice: Dice, scene: Scene, one: Told) => Folder | null,
  forged?: true,
): Tampering => ({
  name,
  ...(forged === true && { forged }),
  make: (scene, dice) => {
    const one = dice.pick(scene.settled);
    const folder = change(trueFolder(scene, one), dice, scene, one);
    return folder && { folder };
  },
});

/** An access record that the kept checkpoint covers. */
function someAccess({ story, since }: Scene, dice: Dice): number | null {
  const all = story.lines
    .slice(0, since)
    .flatMap((text, index) => (lineIn(text).kind === "access" ? [index] : []));
  return all.length === 0 ? null : dice.pick(all);
}

/** The folder that whoever holds the key would give out, had these been the lines. */
function forgedFolder(scene: Scene, one: Told, lines: readonly string[]): Folder {
  return trueFolder(
    { ...scene, story: { ...scene.story, lines }, tree: new Tree(lines), size: lines.length },
    one,
  );
}

const bundlesOf = ({ bundles }: Folder): { name: string; value: Bundle }[] =>
  [...bundles].map(({ name, value }) => ({ name, value: value as Bundle }));

export const ofFolders: Tampering[] = [
  inFolder("a record of an access taken out", (folder, dice, scene) => {
    const at = someAccess(scene, dice);
    return at === null ? null : { ...folder, lines: scene.story.lines.toSpliced(at, 1) };
  }),
  inFolder(
    "a record of an access taken out, the log signed anew",
    (_, dice, scene, one) => {
      const at = someAccess(scene, dice);
      return at === null ? null : forgedFolder(scene, one, scene.story.lines.toSpliced(at, 1));
    },
    true,
  ),
  inFolder("a line of the log changed", (folder, dice, scene) => {
    const at = someAccess(scene, dice);
    if (at === null) return null;
    const line = lineIn(scene.story.lines[at] ?? "");
    return { ...folder, lines: scene.story.lines.with(at, textOf({ ...line, at: line.at + 1 })) };
  }),
  inFolder("lines of the log added at its end", (folder, _, scene) => ({
    ...folder,
    lines: [...scene.story.lines, scene.story.lines.at(-1) ?? ""],
  })),
  inFolder(
    "the exported log cut at its tail, and signed anew",
    (_, dice, scene, one) => {
      const sealed = Math.max(
        ...scene.story.told.flatMap((each) => [
          ...linesOf(scene.story, each, "sealed"),
          ...linesOf(scene.story, each, "opened"),
          ...linesOf(scene.story, each, "erased"),
        ]),
      );
      const keyed = scene.story.lines.findLastIndex((text) => lineIn(text).kind === "key");
      const from = Math.max(sealed, keyed) + 1;
      if (from >= scene.since) return null;
      return forgedFolder(scene, one, scene.story.lines.slice(0, from + dice.below(scene.since - from)));
    },
    true,
  ),
  inFolder("a bundle taken out", (folder) => ({ ...folder, bundles: bundlesOf(folder).slice(1) })),
  inFolder("a bundle put in twice", (folder) => ({
    ...folder,
    bundles: [...bundlesOf(folder), ...bundlesOf(folder).slice(0, 1)],
  })),
  inFolder("the seal left out, and the entries behind it changed", (folder, dice, _, one) => {
    if (one.links.length < 2) return null;
    const at = 1 + dice.below(one.links.length - 1);
    const made = changedAt(one, at, (entry) => ({ ...entry, at: entry.at + 1 }));
    const [first, ...rest] = bundlesOf(folder);
    if (first === undefined || made === null) return null;
    const bundle = withTexts(first.value, rechained(made.texts), one.links, made.from);
    return { ...folder, bundles: [{ ...first, value: inLog(bundle, { sealed: null }) }, ...rest] };
  }),
  inFolder("an erasure left out, with what it let go of", (folder) => {
    const [first, ...rest] = bundlesOf(folder);
    if (first === undefined || first.value.log.erased.length === 0) return null;
    return {
      ...folder,
      bundles: [{ ...first, value: { ...inLog(first.value, { erased: [] }), erased: [] } }, ...rest],
    };
  }),
  inFolder("a number skipped, the log signed anew", (_, __, scene, one) => {
    const lines = scene.story.lines.map((text) => {
      const line = lineIn(text);
      return "number" in line && line.number >= one.number
        ? textOf({ ...line, number: line.number + 1 })
        : text;
    });
    const told = scene.story.told.map((each) =>
      each.number >= one.number ? { ...each, number: each.number + 1 } : each,
    );
    const moved = { ...one, number: one.number + 1 };
    return forgedFolder({ ...scene, story: { ...scene.story, told } }, moved, lines);
  }),
];
