import type { Cover } from "../render/evidence-page.ts";

const figuresHere = `  retention.csv      what was due to be let go of and what is gone, by class, as the engine counts it now for the whole workspace
  reads.csv          how often who has read evidence, by route
  figures.json       both, with the bytes that are held by class and age, and how far the log is signed
`;

/** What stands in README.txt of an export: what there is, how to check it without the engine, and what that proves. */
export function readmeText(
  { workspace, exportedAt, actions, origin, size }: Cover,
  { kept, figures }: { readonly kept: boolean; readonly figures: boolean },
): string {
  return `Evidence of the workspace ${workspace}
Taken at ${exportedAt}: ${actions} actions, proven in the first ${size} lines of the log ${origin}.

WHAT IS HERE
  index.html         everything as a reader would tell it; print it, or open it. It runs no scripts.
  actions.csv        one row an action
  events.csv         one row an event
  votes.csv          one row a vote: who, as whom, whether it counted, what they were shown
  access.csv         who has read evidence in this time, by the log itself
  bundles/           one file an action, named by its number: all that is needed to check it. This is the evidence.
  ledger.jsonl       every line of the log up to the checkpoint, with its index, so that a gap would show
  checkpoint         the signed checkpoint (C2SP tlog-checkpoint, a signed note)
  checkpoint.txt     the text that is signed: the log's name, how many lines it has, the root over them
  checkpoint.sig     the same text signed as ssh-keygen does it
  allowed_signers    the log's public keys as ssh-keygen takes them
  log.vkey           the same as the tools of Go's checksum database take them
  summary.json       what was asked for, counts, and the SHA-256 of every other file here
${figures ? figuresHere : ""}${kept ? "  kept-checkpoint    the checkpoint you had kept, and\n  consistency.json   the proof that nothing in it was changed since\n" : ""}
Cells of the tables that a spreadsheet would take for a formula begin with an apostrophe. In page and tables, characters that
cannot be seen are named, as in [U+202E]; the bundles hold them as they were.

HOW TO CHECK IT
  The signature, with OpenSSH:
    ssh-keygen -Y verify -f allowed_signers -I ${origin} -n holdpoint-checkpoint -s checkpoint.sig < checkpoint.txt
  Every bundle, offline:
    npx holdpoint verify bundles/1-act_….json${kept ? " --checkpoint kept-checkpoint" : ""}
  Where bundles and log come from elsewhere than the keys, check allowed_signers against the keys that you were given.

WHAT IT PROVES
  That each entry is what was written when it happened, that none was taken out, put in or exchanged, that the numbers of the
  actions have no gap, and that all of this was so when the checkpoint was signed.
WHAT IT DOES NOT PROVE
  Whoever holds the log's key can write another log and sign that. What stops them is a checkpoint that somebody else has kept:
  keep the file checkpoint, and give it with --checkpoint to the next export. What was never written into the engine is not here;
  neither is what was let go of when its time was over, of which only the fact is left.
`;
}
