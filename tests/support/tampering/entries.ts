import type { Entry } from "../../../schemas/evidence.ts";
import type { Dice } from "../dice.ts";
import type { Told } from "../evidence.ts";
import {
  entryIn,
  textOf,
  withTexts,
  textsOf,
  indexes,
  trueBundle,
  rechained,
  forgedLines,
  forgedBundle,
  type Scene,
  type Tampering,
} from "./scene.ts";

/** Entries changed in one way or another. */

/** An edit of entries: the texts, and from which entry each is, so that its openings go with it. */
type Edited = { readonly texts: string[]; readonly from: number[] } | null;
type Edit = (one: Told, dice: Dice) => Edited;

export const changedAt = (one: Told, at: number, change: (entry: Entry) => object): Edited => ({
  texts: textsOf(one).map((text, index) => (index === at ? textOf(change(entryIn(text))) : text)),
  from: indexes(one.links.length),
});

const votesOf = ({ events, sealed }: Told): number[] =>
  events.slice(0, sealed).flatMap(({ type }, index) => (type === "voted" ? [index] : []));

const edits: Readonly<Record<string, Edit>> = {
  "a byte of an entry flipped": (one, dice) => {
    const at = dice.below(one.sealed);
    const text = one.links[at]?.text ?? "";
    const place = dice.below(text.length);
    const other = String.fromCharCode(text.charCodeAt(place) ^ (1 + dice.below(15)));
    const texts = textsOf(one).map((own, index) =>
      index === at ? own.slice(0, place) + other + own.slice(place + 1) : own,
    );
    return { texts, from: indexes(texts.length) };
  },
  "an entry dropped": (one, dice) => {
    const at = dice.below(one.sealed);
    if (one.links.length === 1) return null;
    return { texts: textsOf(one).toSpliced(at, 1), from: indexes(one.links.length).toSpliced(at, 1) };
  },
  // Before the last that is sealed: what comes after the seal nobody speaks for, and that is said.
  "an entry added": (one, dice) => {
    if (one.sealed < 2) return null;
    const at = dice.below(one.sealed - 1);
    const copy = one.links[at]?.text ?? "";
    return {
      texts: textsOf(one).toSpliced(at, 0, copy),
      from: indexes(one.links.length).toSpliced(at, 0, at),
    };
  },
  "two entries swapped": (one, dice) => {
    if (one.sealed < 2) return null;
    const at = dice.below(one.sealed - 1);
    const swap = <Value>(list: Value[]): Value[] =>
      list.toSpliced(at, 2, ...list.slice(at, at + 2).toReversed());
    return { texts: swap(textsOf(one)), from: swap(indexes(one.links.length)) };
  },
  "an entry re-timed": (one, dice) =>
    changedAt(one, dice.below(one.sealed), (entry) => ({
      ...entry,
      at: entry.at + (dice.chance(0.5) ? 1 : -1) * (1 + dice.below(90_000)),
    })),
  "an actor exchanged": (one, dice) =>
    changedAt(one, dice.below(one.sealed), (entry) => ({
      ...entry,
      actor: { ...entry.actor, id: `${entry.actor.id}x` },
    })),
  "a vote turned round": (one, dice) => {
    const votes = votesOf(one);
    if (votes.length === 0) return null;
    return changedAt(one, dice.pick(votes), (entry) => ({
      ...entry,
      data: { ...entry.data, decision: entry.data["decision"] === "approve" ? "deny" : "approve" },
    }));
  },
  "a vote given to another seat": (one, dice) => {
    const votes = votesOf(one);
    if (votes.length === 0) return null;
    return changedAt(one, dice.pick(votes), (entry) => ({
      ...entry,
      data: { ...entry.data, selectors: ["group:elsewhere"] },
    }));
  },
  "a vote removed": (one, dice) => {
    const votes = votesOf(one);
    if (votes.length === 0) return null;
    const at = dice.pick(votes);
    return { texts: textsOf(one).toSpliced(at, 1), from: indexes(one.links.length).toSpliced(at, 1) };
  },
};

/** Each edit as it is, with all that hangs on it made to fit, and with the log forged to it and signed with its true key. */
export const ofEntries: Tampering[] = Object.entries(edits).flatMap(([name, edit]) => {
  const edited = (scene: Scene, dice: Dice): { one: Told; made: NonNullable<Edited> } | null => {
    const one = dice.pick(scene.settled);
    const made = edit(one, dice);
    if (made === null) return null;
    // What is made to fit again may be what it was before: a hash that was changed, or entries that say the same. And what
    // comes after the seal nobody speaks for, which is said and is no failure.
    const texts = rechained(made.texts);
    const same = one.links.slice(0, one.sealed).every(({ text }, index) => text === texts[index]);
    return same ? null : { one, made };
  };
  return [
    {
      name,
      make: (scene: Scene, dice: Dice) => {
        const done = edited(scene, dice);
        return (
          done && {
            bundle: withTexts(trueBundle(scene, done.one), done.made.texts, done.one.links, done.made.from),
          }
        );
      },
    },
    {
      name: `${name}, chained anew`,
      make: (scene: Scene, dice: Dice) => {
        const done = edited(scene, dice);
        return (
          done && {
            bundle: withTexts(
              trueBundle(scene, done.one),
              rechained(done.made.texts),
              done.one.links,
              done.made.from,
            ),
          }
        );
      },
    },
    {
      name: `${name}, the log signed anew`,
      forged: true,
      make: (scene: Scene, dice: Dice) => {
        const done = edited(scene, dice);
        if (done === null) return null;
        const texts = rechained(done.made.texts);
        const bundle = forgedBundle(scene, done.one, forgedLines(scene.story, done.one, texts));
        return { bundle: withTexts(bundle, texts, done.one.links, done.made.from) };
      },
    },
  ] satisfies Tampering[];
});
