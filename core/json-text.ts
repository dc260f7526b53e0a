import type { Json } from "../schemas/json.ts";
import { limits } from "../schemas/limits.ts";
import { pointerOf } from "../schemas/parse.ts";
import type { ProblemCode, ProblemField } from "../schemas/problem.ts";
import { ok, refuse, type Result } from "./result.ts";

type Fault = { code: ProblemCode; detail: string; errors?: ProblemField[] };

/** Keys that change an object's prototype when a careless merge copies them (threat T19). */
const poisonous = new Set(["__proto__", "constructor", "prototype"]);

/**
 * Code points that hide or reorder what a reviewer reads: controls but tab and line breaks, the twelve
 * Bidi_Control characters, lone surrogates (no UTF-8 form, so no digest) and the line separators.
 */
const unreadable = /(?![\n\r\t])[\p{Cc}\p{Bidi_Control}\p{Cs}\p{Zl}\p{Zp}]/u;

/**
 * JSON text → value, refused where a later step could not treat it safely (semantics §11, threats T18, T19):
 * over-deep, too many keys, over-long strings, inexact numbers, poisonous keys, misleading code points. Names every fault by
 * JSON Pointer. The walk keeps its own stack, because text of a million brackets parses.
 */
export function parseJsonText(text: string, maxKeys: number = limits.jsonKeys): Result<Json, Fault> {
  let value: Json;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? withoutText(error.message) : "not JSON";
    return refuse({ code: "malformed_json", detail: `The body is not JSON: ${why}` });
  }
  const errors = faultsIn(value, maxKeys);
  if (errors.length === 0) return ok(value);
  return refuse({ code: "invalid_body", detail: "Mend the named fields and send it again.", errors });
}

/** What is wrong and where: some of these messages quote the text round it, and that may be anything. */
const withoutText = (message: string): string =>
  message.replace(/,? ?(?:\.\.\.)?"[^]*"(?:\.\.\.)? is not valid JSON$/u, "").slice(0, 160) ||
  "it is no JSON value";

/** A larger whole number was rounded when it was read, so what is agreed to would not be what was sent; 1e999 became Infinity. */
const isExact = (value: number): boolean =>
  Number.isSafeInteger(value) || (!Number.isInteger(value) && Number.isFinite(value));

type Visit = { value: Json; pointer: string; depth: number };
const maxFaults = 50;

function faultsIn(root: Json, maxKeys: number): ProblemField[] {
  const faults: ProblemField[] = [];
  const fault = (pointer: string, detail: string): void => void faults.push({ pointer, detail });
  const stack: Visit[] = [{ value: root, pointer: "", depth: 1 }];
  let keys = 0;
  for (let visit = stack.pop(); visit !== undefined && faults.length < maxFaults; visit = stack.pop()) {
    const { value, pointer, depth } = visit;
    if (typeof value === "string") {
      if (value.length > limits.stringLength) {
        fault(pointer, `is longer than ${limits.stringLength} characters`);
      }
      if (unreadable.test(value)) {
        fault(pointer, "holds a control or bidirectional character; send plain text");
      }
    }
    if (typeof value === "number" && !isExact(value)) {
      fault(pointer, "is a number past what JSON carries exactly (2^53 - 1); send it as text");
    }
    if (typeof value !== "object" || value === null) continue;
    if (depth > limits.jsonDepth) {
      fault(pointer, `is nested deeper than ${limits.jsonDepth} levels`);
      continue;
    }
    for (const [key, item] of Object.entries(value)) {
      keys += 1;
      const at = pointerOf([key], pointer);
      if (poisonous.has(key)) fault(at, "is a reserved name; use another key");
      if (unreadable.test(key)) fault(at, "is a key with a control or bidirectional character");
      if (keys > maxKeys && !Array.isArray(value)) {
        fault(at, `is past the ${maxKeys} keys a body may hold`);
        break;
      }
      stack.push({ value: item, pointer: at, depth: depth + 1 });
    }
  }
  return faults;
}
