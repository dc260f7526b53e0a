import { Command } from "commander";
import { addBreakGlass } from "./commands/break-glass.ts";
import { addDeadLetters } from "./commands/dead-letters.ts";
import { addDecide } from "./commands/decide.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addEnd } from "./commands/end.ts";
import { addErase } from "./commands/erase.ts";
import { addEvidence } from "./commands/evidence.ts";
import { addFeedback } from "./commands/feedback.ts";
import { addGuardrails } from "./commands/guardrails.ts";
import { addHold } from "./commands/hold.ts";
import { addIssuers } from "./commands/issuers.ts";
import { addKey } from "./commands/key.ts";
import { addLedger } from "./commands/ledger.ts";
import { addMetrics } from "./commands/metrics.ts";
import { addKill } from "./commands/kill.ts";
import { addOnCall } from "./commands/oncall.ts";
import { addPolicy } from "./commands/policy.ts";
import { addQueue } from "./commands/queue.ts";
import { addReport } from "./commands/report.ts";
import { addRequest } from "./commands/request.ts";
import { addRollback } from "./commands/rollback.ts";
import { addRun } from "./commands/run.ts";
import { addShow } from "./commands/show.ts";
import { addSignIn } from "./commands/sign-in.ts";
import { addSlack } from "./commands/slack.ts";
import { addWorkspace } from "./commands/workspace.ts";
import { addVerify } from "./commands/verify.ts";
import { addWait } from "./commands/wait.ts";
import { exitCodeHelp } from "./exit-code.ts";

const introduction = `
Which engine and as whom: the options above, else HOLDPOINT_URL and HOLDPOINT_KEY, else the nearest
.holdpoint/dev.json, which \`npm start\` writes. From there run, request, wait, cancel, rollback and report act as
agent:demo, and queue, show, revoke, policy, key, issuers, kill, unkill, oncall, feedback, guardrails, dead-letters,
evidence, ledger, metrics and doctor as the operator; approve, deny, break-glass, review, sign-in and slack link need --as. HOLDPOINT_KEY may also be the token of a
trusted issuer, and HOLDPOINT_KEY_COMMAND what prints a fresh one whenever that ends; HOLDPOINT_WORKSPACE then says for
which workspace, if not "default".
A key in HOLDPOINT_KEY is not seen in the list of processes; one after --key is.

The main job:
  $ npx holdpoint run --type host.shell --target prod-db-1 --reason "Look at the disks" -- df -h
  $ npx holdpoint queue
  $ npx holdpoint approve act_… --as person:bob
  $ npx holdpoint show act_…
${exitCodeHelp}`;

/** The whole command line. Errors are thrown (`CommanderError` for usage), results go to stdout. */
export function createProgram(version: string): Command {
  const program = new Command("holdpoint")
    .description("Nothing dangerous runs until the people named in the plan have agreed to exactly that.")
    .version(version)
    .option("--url <url>", "the engine's address")
    .option("--key <key>", "API key")
    .option("--as <name>", "use this key of .holdpoint/dev.json, such as person:bob")
    .option("--json", "print one JSON document on stdout")
    .option("--no-color", "no colours")
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("(--help shows how)")
    .addHelpText("after", introduction)
    .exitOverride();
  for (const add of [
    addRun,
    addRequest,
    addWait,
    addDecide,
    addBreakGlass,
    addSignIn,
    addQueue,
    addShow,
    addEnd,
    addRollback,
    addReport,
    addPolicy,
    addKey,
    addIssuers,
    addKill,
    addOnCall,
    addFeedback,
    addGuardrails,
    addDeadLetters,
    addEvidence,
    addHold,
    addErase,
    addLedger,
    addMetrics,
    addWorkspace,
    addVerify,
    addSlack,
    addDoctor,
  ]) {
    add(program);
  }
  return program;
}
