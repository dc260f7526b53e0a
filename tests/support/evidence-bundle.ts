import { encodeBase64 } from "../../core/base64.ts";
import type { Link } from "../../core/evidence/entry.ts";
import {
  leafHash,
  rootOf,
  type RangeRoot,
  consistencyPath,
  inclusionPath,
} from "../../core/evidence/merkle.ts";
import { checkpointText, signNote, vkeyOf } from "../../core/evidence/note.ts";
import { signSsh, sshPublicKey } from "../../core/evidence/sshsig.ts";
import { plainObject } from "../../core/plain-json.ts";
import type { Bundle } from "../../schemas/bundle.ts";
import type { Openings } from "../../schemas/evidence.ts";
import type { Checkpoint, LedgerEntry, LogKey, Proven } from "../../schemas/ledger.ts";
import { retentionClasses } from "../../schemas/retention.ts";
import { sha256, sha512 } from "./log-keys.ts";
import type { Story, Told } from "./evidence.ts";

/** What an engine gives out of a log: checkpoints, and bundles that are proven in them. */

/** Roots over ranges of lines, each worked out once. */
export class Tree {
  readonly size: number;
  readonly #hashes: Uint8Array[];
  readonly #known = new Map<number, Uint8Array>();

  constructor(lines: readonly string[]) {
    this.size = lines.length;
    this.#hashes = lines.map((line) => leafHash(line, sha256));
  }

  readonly root: RangeRoot = (start, end) => {
    const key = start * 1_000_000 + end;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = rootOf(this.#hashes.slice(start, end), sha256);
    this.#known.set(key, made);
    return made;
  };

  inclusion(index: number, size: number): string[] {
    return inclusionPath(index, size, this.root).map(encodeBase64);
  }

  consistency(from: number, size: number): string[] {
    return consistencyPath(from, size, this.root).map(encodeBase64);
  }
}

/** A checkpoint over the first `size` lines. */
export function checkpointAt(story: Story, tree: Tree, size: number, signers = story.signers): Checkpoint {
  const { origin } = story;
  const root = tree.root(0, size);
  const text = checkpointText(origin, size, root);
  return {
    origin,
    size,
    root: encodeBase64(root),
    at: Number(JSON.parse(story.lines[size - 1] ?? "{}").at ?? 0),
    note: signNote(text, signers, sha256),
    ssh: signers.map((signer) => signSsh(new TextEncoder().encode(text), signer, sha512)),
  };
}

export const listedKeys = ({
  origin,
  signers,
  keyTimes,
}: Pick<Story, "origin" | "signers" | "keyTimes">): LogKey[] =>
  signers.map(({ publicKey }, nth) => ({
    vkey: vkeyOf(origin, publicKey, sha256),
    ssh: sshPublicKey(publicKey),
    since: keyTimes[nth]?.since ?? 0,
    until: keyTimes[nth]?.until ?? null,
  }));

/** The bundle of one action, as an engine gives it out in the checkpoint. */
export function bundleIn(
  story: Story,
  tree: Tree,
  one: Told,
  checkpoint: Checkpoint,
  since: number | null,
): Bundle {
  const { payload, links, events, erased, number } = one;
  const { size } = checkpoint;
  const all = story.lines
    .slice(0, size)
    .map((text, index) => ({ text, index, line: JSON.parse(text) as LedgerEntry }));
  const proven = (kind: LedgerEntry["kind"]): Proven[] =>
    all
      .filter(({ line }) => line.kind === kind && (!("number" in line) || line.number === number))
      .map(({ text, index }) => ({ index, text, proof: tree.inclusion(index, size) }));
  const left = !erased.includes("compliance");
  return {
    format: "holdpoint-evidence/1",
    exportedAt: checkpoint.at,
    workspace: story.workspace,
    action: payload.id,
    number,
    entries: left
      ? links.map(({ text, openings }, index) => ({ text, openings: stillOpen(one, openings, index) }))
      : [],
    contract: left ? plainObject(payload.contract) : null,
    policy: left ? { version: payload.policyVersion, document: plainObject(one.policy) } : null,
    shown: left
      ? events.flatMap((event) =>
          event.type === "voted" && event.data.shown !== undefined
            ? [{ seq: event.seq, card: one.cards[event.seq] ?? null }]
            : [],
        )
      : [],
    redactions: left ? [...(payload.redactions ?? [])] : [],
    erased: erased.map((name) => ({ class: name, at: checkpoint.at })),
    log: {
      checkpoint,
      keys: listedKeys(story),
      opened: proven("opened")[0] ?? { index: 0, text: "", proof: [] },
      sealed: proven("sealed").at(-1) ?? null,
      erased: proven("erased"),
      conflicts: proven("conflict"),
      keyed: proven("key"),
      consistency: since === null ? null : { since, proof: tree.consistency(since, size) },
    },
  };
}

function stillOpen({ erased, opened, classes }: Told, openings: Link["openings"], index: number): Openings {
  const left = retentionClasses.filter((name) => !erased.includes(name));
  if (index > 0) return Object.assign({}, ...left.map((name) => openings[name] ?? {}));
  return Object.fromEntries(
    Object.entries(opened).filter(([pointer]) => !erased.includes(classes[pointer] ?? "compliance")),
  );
}
