import { parse } from "@bufbuild/cel";
import { ok, refuse } from "../result.ts";
import type { Result } from "../result.ts";
import { faultAt, nestingOf, tokensOf } from "./condition-source.ts";
import type { ConditionFault } from "./condition-source.ts";

/** A condition read into a tree, within bounds; nothing of it has been evaluated. */

export type Expr = ReturnType<typeof parse>["expr"];
export type Comprehension = Extract<Expr["exprKind"], { case: "comprehensionExpr" }>["value"];

export type Syntax = {
  readonly expr: Expr;
  /** The UTF-16 offset of a node in the source, by its id. */
  readonly offsetOf: (id: bigint) => number;
};

/** Brackets, signs and branches inside each other; a person reads fewer, and the parser goes into itself for each. */
const maxNesting = 32;
const maxNodes = 1_000;
const maxDepth = 128;
/** Macros inside each other's body. Two of them over a hundred items each are ten thousand rounds. */
export const maxMacros = 2;

/** Reads a condition; refused with the place where it cannot be. */
export function readSyntax(source: string): Result<Syntax, ConditionFault> {
  if (nestingOf(tokensOf(source)) > maxNesting) {
    return refuse(faultAt(source, 0, `nests deeper than ${maxNesting} levels`));
  }
  try {
    const { expr, sourceInfo } = parse(source);
    const offsetOf = offsetsIn(source, sourceInfo?.positions ?? {});
    const fault = sizeFault(expr, source, offsetOf);
    return fault === null ? ok({ expr, offsetOf }) : refuse(fault);
  } catch (error) {
    return refuse(parseFault(source, error));
  }
}

/** Only the numbers are kept, as a condition that is kept keeps them too. */
function offsetsIn(source: string, positions: Readonly<Record<string, number>>): Syntax["offsetOf"] {
  const offsets = new Uint32Array(1 + Math.max(0, ...Object.keys(positions).map(Number)));
  for (const [id, offset] of Object.entries(positions)) offsets[Number(id)] = offset;
  return (id) => {
    const offset = offsets[Number(id)] ?? 0;
    // The parser counts the blank before an operator as part of it, after some operands.
    return offset + (/^\s*/u.exec(source.slice(offset))?.[0].length ?? 0);
  };
}

/** The nodes directly under a node. The parts of a macro come in the order in which they are evaluated. */
export function childrenOf({ exprKind }: Expr): Expr[] {
  switch (exprKind.case) {
    case "callExpr": {
      const { target, args } = exprKind.value;
      return target === undefined ? args : [target, ...args];
    }
    case "selectExpr":
      return present(exprKind.value.operand);
    case "listExpr":
      return exprKind.value.elements;
    case "structExpr":
      return exprKind.value.entries.flatMap(({ keyKind, value }) => [
        ...(keyKind.case === "mapKey" ? [keyKind.value] : []),
        ...present(value),
      ]);
    case "comprehensionExpr": {
      const { iterRange, accuInit, loopCondition, loopStep, result } = exprKind.value;
      return [iterRange, accuInit, loopCondition, loopStep, result].flatMap(present);
    }
    case "constExpr":
    case "identExpr":
    case undefined:
      break;
  }
  return [];
}

const present = (expr: Expr | undefined): Expr[] => (expr === undefined ? [] : [expr]);

function sizeFault(root: Expr, source: string, offsetOf: Syntax["offsetOf"]): ConditionFault | null {
  const open = [{ expr: root, depth: 1, macros: 0 }];
  let nodes = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { expr, depth, macros } = next;
    const at = offsetOf(expr.id);
    if (++nodes > maxNodes) return faultAt(source, at, `has more than ${maxNodes} parts`);
    if (depth > maxDepth) return faultAt(source, at, `nests deeper than ${maxDepth} parts`);
    const body = expr.exprKind.case === "comprehensionExpr" ? expr.exprKind.value : null;
    if (body !== null && macros === maxMacros) {
      return faultAt(
        source,
        at,
        `is a macro inside ${maxMacros} others; at most ${maxMacros} go inside each other`,
      );
    }
    for (const child of childrenOf(expr)) {
      // What a macro goes over is evaluated once, outside its rounds.
      const inside = body !== null && child !== body.iterRange ? 1 : 0;
      open.push({ expr: child, depth: depth + 1, macros: macros + inside });
    }
  }
  return null;
}

function parseFault(source: string, error: unknown): ConditionFault {
  if (error instanceof RangeError) return faultAt(source, 0, "nests too deep");
  if (!(error instanceof Error)) return faultAt(source, 0, "is not a condition");
  const place = /^<input>:(\d+):(\d+): (?<said>[^]*)$/u.exec(error.message);
  const said = place?.groups?.["said"] ?? error.message;
  const offset = "location" in error ? offsetIn(error.location) : 0;
  return faultAt(source, offset, `cannot be read here: ${said}`);
}

function offsetIn(location: unknown): number {
  if (typeof location !== "object" || location === null || !("start" in location)) return 0;
  const { start } = location;
  if (typeof start !== "object" || start === null || !("offset" in start)) return 0;
  return typeof start.offset === "number" ? start.offset : 0;
}
