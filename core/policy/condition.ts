import { celError } from "@bufbuild/cel";
import type { CelError, CelInput } from "@bufbuild/cel";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { limits } from "../../schemas/limits.ts";
import { plainObject } from "../plain-json.ts";
import { ok, refuse } from "../result.ts";
import type { Result } from "../result.ts";
import { compileExpression } from "./condition-expression.ts";
import type { Expression } from "./condition-expression.ts";
import { inputOf } from "./condition-input.ts";
import { faultAt, wordsOf } from "./condition-source.ts";
import type { ConditionFault } from "./condition-source.ts";
import type { Judge } from "./decide.ts";
import type { Subject } from "./subject.ts";
import { takeWindows } from "./windows.ts";
import type { Window } from "./windows.ts";

/** What a condition may look at: an action that is asked for, or beside it a person who would fill a seat. */
export type Scope = "action" | "seat";

const variablesOf = {
  action: ["args", "target", "agent", "requester", "now"],
  seat: ["args", "target", "agent", "requester", "now", "person"],
} as const satisfies Record<Scope, readonly string[]>;

/** A condition that can be evaluated. `source` is its text with a variable in the place of every sum. */
export type Condition = {
  readonly source: string;
  readonly expression: Expression;
  readonly windows: ReadonlyMap<string, Window>;
};

/** Compiled once and kept, the refused ones too; what has not been asked for the longest goes first. */
const kept = new Map<string, Result<Condition, ConditionFault>>();
let keptCharacters = 0;
/** All conditions of the largest policy. Compiled they take some 70 bytes a character: no more than 20 MB of an object's 128. */
const maxCharacters = limits.bodyBytes;

/** Reads a condition; refused with the place of what is wrong with it. */
export function compileCondition(text: string, scope: Scope): Result<Condition, ConditionFault> {
  if (text.length > limits.conditionBytes) {
    return refuse(faultAt("", 0, `is over ${limits.conditionBytes} bytes`));
  }
  const key = `${scope} ${text}`;
  const known = kept.get(key);
  const compiled = known ?? compile(text, scope);
  // Put at the end: the order of a Map is that of who was asked for last.
  if (known !== undefined) kept.delete(key);
  else keptCharacters += text.length;
  kept.set(key, compiled);
  for (const oldest of kept.keys()) {
    if (keptCharacters <= maxCharacters || oldest === key) break;
    kept.delete(oldest);
    keptCharacters -= oldest.length - scopeLength(oldest);
  }
  return compiled;
}

const scopeLength = (key: string): number => key.indexOf(" ") + 1;

/** The judge that reads conditions in CEL. A condition of a seat is one whose subject has a person. */
export const judgeCondition: Judge = (text, subject) => {
  const compiled = compileCondition(text, subject.person === undefined ? "action" : "seat");
  if (!compiled.ok) return refuse(wordsOf(compiled.error));
  const { source, expression, windows } = compiled.value;
  const { result } = expression.evaluate({ ...valuesOf(subject), ...sumsOf(windows, subject) });
  if (!result.ok) return refuse(wordsOf(result.error));
  if (typeof result.value === "boolean") return ok(result.value);
  return refuse(wordsOf(faultAt(source, 0, "gives something else than true or false")));
};

function compile(text: string, scope: Scope): Result<Condition, ConditionFault> {
  const taken = takeWindows(text);
  if (!taken.ok) return taken;
  const { source, windows } = taken.value;
  if (scope === "seat" && windows.size > 0) {
    return refuse(faultAt(text, 0, "uses a sum, which only the entries of decide can"));
  }
  const expression = compileExpression(source, new Set([...variablesOf[scope], ...windows.keys()]));
  return expression.ok ? ok({ source, expression: expression.value, windows }) : expression;
}

type Values = Readonly<Record<string, CelInput | CelError>>;
/** The entries of one decision look at the same subject. */
const prepared = new WeakMap<Subject, Values>();

function valuesOf(subject: Subject): Values {
  const known = prepared.get(subject);
  if (known !== undefined) return known;
  const { args, target, agent, requester, now, person } = subject;
  const values: Values = {
    args: inputOf(args, "args"),
    target: inputOf(plainObject(target), "target"),
    agent:
      agent === null
        ? celError("the agent is not in the directory")
        : inputOf({ ...agent, roles: [...agent.roles], segments: [...agent.segments] }, "agent"),
    requester: inputOf(requester, "requester"),
    now: timestampFromMs(now),
    ...(person !== undefined && { person: inputOf({ ...person, groups: [...person.groups] }, "person") }),
  };
  prepared.set(subject, values);
  return values;
}

const largest = 2n ** 63n - 1n;

function sumsOf(windows: ReadonlyMap<string, Window>, { sums }: Subject): Values {
  return Object.fromEntries([...windows].map(([name, { key }]) => [name, sumOf(key, sums)]));
}

function sumOf(key: string, sums: Subject["sums"]): CelInput | CelError {
  const text = Object.hasOwn(sums, key) ? sums[key] : undefined;
  if (text === undefined || !/^\d{1,40}$/u.test(text)) {
    return celError(`${key} was not measured for this request`);
  }
  const sum = BigInt(text);
  return sum <= largest ? sum : celError(`${key} is past 2^63 - 1`);
}
