import * as v from "valibot";
import type { ProblemField } from "./problem.ts";

/** What `parseFields` found: the value with its defaults filled in, or every fault by JSON Pointer. */
export type Parsed<Value> = { ok: true; value: Value } | { ok: false; errors: ProblemField[] };

/** Holds `input` against `schema`. Never throws; `under` is the JSON Pointer of `input` itself. */
export function parseFields<Schema extends v.GenericSchema>(
  schema: Schema,
  input: unknown,
  under = "",
): Parsed<v.InferOutput<Schema>> {
  const parsed = v.safeParse(schema, input);
  if (parsed.success) {
    const errors = listsForObjects(input, parsed.output, under);
    return errors.length === 0 ? { ok: true, value: parsed.output } : { ok: false, errors };
  }
  return { ok: false, errors: parsed.issues.map((issue) => fieldOf(issue, under)) };
}

/** JSON Pointer of a path (RFC 6901). */
export function pointerOf(path: readonly (string | number)[], under = ""): string {
  return path.reduce<string>(
    (pointer, key) => `${pointer}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`,
    under,
  );
}

export const noObject = "is not a JSON object";

/** Where a list was sent for an object: valibot takes it for one with numbers for names, and so for something else than was sent. */
export function listsForObjects(sent: unknown, taken: unknown, pointer = ""): ProblemField[] {
  if (!isObject(sent) || !isObject(taken)) return [];
  if (Array.isArray(sent) && !Array.isArray(taken)) return [{ pointer, detail: noObject }];
  const parts: ReadonlyMap<string, unknown> = new Map(Object.entries(taken));
  return Object.entries(sent).flatMap(([key, part]) =>
    listsForObjects(part, parts.get(key), pointerOf([key], pointer)),
  );
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

function fieldOf(issue: v.BaseIssue<unknown>, under: string): ProblemField {
  const path = (issue.path ?? []).map((item) => (typeof item.key === "number" ? item.key : String(item.key)));
  return { pointer: pointerOf(path, under), detail: detailOf(issue) };
}

/** A schema's own message where it has one; Valibot's, which speak of schemas, in plain words. Never the value: it may be a secret. */
export function detailOf(issue: v.BaseIssue<unknown>): string {
  if (issue.kind === "schema" && issue.type.endsWith("object") && issue.path !== undefined) {
    if (issue.expected === "never") return "is not a known field";
    if (issue.received === "undefined" && issue.expected?.startsWith('"') === true) return "is missing";
  }
  if (!issue.message.startsWith("Invalid ")) return issue.message;
  const { expected, input } = issue;
  if (expected === null) return "is not valid";
  // One of several texts, or a form that a text has.
  const isOther = typeof input === "string" && (issue.kind === "validation" || expected.includes('"'));
  return `must be ${expected}, is ${isOther ? "another text" : kindOf(input)}`;
}

const kinds: Readonly<Record<string, string>> = { string: "a text", number: "a number", object: "an object" };

function kindOf(input: unknown): string {
  if (input === undefined) return "missing";
  if (input === null || typeof input === "boolean") return String(input);
  return Array.isArray(input) ? "a list" : (kinds[typeof input] ?? "something else");
}
