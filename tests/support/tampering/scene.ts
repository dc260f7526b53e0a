import { canonicalJson } from "../../../core/canonical.ts";
import type { Folder } from "../../../core/evidence/verify-folder.ts";
import type { Kept } from "../../../core/evidence/verify.ts";
import { plainObject } from "../../../core/plain-json.ts";
import type { Bundle } from "../../../schemas/bundle.ts";
import type { Entry } from "../../../schemas/evidence.ts";
import type { JsonObject } from "../../../schemas/json.ts";
import type { LedgerEntry } from "../../../schemas/ledger.ts";
import type { Dice } from "../dice.ts";
import { bundleIn, checkpointAt, Tree } from "../evidence-bundle.ts";
import { sha256Hex, storyOf, type Life, type Story, type StoryOptions, type Told } from "../evidence.ts";

/**
 * What somebody might do to evidence: with an editor, with everything that needs no key made to fit again, and with the true key
 * of the log in hand. Each takes true evidence and gives it back with one thing changed, or null where there is no such thing.
 */

export type Parts = { readonly bundle: Bundle } | { readonly folder: Folder };

/** True evidence, and the checkpoint that somebody had kept when the log was smaller. */
export type Scene = {
  readonly story: Story;
  readonly tree: Tree;
  readonly size: number;
  readonly since: number;
  readonly kept: Kept;
  /** Actions that were sealed in what was kept, and whose entries are still there. */
  readonly settled: readonly Told[];
};

export type Tampering = {
  readonly name: string;
  /** Whether whoever did it had the log's key, so that only a kept checkpoint can show it. */
  readonly forged?: true;
  readonly make: (scene: Scene, dice: Dice) => Parts | null;
};

/** A scene with at least one action that was over when the checkpoint was kept; null where these lives make none. */
export function sceneOf(lives: readonly Life[], dice: Dice, options: StoryOptions = {}): Scene | null {
  const story = storyOf(lives, dice, options);
  const tree = new Tree(story.lines);
  const size = story.lines.length;
  const since = Math.floor(size / 2) + dice.below(Math.floor(size / 2));
  const settled = story.told.filter(
    (one) =>
      !one.erased.includes("compliance") && linesOf(story, one, "sealed").some((index) => index < since),
  );
  if (settled.length === 0) return null;
  const kept = { name: "kept", note: checkpointAt(story, tree, since, story.signers.slice(0, 1)).note };
  return { story, tree, size, since, kept, settled };
}

const parsed = new Map<string, LedgerEntry>();
export function lineIn(text: string): LedgerEntry {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  if (parsed.size > 50_000) parsed.clear();
  const line = JSON.parse(text) as LedgerEntry;
  parsed.set(text, line);
  return line;
}

export function linesOf(
  { lines }: Pick<Story, "lines">,
  { number }: Pick<Told, "number">,
  kind: LedgerEntry["kind"],
): number[] {
  return lines.flatMap((text, index) => {
    const line = lineIn(text);
    return line.kind === kind && "number" in line && line.number === number ? [index] : [];
  });
}

const trueTexts = new WeakMap<Scene, Map<Told, string>>();

export function trueBundle(scene: Scene, one: Told): Bundle {
  const texts = trueTexts.get(scene) ?? new Map<Told, string>();
  trueTexts.set(scene, texts);
  const { story, tree, size, since } = scene;
  const text =
    texts.get(one) ?? JSON.stringify(bundleIn(story, tree, one, checkpointAt(story, tree, size), since));
  texts.set(one, text);
  return JSON.parse(text) as Bundle;
}

export const copied = (bundle: Bundle): Bundle => JSON.parse(JSON.stringify(bundle)) as Bundle;

/** The export of two actions that follow each other. */
export function trueFolder(scene: Scene, around: Told): Folder {
  const { story, tree, size } = scene;
  const next = story.told[around.number] ?? around;
  const until = story.told[next.number];
  const time = (one: Told | undefined): string | null => {
    const [index] = one === undefined ? [] : linesOf(story, one, "opened");
    return index === undefined ? null : new Date(lineIn(story.lines[index] ?? "").at).toISOString();
  };
  const checkpoint = checkpointAt(story, tree, size);
  return {
    bundles: [...new Set([around, next])].map((one) => ({
      name: `${one.number}.json`,
      value: copied(bundleIn(story, tree, one, checkpoint, null)),
    })),
    lines: story.lines,
    checkpoint: checkpoint.note,
    question: { since: time(around), until: time(until), type: null },
  };
}

export const hashOf = (text: string): string => `sha256:${sha256Hex(text)}`;
export const entryIn = (text: string): Entry => JSON.parse(text) as Entry;
export const textOf = (entry: object): string => canonicalJson(plainObject(entry as JsonObject));

/** Numbers and hashes made to fit again, from an entry on. */
export function rechained(texts: readonly string[]): string[] {
  const made: string[] = [];
  for (const text of texts) {
    const before = made.at(-1);
    let entry: Entry;
    try {
      entry = entryIn(text);
    } catch {
      made.push(text);
      continue;
    }
    const prev = before === undefined ? null : hashOf(before);
    const fits = entry.prev === prev && entry.seq === made.length + 1;
    made.push(fits ? text : textOf({ ...entry, seq: made.length + 1, prev }));
  }
  return made;
}

/** The log as it would be, had these been the entries: every line that names one of them. */
export function forgedLines(story: Pick<Story, "lines">, one: Told, texts: readonly string[]): string[] {
  const lost = one.links.length - texts.length;
  const pointed = (events: number): { events: number; head: string } => {
    const count = Math.max(1, events - lost);
    return { events: count, head: hashOf(texts[count - 1] ?? "") };
  };
  return story.lines.map((text) => {
    const line = lineIn(text);
    if (!("number" in line) || line.number !== one.number) return text;
    if (line.kind === "opened") return textOf({ ...line, first: hashOf(texts[0] ?? "") });
    if (line.kind === "sealed") {
      const point = pointed(line.events);
      return textOf({ ...line, ...point, state: stateIn(texts[point.events - 1] ?? "") ?? line.state });
    }
    return line.kind === "erased" ? textOf({ ...line, ...pointed(line.events) }) : text;
  });
}

function stateIn(text: string): string | null {
  try {
    return entryIn(text).state;
  } catch {
    return null;
  }
}

/** The bundle that whoever holds the key would give out, had these been the lines. */
export function forgedBundle(
  scene: Scene,
  one: Told,
  lines: readonly string[],
  parts: Partial<Told> = {},
): Bundle {
  const story = { ...scene.story, lines };
  const tree = new Tree(lines);
  const since = Math.min(scene.since, lines.length);
  const checkpoint = checkpointAt(story, tree, lines.length);
  const bundle = copied(bundleIn(story, tree, { ...one, ...parts }, checkpoint, since));
  return {
    ...bundle,
    log: { ...bundle.log, consistency: { since: scene.since, proof: tree.consistency(since, lines.length) } },
  };
}

export function withTexts(
  bundle: Bundle,
  texts: readonly string[],
  links: Told["links"],
  kept: readonly number[],
): Bundle {
  const entries = texts.map((text, index) => {
    const openings = bundle.entries[kept[index] ?? links.length]?.openings ?? {};
    return { text, openings };
  });
  return { ...bundle, entries };
}

export const textsOf = ({ links }: Told): string[] => links.map(({ text }) => text);
export const indexes = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
