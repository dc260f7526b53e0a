import { durationMs } from "../../schemas/duration.ts";
import type { Contract } from "../../schemas/policy.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { retentionClasses, type RetentionClass } from "../../schemas/retention.ts";
import { pointerOf } from "../../schemas/parse.ts";
import { durationText } from "../clocks.ts";
import { classOf } from "../evidence/payload.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

type Bounds = { readonly defaultMs: number; readonly minMs: number; readonly maxMs: number };

/** How long after its end each class is kept (semantics §9), in milliseconds. */
export const retentionBounds = {
  ephemeral: { defaultMs: hour, minMs: minute, maxMs: day },
  operational: { defaultMs: 7 * day, minMs: hour, maxMs: 90 * day },
  compliance: { defaultMs: 400 * day, minMs: 30 * day, maxMs: 3_650 * day },
} as const satisfies Record<RetentionClass, Bounds>;

type Kept = Pick<Contract, "retention">;

/** How long a class is kept by this contract, in milliseconds. Bounds are not looked at: a published contract was held against them. */
export function keptForMs({ retention }: Kept, name: RetentionClass): number {
  const text = retention.after?.[name];
  return (text === undefined ? undefined : durationMs(text)) ?? retentionBounds[name].defaultMs;
}

/**
 * What cannot be published, by JSON Pointer from the contract: times outside their bounds or out of order, and parts that would
 * outlive what they stand in.
 */
export function retentionFaults(contract: Kept): ProblemField[] {
  // Each is only clear once what it is held against is.
  const checks = [boundFaults, orderFaults, outlivingFaults];
  return checks.map((faults) => faults(contract)).find((faults) => faults.length > 0) ?? [];
}

function boundFaults({ retention: { after = {} } }: Kept): ProblemField[] {
  return retentionClasses.flatMap((name) => {
    const text = after[name];
    const ms = text === undefined ? undefined : durationMs(text);
    const { minMs, maxMs } = retentionBounds[name];
    if (ms === undefined || (ms >= minMs && ms <= maxMs)) return [];
    const detail = `is ${text}; ${name} is kept for ${durationText(minMs)} to ${durationText(maxMs)}`;
    return [{ pointer: `/retention/after/${name}`, detail }];
  });
}

function orderFaults(contract: Kept): ProblemField[] {
  const pairs = [
    ["ephemeral", "operational"],
    ["operational", "compliance"],
  ] as const;
  return pairs.flatMap(([shorter, longer]) => {
    const [ms, limit] = [keptForMs(contract, shorter), keptForMs(contract, longer)];
    if (ms <= limit) return [];
    const given = contract.retention.after?.[shorter] === undefined ? longer : shorter;
    const detail = `makes ${shorter} (${durationText(ms)}) outlive ${longer} (${durationText(limit)})`;
    return [{ pointer: `/retention/after/${given}`, detail }];
  });
}

function outlivingFaults(contract: Kept): ProblemField[] {
  const { context, payload, evidence, fields = {} } = contract.retention;
  const longest = keptForMs(contract, evidence);
  const over = (pointer: string, name: RetentionClass): ProblemField[] =>
    keptForMs(contract, name) <= longest
      ? []
      : [
          {
            pointer,
            detail: `is ${name}, which would outlive the evidence (${evidence}) that it is part of`,
          },
        ];
  return [
    ...over("/retention/context", context),
    ...over("/retention/payload", payload),
    ...Object.entries(fields).flatMap(([part, name]) => {
      const pointer = pointerOf(["retention", "fields", part]);
      const whole = wholeOf(part);
      const past = whole === null ? null : classOf(contract, whole);
      if (past === null || keptForMs(contract, name) <= keptForMs(contract, past)) return over(pointer, name);
      return [{ pointer, detail: `is ${name}, which would outlive ${whole} (${past}) that it is part of` }];
    }),
  ];
}

/** What likely is not meant: a member of the arguments that their schema does not name. Pointers are from the contract. */
export function retentionRemarks({ retention, args }: Kept & Pick<Contract, "args">): ProblemField[] {
  const { properties } = args;
  if (typeof properties !== "object" || properties === null || Array.isArray(properties)) return [];
  return Object.keys(retention.fields ?? {}).flatMap((part) => {
    const name = wholeOf(part) === "/args" ? part.slice("/args/".length) : null;
    if (name === null || Object.hasOwn(properties, name)) return [];
    const detail = `names an argument that /args/properties does not: nothing of the kind will ever be there`;
    return [{ pointer: pointerOf(["retention", "fields", part]), detail }];
  });
}

/** `/args` for `/args/diff`; null for what is no member. */
function wholeOf(part: string): string | null {
  const [, name = "", member] = part.split("/", 3);
  return member === undefined ? null : `/${name}`;
}
