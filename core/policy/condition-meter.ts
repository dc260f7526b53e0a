import { celEnv, celFunc, celUint, CelScalar, celList, isCelList, isCelMap, listType } from "@bufbuild/cel";
import type { CelEnv, CelFunc, CelList, CelValue } from "@bufbuild/cel";

/**
 * The evaluator has no limit of its own, so every step of it that can repeat or grow is paid for: each round of a macro, and each
 * call by the size of what it is given. What cannot pay is an error, however the condition would have gone on. The unit is about
 * one comparison or a few characters; nothing here is measured by the clock.
 */

/** What one evaluation may spend. A condition of a few clauses spends tens; a macro over a hundred items some hundreds. */
export const budget = 250_000;

let left = 0;

/** Runs `evaluate` with a fresh budget. @returns what it gave and what it spent. */
export function metered<Value>(evaluate: () => Value): { value: Value; spent: number } {
  left = budget;
  const value = evaluate();
  return { value, spent: budget - left };
}

/** Throws rather than answering with an error, which `||` would absorb: the evaluation ends, and the plan turns it into a value. */
function charge(units: number): void {
  left -= units;
  if (left < 0) throw new Error("it would take too long over these arguments");
}

/** The name under which a macro's rounds are paid for; not a name that a source can hold. */
export const roundFunction = "@round";

const { DOUBLE, DYN, INT, STRING, UINT } = CelScalar;

/** The evaluator would read "" as 0 and "abc" as no number at all, which compares as false: here they are errors. */
const strictReadings: CelFunc[] = [
  celFunc("int", [STRING], INT, (text) => wholeOf(text, -(2n ** 63n), 2n ** 63n - 1n)),
  celFunc("uint", [STRING], UINT, (text) => celUint(wholeOf(text, 0n, 2n ** 64n - 1n))),
  celFunc("double", [STRING], DOUBLE, (text) => {
    if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/u.test(text)) return Number(text);
    if (/^[+-]?inf(?:inity)?$/iu.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
    if (/^nan$/iu.test(text)) return Number.NaN;
    throw new Error("is not the text of a number");
  }),
];

function wholeOf(text: string, from: bigint, to: bigint): bigint {
  const value = /^[+-]?\d{1,20}$/u.test(text) ? BigInt(text.replace(/^\+/u, "")) : null;
  if (value === null || value < from || value > to) throw new Error("is not the text of a whole number");
  return value;
}

/** The evaluator's own functions, each paid for before it runs, and those of ours that replace one. */
export function meteredEnv(): CelEnv {
  const round = celFunc(roundFunction, [DYN, INT], DYN, (value) => value);
  const list = listType(DYN);
  // Lists are put together flat: the evaluator's own way nests one list in the other, and a walk costs the square.
  const concat = celFunc("_+_", [list, list], list, (left_, right) => celList([...left_, ...right]));
  const plain = [...celEnv({ funcs: [round, concat, ...strictReadings] }).funcs];
  return celEnv({ funcs: plain.map(paid) });
}

function paid(func: CelFunc): CelFunc {
  const cost = costs[func.name] ?? shallow;
  const call: CelFunc["call"] = (id, target, args) => {
    const values = target === undefined ? args : [target, ...args];
    // Of the forms of one function only the one that fits runs.
    if (values.length !== func.arguments.length + (func.target === undefined ? 0 : 1)) return undefined;
    charge(1 + cost(values));
    return func.call(id, target, args);
  };
  const wrapped: CelFunc = Object.create(func, { call: { value: call } });
  return wrapped;
}

type Cost = (values: readonly CelValue[]) => number;

/** Reading a text: eight characters a unit. */
const characters = 8;
const lengthOf = (value: CelValue | undefined): number =>
  typeof value === "string" || value instanceof Uint8Array ? value.length : 0;

const shallow: Cost = (values) =>
  values.reduce<number>((sum, value) => sum + lengthOf(value) / characters, 0);

/** A text read as a number or a time may take the square of its length. */
const reading: Cost = ([value]) => lengthOf(value) / characters + lengthOf(value) ** 2 / 1_024;

const zoned: Cost = (values) => (values.length > 1 ? 1_000 : 1);

/** What a call costs beyond one unit. Everything else reads its texts once. */
const costs: Readonly<Record<string, Cost>> = {
  [roundFunction]: ([, weight]) => Number(weight),
  "_==_": ([left_, right]) => Math.min(wholeSize(left_), wholeSize(right)),
  "_!=_": ([left_, right]) => Math.min(wholeSize(left_), wholeSize(right)),
  "@in": ([value, within]) =>
    isCelList(within) ? wholeSize(within) : isCelMap(within) ? within.size : lengthOf(value),
  "_+_": (values) =>
    values.reduce<number>(
      (sum, value) => sum + (isCelList(value) ? value.size : lengthOf(value)) / characters,
      0,
    ),
  // A text that nearly fits at every place is compared in full at every place.
  contains: ([text, part]) => shallow([text ?? "", part ?? ""]) + (lengthOf(text) * lengthOf(part)) / 1_024,
  matches: ([text, pattern]) =>
    patternCost(typeof pattern === "string" ? pattern : "") * (1 + lengthOf(text) / 4),
  int: reading,
  uint: reading,
  timestamp: reading,
  duration: reading,
  getFullYear: zoned,
  getMonth: zoned,
  getDate: zoned,
  getDayOfMonth: zoned,
  getDayOfWeek: zoned,
  getDayOfYear: zoned,
  getHours: zoned,
  getMinutes: zoned,
  getSeconds: zoned,
  getMilliseconds: zoned,
};

/** The states of a pattern at most: its characters, as often as its counts repeat them. Matching takes each of them a character. */
export function patternCost(pattern: string): number {
  let times = 1;
  for (const [, from, to] of pattern.matchAll(/\{(\d{1,6})(?:,(\d{0,6}))?\}/gu)) {
    times *= Math.max(1, Number(from), Number(to ?? 0));
  }
  return (1 + pattern.length) * times;
}

/** Values inside a value, and its texts by length; counted no further than there is left to spend, as one value may stand in many places. */
function wholeSize(value: CelValue | undefined): number {
  let size = 0;
  const open: (CelValue | undefined)[] = [value];
  while (open.length > 0 && size <= left) {
    const next = open.pop();
    size += 1 + lengthOf(next) / characters;
    if (isCelList(next)) for (const item of firstOf(next)) open.push(item);
    else if (isCelMap(next)) for (const item of next.values()) open.push(item);
  }
  return size;
}

function* firstOf(list: CelList): Generator<CelValue> {
  let taken = 0;
  for (const item of list) {
    if (++taken > left) return;
    yield item;
  }
}
