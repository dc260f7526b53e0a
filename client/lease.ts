import type { ActionView, ClaimAnswer } from "../schemas/action.ts";
import { pause } from "./backoff.ts";
import { HoldpointError } from "./error.ts";

/** A claim kept alive in the background. */
export type KeptLease = {
  /** Aborted when the lease is lost: stop the work, it has no approval any more. The reason is a `HoldpointError`. */
  readonly signal: AbortSignal;
  /** Stops renewing. Call it once the report is in, or the work was given up. */
  stop(): void;
};

export type Heartbeat = (body: { lease: string; fence: number }, signal: AbortSignal) => Promise<ActionView>;

/**
 * Renews a claim's lease at a third of its length, so that two renewals in a row may fail before it is lost. It is lost when
 * the engine refuses to renew it (fenced, ended, key revoked), or when no renewal has got through for its whole length:
 * measured on the monotonic clock from when the last successful one was sent, so that this side gives up first.
 */
export function keepLease(claim: ClaimAnswer, heartbeat: Heartbeat): KeptLease {
  const lost = new AbortController();
  const stopped = new AbortController();
  const lengthMs = leaseMs(claim);

  const renew = async (): Promise<void> => {
    let renewedAt = performance.now();
    let waitMs = lengthMs / 3;
    for (;;) {
      await pause(waitMs, stopped.signal);
      const sentAt = performance.now();
      // Whole milliseconds: AbortSignal.timeout takes no others.
      const left = Math.max(1, Math.ceil(renewedAt + lengthMs - sentAt));
      const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(left)]);
      try {
        await heartbeat({ lease: claim.lease, fence: claim.fence }, signal);
        renewedAt = sentAt;
        waitMs = Math.max(50, lengthMs / 3 - (performance.now() - sentAt));
      } catch (error) {
        if (stopped.signal.aborted) return;
        if (isRefusal(error)) return lost.abort(leaseLost("The engine ended the lease", error));
        if (performance.now() - renewedAt >= lengthMs) {
          return lost.abort(leaseLost("No heartbeat got through within the lease", error));
        }
        waitMs = Math.max(50, Math.min(1_000, lengthMs / 10));
      }
    }
  };
  // The loop throws when `stop` ends its pause. Should it ever throw otherwise, nobody renews any more: that is a lost lease.
  renew().catch((error: unknown) => {
    if (!stopped.signal.aborted) lost.abort(leaseLost("The heartbeat stopped", error));
  });

  return { signal: lost.signal, stop: () => stopped.abort() };
}

function leaseLost(what: string, cause: unknown): HoldpointError {
  const why = cause instanceof HoldpointError ? `: ${cause.detail}` : ".";
  const detail = `${what}${why} Stop the work: nothing may run without a lease.`;
  return new HoldpointError({ code: "lease_lost", title: "The lease is lost", detail, cause });
}

/** The lease's length by the engine's own two times, so that a clock that is off here does not matter. At least 1 s. */
export function leaseMs(claim: ClaimAnswer): number {
  const ms = Date.parse(claim.expiresAt) - Date.parse(claim.action.updatedAt);
  return Number.isFinite(ms) ? Math.max(1_000, ms) : 1_000;
}

function isRefusal(error: unknown): boolean {
  return error instanceof HoldpointError && error.status >= 400 && error.status < 500 && error.status !== 429;
}
