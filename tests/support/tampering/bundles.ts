import { encodeBase64 } from "../../../core/base64.ts";
import { canonicalJson } from "../../../core/canonical.ts";
import { approvalDigest } from "../../../core/digest.ts";
import { vkeyOf } from "../../../core/evidence/note.ts";
import { plainObject } from "../../../core/plain-json.ts";
import { contractVersion } from "../../../core/policy/version.ts";
import type { Bundle } from "../../../schemas/bundle.ts";
import type { Json, JsonObject } from "../../../schemas/json.ts";
import type { Dice } from "../dice.ts";
import { bundleIn, checkpointAt, Tree } from "../evidence-bundle.ts";
import { sha256Hex, storyOf, type Told } from "../evidence.ts";
import { newSigner, sha256 } from "../log-keys.ts";
import {
  hashOf,
  entryIn,
  textOf,
  withTexts,
  textsOf,
  indexes,
  trueBundle,
  rechained,
  type Scene,
  type Tampering,
} from "./scene.ts";

/** One thing of a bundle changed that is no entry. */

type Change = (bundle: Bundle, dice: Dice, scene: Scene, one: Told) => Bundle | null;
const changing = (name: string, change: Change): Tampering => ({
  name,
  make: (scene, dice) => {
    const one = dice.pick(scene.settled);
    const bundle = change(trueBundle(scene, one), dice, scene, one);
    return bundle && { bundle };
  },
});

/** Some opening of the bundle, changed in its place. */
function withOpening(
  bundle: Bundle,
  dice: Dice,
  change: (opening: { salt: string; value: Json }) => object | null,
): Bundle | null {
  const all = bundle.entries.flatMap(({ openings }, index) =>
    Object.keys(openings).map((pointer) => ({ index, pointer })),
  );
  if (all.length === 0) return null;
  const { index, pointer } = dice.pick(all);
  const openings: Record<string, unknown> = { ...bundle.entries[index]!.openings };
  const changed = change(openings[pointer] as { salt: string; value: Json });
  if (changed === null) delete openings[pointer];
  else openings[pointer] = changed;
  const entries = bundle.entries.map((entry, at) => (at === index ? { ...entry, openings } : entry));
  return { ...bundle, entries: entries as Bundle["entries"] };
}

function otherValue(value: Json, dice: Dice): Json {
  if (typeof value === "string") return `${value}.`;
  if (typeof value === "number") return value + 1;
  if (typeof value !== "object" || value === null) return "something";
  if (Array.isArray(value)) return [...value, "more"];
  const [key] = Object.keys(value);
  return key === undefined || dice.chance(0.3)
    ? { ...value, more: 1 }
    : { ...value, [key]: otherValue(value[key] ?? null, dice) };
}

const flipped = (base64: string, dice: Dice): string => {
  const bytes = Buffer.from(base64, "base64");
  const at = dice.below(bytes.length);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
  return bytes.toString("base64");
};

export const inLog = (bundle: Bundle, log: Partial<Bundle["log"]>): Bundle => ({
  ...bundle,
  log: { ...bundle.log, ...log },
});

export const ofBundles: Tampering[] = [
  changing("an opened value changed", (bundle, dice) =>
    withOpening(bundle, dice, (opening) => ({ ...opening, value: otherValue(opening.value, dice) })),
  ),
  changing("a salt changed", (bundle, dice) =>
    withOpening(bundle, dice, (opening) => ({ ...opening, salt: dice.salt() })),
  ),
  changing("an opened value taken out", (bundle, dice, _, one) =>
    one.erased.length > 0 ? null : withOpening(bundle, dice, () => null),
  ),
  changing("a value opened that is not there", (bundle, dice) => {
    const at = dice.below(bundle.entries.length);
    const opening = { salt: dice.salt(), value: "more" };
    const entries = bundle.entries.map((entry, index) =>
      index === at ? { ...entry, openings: { ...entry.openings, "/data/more": opening } } : entry,
    );
    return { ...bundle, entries };
  }),
  changing("the contract loosened", (bundle) => ({
    ...bundle,
    contract: {
      ...bundle.contract,
      risk: "low",
      deny: { denials: 16, veto: [] },
      idempotent: true,
      maxAttempts: 16,
    },
  })),
  changing(
    "the contract loosened, its digest made anew",
    (bundle, _, __, one) => loosened(bundle, one)?.bundle ?? null,
  ),
  changing("the policy exchanged", (bundle) => ({
    ...bundle,
    policy: bundle.policy && {
      ...bundle.policy,
      document: { ...bundle.policy.document, description: "another" },
    },
  })),
  changing("a shown card changed", (bundle) => {
    const at = bundle.shown.findIndex(({ card }) => card !== null);
    if (at === -1) return null;
    const shown = bundle.shown.map((one, index) =>
      index === at ? { ...one, card: { ...one.card, title: "harmless" } } : one,
    );
    return { ...bundle, shown };
  }),
  changing("the seal altered", (bundle, dice) => {
    const { sealed } = bundle.log;
    if (sealed === null) return null;
    const line = JSON.parse(sealed.text) as { events: number; state: string; head: string; at: number };
    const changes = [
      { events: line.events + 1 },
      { state: line.state === "denied" ? "executed" : "denied" },
      { head: hashOf("x") },
      { at: line.at + 1 },
    ];
    return inLog(bundle, { sealed: { ...sealed, text: textOf({ ...line, ...dice.pick(changes) }) } });
  }),
  changing("a proof altered", (bundle, dice) => {
    const { opened } = bundle.log;
    const at = dice.below(opened.proof.length);
    const proof = opened.proof.map((hash, index) => (index === at ? flipped(hash, dice) : hash));
    return inLog(bundle, {
      opened: dice.chance(0.5) ? { ...opened, proof } : { ...opened, index: opened.index + 1 },
    });
  }),
  changing("the root altered", (bundle, dice) => {
    const { checkpoint } = bundle.log;
    const root = flipped(checkpoint.root, dice);
    return inLog(bundle, {
      checkpoint: { ...checkpoint, root, note: checkpoint.note.replace(checkpoint.root, root) },
    });
  }),
  changing("a signature altered", (bundle, dice) => {
    const { checkpoint } = bundle.log;
    if (dice.chance(0.5)) {
      const [armored = "", ...rest] = checkpoint.ssh;
      const lines = armored.split("\n");
      const body = flipped(lines.slice(1, -2).join(""), dice).match(/.{1,70}/gu) ?? [];
      return inLog(bundle, {
        checkpoint: { ...checkpoint, ssh: [[lines[0], ...body, ...lines.slice(-2)].join("\n"), ...rest] },
      });
    }
    const [text = "", signatures = ""] = checkpoint.note.split("\n\n");
    const [signature = ""] = signatures.split("\n");
    const encoded = signature.slice(signature.lastIndexOf(" ") + 1);
    const bytes = Buffer.from(encoded, "base64");
    const at = 4 + dice.below(64);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return inLog(bundle, {
      checkpoint: {
        ...checkpoint,
        note: `${text}\n\n${signatures.replace(encoded, bytes.toString("base64"))}`,
      },
    });
  }),
  changing("signed with another key", (bundle, _, { story, tree, size }) => {
    const signer = newSigner(story.origin);
    const since = story.keyTimes[0]?.since ?? 0;
    const other = { ...story, signers: [signer, ...story.signers.slice(1)] };
    const [key] = bundle.log.keys;
    const vkey = vkeyOf(story.origin, signer.publicKey, sha256);
    const checkpoint = checkpointAt(other, tree, size, [signer]);
    const ssh = checkpointKey(signer.publicKey);
    return inLog(bundle, {
      checkpoint,
      keys: [{ vkey, ssh, since, until: key?.until ?? null }, ...bundle.log.keys.slice(1)],
    });
  }),
  changing("the checkpoint of another workspace", (bundle, dice, _, one) => {
    const other = storyOf([one, one], dice, { workspace: "elsewhere", rotated: false });
    const tree = new Tree(other.lines);
    const checkpoint = checkpointAt(other, tree, other.lines.length);
    const theirs = bundleIn(other, tree, other.told[0]!, checkpoint, null);
    return dice.chance(0.5) ? inLog(bundle, { checkpoint }) : inLog(bundle, { ...theirs.log });
  }),
  changing("the line of an erasure taken out", (bundle, _, __, one) =>
    one.erased.length === 0 ? null : inLog(bundle, { erased: bundle.log.erased.slice(1) }),
  ),
  changing("a contradiction invented away", (bundle, _, { story }) =>
    inLog(bundle, { opened: { ...bundle.log.opened, text: story.lines[0] ?? "" } }),
  ),
  changing("all entries taken out", (bundle) => ({
    ...bundle,
    entries: [],
    contract: null,
    policy: null,
    shown: [],
    redactions: [],
  })),
];

const checkpointKey = (publicKey: Uint8Array): string =>
  `ssh-ed25519 ${encodeBase64(Buffer.concat([Buffer.from("0000000b7373682d6564323535313900000020", "hex"), publicKey]))}`;

/** A contract that asks for less, with every digest over it made anew. */
export function loosened(
  bundle: Bundle,
  one: Told,
): { bundle: Bundle; texts: string[]; parts: Partial<Told> } | null {
  const contract = {
    ...one.payload.contract,
    deny: { denials: 16, veto: [] },
    maxAttempts: 16,
    idempotent: true,
  };
  const payload = { ...one.payload, contract, contractVersion: contractVersion(contract, sha256Hex) };
  const digest = approvalDigest(payload, sha256Hex);
  const policy = { ...one.policy, contracts: [contract] };
  const version = `sha256:${sha256Hex(canonicalJson(plainObject(policy)))}`;
  const texts = rechained(
    textsOf(one).map((text, index) => {
      if (index > 0) return text;
      const entry = entryIn(text);
      const asked = {
        ...(entry.data["payload"] as JsonObject),
        contractVersion: payload.contractVersion,
        digest,
        policyVersion: version,
      };
      return textOf({ ...entry, data: { ...entry.data, digest, policyVersion: version, payload: asked } });
    }),
  );
  const made = withTexts(bundle, texts, one.links, indexes(texts.length));
  return {
    bundle: { ...made, contract: plainObject(contract), policy: { version, document: plainObject(policy) } },
    texts,
    parts: { payload: { ...payload, digest, policyVersion: version }, policy },
  };
}
