import { durationMs } from "../schemas/duration.ts";
import type { Contract } from "../schemas/policy.ts";
import type { ProblemField } from "../schemas/problem.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

type Bounds = { readonly defaultMs: number; readonly minMs: number; readonly maxMs: number };

/**
 * Semantics §6 as data, in milliseconds. Where the table there has no lower bound it is a second here, so that no clock is
 * over before it is seen; where it has no upper one it is the longest an action can be pending.
 */
export const clockBounds = {
  pendingTtl: { defaultMs: hour, minMs: minute, maxMs: 30 * day },
  remindAfter: { defaultMs: 10 * minute, minMs: minute, maxMs: 30 * day },
  escalateAfter: { defaultMs: 15 * minute, minMs: minute, maxMs: 30 * day },
  approvalTtl: { defaultMs: 15 * minute, minMs: 30 * second, maxMs: day },
  leaseTtl: { defaultMs: minute, minMs: 10 * second, maxMs: 10 * minute },
  executionMax: { defaultMs: 15 * minute, minMs: second, maxMs: day },
  rollbackWindow: { defaultMs: 30 * minute, minMs: second, maxMs: 7 * day },
  reviewDue: { defaultMs: 72 * hour, minMs: second, maxMs: 14 * day },
} as const satisfies Record<string, Bounds>;
export type ClockName = keyof typeof clockBounds;

/** A critical action may be pending for a day at most. */
export const criticalPendingMaxMs = day;
/** How far ahead `notBefore` and `notAfter` may be. */
export const schedulingMaxMs = 30 * day;

/**
 * The clocks of a contract in milliseconds, defaults filled in. `rollbackWindowMs` is null where it declares no rollback,
 * `reviewDueMs` where it lets nobody break the glass.
 */
export type ResolvedClocks = {
  readonly pendingTtlMs: number;
  readonly remindAfterMs: number;
  readonly escalateAfterMs: readonly number[];
  readonly approvalTtlMs: number;
  readonly leaseTtlMs: number;
  readonly executionMaxMs: number;
  readonly rollbackWindowMs: number | null;
  readonly reviewDueMs: number | null;
};

type Timed = Pick<Contract, "clocks" | "rollback" | "breakGlass">;

/** What runs in an action of this contract. Bounds are not looked at: a published contract has been held against them. */
export function clocksOf({ clocks, rollback, breakGlass }: Timed): ResolvedClocks {
  const resolve = (name: ClockName, text: string | undefined): number =>
    (text === undefined ? undefined : durationMs(text)) ?? clockBounds[name].defaultMs;
  return {
    pendingTtlMs: resolve("pendingTtl", clocks.pendingTtl),
    remindAfterMs: resolve("remindAfter", clocks.remindAfter),
    escalateAfterMs: clocks.escalateAfter?.map((text) => resolve("escalateAfter", text)) ?? [
      clockBounds.escalateAfter.defaultMs,
    ],
    approvalTtlMs: resolve("approvalTtl", clocks.approvalTtl),
    leaseTtlMs: resolve("leaseTtl", clocks.leaseTtl),
    executionMaxMs: resolve("executionMax", clocks.executionMax),
    rollbackWindowMs: rollback === null ? null : resolve("rollbackWindow", rollback.window),
    reviewDueMs: breakGlass === undefined ? null : resolve("reviewDue", breakGlass.reviewDue),
  };
}

/** Every clock outside its bounds, by JSON Pointer from the contract. */
export function clockFaults({
  clocks,
  rollback,
  breakGlass,
  risk,
}: Timed & Pick<Contract, "risk">): ProblemField[] {
  const given: { pointer: string; name: ClockName; text: string | undefined }[] = [
    { pointer: "/clocks/pendingTtl", name: "pendingTtl", text: clocks.pendingTtl },
    { pointer: "/clocks/remindAfter", name: "remindAfter", text: clocks.remindAfter },
    ...(clocks.escalateAfter ?? []).map((text, index) => ({
      pointer: `/clocks/escalateAfter/${index}`,
      name: "escalateAfter" as const,
      text,
    })),
    { pointer: "/clocks/approvalTtl", name: "approvalTtl", text: clocks.approvalTtl },
    { pointer: "/clocks/leaseTtl", name: "leaseTtl", text: clocks.leaseTtl },
    { pointer: "/clocks/executionMax", name: "executionMax", text: clocks.executionMax },
    { pointer: "/rollback/window", name: "rollbackWindow", text: rollback?.window },
    { pointer: "/breakGlass/reviewDue", name: "reviewDue", text: breakGlass?.reviewDue },
  ];
  return given.flatMap(({ pointer, name, text }) => {
    const ms = text === undefined ? undefined : durationMs(text);
    if (ms === undefined) return [];
    const { minMs, maxMs } = clockBounds[name];
    const critical = name === "pendingTtl" && risk === "critical";
    const most = critical ? Math.min(maxMs, criticalPendingMaxMs) : maxMs;
    if (ms >= minMs && ms <= most) return [];
    const detail = `is ${text}; ${name} is ${durationText(minMs)} to ${durationText(most)}${critical ? " for risk critical" : ""}`;
    return [{ pointer, detail }];
  });
}

/** The duration as a document writes it, in the largest unit that divides it. */
export function durationText(ms: number): string {
  const units = [
    ["d", day],
    ["h", hour],
    ["m", minute],
    ["s", second],
  ] as const;
  const unit = units.find(([, size]) => ms >= size && ms % size === 0);
  return unit === undefined ? `${ms}ms` : `${ms / unit[1]}${unit[0]}`;
}
