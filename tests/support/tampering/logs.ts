import { vkeyOf } from "../../../core/evidence/note.ts";
import { bundleIn, checkpointAt, Tree } from "../evidence-bundle.ts";
import { newSigner, sha256 } from "../log-keys.ts";
import {
  lineIn,
  linesOf,
  copied,
  textOf,
  withTexts,
  indexes,
  trueBundle,
  forgedLines,
  forgedBundle,
  type Tampering,
} from "./scene.ts";
import { loosened } from "./bundles.ts";

/** What only whoever holds the key of the log can do. */
export const ofLogs: Tampering[] = [
  {
    name: "the contract loosened, the log signed anew",
    forged: true,
    make: (scene, dice) => {
      const one = dice.pick(scene.settled);
      const made = loosened(trueBundle(scene, one), one);
      if (made === null) return null;
      const bundle = forgedBundle(scene, one, forgedLines(scene.story, one, made.texts), made.parts);
      return { bundle: withTexts(bundle, made.texts, one.links, indexes(made.texts.length)) };
    },
  },
  {
    name: "the log cut at its tail",
    forged: true,
    make: (scene, dice) => {
      const one = dice.pick(scene.settled);
      const sealed = linesOf(scene.story, one, "sealed").at(-1) ?? 0;
      if (sealed + 1 >= scene.since) return null;
      const size = sealed + 1 + dice.below(scene.since - sealed - 1);
      const cut = scene.story.lines.slice(0, size);
      const erased = one.erased.filter((_, nth) => (linesOf(scene.story, one, "erased")[nth] ?? size) < size);
      const keyed = cut.filter((text) => lineIn(text).kind === "key").length;
      const story = {
        ...scene.story,
        signers: scene.story.signers.slice(0, keyed + 1),
        keyTimes: scene.story.keyTimes,
      };
      return { bundle: forgedBundle({ ...scene, story }, one, cut, { erased }) };
    },
  },
  {
    name: "the log rewound and written on",
    forged: true,
    make: (scene, dice) => {
      const one = dice.pick(scene.settled);
      const sealed = linesOf(scene.story, one, "sealed").at(-1) ?? 0;
      if (sealed + 1 >= scene.since) return null;
      const size = sealed + 1 + dice.below(scene.since - sealed - 1);
      const lines = scene.story.lines.map((text, index) => {
        const line = lineIn(text);
        return index >= size && line.kind === "access"
          ? textOf({ ...line, route: "GET /v1/evidence" })
          : text;
      });
      return lines.slice(0, scene.since).every((text, index) => text === scene.story.lines[index])
        ? null
        : { bundle: forgedBundle(scene, one, lines) };
    },
  },
  {
    name: "a key brought in by a line of its own",
    make: (scene, dice) => {
      const one = dice.pick(scene.settled);
      const { story } = scene;
      const thief = newSigner(story.origin);
      const at = lineIn(story.lines.at(-1) ?? "").at + 1;
      const by = { kind: "engine", id: "engine" };
      const vkey = vkeyOf(story.origin, thief.publicKey, sha256);
      const key = textOf({ v: 1, workspace: story.workspace, at, kind: "key", key: vkey, until: at + 1, by });
      const keyTimes = story.keyTimes.map((time, nth) =>
        nth === story.keyTimes.length - 1 ? { ...time, until: at + 1 } : time,
      );
      const forged = {
        ...story,
        lines: [...story.lines, key],
        signers: [...story.signers, thief],
        keyTimes: [...keyTimes, { since: at, until: null }],
      };
      const tree = new Tree(forged.lines);
      const checkpoint = checkpointAt(forged, tree, forged.lines.length, [thief]);
      return { bundle: copied(bundleIn(forged, tree, one, checkpoint, scene.since)) };
    },
  },
];
