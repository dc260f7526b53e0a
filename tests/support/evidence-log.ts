import { canonicalJson } from "../../core/canonical.ts";
import { encodeBase64 } from "../../core/base64.ts";
import { consistencyProof, inclusionProof, leafHash, rootOf } from "../../core/evidence/merkle.ts";
import { checkpointText, signNote, vkeyOf, type Signer } from "../../core/evidence/note.ts";
import { signSsh, sshPublicKey } from "../../core/evidence/sshsig.ts";
import { plainObject } from "../../core/plain-json.ts";
import type { Bundle } from "../../schemas/bundle.ts";
import type { Hash } from "../../schemas/evidence.ts";
import type { LedgerEntry, LogKey, Proven } from "../../schemas/ledger.ts";
import { sha256, sha512 } from "./log-keys.ts";

/** A log of one workspace, made up, with one action in it that can be shown. Whatever is signed is really signed. */

const workspace = "acme";
const action = "act_0123456789abcdefghijkl";
const at = 1_764_000_000_000;
const base = { v: 1, workspace, at } as const;
const engine = { kind: "engine", id: "engine" } as const;

const hashOf = (text: string): Hash =>
  `sha256:${Buffer.from(sha256(new TextEncoder().encode(text))).toString("hex")}`;

/** Three entries, each with the hash of the one before. Their words hold what breaks careless readers of text. */
export function madeEntries(): string[] {
  const texts: string[] = [];
  for (const [index, type] of ["requested", "vote", "ended"].entries()) {
    const before = texts.at(-1);
    texts.push(
      canonicalJson({
        v: 1,
        workspace,
        action,
        seq: index + 1,
        at: at + index,
        type,
        reason: 'a "quoted"\nline \u2014 \u2028 \u{1f511} "prev":null',
        prev: before === undefined ? null : hashOf(before),
      }),
    );
  }
  return texts;
}

/** The lines of a log of `size` lines: what the action left in it, and reads for the rest. */
export function madeLines(size: number, origin: string, first: Signer, entries: readonly string[]): string[] {
  const numbered = { ...base, number: 1, action };
  const [asked = "", last = ""] = [entries[0], entries.at(-1)];
  const own = new Map<number, LedgerEntry>([
    [0, { ...base, kind: "log", origin, key: vkeyOf(origin, first.publicKey, sha256) }],
    [3, { ...numbered, kind: "opened", first: hashOf(asked) }],
    [
      size - 40,
      { ...numbered, kind: "sealed", events: entries.length, head: hashOf(last), state: "executed" },
    ],
    [
      size - 20,
      {
        ...numbered,
        kind: "erased",
        class: "ephemeral",
        dueAt: at,
        events: entries.length,
        head: hashOf(last),
        by: engine,
      },
    ],
    [size - 10, { ...base, kind: "key", key: "another", until: at, by: { kind: "person", id: "ada" } }],
  ]);
  return Array.from({ length: size }, (_, index) => {
    const read: LedgerEntry = {
      ...base,
      at: at + index,
      kind: "access",
      by: { kind: "person", id: "ada" },
      route: "GET /v1/actions/:id/evidence",
      action: null,
      asked: `line ${index}`,
      outcome: "allowed",
    };
    return canonicalJson(plainObject(own.get(index) ?? read));
  });
}

export const logKey = ({ origin, publicKey }: Signer): LogKey => ({
  vkey: vkeyOf(origin, publicKey, sha256),
  ssh: sshPublicKey(publicKey),
  since: at,
  until: null,
});

/** A checkpoint over lines, signed by each signer. */
export function madeCheckpoint(
  lines: readonly string[],
  signers: readonly Signer[],
): Bundle["log"]["checkpoint"] {
  const origin = signers[0]?.origin ?? "";
  const root = rootOf(
    lines.map((line) => leafHash(line, sha256)),
    sha256,
  );
  const text = checkpointText(origin, lines.length, root);
  return {
    origin,
    size: lines.length,
    root: encodeBase64(root),
    at,
    note: signNote(text, signers, sha256),
    ssh: signers.map((signer) => signSsh(new TextEncoder().encode(text), signer, sha512)),
  };
}

/** The bundle of the action, proven in the tree of all lines, which is shown to go on from that of the first `since`. */
export function madeBundle(
  lines: readonly string[],
  signers: readonly Signer[],
  entries: readonly string[],
  since: number | null,
): Bundle {
  const hashes = lines.map((line) => leafHash(line, sha256));
  const proven = (kind: string): Proven[] =>
    lines.flatMap((text, index) =>
      text.includes(`"kind":"${kind}"`)
        ? [{ index, text, proof: inclusionProof(index, hashes, sha256).map(encodeBase64) }]
        : [],
    );
  const [opened] = proven("opened");
  if (opened === undefined) throw new Error("the log is too short to hold the action");
  return {
    format: "holdpoint-evidence/1",
    exportedAt: at,
    workspace,
    action,
    number: 1,
    entries: entries.map((text) => ({ text, openings: {} })),
    contract: null,
    policy: null,
    shown: [],
    redactions: [],
    erased: [{ class: "ephemeral", at }],
    log: {
      checkpoint: madeCheckpoint(lines, signers),
      keys: signers.map(logKey),
      opened,
      sealed: proven("sealed").at(-1) ?? null,
      erased: proven("erased"),
      conflicts: proven("conflict"),
      keyed: proven("key"),
      consistency:
        since === null ? null : { since, proof: consistencyProof(since, hashes, sha256).map(encodeBase64) },
    },
  };
}
