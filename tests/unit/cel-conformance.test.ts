import { isCelList, isCelMap, isCelType, isCelUint, celUint } from "@bufbuild/cel";
import type { CelInput, CelValue } from "@bufbuild/cel";
import type { SimpleTest } from "@bufbuild/cel-spec/cel/expr/conformance/test/simple_pb.js";
import type { Value } from "@bufbuild/cel-spec/cel/expr/value_pb.js";
import { getTestRegistry } from "@bufbuild/cel-spec/testdata/registry.js";
import { getConformanceSuite, type IncrementalTestSuite } from "@bufbuild/cel-spec/testdata/tests.js";
import { isMessage } from "@bufbuild/protobuf";
import { isReflectMessage } from "@bufbuild/protobuf/reflect";
import { anyUnpack, DurationSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { compileExpression } from "../../core/policy/condition-expression.ts";

/**
 * The conformance tests that the authors of CEL publish (v0.25.1), run through what reads our conditions: parse, our checks of names
 * and bounds, plan, metered evaluation. Sections about protobuf messages and optional extensions are no part of a condition.
 */
const sections = new Set(
  "basic comparisons conversions fields fp_math integer_math lists logic macros namespace parse plumbing string timestamps".split(
    " ",
  ),
);

type Case = { name: string; original: SimpleTest };
type Answer = { kind: "passed" | "failed" | "refused"; why: string };
const passed: Answer = { kind: "passed", why: "" };

function casesOf(suite: IncrementalTestSuite, path: string): Case[] {
  const own = suite.tests.map(({ original }) => ({ name: `${path}/${original.name}`, original }));
  return [...own, ...suite.suites.flatMap((each) => casesOf(each, `${path}/${each.name}`))];
}

const registry = getTestRegistry();

/** Whether a test is about something that a condition cannot hold: messages and enums of protobuf, or types without a value. */
function isAboutMessages({ container, expr, checkOnly, ...rest }: SimpleTest): boolean {
  const text = `${expr} ${JSON.stringify(rest, (_, each: unknown) => (typeof each === "bigint" ? `${each}` : each))}`;
  return checkOnly || container !== "" || /TestAllTypes|google\.protobuf\.(?!Timestamp|Duration)/u.test(text);
}

function inputOf({ kind }: Value): CelInput {
  switch (kind.case) {
    case "nullValue":
      return null;
    case "uint64Value":
      return celUint(kind.value);
    case "listValue":
      return kind.value.values.map(inputOf);
    case "mapValue":
      return new Map(kind.value.entries.map(({ key, value }) => [keyOf(inputOf(key!)), inputOf(value!)]));
    case "objectValue":
      return anyUnpack(kind.value, registry)!;
    case "boolValue":
    case "int64Value":
    case "doubleValue":
    case "stringValue":
    case "bytesValue":
      return kind.value;
    default:
      throw new Error(`no input for ${kind.case}`);
  }
}

const keyOf = (key: CelInput): bigint | string | boolean => key as bigint | string | boolean;

/** A value in one spelling that keeps its type; doubles by their text, so that NaN is NaN. */
function shown(value: CelValue | CelInput): unknown {
  if (typeof value === "bigint") return `int ${value}`;
  if (typeof value === "number") return `double ${Object.is(value, -0) ? 0 : value}`;
  if (typeof value !== "object" || value === null) return value;
  if (isCelUint(value)) return `uint ${value.value}`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("base64")}`;
  if (isCelType(value)) return `type ${value.name}`;
  if (isCelList(value)) return [...value].map(shown);
  if (Array.isArray(value)) return value.map((each: CelInput) => shown(each));
  if (isCelMap(value) || value instanceof Map) {
    const entries = [...value].map(([key, each]) => [JSON.stringify(shown(key)), shown(each)] as const);
    return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }
  const message = isReflectMessage(value) ? value.message : value;
  if (isMessage(message, TimestampSchema) || isMessage(message, DurationSchema)) {
    return `${message.$typeName} ${message.seconds} s ${message.nanos} ns`;
  }
  throw new Error("cannot be shown");
}

function expectedOf({ resultMatcher }: SimpleTest): unknown {
  const value = resultMatcher.case === "value" ? resultMatcher.value : undefined;
  const typed = resultMatcher.case === "typedResult" ? resultMatcher.value.result : value;
  if (typed === undefined) return true;
  return typed.kind.case === "typeValue" ? `type ${typed.kind.value}` : shown(inputOf(typed));
}

function run({ original }: Case): Answer {
  const { expr, bindings, typeEnv, disableCheck, resultMatcher } = original;
  const wantsError = resultMatcher.case === "evalError" || resultMatcher.case === "anyEvalErrors";
  const names = new Set([...Object.keys(bindings), ...typeEnv.map(({ name }) => name)]);
  // Where a test asks for no check before it is evaluated, ours of names is left out as well.
  const compiled = compileExpression(expr, disableCheck ? null : names);
  if (!compiled.ok) {
    const { detail } = compiled.error;
    if (wantsError) return passed;
    const bounded = /nests deeper|go inside each other|more than|written out|repeats too much/u.test(detail);
    return { kind: bounded ? "refused" : "failed", why: detail };
  }
  const values = Object.entries(bindings).map(([name, { kind }]): [string, CelInput] => {
    if (kind.case !== "value") throw new Error(`${name} is no value`);
    return [name, inputOf(kind.value)];
  });
  const { result } = compiled.value.evaluate(Object.fromEntries(values));
  if (!result.ok) return wantsError ? passed : { kind: "failed", why: result.error.detail };
  const got = JSON.stringify(shown(result.value));
  if (wantsError) return { kind: "failed", why: `gave ${got} and no error` };
  const expected = JSON.stringify(expectedOf(original));
  return got === expected ? passed : { kind: "failed", why: `gave ${got}, not ${expected}` };
}

test("of the published conformance tests of CEL at least 99 of 100 pass through what reads our conditions", () => {
  const all = getConformanceSuite().suites.flatMap((suite) =>
    sections.has(suite.name) ? casesOf(suite, suite.name) : [],
  );
  const applicable = all.filter(({ original }) => !isAboutMessages(original));
  const answers = applicable.map((each) => ({ ...each, ...run(each) }));
  const of = (kind: Answer["kind"]): typeof answers => answers.filter((answer) => answer.kind === kind);
  const list = (kind: Answer["kind"]): string[] =>
    of(kind).map(({ name, original, why }) => `  ${name}: ${original.expr}\n    ${why}`);
  const share = of("passed").length / answers.length;
  console.log(
    [
      `CEL conformance: ${of("passed").length} of ${answers.length} (${(share * 100).toFixed(2)} %)`,
      `${all.length} tests in ${sections.size} sections; ${all.length - answers.length} are about messages of protobuf or only about types`,
      `${applicable.filter(({ original }) => original.disableCheck).length} ask for no check before, and run without ours of names`,
      `${of("failed").length} failed:`,
      ...list("failed"),
      `${of("refused").length} refused by our bounds, which counts as not passed:`,
      ...list("refused"),
    ].join("\n"),
  );
  expect(answers.length).toBeGreaterThan(1_000);
  expect(share).toBeGreaterThanOrEqual(0.99);
});
