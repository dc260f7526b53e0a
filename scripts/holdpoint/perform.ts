import { randomUUID } from "node:crypto";
import { HoldpointError, type KeptLease, verifyDigest } from "../../client/index.ts";
import type { ActionView, ClaimAnswer } from "../../schemas/action.ts";
import { CliError } from "./exit-code.ts";
import { type Execution, execute, type Running } from "./execute.ts";
import type { Interrupt, Interrupts } from "./interrupts.ts";
import { argvOf } from "./render/card.ts";
import { visible } from "../../core/card/visible.ts";
import { deliver, reportOf, summaryOf } from "./reporting.ts";
import type { Session } from "./session.ts";
import { quoteWords } from "./words.ts";

export type Purpose = "execute" | "rollback";

/** What came of it. `action` is null where the report could not be delivered. */
export type Performed = {
  execution: Execution;
  /** One line about how the command ended. */
  summary: string;
  interrupt: Interrupt | undefined;
  action: ActionView | null;
};

/** A command that has lost its lease gets this long between SIGTERM and SIGKILL, in milliseconds. */
const graceMs = 10_000;

/**
 * Takes an approved action, or a rollback that was started, and carries it out:
 * 1. Claim it with the digest that was seen. The claim's key is this process's own: another process must not get this lease.
 * 2. What the claim answers is the very content that was approved, by recomputing its digest.
 * 3. Its grant is the engine's, for this action, digest, fence and purpose, verified against the engine's public keys.
 * 4. Run the argv of that content, without a shell, while a heartbeat renews the lease. Should the lease be lost, the command
 *    is stopped: without one it runs without approval.
 * 5. Report what happened.
 * A failure in 2 or 3 runs nothing and is reported as such.
 */
export async function perform(
  session: Session,
  interrupts: Interrupts,
  action: ActionView,
  purpose: Purpose,
): Promise<Performed> {
  const { client } = session;
  const mark = interrupts.count;
  // (1)
  const claim = await client.claim(
    action.id,
    { digest: action.digest, preconditions: action.preconditions },
    { idempotencyKey: `claim-${randomUUID()}` },
  );
  const claimedAt = performance.now();
  const lease = client.keepAlive(claim);
  try {
    // (2), (3)
    const problem = await distrust(session, claim, action.digest, purpose);
    // (4)
    const ran = problem ?? (await run(session, interrupts, mark, claim, purpose, lease));
    const execution = ran instanceof Error ? unstarted(ran.message) : ran;
    const circumstances = {
      interrupt: interrupts.since(mark),
      leaseLost: lease.signal.aborted && execution.started,
      startupMs: Math.round(performance.now() - claimedAt - execution.durationMs),
    };
    // (5)
    const reported = await deliver(session, interrupts, claim, reportOf(claim, execution, circumstances));
    if (problem !== undefined) throw problem;
    const summary = summaryOf(execution, circumstances.interrupt, circumstances.leaseLost);
    return { execution, summary, interrupt: circumstances.interrupt, action: reported };
  } finally {
    lease.stop();
  }
}

/** Why this claim must not be acted on; undefined when it may. */
async function distrust(
  { client }: Session,
  claim: ClaimAnswer,
  digest: string,
  purpose: Purpose,
): Promise<Error | undefined> {
  try {
    await verifyDigest(claim.action, digest);
    const { workspace, lease } = claim.action;
    await client.verifyClaim(claim, {
      digest,
      purpose,
      workspace,
      ...(lease === null ? {} : { executor: lease.executor }),
    });
    const fault = takenOutOf(claim.action, purpose);
    if (fault !== null) return new CliError(fault);
    if (argvFor(claim.action, purpose) === undefined) {
      return new CliError("It has no argv to run: it was not asked for with `holdpoint run`.");
    }
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** The words that were approved for a purpose. */
export function argvFor(action: ActionView, purpose: Purpose): string[] | undefined {
  return argvOf(purpose === "execute" ? action.args["argv"] : action.rollbackPlan?.["argv"]);
}

/** Where a secret was taken out of the words that were approved for a purpose, why they cannot be run; else null. */
export function takenOutOf({ redacted = [] }: Pick<ActionView, "redacted">, purpose: Purpose): string | null {
  const words = purpose === "execute" ? /^\/args\/(?:argv|cwd)(?:\/|$)/u : /^\/rollbackPlan\/argv(?:\/|$)/u;
  const gone = redacted.find(({ pointer }) => words.test(pointer));
  if (gone === undefined) return null;
  const what = purpose === "execute" ? "command" : "rollback command";
  return `A secret (${gone.kind}) was taken out of the ${what} before it was stored, so it cannot be run.`;
}

async function run(
  { terminal }: Session,
  interrupts: Interrupts,
  mark: number,
  claim: ClaimAnswer,
  purpose: Purpose,
  lease: KeptLease,
): Promise<Execution> {
  const argv = argvFor(claim.action, purpose) ?? [];
  const { cwd } = claim.action.args;
  const early = interrupts.since(mark);
  if (early !== undefined) return unstarted(`${early} came before it began`);
  terminal.note(terminal.err.dim(`▶ ${visible(quoteWords(argv))}`));
  const running = execute({
    argv,
    cwd: typeof cwd === "string" ? cwd : process.cwd(),
    // With --json stdout is for the one document at the end.
    stdout: terminal.json ? process.stderr : process.stdout,
  });
  const stop = (): void => {
    const { reason }: { reason?: unknown } = lease.signal;
    const why = reason instanceof HoldpointError ? reason.detail : "The lease was lost.";
    terminal.note(`${terminal.err.red("✗")} ${visible(why)} Stopping the command.`);
    running.kill("SIGTERM");
    setTimeout(() => running.kill("SIGKILL"), graceMs).unref();
  };
  lease.signal.addEventListener("abort", stop, { once: true });
  try {
    return await interrupts.during(
      (signal, count) => passOn(running, signal, count, terminal.note.bind(terminal)),
      () => running.done,
    );
  } finally {
    lease.signal.removeEventListener("abort", stop);
  }
}

/** A terminal sends Ctrl-C to the command as well; anywhere else we must. From the second on it is made stronger. */
function passOn(running: Running, signal: Interrupt, count: number, note: (text: string) => void): void {
  const fromTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  if (count === 1) {
    note(
      `${signal}: waiting for the command to end, to report what happened. Once more for SIGTERM, then SIGKILL.`,
    );
    if (signal !== "SIGINT" || !fromTerminal) running.kill(signal);
  } else running.kill(count === 2 ? "SIGTERM" : "SIGKILL");
}

function unstarted(failure: string): Execution {
  const nothing = {
    bytes: 0,
    digest: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    tail: "",
  };
  const startedAt = new Date().toISOString();
  return {
    started: false,
    failure,
    exitCode: 126,
    signal: null,
    startedAt,
    durationMs: 0,
    stdout: nothing,
    stderr: nothing,
  };
}
