import { anything, of } from "./condition-shape.ts";
import type { Kind, Shape } from "./condition-shape.ts";
import type { Expr } from "./condition-syntax.ts";

/** What the parts of a condition give, as far as that is certain before there is a request. */

/** `truth`: it is certain to give this, where it gives anything at all. */
export type Known = Shape & { readonly truth?: boolean };

export const yes: Shape = of("bool");
export const certain = (truth: boolean): Known => ({ ...yes, truth });

/** A value that is written out. */
export function constant({ constantKind }: Extract<Expr["exprKind"], { case: "constExpr" }>["value"]): Known {
  switch (constantKind.case) {
    case "boolValue":
      return { ...certain(constantKind.value), values: [constantKind.value] };
    case "stringValue":
      return { ...of("string"), values: [constantKind.value] };
    case "doubleValue":
      return { ...of("double"), ...single(constantKind.value) };
    case "int64Value": {
      const value = Number(constantKind.value);
      return { ...of("int"), ...(Number.isSafeInteger(value) && single(value)) };
    }
    case "uint64Value":
      return of("uint");
    case "bytesValue":
      return of("bytes");
    case "nullValue":
      return { ...of("null"), values: [null] };
    default:
      return anything;
  }
}

const single = (value: number): Pick<Shape, "values" | "min" | "max"> => ({
  values: [value],
  min: value,
  max: value,
});

/** Whatever any of them may be. */
export function unionOf(shapes: readonly Shape[]): Shape["kinds"] {
  const kinds = new Set<Kind>();
  for (const shape of shapes) {
    if (shape.kinds === null) return null;
    for (const kind of shape.kinds) kinds.add(kind);
  }
  return kinds;
}

/** An item of a list, or a field under its name. */
export function indexed(held: Shape, index: Shape): Shape {
  const [name] = index.values ?? [];
  if (held.kinds?.size === 1 && held.kinds.has("list")) {
    return { ...held.item, kinds: held.item?.kinds ?? null };
  }
  return typeof name === "string" ? (held.fields?.get(name) ?? anything) : anything;
}

/** What a call gives, where that does not depend on its arguments. */
const results: Readonly<Record<string, Shape>> = {
  size: { ...of("int"), min: 0 },
  contains: yes,
  startsWith: yes,
  endsWith: yes,
  matches: yes,
  int: of("int"),
  uint: of("uint"),
  double: of("double"),
  string: of("string"),
  bool: yes,
  bytes: of("bytes"),
  timestamp: of("timestamp"),
  duration: of("duration"),
  type: of("type"),
  getSeconds: of("int"),
  getMilliseconds: of("int"),
};

/** What a call of this name gives for these. */
export function resultOf(name: string, parts: readonly Shape[]): Shape {
  const fixed = Object.hasOwn(results, name) ? results[name] : undefined;
  if (fixed !== undefined) return fixed;
  const [left = anything, right = anything] = parts;
  const arithmetic = ["_+_", "_-_", "_*_", "_/_", "_%_"].includes(name);
  const alike =
    left.kinds?.size === 1 && right.kinds?.size === 1 && [...left.kinds][0] === [...right.kinds][0];
  const [kind] = left.kinds ?? [];
  // Times subtract to durations; everything else that adds up to itself.
  return arithmetic && alike && kind !== undefined && kind !== "timestamp" ? of(kind) : anything;
}
