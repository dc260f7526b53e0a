import { HoldpointError } from "../../client/index.ts";
import type { ActionView } from "../../schemas/action.ts";

/** What the command line ends with. Scripts rely on these: a number keeps its meaning. */
export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  denied: 3,
  expired: 4,
  cancelled: 5,
  notAllowed: 6,
  unreachable: 7,
  stillWaiting: 8,
  interrupted: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodeHelp = `
Exit codes:
  0    done
  1    an error, bad input, or the action failed
  2    the command line could not be understood
  3    the action was denied; nothing ran
  4    the action expired; nothing ran
  5    the action was cancelled; nothing ran
  6    the key is not valid, or may not do that
  7    the engine could not be reached
  8    --timeout was over; the action goes on
  130  Ctrl-C
  \`run\` ends with the exit code of the command it ran (128 + n when signal n ended it).`;

/** A failure of the command line's own, with what to do about it. */
export class CliError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = exitCodes.error) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The exit code of anything thrown. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CliError) return error.exitCode;
  if (!(error instanceof HoldpointError)) return exitCodes.error;
  if (error.status === 401 || error.status === 403) return exitCodes.notAllowed;
  if (error.code === "network" || error.status >= 502) return exitCodes.unreachable;
  return error.code === "wait_timeout" ? exitCodes.stillWaiting : exitCodes.error;
}

/** The exit code that says how an action stands. */
export function exitCodeOfState({ state }: Pick<ActionView, "state">): number {
  switch (state) {
    case "denied":
      return exitCodes.denied;
    case "expired":
      return exitCodes.expired;
    case "cancelled":
      return exitCodes.cancelled;
    case "failed":
    case "rolling_back":
    case "rolled_back":
    case "rollback_failed":
      return exitCodes.error;
    case "pending":
    case "approved":
    case "executing":
    case "executed":
      return exitCodes.ok;
  }
}
