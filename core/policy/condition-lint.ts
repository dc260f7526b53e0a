import {
  apartness,
  certainList,
  kindsText,
  onlyValue,
  ordersNever,
  rangeText,
  rangeTruth,
  spoken,
} from "./condition-compare.ts";
import type { Comparison } from "./condition-compare.ts";
import { certain, constant, indexed, resultOf, unionOf, yes } from "./condition-result.ts";
import type { Known } from "./condition-result.ts";
import { anything, named, of } from "./condition-shape.ts";
import type { Shape } from "./condition-shape.ts";
import { childrenOf } from "./condition-syntax.ts";
import type { Comprehension, Expr } from "./condition-syntax.ts";

/** What is certain about a condition before anybody asks: fields that do not exist, and comparisons that only go one way. */
export type Remark = {
  /** An error does not publish: it cannot be what was meant. */
  readonly severity: "error" | "warning";
  readonly id: bigint;
  readonly detail: string;
};

type Scope = ReadonlyMap<string, Shape>;

/** Every remark on a condition over these variables, and what it always gives, if that is certain. */
export function remarksOn(expr: Expr, variables: Scope): { remarks: Remark[]; truth: boolean | null } {
  const linter = new Linter(guardedFields(expr));
  const known = linter.read(expr, variables);
  const { kinds } = known;
  if (kinds !== null && !kinds.has("bool")) {
    const detail = `gives ${kindsText(known)}, and a condition is true or false`;
    linter.remarks.push({ severity: "error", id: expr.id, detail });
  }
  return { remarks: linter.remarks, truth: known.truth ?? null };
}

/** The fields that the condition itself asks for with `has`. */
function guardedFields(expr: Expr): ReadonlySet<string> {
  const guarded = new Set<string>();
  const open = [expr];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next.exprKind.case === "selectExpr" && next.exprKind.value.testOnly) guarded.add(pathOf(next) ?? "");
    open.push(...childrenOf(next));
  }
  return guarded;
}

function pathOf({ exprKind }: Expr): string | null {
  if (exprKind.case === "identExpr") return exprKind.value.name;
  if (exprKind.case !== "selectExpr" || exprKind.value.operand === undefined) return null;
  const operand = pathOf(exprKind.value.operand);
  return operand === null ? null : `${operand}.${exprKind.value.field}`;
}

class Linter {
  readonly remarks: Remark[] = [];
  readonly #guarded: ReadonlySet<string>;

  constructor(guarded: ReadonlySet<string>) {
    this.#guarded = guarded;
  }

  read(expr: Expr, scope: Scope): Known {
    const { exprKind } = expr;
    switch (exprKind.case) {
      case "constExpr":
        return constant(exprKind.value);
      case "identExpr":
        return scope.get(exprKind.value.name) ?? anything;
      case "selectExpr":
        return this.#select(expr, scope);
      case "callExpr":
        return this.#call(expr, exprKind.value.function, scope);
      case "listExpr":
        return this.#list(exprKind.value.elements, scope);
      case "structExpr":
        for (const child of childrenOf(expr)) this.read(child, scope);
        return of("map");
      case "comprehensionExpr":
        return this.#comprehension(exprKind.value, scope);
      case undefined:
        break;
    }
    return anything;
  }

  #remark(severity: Remark["severity"], { id }: Expr, detail: string): void {
    this.remarks.push({ severity, id, detail });
  }

  #select(expr: Expr, scope: Scope): Known {
    const select = expr.exprKind.case === "selectExpr" ? expr.exprKind.value : null;
    if (select?.operand === undefined) return anything;
    const { operand, field, testOnly } = select;
    const held = this.read(operand, scope);
    if (held.kinds !== null && !held.kinds.has("map")) {
      this.#remark("error", expr, `${spoken(held)} is ${kindsText(held)} and has no field ${field}`);
      return testOnly ? yes : anything;
    }
    const shape = held.fields?.get(field);
    if (shape === undefined && held.closed === true) {
      const names = [...(held.fields?.keys() ?? [])].join(", ");
      this.#remark(
        "error",
        expr,
        `${spoken(held)} has no field ${field}; it has ${names === "" ? "none" : names}`,
      );
    }
    if (testOnly) return yes;
    const path = pathOf(expr);
    if (shape?.optional === true && path !== null && !this.#guarded.has(path)) {
      const detail = `${path} may be left out, and then this is an error and the stricter answer counts; ask has(${path}) first`;
      this.#remark("warning", expr, detail);
    }
    const found = shape ?? anything;
    return path === null ? found : named(found, path);
  }

  #list(elements: readonly Expr[], scope: Scope): Known {
    const shapes = elements.map((element) => this.read(element, scope));
    const kinds = unionOf(shapes);
    const values = shapes.every(({ values: each }) => each !== undefined)
      ? shapes.flatMap(({ values: each }) => each ?? [])
      : null;
    const item: Shape = { kinds, ...(values !== null && { values }) };
    return { ...of("list"), item };
  }

  #comprehension(body: Comprehension, scope: Scope): Known {
    const { iterRange, iterVar, accuVar, accuInit, loopCondition, loopStep, result } = body;
    const over = iterRange === undefined ? anything : this.read(iterRange, scope);
    if (over.kinds !== null && !over.kinds.has("list") && !over.kinds.has("map") && iterRange !== undefined) {
      this.#remark("error", iterRange, `${spoken(over)} is ${kindsText(over)} and holds no items`);
    }
    const isList = over.kinds !== null && over.kinds.size === 1 && over.kinds.has("list");
    const inner = new Map(scope)
      .set(iterVar, isList ? { ...over.item, kinds: over.item?.kinds ?? null } : anything)
      .set(accuVar, anything);
    for (const part of [accuInit, loopCondition, loopStep]) if (part !== undefined) this.read(part, inner);
    // A result that is the collected value is a list for `map` and `filter`, else true or false.
    const collected = accuInit?.exprKind.case === "listExpr";
    if (collected) return of("list");
    return result === undefined ? anything : yes;
  }

  #call(expr: Expr, name: string, scope: Scope): Known {
    const parts = childrenOf(expr).map((part) => this.read(part, scope));
    const left: Known = parts[0] ?? anything;
    const right: Known = parts[1] ?? anything;
    const comparison = comparisons[name];
    if (comparison !== undefined) return this.#compare(expr, comparison, left, right);
    switch (name) {
      case "_&&_":
        return both(parts, false);
      case "_||_":
        return both(parts, true);
      case "!_":
        return left.truth === undefined ? yes : certain(!left.truth);
      case "_?_:_":
        return { kinds: unionOf(parts.slice(1)) };
      case "_[_]":
        return indexed(left, right);
      case "@in":
        return this.#within(expr, left, right);
      case "getHours":
      case "getDayOfWeek":
      case "getDate":
      case "getDayOfMonth":
      case "getDayOfYear":
      case "getMonth":
      case "getMinutes":
      case "getFullYear":
        this.#zone(expr, right);
        return of("int");
      default:
        return resultOf(name, parts);
    }
  }

  #zone(expr: Expr, zone: Shape): void {
    const [name] = zone.values ?? [];
    if (typeof name !== "string" || /^[+-]?\d\d:\d\d$/u.test(name)) return;
    try {
      void new Intl.DateTimeFormat("en-US", { timeZone: name });
    } catch {
      this.#remark(
        "error",
        expr,
        `"${name}" is no time zone; write one such as Europe/Berlin, or an offset such as +01:00`,
      );
    }
  }

  #within(expr: Expr, value: Shape, list: Shape): Known {
    if (list.kinds !== null && !list.kinds.has("list") && !list.kinds.has("map")) {
      this.#remark("error", expr, `${spoken(list)} is ${kindsText(list)}; in takes a list or a map`);
      return yes;
    }
    const item = list.item;
    if (item === undefined || !certainList(list)) return yes;
    const apart = apartness(value, item);
    if (apart === null) return yes;
    this.#remark("error", expr, `can never be true: ${apart}`);
    return certain(false);
  }

  #compare(expr: Expr, comparison: Comparison, left: Shape, right: Shape): Known {
    if (comparison === "==" || comparison === "!=") {
      const apart = apartness(left, right);
      const only = apart === null ? onlyValue(left, right) : null;
      const equal = apart === null ? only : false;
      if (apart !== null) {
        const says = comparison === "==" ? "can never be true" : "is always true";
        this.#remark("error", expr, `${says}: ${apart}`);
      }
      return equal === null ? yes : certain(comparison === "==" ? equal : !equal);
    }
    if (ordersNever(left, right)) {
      const detail = `is always an error: ${spoken(left)} is ${kindsText(left)} and ${spoken(right)} is ${kindsText(right)}, which have no order`;
      this.#remark("error", expr, detail);
      return yes;
    }
    const truth = rangeTruth(comparison, left, right);
    if (truth === null) return yes;
    const bounded = left.values?.length === 1 ? right : left;
    if (bounded.values?.length !== 1) {
      const says = truth ? "is always true" : "can never be true";
      this.#remark("warning", expr, `${says}: ${spoken(bounded)} is ${rangeText(bounded)}`);
    }
    return certain(truth);
  }
}

const comparisons: Readonly<Record<string, Comparison>> = {
  "_==_": "==",
  "_!=_": "!=",
  "_<_": "<",
  "_<=_": "<=",
  "_>_": ">",
  "_>=_": ">=",
};

/** `decides`: the value that settles it whatever the others are. */
function both(parts: readonly Known[], decides: boolean): Known {
  if (parts.some(({ truth }) => truth === decides)) return certain(decides);
  return parts.every(({ truth }) => truth === !decides) ? certain(!decides) : yes;
}
