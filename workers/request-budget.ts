import { giveRequestBack, requestsPerHour, takeRequest, type RequestWindow } from "../core/budget.ts";
import type { Principal } from "../schemas/principal.ts";
import type { Snapshot } from "../schemas/snapshot.ts";
import { ProblemError } from "./http/problem.ts";

/**
 * How much each agent has asked for in the last hour, as far as it asked this isolate: a count that every isolate shared would
 * cost each request a call. One engine on one machine has one isolate, so there it is exact; spread over several, an agent gets
 * as many times its hour, and what reaches people is held by the Board's count, which is one for all.
 */
const windows = new Map<string, RequestWindow>();
/** Agents kept per isolate; past it the counts start over. Some 2 kB each at most. */
const maxKept = 1_000;

/** Counts one request. @throws ProblemError 429 with `retry-after` where the policy in force leaves no room for it. */
export function countRequest({
  principal,
  snapshot,
  now,
}: {
  principal: Principal;
  snapshot: Snapshot;
  now: number;
}): void {
  const perHour = requestsPerHour(snapshot.policy?.document ?? null);
  if (perHour === null) return;
  const name = nameOf(principal);
  const taken = takeRequest(windows.get(name) ?? [], perHour, now);
  if (!windows.has(name) && windows.size >= maxKept) windows.clear();
  windows.set(name, taken.window);
  if (taken.granted) return;
  const detail = `${principal.id} has asked for ${perHour} actions within an hour, which is all that policy allows. Nothing was taken in. Ask again later, under the same Idempotency-Key.`;
  const seconds = Math.max(1, Math.ceil(taken.retryAfterMs / 1_000));
  throw new ProblemError("rate_limited", { detail }, { "retry-after": String(seconds) });
}

/** The request was one that had come before under the same key, and was counted then. */
export function uncountRequest(principal: Principal): void {
  const name = nameOf(principal);
  const window = windows.get(name);
  if (window !== undefined) windows.set(name, giveRequestBack(window));
}

const nameOf = ({ workspace, id }: Principal): string => `${workspace}/${id}`;
