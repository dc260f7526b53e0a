import { decodeBase64, encodeBase64 } from "../../core/base64.ts";
import { consistencyProof, leafHash } from "../../core/evidence/merkle.ts";
import type { Bundle } from "../../schemas/bundle.ts";
import type { AuditTool } from "./audit.ts";
import { logKey, madeBundle, madeCheckpoint, madeEntries, madeLines } from "./evidence-log.ts";
import { newSigner, sha256 } from "./log-keys.ts";

const origin = "holdpoint.example/acme";
export const [first, second, stranger] = [newSigner(origin), newSigner(origin), newSigner(origin)];
export const signers = [first, second];
export const entries = madeEntries();
export const lines = madeLines(300, origin, first, entries);
export const since = 100;
export const good = madeBundle(lines, signers, entries, since);
/** Flips a bit in the middle of base64: a valid spelling of other bytes. */
function otherBytes(encoded: string, at = 20): string {
  const bytes = decodeBase64(encoded)!;
  bytes[at]! ^= 1;
  return encodeBase64(bytes);
}
const otherHash = (proof: readonly string[], nth: number): string[] =>
  proof.map((hash, index) => (index === nth ? otherBytes(hash) : hash));

/** The note with its nth line, or a part of it, replaced. */
const noteWith = (note: string, nth: number, change: (line: string) => string): string =>
  note
    .split("\n")
    .map((line, index) => (index === nth ? change(line) : line))
    .join("\n");

type Tampering = readonly [what: string, refusedBy: readonly AuditTool[], (bundle: Bundle) => void];
export const signatures = ["go", "openssl", "ssh-keygen"] as const;
const proofs = ["go", "sigstore"] as const;

/** What can be done to a bundle, and the tools that are to refuse it: these, and no others. */
export const tamperings: readonly Tampering[] = [
  [
    "a byte of the line that opened it",
    proofs,
    ({ log }) => {
      log.opened.text = log.opened.text.replace('"number":1', '"number":2');
    },
  ],
  [
    "a byte of the line that sealed it",
    proofs,
    ({ log }) => {
      log.sealed!.text = log.sealed!.text.replace("executed", "rejected");
    },
  ],
  [
    "a byte of a line that let values go",
    proofs,
    ({ log }) => {
      log.erased[0]!.text = log.erased[0]!.text.replace("ephemeral", "compliance");
    },
  ],
  [
    "a byte of a line that brought in a key",
    proofs,
    ({ log }) => {
      log.keyed[0]!.text = log.keyed[0]!.text.replace("another", "an other");
    },
  ],
  [
    "a bit of the first hash of a proof",
    proofs,
    ({ log }) => {
      log.opened.proof = otherHash(log.opened.proof, 0);
    },
  ],
  [
    "a bit of the last hash of a proof",
    proofs,
    ({ log }) => {
      log.sealed!.proof = otherHash(log.sealed!.proof, log.sealed!.proof.length - 1);
    },
  ],
  [
    "a hash too few in a proof",
    proofs,
    ({ log }) => {
      log.opened.proof.pop();
    },
  ],
  [
    "a hash too many in a proof",
    proofs,
    ({ log }) => {
      log.opened.proof.push(log.opened.proof[0]!);
    },
  ],
  [
    "the place of a line",
    proofs,
    ({ log }) => {
      log.opened.index += 1;
    },
  ],
  [
    "a place beyond the log",
    proofs,
    ({ log }) => {
      log.opened.index = 300;
    },
  ],
  [
    "two lines with their texts swapped",
    proofs,
    ({ log }) => {
      [log.opened.text, log.sealed!.text] = [log.sealed!.text, log.opened.text];
    },
  ],
  [
    "two lines swapped with their proofs",
    ["go"],
    ({ log }) => {
      [log.opened, log.sealed] = [log.sealed!, log.opened];
    },
  ],
  [
    "the root",
    [...signatures, "sigstore"],
    ({ log }) => {
      log.checkpoint.note = noteWith(log.checkpoint.note, 2, otherBytes);
    },
  ],
  [
    "the size",
    [...signatures, "sigstore"],
    ({ log }) => {
      log.checkpoint.note = noteWith(log.checkpoint.note, 1, () => "600");
    },
  ],
  [
    "the origin",
    signatures,
    ({ log }) => {
      log.checkpoint.note = noteWith(log.checkpoint.note, 0, (line) => `${line}2`);
    },
  ],
  [
    "the origin, in the signatures and keys as well",
    signatures,
    ({ log }) => {
      log.checkpoint.note = log.checkpoint.note.replaceAll("acme", "acne");
      for (const key of log.keys) key.vkey = key.vkey.replace("acme", "acne");
    },
  ],
  [
    "a bit of the first signature of the note",
    ["go", "openssl"],
    ({ log }) => {
      log.checkpoint.note = noteWith(log.checkpoint.note, 4, (line) =>
        line.replace(/\S+$/u, (encoded) => otherBytes(encoded)),
      );
    },
  ],
  [
    "a bit of the second signature of the note",
    ["go", "openssl"],
    ({ log }) => {
      log.checkpoint.note = noteWith(log.checkpoint.note, 5, (line) =>
        line.replace(/\S+$/u, (encoded) => otherBytes(encoded, 60)),
      );
    },
  ],
  [
    "all signatures of the note taken away",
    ["go", "note"],
    ({ log }) => {
      log.checkpoint.note = log.checkpoint.note.replace(/(?<=\n\n).*$/su, "");
    },
  ],
  [
    "a bit of the first SSH signature",
    ["ssh-keygen"],
    ({ log }) => {
      const [head = "", ...body] = log.checkpoint.ssh[0]!.split("\n");
      // The last line but two holds the signature's own bytes.
      body[body.length - 3] = body.at(-3)!.replace(/^./u, (letter) => (letter === "A" ? "B" : "A"));
      log.checkpoint.ssh[0] = [head, ...body].join("\n");
    },
  ],
  [
    "all SSH signatures taken away",
    ["ssh-keygen"],
    ({ log }) => {
      log.checkpoint.ssh = [];
    },
  ],
  [
    "SSH signatures of a checkpoint before",
    ["ssh-keygen"],
    ({ log }) => {
      log.checkpoint.ssh = madeCheckpoint(lines.slice(0, 299), signers).ssh;
    },
  ],
  [
    "a checkpoint signed by another key",
    signatures,
    ({ log }) => {
      log.checkpoint = madeCheckpoint(lines, [stranger]);
    },
  ],
  [
    "another key in place of the log's",
    signatures,
    ({ log }) => {
      log.keys = [logKey(stranger)];
    },
  ],
  [
    "another key for SSH than for notes",
    ["keys"],
    ({ log }) => {
      log.keys[0]!.ssh = logKey(stranger).ssh;
    },
  ],
  [
    "the root as it stands beside the note",
    ["go"],
    ({ log }) => {
      log.checkpoint.root = otherBytes(log.checkpoint.root);
    },
  ],
  [
    "a byte of an entry",
    ["go"],
    ({ entries: all }) => {
      all[1]!.text = all[1]!.text.replace("quoted", "Quoted");
    },
  ],
  ["an entry dropped in the middle", ["go"], ({ entries: all }) => void all.splice(1, 1)],
  ["the last entry dropped", ["go"], ({ entries: all }) => void all.pop()],
  ["the first entry dropped", ["go"], ({ entries: all }) => void all.shift()],
  ["two entries swapped", ["go"], ({ entries: all }) => void all.splice(0, 2, all[1]!, all[0]!)],
  ["an entry twice", ["go"], ({ entries: all }) => void all.push(all[2]!)],
  [
    "the number",
    ["go"],
    (bundle) => {
      bundle.number = 2;
    },
  ],
  [
    "the action",
    ["go"],
    (bundle) => {
      bundle.action = "act_zzzzzzzzzzzzzzzzzzzzzz";
    },
  ],
  [
    "the workspace",
    ["go"],
    (bundle) => {
      bundle.workspace = "other";
    },
  ],
  [
    "a bit of the proof that the log has grown",
    ["go"],
    ({ log }) => {
      log.consistency!.proof = otherHash(log.consistency!.proof, 1);
    },
  ],
  [
    "the proof of growth from another size",
    ["go"],
    ({ log }) => {
      const hashes = lines.map((line) => leafHash(line, sha256));
      log.consistency = { since: 99, proof: consistencyProof(99, hashes, sha256).map(encodeBase64) };
    },
  ],
  [
    "lines cut off the end of the log",
    ["go"],
    (bundle) => {
      const short = madeLines(90, origin, first, entries);
      Object.assign(bundle, madeBundle(short, signers, entries, null));
    },
  ],
  [
    "all of the log written anew by who has its keys",
    ["go"],
    (bundle) => {
      const anew = lines.map((line, index) => (index === 50 ? line.replace("line 50", "line 5O") : line));
      Object.assign(bundle, madeBundle(anew, signers, entries, since));
    },
  ],
];
