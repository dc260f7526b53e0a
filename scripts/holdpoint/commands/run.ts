import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import type { Command } from "commander";
import { HoldpointError, verifyDigest } from "../../../client/index.ts";
import type { ActionView } from "../../../schemas/action.ts";
import type { JsonObject } from "../../../schemas/json.ts";
import { CliError, exitCodeOfState, exitCodes } from "../exit-code.ts";
import { exitCodeOfSignal, Interrupts } from "../interrupts.ts";
import { collect, digestVariables, parseDuration } from "../options.ts";
import { argvFor, perform, takenOutOf, type Performed } from "../perform.ts";
import { visible } from "../../../core/card/visible.ts";
import { rollBack } from "../rolling-back.ts";
import { openSession, type Session } from "../session.ts";
import { announce, awaitDecision, sayEnd } from "../waiting.ts";
import { splitWords } from "../words.ts";

type RunOptions = {
  type: string;
  target: string;
  reason: string;
  rollback?: string;
  segment: string;
  environment: string;
  env?: string[];
  cwd?: string;
  onBehalfOf?: string;
  idempotencyKey?: string;
  timeout?: number;
};

const examples = `
The command after -- is sent as it is, word for word, with its folder. When the people named in the policy have
approved exactly that, it is run here, without a shell, with your environment and stdin. Its output streams through;
its exit code is this command's exit code. stdout is the command's alone (with --json: one document, and the
command's output goes to stderr).

--rollback takes one text and splits it into words like a POSIX shell quotes them: '…' and "…" and \\. Nothing is
expanded, and there are no pipes or redirections: write sh -c '…' when you need a shell. The rollback is part of what
is approved. It runs by itself when the command fails, where the contract says so; else a person starts it.

--env NAME adds a digest of the variable's value to what is approved, and the command does not run if the value has
changed. All other variables are passed on without being looked at.

Ctrl-C while waiting cancels the action. While the command runs it goes to the command, and what came of it is
reported. If the lease is lost (the engine was away too long, or it took longer than its contract allows) the
command is stopped: without a lease it runs without approval.

Examples:
  $ npx holdpoint run --type host.shell --target prod-db-1 --reason "Look at the disks" -- df -h
  $ npx holdpoint run --type host.shell --target prod-db-1 --reason "Free space" \\
      --rollback "systemctl start app" -- systemctl stop app
  $ npx holdpoint run --type host.shell --target prod-db-1 --reason "Count" -- sh -c 'ls /var/log | wc -l'`;

export function addRun(program: Command): void {
  program
    .command("run")
    .summary("run a command once people have approved exactly it")
    .description("Ask for approval of a command, wait, and run exactly what was approved.")
    .requiredOption("--type <type>", "action type, such as host.shell")
    .requiredOption("--target <name>", "what it is aimed at, such as prod-db-1")
    .requiredOption("--reason <text>", "why, in your own words; approvers read it")
    .option("--rollback <command>", "how to undo it, approved together with it")
    .option("--segment <name>", "network segment of the target", "prod-hosts")
    .option("--environment <name>", "environment of the target", "production")
    .option("--env <name>", "approve a digest of this variable's value too (may be repeated)", collect)
    .option("--cwd <dir>", "folder to run in (default: this one)")
    .option("--on-behalf-of <person>", "the person this is done for")
    .option("--idempotency-key <key>", "the same key and command is the same action, also after a crash")
    .option("--timeout <duration>", "stop waiting after this long; the action goes on", parseDuration)
    .argument("<command...>", "after --: the command and its arguments, as they are")
    .addHelpText("after", examples)
    .action(async (argv: string[], options: RunOptions, command: Command) => {
      // Without the -- an option of the command's would be read as ours, and another command would be approved.
      if (!process.argv.includes("--")) {
        command.error("error: put -- before the command to run, so that its options stay its own");
      }
      process.exitCode = await run(openSession(command, "agent"), argv, options);
    });
}

async function run(session: Session, argv: string[], options: RunOptions): Promise<number> {
  const { client } = session;
  const env = digestVariables(options.env ?? [], process.env);
  const args: JsonObject = {
    argv,
    cwd: resolve(options.cwd ?? "."),
    ...(options.env === undefined ? {} : { env }),
  };
  const rollbackPlan = options.rollback === undefined ? null : { argv: splitWords(options.rollback) };
  const idempotencyKey = options.idempotencyKey ?? `run-${randomUUID()}`;

  const interrupts = new Interrupts((signal, count) => {
    if (count > 1) process.exit(exitCodeOfSignal(signal));
  });
  try {
    const asked = await client.request(
      {
        type: options.type,
        target: { resource: options.target, segment: options.segment, environment: options.environment },
        args,
        reason: options.reason,
        rollbackPlan,
        onBehalfOf: options.onBehalfOf ?? null,
      },
      { idempotencyKey },
    );
    // What came back must be what was sent, or somebody else's command would be waited for and run.
    await verifyDigest(asked);
    await refuseTakenOut(session, asked);
    if (JSON.stringify(argvFor(asked, "execute")) !== JSON.stringify(argv)) {
      throw new CliError(`${asked.id} is not the command that was sent.`);
    }
    announce(session, asked);
    const decided = await awaitDecision(session, interrupts, asked, {
      timeoutMs: options.timeout,
      idempotencyKey,
    });
    if (typeof decided === "number") return decided;
    if (decided.state !== "approved") return ended(session, decided);
    checkVariables(decided);
    return await carryOut(session, interrupts, decided);
  } finally {
    interrupts.dispose();
  }
}

/** A command without a part of it does something else than was meant, so nobody need look at it: it is cancelled. */
async function refuseTakenOut({ client }: Session, asked: ActionView): Promise<void> {
  const fault = takenOutOf(asked, "execute") ?? takenOutOf(asked, "rollback");
  if (fault === null) return;
  const { id, state } = asked;
  const isOpen = state === "pending" || state === "approved";
  const cancelled = isOpen
    ? await client.cancel(id, "A secret was taken out of its command, so it cannot be run.").catch(() => null)
    : null;
  const stands = cancelled === null ? `It is ${id}.` : `${id} was cancelled.`;
  throw new CliError(`${fault} ${stands} Ask again with the secret in a variable of the environment.`);
}

/** It was denied, expired or cancelled, or it ran before: then there is nothing to run now. */
function ended({ terminal }: Session, action: ActionView): number {
  sayEnd(terminal, action);
  if (terminal.json) terminal.document({ action, ran: false });
  // Somebody else is running it: whether it succeeds is not known here.
  return action.state === "executing" ? exitCodes.error : exitCodeOfState(action);
}

/** Before the claim, so that a refusal leaves the approval unspent. */
function checkVariables(action: ActionView): void {
  const { env } = action.args;
  if (typeof env !== "object" || env === null || Array.isArray(env)) return;
  const now = digestVariables(Object.keys(env), process.env);
  for (const name of Object.keys(env)) {
    if (env[name] !== now[name]) {
      throw new CliError(
        `The variable ${visible(name)} is no longer what was approved: ask again with its new value.`,
      );
    }
  }
}

async function carryOut(session: Session, interrupts: Interrupts, approved: ActionView): Promise<number> {
  const { terminal } = session;
  const performed = await perform(session, interrupts, approved, "execute");
  const { execution, action, summary, interrupt } = performed;
  const state = action?.state === "rolling_back" ? "failed" : (action?.state ?? "not reported yet");
  const mark = state === "executed" ? terminal.err.green("✓") : terminal.err.red("✗");
  terminal.note(`${mark} ${approved.id} ${state}: ${summary}`);
  const rollback = await undo(session, interrupts, performed);
  const exitCode = interrupt === undefined ? execution.exitCode : exitCodeOfSignal(interrupt);
  if (terminal.json) {
    const last = rollback?.action ?? action ?? approved;
    terminal.document({
      action: last,
      ran: execution.started,
      exitCode,
      execution,
      rollback: rollback?.execution ?? null,
    });
  } else terminal.note(terminal.err.dim(`  timeline: npx holdpoint show ${approved.id}`));
  return exitCode;
}

/** Rolls a failure back where that was approved and somebody may start it: the engine by contract, or else a person. */
async function undo(
  session: Session,
  interrupts: Interrupts,
  { action, interrupt, execution }: Performed,
): Promise<Performed | undefined> {
  if (action === null || action.rollbackPlan === null || !execution.started) return undefined;
  if (action.state === "rolling_back") return rollBack(session, interrupts, action);
  if (action.state !== "failed" || interrupt !== undefined) return undefined;
  try {
    const started = await session.client.rollback(
      action.id,
      `the command failed with exit ${execution.exitCode}`,
    );
    return await rollBack(session, interrupts, started);
  } catch (error) {
    if (!(error instanceof HoldpointError)) throw error;
    session.terminal.note(
      `${session.terminal.err.yellow("!")} It was not rolled back: ${visible(error.detail)}`,
    );
    session.terminal.note(
      `  Someone who may starts it with: npx holdpoint rollback ${action.id} --as ${action.requester.owner}`,
    );
    return undefined;
  }
}
