import type { Contract } from "../../schemas/policy.ts";
import { pointerOf } from "../../schemas/parse.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { argumentSchemaFaults } from "./argument-schema.ts";
import { compileCondition } from "./condition.ts";
import type { Condition, Scope } from "./condition.ts";
import { remarksOn } from "./condition-lint.ts";
import { anything, of, variableShapes } from "./condition-shape.ts";
import type { Shape } from "./condition-shape.ts";
import { faultAt, wordsOf } from "./condition-source.ts";
import { readSyntax } from "./condition-syntax.ts";
import { placedSeats } from "./rule-check.ts";
import { maxWindows, windowsOf } from "./windows.ts";
import type { Window } from "./windows.ts";

/** Something to be said about a contract before it publishes. An error does not publish; a warning is for whoever checks it. */
export type Finding = {
  readonly severity: "error" | "warning";
  /** JSON Pointer from the contract. */
  readonly pointer: string;
  /** From 1, inside the condition that `pointer` names. */
  readonly line: number;
  readonly column: number;
  readonly detail: string;
};

/**
 * What is wrong or doubtful with the conditions of a contract: what cannot be read, names and fields that do not exist, comparisons
 * that can never be true by the schema of the arguments, and entries that are never reached. It says only what is certain.
 */
export function conditionFindings(contract: Contract): Finding[] {
  // A schema that does not publish may lead back to itself; then nothing is known of the arguments.
  const readable = argumentSchemaFaults(contract.args).length === 0;
  const shapes = new Map(variableShapes(readable ? contract.args : {}));
  if (!readable) shapes.set("args", anything);
  return [
    ...entryFindings(contract, shapes),
    ...windowFindings(contract, shapes),
    ...seatFindings(contract, shapes),
  ];
}

/** The findings that keep a contract from being published, as fields of a problem. */
export function conditionFaults(contract: Contract): ProblemField[] {
  return conditionFindings(contract)
    .filter(({ severity }) => severity === "error")
    .map((finding) => ({ pointer: finding.pointer, detail: wordsOf(finding) }));
}

type Shapes = ReadonlyMap<string, Shape>;

function entryFindings({ decide }: Contract, shapes: Shapes): Finding[] {
  const findings: Finding[] = [];
  const seen = new Map<string, number>();
  let always: { entry: number; severity: Finding["severity"] } | null = null;
  for (const [entry, { when }] of decide.entries()) {
    const place = when === undefined ? pointerOf(["decide", entry]) : pointerOf(["decide", entry, "when"]);
    if (always !== null) {
      const detail = `is never reached: entry ${always.entry + 1} always holds`;
      findings.push({ severity: always.severity, pointer: place, line: 1, column: 1, detail });
    }
    if (when === undefined) {
      always ??= { entry, severity: "error" };
      continue;
    }
    const same = seen.get(when.trim());
    if (same !== undefined && always === null) {
      const detail = `is the condition of entry ${same + 1} too, which comes first`;
      findings.push({ severity: "warning", pointer: place, line: 1, column: 1, detail });
    }
    seen.set(when.trim(), same ?? entry);
    const { findings: own, truth } = readFindings(when, "action", shapes, place);
    findings.push(...own);
    if (truth === true) always ??= { entry, severity: "warning" };
  }
  return findings;
}

function readFindings(
  text: string,
  scope: Scope,
  shapes: Shapes,
  pointer: string,
): { findings: Finding[]; truth: boolean | null } {
  const compiled = compileCondition(text, scope);
  if (!compiled.ok) return { findings: [{ severity: "error", pointer, ...compiled.error }], truth: null };
  const { source, windows } = compiled.value;
  const syntax = readSyntax(source);
  if (!syntax.ok) return { findings: [{ severity: "error", pointer, ...syntax.error }], truth: null };
  const { expr, offsetOf } = syntax.value;
  const { remarks, truth } = remarksOn(expr, withSums(shapes, windows));
  const findings = remarks.map(({ severity, id, detail }): Finding => ({
    severity,
    pointer,
    ...faultAt(source, offsetOf(id), detail),
  }));
  if (truth === false && findings.length === 0) {
    findings.push({ severity: "error", pointer, ...faultAt(source, 0, "can never be true") });
  }
  if (truth === true) {
    const detail = "is always true; leave it out if that is meant";
    findings.push({ severity: "warning", pointer, ...faultAt(source, 0, detail) });
  }
  return { findings, truth };
}

function withSums(shapes: Shapes, windows: Condition["windows"]): Shapes {
  const sums = [...windows].map(([name, { key }]): [string, Shape] => [
    name,
    { ...of("int"), min: 0, name: key },
  ]);
  return new Map([...shapes, ...sums]);
}

function windowFindings(contract: Contract, shapes: Shapes): Finding[] {
  const windows = windowsOf(contract);
  const place = { pointer: "/decide", line: 1, column: 1 };
  const findings = windows.flatMap((window) =>
    sumFindings(window, shapes.get("args") ?? anything).map((said): Finding => ({ ...place, ...said })),
  );
  if (windows.length <= maxWindows) return findings;
  const detail = `uses ${windows.length} different sums; at most ${maxWindows}`;
  return [...findings, { ...place, severity: "error", detail }];
}

/** What is summed has to be a whole number that is not below 0; whatever else comes is not measured. */
function sumFindings({ key, path }: Window, args: Shape): Pick<Finding, "severity" | "detail">[] {
  let shape = args;
  for (const name of path ?? []) {
    const field = shape.fields?.get(name);
    if (field === undefined && shape.closed === true) {
      return [{ severity: "error", detail: `${key} adds up a field that the arguments do not have` }];
    }
    shape = field ?? anything;
    if (shape.optional === true) {
      return [{ severity: "warning", detail: `${key} is an error for a request that leaves ${name} out` }];
    }
  }
  if (path === null || shape.kinds === null) return [];
  if (!shape.kinds.has("int")) {
    return [{ severity: "error", detail: `${key} adds up what is never a whole number` }];
  }
  if (shape.kinds.size === 1 && (shape.min ?? -1) >= 0) return [];
  const detail = `${key} is an error for a request whose amount is not whole or is below 0; say so in args, with type integer and minimum 0`;
  return [{ severity: "warning", detail }];
}

function seatFindings({ rule }: Contract, shapes: Shapes): Finding[] {
  return placedSeats(rule, "/rule").flatMap(({ seat, pointer }) => {
    if (seat.where === undefined) return [];
    const place = pointerOf(["where"], pointer);
    const detail = "depends on the request, so whether enough people meet it is not checked";
    const unchecked: Finding = { severity: "warning", pointer: place, line: 1, column: 1, detail };
    return [...readFindings(seat.where, "seat", shapes, place).findings, unchecked];
  });
}
