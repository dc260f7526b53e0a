import type { Check } from "../../../core/evidence/verify-finding.ts";
import type { Trust } from "../../../core/evidence/verify.ts";
import { vkeyOf } from "../../../core/evidence/note.ts";
import { canonicalJson } from "../../../core/canonical.ts";
import { plainObject } from "../../../core/plain-json.ts";
import type { Bundle } from "../../../schemas/bundle.ts";
import type { Entry } from "../../../schemas/evidence.ts";
import type { JsonObject } from "../../../schemas/json.ts";
import { cast, contractOf, payloadOf } from "../../model/cast.ts";
import { Play } from "../../model/play.ts";
import type { Dice } from "../dice.ts";
import type { Life } from "../evidence.ts";
import { newSigner, sha256 } from "../log-keys.ts";
import {
  forgedBundle,
  forgedLines,
  rechained,
  sceneOf,
  trueBundle,
  trueFolder,
  type Parts,
  type Scene,
} from "./scene.ts";

/** Tamperings that one check alone sees: whoever did it holds the key of the log, and has made everything else to fit. */

/** Asked for, looked at twice, approved, run and reported: an action that everybody has seen. */
export function plainLife(): Life {
  const contract = contractOf({ rollback: { window: "1m" }, onChange: "pin" });
  const play = new Play(
    payloadOf(contract, { context: { diff: "- a" }, preconditions: { version: "41" } }),
  ).request();
  play.vote(cast.alice, "withdraw");
  play.wait(1_000).vote(cast.bob, "approve");
  play.wait(1_000).claim();
  play.wait(1_000).heartbeat();
  play.wait(1_000).report();
  return { payload: play.payload, events: play.events };
}

/** Six of them in one log, nothing let go of. */
export function plainScene(dice: Dice): Scene {
  for (;;) {
    const scene = sceneOf(Array.from({ length: 6 }, plainLife), dice, { rotated: false, erases: 0 });
    if (scene !== null && scene.settled.some(({ cards }) => Object.keys(cards).length > 0)) return scene;
  }
}

/** The bundle of an action whose entries were changed, by whoever can sign the log of them. */
export function forgedEntries(scene: Scene, change: (entry: Entry) => object): Bundle {
  return forgedTexts(scene, (text) =>
    canonicalJson(plainObject(change(JSON.parse(text) as Entry) as JsonObject)),
  );
}

function forgedTexts(scene: Scene, change: (text: string) => string): Bundle {
  const one = scene.settled[0]!;
  const texts = rechained(one.links.map(({ text }) => change(text)));
  const bundle = forgedBundle(scene, one, forgedLines(scene.story, one, texts));
  const entries = texts.map((text, index) => ({ text, openings: bundle.entries[index]?.openings ?? {} }));
  return { ...bundle, entries };
}

/** What a type of entry says, changed. */
const dataOf =
  (type: string, change: (data: JsonObject) => object) =>
  (entry: Entry): object =>
    entry.type === type ? { ...entry, data: change(entry.data) } : entry;

type Made = { readonly parts: Parts; readonly trust?: Trust };
const bundled =
  (change: (scene: Scene, bundle: Bundle) => Bundle) =>
  (dice: Dice): Made => {
    const scene = plainScene(dice);
    return { parts: { bundle: change(scene, trueBundle(scene, scene.settled[0]!)) } };
  };
const forged = (change: (entry: Entry) => object) => bundled((scene) => forgedEntries(scene, change));

export const loneTamperings: Readonly<Record<Exclude<Check, "outside">, (dice: Dice) => Made>> = {
  shape: bundled((_, bundle) => ({ ...bundle, entries: [], contract: null, policy: null, shown: [] })),
  canonical: bundled((scene) => forgedTexts(scene, (text) => text.replace("{", "{ "))),
  chain: forged((entry) => (entry.type === "heartbeat" ? { ...entry, outcome: "executed" } : entry)),
  commitments: bundled((_, bundle) => {
    const [first, ...rest] = bundle.entries;
    const context = { ...first!.openings["/context"]!, value: { diff: "+ b" } };
    return {
      ...bundle,
      entries: [{ ...first!, openings: { ...first!.openings, "/context": context } }, ...rest],
    };
  }),
  contract: bundled((_, bundle) => ({
    ...bundle,
    contract: { ...bundle.contract, description: "harmless" },
  })),
  policy: bundled((_, bundle) => ({
    ...bundle,
    policy: { ...bundle.policy!, document: { ...bundle.policy!.document, description: "harmless" } },
  })),
  digest: forged(
    dataOf("requested", (data) => {
      const digest = `sha256:${"0".repeat(64)}`;
      return { ...data, digest, payload: { ...(data["payload"] as JsonObject), digest } };
    }),
  ),
  cards: (dice) => {
    const scene = plainScene(dice);
    const bundle = trueBundle(
      scene,
      scene.settled.find(({ cards }) => Object.keys(cards).length > 0)!,
    );
    const shown = bundle.shown.map((one) => ({
      ...one,
      card: one.card && { ...one.card, title: "harmless" },
    }));
    return { parts: { bundle: { ...bundle, shown } } };
  },
  transitions: forged(dataOf("requested", (data) => ({ ...data, seats: [] }))),
  quorum: forged((entry) =>
    entry.type === "voted" && entry.data["decision"] === "approve"
      ? { ...entry, data: { ...entry.data, selectors: [] } }
      : entry,
  ),
  separation: forged((entry) =>
    entry.type === "voted" && entry.data["decision"] === "withdraw" ? { ...entry, actor: cast.carol } : entry,
  ),
  clocks: forged(dataOf("heartbeat", (data) => ({ ...data, expiresAt: Number(data["expiresAt"]) + 1 }))),
  execution: forged((entry) =>
    "fence" in entry.data ? { ...entry, data: { ...entry.data, fence: 2 } } : entry,
  ),
  lines: bundled((_, bundle) => {
    const sealed = bundle.log.sealed!;
    return { ...bundle, log: { ...bundle.log, sealed: { ...sealed, index: sealed.index + 1 } } };
  }),
  signatures: bundled((_, bundle) => {
    const { checkpoint } = bundle.log;
    return { ...bundle, log: { ...bundle.log, checkpoint: { ...checkpoint, ssh: [] } } };
  }),
  keys: (dice) => {
    const scene = plainScene(dice);
    const bundle = trueBundle(scene, scene.settled[0]!);
    const known = vkeyOf(scene.story.origin, newSigner(scene.story.origin).publicKey, sha256);
    return { parts: { bundle }, trust: { kept: [], keys: [known] } };
  },
  kept: (dice) => {
    const scene = plainScene(dice);
    const lines = scene.story.lines.map((text, index) =>
      index === 1 || !text.includes('"access"') ? text : text.replace("/v1/actions", "/v1/elsewhere"),
    );
    return {
      parts: { bundle: forgedBundle(scene, scene.settled[0]!, lines) },
      trust: { kept: [scene.kept], keys: [] },
    };
  },
  gaps: (dice) => {
    const scene = plainScene(dice);
    const folder = trueFolder(scene, scene.settled[0]!);
    return { parts: { folder: { ...folder, bundles: [...folder.bundles].slice(1) } } };
  },
};
