import type { Freeze, Frozen } from "../schemas/freeze.ts";
import type { Contract } from "../schemas/policy.ts";
import { isEngineType } from "./engine-actions.ts";
import { instantOf, isTimeZone, reached, wallOfDateTime } from "./local-time.ts";
import { globMatches } from "./scope.ts";
import { windowAround } from "./weekly.ts";

/** Times in which nothing starts to run (semantics §8). */

export type Freezing = Pick<Contract, "type" | "class" | "risk">;

/** How far an end is followed; what is frozen longer shows an end that far away. */
const horizonMs = 370 * 86_400_000;
/** A freeze whose zone this runtime does not know cannot be read, so it is in force; it is looked at again after this. */
const unreadableMs = 3_600_000;

/**
 * The freeze that keeps actions of this contract from starting now, or null. `until` (epoch ms) is when the next one could start:
 * freezes that overlap or follow on each other without a pause are one, under the name of the first in the document that is in
 * force now.
 */
export function frozenUntil(
  policy: { readonly freezes?: readonly Freeze[] | undefined },
  contract: Freezing,
  now: number,
): Frozen | null {
  // A freeze is lifted by a change of the policy, which therefore is never frozen itself.
  if (isEngineType(contract.type)) return null;
  const freezes = (policy.freezes ?? []).filter((freeze) => isAbout(freeze, contract));
  const endAt = (freeze: Freeze, at: number): number | null => {
    if (isTimeZone(freeze.timeZone)) return endOf(freeze, at);
    return at < now + unreadableMs ? now + unreadableMs : null;
  };
  const first = freezes.find((freeze) => endAt(freeze, now) !== null);
  if (first === undefined) return null;
  let until = now;
  for (;;) {
    const at = until;
    const ends = freezes.map((freeze) => endAt(freeze, at) ?? at);
    until = Math.max(...ends);
    if (until === at || until > now + horizonMs) break;
  }
  return { name: first.name, until, because: first.because };
}

/** Whether a freeze is about actions of this contract, at whatever time. */
export function isAbout({ types, classes, risks }: Freeze, contract: Freezing): boolean {
  if (types !== undefined && !types.some((glob) => globMatches(glob, contract.type))) return false;
  if (classes !== undefined && !classes.some((glob) => globMatches(glob, contract.class))) return false;
  return risks === undefined || risks.includes(contract.risk);
}

/** When the freeze that is in force at this moment ends (epoch ms, later than `at`); null where it is not in force. */
function endOf({ timeZone, weekly, from, until }: Freeze, at: number): number | null {
  const wall = reached(timeZone, at);
  if (from !== undefined && wall < wallOfDateTime(from)) return null;
  const end = until === undefined ? Number.POSITIVE_INFINITY : wallOfDateTime(until);
  if (wall >= end) return null;
  if (weekly === undefined) return instantOf(timeZone, end);
  const window = windowAround(weekly, wall);
  return window === null ? null : instantOf(timeZone, Math.min(window.to, end));
}
