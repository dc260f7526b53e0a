import type { Checkpoint, LogKey } from "../../schemas/ledger.ts";
import { decodeBase64, encodeBase64 } from "../base64.ts";
import { sameBytes } from "../bytes.ts";
import { rootOf, verifyConsistency } from "./merkle.ts";
import { openNote, parseCheckpoint, parseVkey, splitNote, type CheckpointLines } from "./note.ts";
import { parseSshsig, sshPublicKey, sshsigFault } from "./sshsig.ts";
import type { Report, Tools } from "./verify-finding.ts";
import type { ProvenLine } from "./verify-lines.ts";
import { clip, sentence } from "./verify-read.ts";

/** Who has signed, whether that is anybody one knows, and whether the log goes on from the checkpoints that were kept. */

/** A checkpoint that the reader has kept: its note, and the name of the file. */
export type Kept = { readonly name: string; readonly note: string };
/** What the reader brings: nothing of it is from whoever is being checked. */
export type Trust = { readonly kept: readonly Kept[]; readonly keys: readonly string[] };

/** A checkpoint as its note says it. */
export type Opened = { readonly tree: CheckpointLines; readonly signedBy: readonly string[] };

/** Reads a bundle's checkpoint. Null where its text is none; whose signatures it bears is said by `checkSignatures`. */
export function readCheckpoint(
  { origin, size, root, note }: Checkpoint,
  workspace: string,
  report: Report,
): CheckpointLines | null {
  const split = splitNote(note);
  const lines = split.ok ? parseCheckpoint(split.value.text) : split;
  if (!lines.ok) {
    report.failed("signatures", `The checkpoint cannot be read: ${clip(lines.error)}.`, "log.checkpoint");
    return null;
  }
  const tree = lines.value;
  if (tree.origin !== origin || tree.size !== size || encodeBase64(tree.root) !== root) {
    report.failed(
      "signatures",
      "What stands beside the checkpoint is not what it says itself.",
      "log.checkpoint",
    );
  }
  if (!tree.origin.endsWith(`/${workspace}`)) {
    const says = `The checkpoint is of the log ${clip(tree.origin)}, which is not one of the workspace ${clip(workspace)}.`;
    report.failed("signatures", says, "log.checkpoint");
  }
  return tree;
}

/** Every signature of a key that is known verifies, in both forms. @returns who signed the note */
export function checkSignatures(
  note: string,
  /** Null where the signatures for OpenSSH are looked at elsewhere. */
  ssh: readonly string[] | null,
  known: readonly string[],
  tools: Tools,
  report: Report,
): readonly string[] {
  const opened = openNote(note, known, tools.verify, tools.sha256);
  if (!opened.ok) {
    report.failed(
      "signatures",
      `The checkpoint is not signed as it should be: ${clip(opened.error)}.`,
      "log.checkpoint",
    );
    return [];
  }
  const { text, signedBy } = opened.value;
  if (ssh !== null) checkSsh(ssh, text, signedBy, tools, report);
  const count = signedBy.length === 1 ? "a key" : `${signedBy.length} keys`;
  const forms = ssh === null ? "" : ", as a note and for OpenSSH";
  report.conclude("signatures", `The checkpoint is signed by ${count} of the log${forms}.`);
  return signedBy;
}

/** Whoever signed the note has signed its text for OpenSSH too, and nobody else. */
function checkSsh(
  ssh: readonly string[],
  text: string,
  signedBy: readonly string[],
  tools: Tools,
  report: Report,
): void {
  const message = new TextEncoder().encode(text);
  const keys = signedBy.flatMap((vkey) => {
    const key = parseVkey(vkey, tools.sha256);
    return key.ok ? [key.value.publicKey] : [];
  });
  if (ssh.length !== keys.length) {
    report.failed(
      "signatures",
      `${keys.length} keys have signed the note, and ${ssh.length} for OpenSSH.`,
      "log.checkpoint",
    );
  }
  for (const key of keys) {
    const own = ssh.filter((armored) => {
      const parsed = parseSshsig(armored);
      return parsed.ok && sameBytes(parsed.value.publicKey, key);
    });
    const [signature] = own;
    const fault =
      signature === undefined
        ? "there is none"
        : sshsigFault(signature, message, key, tools.verify, tools.sha512);
    if (fault !== null) {
      report.failed(
        "signatures",
        `The signature for OpenSSH does not hold: ${clip(fault)}.`,
        "log.checkpoint",
      );
    }
  }
}

/** The keys that are listed are what the log says of them. `first` is what its first line says; null where that is not here. */
export function checkListed(
  keys: readonly LogKey[],
  keyed: readonly ProvenLine<"key">[],
  first: string | null,
  tools: Tools,
  report: Report,
): void {
  if (keys.length === 0) report.failed("keys", "It lists no key of the log.");
  if (first !== null && keys[0]?.vkey !== first) {
    report.failed("keys", "The first key listed is not the one that the first line of the log names.");
  }
  for (const [nth, { vkey, ssh, since }] of keys.entries()) {
    const where = `key ${nth + 1}`;
    const key = parseVkey(vkey, tools.sha256);
    if (!key.ok) report.failed("keys", `${sentence(clip(key.error))}.`, where);
    else if (sshPublicKey(key.value.publicKey) !== ssh) {
      report.failed("keys", "The key for OpenSSH is another than the verifier key.", where);
    }
    const line = nth === 0 ? undefined : keyed[nth - 1]?.line;
    if (line === undefined) continue;
    const until = keys[nth - 1]?.until;
    if (line.key !== vkey || line.at !== since || line.until !== until) {
      report.failed("keys", "The log brings in another key at this place, or at another time.", where);
    }
  }
  if (keyed.length > keys.length - 1 && keys.length > 0) {
    report.failed("keys", "The log brings in more keys than are listed.");
  }
}

/** The log as it is given: its tree, who has signed that, and the lines that bring in keys. */
export type Spoken = Opened & { readonly keyed: readonly ProvenLine<"key">[] };
/** A kept checkpoint that was opened, and whether the log goes on from it. */
export type HeldAgainst = Opened & { readonly consistent: boolean };

/**
 * Who may speak for the log. Keys that the reader brings are trusted, and where there are none those that signed what was kept.
 * Another is, once a checkpoint that a trusted key has signed covers the line which brings it in: a line that only the new key
 * itself speaks for could be anybody's.
 */
function checkTrust(trust: Trust, given: Spoken, kept: readonly HeldAgainst[], report: Report): void {
  const own = trust.keys.length > 0 ? trust.keys : kept.flatMap(({ signedBy }) => signedBy);
  if (own.length === 0) {
    // What was kept and does not open has been said; keys of the evidence's own then prove nothing.
    if (trust.kept.length > 0) return;
    const says =
      "The keys are those that the evidence brings along: they show that it agrees with itself, and no more. Give --key with a key that you were given by another way.";
    report.notProven(
      "keys",
      `${says} It is signed by ${given.signedBy.map(clip).join(" and ") || "nobody"}.`,
    );
    return;
  }
  const trusted = new Set(own);
  const spoken = [{ ...given, consistent: true }, ...kept];
  for (let size = -1; size < trusted.size;) {
    size = trusted.size;
    for (const { tree, signedBy, consistent } of spoken) {
      if (!consistent || !signedBy.some((key) => trusted.has(key))) continue;
      for (const { index, line } of given.keyed) if (index < tree.size) trusted.add(line.key);
    }
  }
  if (given.signedBy.some((key) => trusted.has(key))) {
    report.conclude("keys", "A key that you know has signed it, or one that such a key speaks for.");
    return;
  }
  report.open(
    "keys",
    "It is signed, but by no key that you know nor by one that such a key speaks for. Where the log has changed its key, give --key with the new one, or --checkpoint with one that both have signed.",
  );
}

/** What a log says that goes on: the proof a bundle brings, or the lines themselves. */
export type Growth = (size: number) => Uint8Array | readonly Uint8Array[] | null;

/**
 * Holds the log against a checkpoint that was kept. `growth` gives the root that the log had at a size, or the hashes of a
 * consistency proof from it; null where there is neither.
 */
function checkKept(
  { name, note }: Kept,
  tree: CheckpointLines,
  known: readonly string[],
  growth: Growth,
  tools: Tools,
  report: Report,
): HeldAgainst | null {
  const where = clip(name);
  const opened = openNote(note, known, tools.verify, tools.sha256);
  if (!opened.ok) {
    report.failed(
      "kept",
      `Your checkpoint is not signed by a key of this log, nor by one that you gave: ${clip(opened.error)}.`,
      where,
    );
    return null;
  }
  const lines = parseCheckpoint(opened.value.text);
  if (!lines.ok) {
    report.failed("kept", `Your file is no checkpoint: ${clip(lines.error)}.`, where);
    return null;
  }
  const own = lines.value;
  const { signedBy } = opened.value;
  const held = (consistent: boolean): HeldAgainst => ({ tree: own, signedBy, consistent });
  if (own.origin !== tree.origin) {
    report.failed(
      "kept",
      `Your checkpoint is of the log ${clip(own.origin)}, and this is ${clip(tree.origin)}.`,
      where,
    );
    return held(false);
  }
  if (own.size > tree.size) {
    const says = `Your checkpoint is of ${own.size} lines, and this evidence is of a log with ${tree.size}. Either the evidence is the older of the two: then get it anew and check that. Or lines were cut off the end of the log.`;
    report.open("kept", says, where);
    return held(false);
  }
  const verdict = goesOn(own, tree, growth, tools);
  if (verdict === null) {
    const says = `There is no proof that the log goes on from your checkpoint of ${own.size} lines. Get the evidence with it: --checkpoint of \`holdpoint evidence\`, or ?since=${own.size}.`;
    report.open("kept", says, where);
  } else if (!verdict) {
    const says = `The log does not go on from your checkpoint: something in its first ${own.size} lines was changed since, or this is another log.`;
    report.failed("kept", says, where);
  } else {
    report.proven(
      "kept",
      `Nothing in the first ${own.size} lines of the log was changed since your checkpoint.`,
      where,
    );
  }
  return held(verdict === true);
}

function goesOn(
  own: CheckpointLines,
  tree: CheckpointLines,
  growth: Growth,
  { sha256 }: Tools,
): boolean | null {
  if (own.size === tree.size) return sameBytes(own.root, tree.root);
  if (own.size === 0) return sameBytes(own.root, rootOf([], sha256));
  const grown = growth(own.size);
  if (grown === null) return null;
  return grown instanceof Uint8Array
    ? sameBytes(grown, own.root)
    : verifyConsistency(own.size, tree.size, own.root, tree.root, grown, sha256);
}

/** The growth that a bundle's own proof shows. */
export function growthOf(
  consistency: { readonly since: number; readonly proof: readonly string[] } | null,
): Growth {
  return (size) => {
    if (consistency === null || consistency.since !== size) return null;
    return consistency.proof.map((step) => decodeBase64(step) ?? new Uint8Array());
  };
}

/** Holds the log against everything that was kept, and its signatures against whom the reader trusts. */
export function checkAgainstKept(
  trust: Trust,
  spoken: Spoken,
  known: readonly string[],
  growth: Growth,
  tools: Tools,
  report: Report,
): void {
  const kept = trust.kept.flatMap((one) => checkKept(one, spoken.tree, known, growth, tools, report) ?? []);
  if (trust.kept.length === 0) {
    report.notProven(
      "kept",
      "No checkpoint that you have kept was given. Whoever has the key of the log can write another one and sign that, and lines cut off its end leave no trace in it: keep a checkpoint, and give it with --checkpoint.",
    );
  }
  checkTrust(trust, spoken, kept, report);
}
