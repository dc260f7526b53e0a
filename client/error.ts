import type { ProblemCode, ProblemField } from "../schemas/problem.ts";

/**
 * What this client itself can fail with, besides the engine's own problem codes:
 * `network` the engine could not be reached · `bad_answer` it answered with something that is no Holdpoint answer ·
 * `wait_timeout` the waiter's own time was up, the action goes on · `lease_lost` a lease could not be renewed ·
 * `bad_webhook`, `bad_grant` a signature or a claim in it did not hold · `bad_digest` the content is not what its digest says.
 */
export type ClientCode =
  | "network"
  | "bad_answer"
  | "wait_timeout"
  | "lease_lost"
  | "bad_webhook"
  | "bad_grant"
  | "bad_digest";
export type ErrorCode = ProblemCode | ClientCode;

export type ErrorFacts = {
  /** A `ProblemCode` or a `ClientCode`; a newer engine may send one that this client does not know yet. */
  code: string;
  /** What went wrong and what to do next, for a person. */
  detail: string;
  /** The HTTP status; 0 where no answer came. */
  status?: number;
  title?: string;
  /** Every offending field by JSON Pointer. */
  errors?: readonly ProblemField[];
  /** The true state and `seq` of the action, where the call was refused because of it. */
  state?: string | undefined;
  stateDetail?: string | null | undefined;
  seq?: number | undefined;
  /** Milliseconds the engine asks to wait before the next try. */
  retryAfterMs?: number | undefined;
  cause?: unknown;
};

/** Every failure of this client. Rely on `code`; `message` and `detail` are for people and may change. */
export class HoldpointError extends Error {
  override readonly name = "HoldpointError";
  readonly code: string;
  readonly detail: string;
  readonly status: number;
  readonly title: string | undefined;
  readonly errors: readonly ProblemField[];
  readonly state: string | undefined;
  readonly stateDetail: string | null | undefined;
  readonly seq: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(facts: ErrorFacts) {
    super(`${facts.code}: ${facts.detail}`, { cause: facts.cause });
    this.code = facts.code;
    this.detail = facts.detail;
    this.status = facts.status ?? 0;
    this.title = facts.title;
    this.errors = facts.errors ?? [];
    this.state = facts.state;
    this.stateDetail = facts.stateDetail;
    this.seq = facts.seq;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** The code of anything thrown: undefined for what is no `HoldpointError`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof HoldpointError ? error.code : undefined;
}
