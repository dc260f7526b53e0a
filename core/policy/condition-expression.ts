import { isCelError, plan } from "@bufbuild/cel";
import type { CelEnv, CelError, CelInput, CelValue } from "@bufbuild/cel";
import { ok, refuse } from "../result.ts";
import type { Result } from "../result.ts";
import { metered, meteredEnv, patternCost, roundFunction } from "./condition-meter.ts";
import { faultAt } from "./condition-source.ts";
import type { ConditionFault } from "./condition-source.ts";
import { childrenOf, readSyntax } from "./condition-syntax.ts";
import type { Expr, Syntax } from "./condition-syntax.ts";

/** An expression that has been read, checked for names it may use, and planned. */
export type Expression = {
  /** Evaluates it: an error is a value with its place, and nothing is ever thrown. `spent` is what it cost. */
  readonly evaluate: (values: Readonly<Record<string, CelInput | CelError>>) => {
    readonly result: Result<CelValue, ConditionFault>;
    readonly spent: number;
  };
};

/** Types are values in CEL: `type(args.amount) == int`. */
const typeNames: ReadonlySet<string> = new Set(
  "int uint double bool string bytes list map null_type type google.protobuf.Timestamp google.protobuf.Duration".split(
    " ",
  ),
);
/** A pattern has more states than this at most; with them every character of a text is compared. */
const maxPattern = 4_096;

let shared: CelEnv | null = null;
const environment = (): CelEnv => (shared ??= meteredEnv());

/**
 * Reads and plans an expression over these variables; refused with the place of a name it may not use. A dotted variable is one
 * name with dots in it. With null names are not looked at, and one that is unknown is an error where it is evaluated.
 */
export function compileExpression(
  source: string,
  variables: ReadonlySet<string> | null,
): Result<Expression, ConditionFault> {
  const read = readSyntax(source);
  if (!read.ok) return read;
  const syntax = read.value;
  const fault = variables === null ? null : nameFault(syntax.expr, source, syntax, variables);
  if (fault !== null) return refuse(fault);
  try {
    payRounds(syntax.expr);
    const run = plan(environment(), syntax.expr);
    const { offsetOf } = syntax;
    // The tree itself is not kept: it takes several times as much as the plan.
    return ok({ evaluate: (values) => evaluate(run, source, offsetOf, values) });
  } catch (error) {
    return refuse(faultAt(source, 0, error instanceof Error ? error.message : "cannot be planned"));
  }
}

type Run = ReturnType<typeof plan>;

function evaluate(
  run: Run,
  source: string,
  offsetOf: Syntax["offsetOf"],
  values: Readonly<Record<string, CelInput | CelError>>,
): ReturnType<Expression["evaluate"]> {
  const failed = (offset: number, detail: string): Result<never, ConditionFault> =>
    refuse(faultAt(source, offset, detail));
  try {
    // The evaluator takes an error for a variable too, though its type does not say so: whatever uses it is that error.
    const bound: Record<string, CelInput> = Object.assign(Object.create(null), values);
    const { value, spent } = metered(() => run(bound));
    if (!isCelError(value)) return { result: ok(value), spent };
    const at = value.exprId === undefined ? 0 : offsetOf(value.exprId);
    return { result: failed(at, value.message), spent };
  } catch (error) {
    return { result: failed(0, error instanceof Error ? error.message : "cannot be evaluated"), spent: 0 };
  }
}

/** Every round of a macro is paid for by the size of its body: the rounds go on only where `@round` lets them. */
function payRounds(expr: Expr): number {
  let weight = expr.exprKind.case === "callExpr" && expr.exprKind.value.function === "_[_]" ? 64 : 1;
  const body = expr.exprKind.case === "comprehensionExpr" ? expr.exprKind.value : null;
  for (const child of childrenOf(expr)) weight += payRounds(child);
  if (body?.loopCondition !== undefined) {
    const { loopCondition } = body;
    body.loopCondition = {
      $typeName: "cel.expr.Expr",
      id: loopCondition.id,
      exprKind: {
        case: "callExpr",
        value: {
          $typeName: "cel.expr.Expr.Call",
          function: roundFunction,
          args: [loopCondition, weightExpr(loopCondition.id, weight)],
        },
      },
    };
  }
  return weight;
}

function weightExpr(id: bigint, weight: number): Expr {
  return {
    $typeName: "cel.expr.Expr",
    id,
    exprKind: {
      case: "constExpr",
      value: {
        $typeName: "cel.expr.Constant",
        constantKind: { case: "int64Value", value: BigInt(weight) },
      },
    },
  };
}

/** The first name that is neither a variable, a type nor a function, or a pattern that is not fixed or costs too much. */
function nameFault(
  expr: Expr,
  source: string,
  syntax: Syntax,
  variables: ReadonlySet<string>,
): ConditionFault | null {
  const { exprKind } = expr;
  const fault = (detail: string): ConditionFault => faultAt(source, syntax.offsetOf(expr.id), detail);
  const name = dottedName(expr);
  if (name !== null) {
    const known = prefixesOf(name).some((prefix) => variables.has(prefix));
    if (known || typeNames.has(name)) return null;
    const first = prefixesOf(name)[0] ?? name;
    return fault(`${first} is not a variable here; there are ${namesOf(variables)}`);
  }
  if (exprKind.case === "structExpr" && exprKind.value.messageName !== "") {
    return fault(`${exprKind.value.messageName} is no type that can be made here`);
  }
  if (exprKind.case === "callExpr") {
    const wrong = callFault(exprKind.value.function, exprKind.value.args);
    if (wrong !== null) return fault(wrong);
  }
  const inner = exprKind.case === "comprehensionExpr" ? exprKind.value : null;
  for (const child of childrenOf(expr)) {
    const scope =
      inner === null || child === inner.iterRange
        ? variables
        : new Set([...variables, inner.iterVar, inner.accuVar]);
    const found = nameFault(child, source, syntax, scope);
    if (found !== null) return found;
  }
  return null;
}

function callFault(name: string, args: readonly Expr[]): string | null {
  if (environment().funcs.find(name) === undefined && !builtIn.has(name)) {
    return `${name} is not a function here`;
  }
  if (name !== "matches") return null;
  const pattern = args.at(-1)?.exprKind;
  const text =
    pattern?.case === "constExpr" && pattern.value.constantKind.case === "stringValue"
      ? pattern.value.constantKind.value
      : null;
  if (text === null) return "matches takes a pattern that is written out, not one that is looked up";
  if (patternCost(text) > maxPattern) return "has a pattern that repeats too much: write smaller counts";
  return null;
}

/** What the planner itself knows. */
const builtIn: ReadonlySet<string> = new Set([
  "_[_]",
  "_?_:_",
  "_&&_",
  "_||_",
  "@not_strictly_false",
  "__not_strictly_false__",
]);

/** `a.b.c` as one name; null for anything else. */
function dottedName({ exprKind }: Expr): string | null {
  if (exprKind.case === "identExpr") return exprKind.value.name.replace(/^\./u, "");
  if (exprKind.case !== "selectExpr" || exprKind.value.operand === undefined) return null;
  const operand = dottedName(exprKind.value.operand);
  return operand === null ? null : `${operand}.${exprKind.value.field}`;
}

function prefixesOf(name: string): string[] {
  const parts = name.split(".");
  return parts.map((_, index) => parts.slice(0, index + 1).join("."));
}

const namesOf = (variables: ReadonlySet<string>): string =>
  [...variables].filter((name) => /^[a-z]/u.test(name)).join(", ");
