import type { Freeze } from "../../schemas/freeze.ts";
import type { Contract, Policy } from "../../schemas/policy.ts";
import { pointerOf } from "../../schemas/parse.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { frozenUntil, isAbout } from "../freeze.ts";
import { instantOf, wallOfDateTime } from "../local-time.ts";

/** A freeze that goes on for longer has no end that anybody waits for. */
const endlessMs = 365 * 86_400_000;
/** Following freezes from one to the next takes time, so no more sets of them than this are followed. */
const maxSets = 64;

/** Freezes that never end, that are over, or that are about nothing; and contracts that several freezes together never let go. */
export function freezeRemarks({ freezes = [], contracts }: Policy, now: number): ProblemField[] {
  const endless = new Set(freezes.filter((freeze) => isEndless([freeze], startOf(freeze, now))));
  const single = freezes.flatMap((freeze, index) => {
    const about = contracts.filter((contract) => isAbout(freeze, contract));
    const detail = remarkOn(freeze, about, endless.has(freeze), now);
    return detail === null ? [] : [{ pointer: pointerOf(["freezes", index]), detail }];
  });
  const followed = new Map<string, boolean>();
  const together = contracts.flatMap((contract): ProblemField[] => {
    const about = freezes.filter((freeze) => isAbout(freeze, contract));
    if (about.length < 2 || about.some((freeze) => endless.has(freeze))) return [];
    const key = about.map(({ name }) => name).join(" ");
    if (!followed.has(key) && followed.size < maxSets) followed.set(key, isEndless(about, now));
    if (followed.get(key) !== true) return [];
    const detail = `${contract.type} would never start: ${about.map(({ name }) => name).join(", ")} follow on each other without a pause`;
    return [{ pointer: "/freezes", detail }];
  });
  return [...single, ...together];
}

function remarkOn(freeze: Freeze, about: readonly Contract[], endless: boolean, now: number): string | null {
  if (about.length === 0) return "is about none of the contracts";
  if (freeze.until !== undefined && instantOf(freeze.timeZone, wallOfDateTime(freeze.until)) <= now) {
    return "is over; take it out";
  }
  return endless ? `never ends: ${about.map(({ type }) => type).join(", ")} would not start any more` : null;
}

const startOf = ({ timeZone, from }: Freeze, now: number): number =>
  from === undefined ? now : Math.max(now, instantOf(timeZone, wallOfDateTime(from)));

/** Whether, once in force, they leave no time in which something could start. All of them are about what is looked at. */
function isEndless(freezes: readonly Freeze[], at: number): boolean {
  const times = freezes.map(({ types: _types, classes: _classes, risks: _risks, ...time }) => time);
  const frozen = frozenUntil({ freezes: times }, { type: "any", class: "any", risk: "low" }, at);
  return frozen !== null && frozen.until - at > endlessMs;
}
