// Checks the Merkle proofs of evidence with @sigstore/verify. check.sh runs it; by hand, where `npm install
// @sigstore/verify` was run: node merkle.mjs BUNDLE ...
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const path = "@sigstore/verify/dist/tlog/merkle.js";

/** The check is no part of the package's front door; it is looked for where the auditor stands, then beside this file. */
function load() {
  for (const from of [
    join(process.cwd(), "here.js"),
    import.meta.filename ?? new URL(import.meta.url).pathname,
  ]) {
    try {
      return createRequire(from)(path).verifyMerkleInclusion;
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return null;
}

const verifyMerkleInclusion = load();
if (verifyMerkleInclusion === null) {
  console.error("@sigstore/verify is not installed");
  process.exit(3);
}

let failed = false;
function report(what, fault) {
  failed ||= fault !== null;
  console.log(
    fault === null ? `ok      sigstore    ${what}` : `FAILED  sigstore    ${what}: ${JSON.stringify(fault)}`,
  );
}

/** Size and root as they are signed, not as they stand beside the note. */
function checkpointOf(note) {
  const [, size, root] = note.split("\n");
  if (!/^(0|[1-9][0-9]*)$/u.test(size)) throw new Error("the second line of the checkpoint is no size");
  return { logSize: BigInt(size), logHash: Buffer.from(root, "base64") };
}

function faultOf({ index, text, proof }, checkpoint) {
  const inclusionProof = {
    logIndex: String(index),
    hashes: proof.map((hash) => Buffer.from(hash, "base64")),
  };
  try {
    verifyMerkleInclusion({ inclusionProof, canonicalizedBody: Buffer.from(text, "utf8") }, checkpoint);
    return null;
  } catch (error) {
    return `${error.code ?? error.name}: ${error.message}`;
  }
}

for (const file of process.argv.slice(2)) {
  console.log(`        ${file}`);
  try {
    const { log } = JSON.parse(readFileSync(file, "utf8"));
    const checkpoint = checkpointOf(log.checkpoint.note);
    const shown = {
      "the line that gave the action its number": [log.opened],
      "the line that sealed it": log.sealed === null ? [] : [log.sealed],
      "a line that let values go": log.erased,
      "a line with a contradiction": log.conflicts,
      "a line that brought in a key": log.keyed,
    };
    for (const [what, lines] of Object.entries(shown)) {
      for (const line of lines) report(`${what} is in the log`, faultOf(line, checkpoint));
    }
  } catch (error) {
    report("the file is a bundle", String(error.message));
  }
}
process.exitCode = failed ? 1 : 0;
