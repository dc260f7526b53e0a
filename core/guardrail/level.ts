import { levels, type Guardrail, type GuardrailState, type Level } from "../../schemas/guardrail.ts";
import type { ProblemField } from "../../schemas/problem.ts";

/** Negative where `a` is looser than `b`, positive where it is tighter. */
export function compareLevels(a: Level, b: Level): number {
  return levels.indexOf(a) - levels.indexOf(b);
}

/** The next level in one direction, or null where there is none inside the bounds that operators have set. */
export function neighbour(
  level: Level,
  direction: "looser" | "tighter",
  { floor, ceiling }: Pick<Guardrail, "floor" | "ceiling">,
): Level | null {
  const next = levels[levels.indexOf(level) + (direction === "looser" ? -1 : 1)];
  if (next === undefined) return null;
  if (direction === "looser") return compareLevels(next, floor) < 0 ? null : next;
  return compareLevels(next, ceiling) > 0 ? null : next;
}

/** Where a guardrail begins, before anything has been learnt. */
export function initialGuardrail({ start }: Pick<Guardrail, "start">): GuardrailState {
  return {
    level: start,
    changedAt: null,
    tightenedAt: null,
    coolUntil: null,
    tally: { clean: 0, incidents: 0, needless: 0 },
    proposed: null,
    refusals: 0,
  };
}

/**
 * The level that counts under these bounds. Operators may have moved them since it was reached: what is outside comes in
 * to the nearer end.
 */
export function levelWithin(level: Level, { floor, ceiling }: Pick<Guardrail, "floor" | "ceiling">): Level {
  if (compareLevels(level, floor) < 0) return floor;
  return compareLevels(level, ceiling) > 0 ? ceiling : level;
}

/** The level that a contract is judged at: `reached` is where its guardrail has moved, where it has. */
export function levelOf(guardrail: Guardrail | undefined, reached: Level | undefined): Level {
  return guardrail === undefined ? "rule" : levelWithin(reached ?? guardrail.start, guardrail);
}

/**
 * The state under the bounds of now. A level that has never moved is where the guardrail begins; a proposal that the bounds no
 * longer have room for is void.
 */
export function within(guardrail: Guardrail, state: GuardrailState): GuardrailState {
  const level = levelOf(guardrail, state.changedAt === null ? undefined : state.level);
  const { proposed } = state;
  const isOpen = proposed !== null && proposed.level === neighbour(level, "looser", guardrail);
  return level === state.level && isOpen === (proposed !== null)
    ? state
    : { ...state, level, proposed: isOpen ? proposed : null };
}

/** Why these bounds cannot be published, by JSON Pointer from the guardrail. Critical is never let through without people. */
export function guardrailFaults(guardrail: Guardrail, critical: boolean): ProblemField[] {
  const { floor, ceiling, start } = guardrail;
  const faults: ProblemField[] = [];
  if (compareLevels(floor, ceiling) > 0) {
    faults.push({ pointer: "/floor", detail: `is tighter than the ceiling, ${ceiling}` });
  } else if (levelWithin(start, guardrail) !== start) {
    faults.push({ pointer: "/start", detail: `is ${start}, which is not between ${floor} and ${ceiling}` });
  }
  if (critical && compareLevels(floor, "rule") < 0) {
    faults.push({ pointer: "/floor", detail: "must be rule or tighter for risk critical" });
  }
  return faults;
}
