import { verifyFolder } from "../../../core/evidence/verify-folder.ts";
import { verdictOf, verifyBundle, type Finding } from "../../../core/evidence/verify.ts";
import { readEvidence, readKept, Unreadable } from "./parts.ts";
import { formatFindings } from "./print.ts";
import { tools } from "./tools.ts";

/** `verify`, as the command line has it and as it stands in a file of its own. */

export type Asked = {
  readonly path: string;
  readonly checkpoints: readonly string[];
  readonly keys: readonly string[];
  readonly json: boolean;
  readonly color: boolean;
  readonly version: string;
};

export type Said = { readonly stdout: string; readonly stderr: string; readonly exitCode: 0 | 1 | 2 };

export const verifyHelp = `
BUNDLE is a file of GET /v1/actions/:id/evidence, or a folder of \`holdpoint evidence export\`. Nothing is asked of anybody: no
engine, no key, no network.

--checkpoint is a checkpoint that you have kept from before. Without one, whoever holds the key of the log can write it anew, and
nobody sees a tail that was cut off.
--key is a verifier key of the log that you were given by another way than this evidence: <origin>+<id>+<key>.

Exit codes:
  0  all that could be checked holds
  1  something is not as it should be, or what you asked for could not be shown
  2  it cannot be read

Examples:
  $ npx holdpoint verify act.json --checkpoint kept-checkpoint
  $ node holdpoint-verify.mjs ./january --checkpoint kept-checkpoint --key "$(cat log.vkey)" --json`;

/** Colours are for a terminal, and for who has not said otherwise. */
export const wantsColor = (asked: boolean): boolean =>
  asked && process.stdout.isTTY && (process.env["NO_COLOR"] ?? "") === "";

/** Reads, looks, and says. Never throws for what it reads. */
export function runVerify({ path, checkpoints, keys, json, color, version }: Asked): Said {
  let findings: Finding[];
  let kind: "bundle" | "export";
  try {
    const trust = {
      kept: checkpoints.map(readKept),
      keys: keys.flatMap((key) => key.split(/\s+/u)).filter((key) => key !== ""),
    };
    const evidence = readEvidence(path);
    ({ kind } = evidence);
    findings =
      evidence.kind === "bundle"
        ? verifyBundle(evidence.value, trust, tools)
        : verifyFolder(evidence.folder, trust, tools);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    const stdout = json
      ? `${JSON.stringify({ verdict: "unreadable", error: error.message, version }, null, 2)}\n`
      : "";
    return { stdout, stderr: `${error.message}\n`, exitCode: 2 };
  }
  const verdict = verdictOf(findings);
  const document = { path, kind, verdict, version, findings };
  const stdout = json ? JSON.stringify(document, null, 2) : formatFindings(findings, color);
  return { stdout: `${stdout}\n`, stderr: "", exitCode: verdict === "proven" ? 0 : 1 };
}
