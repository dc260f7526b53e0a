import { randomUUID } from "node:crypto";
import { HoldpointError, type Report } from "../../client/index.ts";
import type { ActionView, ClaimAnswer } from "../../schemas/action.ts";
import type { Execution } from "./execute.ts";
import type { Interrupt, Interrupts } from "./interrupts.ts";
import { formatMs } from "./render/time.ts";
import { visible } from "../../core/card/visible.ts";
import type { Session } from "./session.ts";
import { keepUnsent } from "./unsent.ts";

/** What else there is to know about how a command ended, besides its exit. */
export type Circumstances = { interrupt: Interrupt | undefined; leaseLost: boolean; startupMs: number };

/** The honest account of one execution. A command that was stopped half-way may have done anything. */
export function reportOf(
  claim: ClaimAnswer,
  execution: Execution,
  { interrupt, leaseLost, startupMs }: Circumstances,
): Report {
  const { started, exitCode, signal, startedAt, durationMs, stdout, stderr } = execution;
  const cut = interrupt !== undefined || leaseLost;
  const clean = started && exitCode === 0 && !cut;
  return {
    lease: claim.lease,
    fence: claim.fence,
    outcome: clean ? "succeeded" : "failed",
    ...(clean ? {} : { effect: !started ? "none" : cut ? "unknown" : "partial" }),
    summary: summaryOf(execution, interrupt, leaseLost),
    evidence: {
      exitCode: started ? exitCode : null,
      signal,
      startedAt,
      durationMs,
      startupMs,
      stdout,
      stderr,
    },
    startupMs,
  };
}

/** One line about how a command ended. */
export function summaryOf(
  execution: Execution,
  interrupt: Interrupt | undefined,
  leaseLost: boolean,
): string {
  const { started, failure, exitCode, signal, durationMs } = execution;
  if (!started) return visible(`did not start: ${failure ?? "unknown reason"}`).slice(0, 1_000);
  const end = `${signal === null ? `exit ${exitCode}` : `ended by ${signal}`} after ${formatMs(durationMs)}`;
  if (leaseLost) return `stopped because its lease was lost: ${end}`;
  return interrupt === undefined ? end : `interrupted by ${interrupt}: ${end}`;
}

/** Waits between tries while the engine is away: half a second to ten. */
const retry = { baseMs: 500, capMs: 10_000 };
/** At least this long, also when the execution's time is nearly over: a late report still resolves an unknown outcome. */
const patienceMs = 60_000;

/**
 * Delivers a report, trying for as long as the execution may take while the engine is away. Null when it had to be kept in a
 * file instead. The engine's refusal is thrown: then the report has arrived and is evidence.
 */
export async function deliver(
  session: Session,
  interrupts: Interrupts,
  claim: ClaimAnswer,
  report: Report,
): Promise<ActionView | null> {
  const { client, terminal, connection } = session;
  const { id, deadlines } = claim.action;
  const idempotencyKey = `report-${randomUUID()}`;
  const until = Math.max(Date.now() + patienceMs, Date.parse(deadlines.execution ?? claim.expiresAt));
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(new Error("too late")), until - Date.now());
  const notice = setTimeout(() => {
    terminal.note(
      `The engine does not take the report yet; trying until ${new Date(until).toLocaleTimeString()}. Ctrl-C keeps it in a file.`,
    );
  }, 3_000);
  try {
    const send = (): Promise<ActionView> =>
      client.report(id, report, {
        idempotencyKey,
        signal: giveUp.signal,
        retry: { ...retry, tries: Number.MAX_SAFE_INTEGER },
      });
    return await interrupts.during(() => giveUp.abort(new Error("interrupted")), send);
  } catch (error) {
    if (
      error instanceof HoldpointError &&
      error.status >= 400 &&
      error.status < 500 &&
      error.status !== 429
    ) {
      throw error;
    }
    const path = keepUnsent(
      {
        url: client.url,
        action: id,
        idempotencyKey,
        report: { effect: "unknown", evidence: null, startupMs: null, ...report },
      },
      connection.dev?.path,
    );
    terminal.note(
      `${terminal.err.red("✗")} The report could not be delivered. It is in ${path}; send it with: npx holdpoint report --file ${path}`,
    );
    return null;
  } finally {
    clearTimeout(timer);
    clearTimeout(notice);
  }
}
