import { durationMs } from "../../schemas/duration.ts";
import type { Json } from "../../schemas/json.ts";
import type { Contract } from "../../schemas/policy.ts";
import { ok, refuse } from "../result.ts";
import type { Result } from "../result.ts";
import { faultAt, tokensOf } from "./condition-source.ts";
import type { ConditionFault, Token } from "./condition-source.ts";
import type { Asked } from "./subject.ts";

/**
 * Sums over a window of time inside a condition: `sum(args.amount) by agent over 24h` and `count() by agent over 1h`. They are not
 * CEL: each is taken out of the text, and a variable of the same length stands in its place, so that positions stay what they were.
 */

const keepers = ["agent", "requester", "target", "type"] as const;
type Keeper = (typeof keepers)[number];

/** One sum. All actions whose contracts write the same sum are in it, whatever their type; `type` among `by` keeps types apart. */
export type Window = {
  /** The sum in one spelling: its name in `Subject.sums` and in the Registry. */
  readonly key: string;
  /** The field of the arguments that is added up; null for a count. */
  readonly path: readonly string[] | null;
  readonly by: readonly Keeper[];
  readonly windowMs: number;
};

/** A condition whose sums are variables: the name of each, with what it stands for. */
export type Windowed = { readonly source: string; readonly windows: ReadonlyMap<string, Window> };

/** What a request adds to one sum: `amount` is whole and not below 0, `by` the value that keeps it apart. */
export type Measure = Pick<Window, "key" | "windowMs"> & { readonly by: string; readonly amount: number };

const shortestMs = 60_000;
const longestMs = 30 * 86_400_000;
/** Sums that one contract may use: each is a row to write and a window to read. */
export const maxWindows = 8;

const form = "a sum is written sum(args.amount) by agent over 24h, or count() by agent over 1h";

/** Takes the sums out of a condition; refused with the place of the first that is not written as one. */
export function takeWindows(source: string): Result<Windowed, ConditionFault> {
  const tokens = tokensOf(source);
  const windows = new Map<string, Window>();
  let text = source;
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at];
    if (token?.kind !== "name") continue;
    if (token.text.startsWith("__")) {
      return refuse(faultAt(source, token.start, `${token.text} is not a variable`));
    }
    if (!isWindow(tokens, at)) continue;
    const read = new WindowReader(tokens, at).read();
    if (typeof read === "string") return refuse(faultAt(source, token.start, read));
    const name = `__${windows.size}`;
    windows.set(name, read.window);
    const taken = source.slice(token.start, read.end);
    text = `${text.slice(0, token.start)}${name}${taken.slice(name.length).replaceAll(/[^\n]/gu, " ")}${text.slice(read.end)}`;
    at = read.last;
  }
  return ok({ source: text, windows });
}

/** The one spelling of a sum, such as `sum(args.amount) by agent over 24h`; null for a text that is none, or more than one. */
export function sumKey(text: string): string | null {
  const taken = takeWindows(text);
  if (!taken.ok || taken.value.source.trim() !== "__0") return null;
  return taken.value.windows.get("__0")?.key ?? null;
}

/** The sums that a contract's conditions look at, each once. Conditions that do not publish have none. */
export function windowsOf({ decide }: Pick<Contract, "decide">): Window[] {
  const windows = new Map<string, Window>();
  for (const { when } of decide) {
    const taken = when === undefined || !/\bover\b/u.test(when) ? null : takeWindows(when);
    if (taken?.ok !== true) continue;
    for (const window of taken.value.windows.values()) windows.set(window.key, window);
  }
  return [...windows.values()];
}

/**
 * What a request adds to the sums of its contract. A sum whose field is no whole number from 0 to 2^53 − 1 is left out: it is not
 * measured, so the condition that looks at it is an error. Amounts below 0 would let one request make room for the next.
 */
export function measuresOf(windows: readonly Window[], asked: Asked & { readonly type: string }): Measure[] {
  return windows.flatMap(({ key, path, by, windowMs }) => {
    const amount = path === null ? 1 : amountAt(asked.args, path);
    if (amount === null) return [];
    return [{ key, windowMs, by: JSON.stringify(by.map((keeper) => kept[keeper](asked))), amount }];
  });
}

function isWindow(tokens: readonly Token[], at: number): boolean {
  const name = tokens[at]?.text;
  return (name === "sum" || name === "count") && tokens[at + 1]?.text === "(" && tokens[at - 1]?.text !== ".";
}

function amountAt(args: Json, path: readonly string[]): number | null {
  let value: Json = args;
  for (const name of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
    if (!Object.hasOwn(value, name)) return null;
    value = value[name] ?? null;
  }
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

const kept: Readonly<Record<Keeper, (asked: Asked & { readonly type: string }) => string>> = {
  agent: ({ requester }) => requester.id,
  // The human behind it, so that two agents of one owner do not each have a sum of their own.
  requester: ({ requester }) => requester.onBehalfOf ?? requester.owner,
  // The resource alone: naming another environment beside it does not start another sum.
  target: ({ target }) => target.resource,
  type: ({ type }) => type,
};

class WindowReader {
  readonly #tokens: readonly Token[];
  #at: number;

  constructor(tokens: readonly Token[], at: number) {
    this.#tokens = tokens;
    this.#at = at;
  }

  /** The sum that starts here and where it ends, or what is wrong with it. */
  read(): { window: Window; end: number; last: number } | string {
    const summed = this.#next();
    this.#next();
    const path = summed === "sum" ? this.#path() : null;
    if (summed === "sum" && path === null) return `${form}: it adds up one field of args`;
    if (this.#next() !== ")" || this.#next() !== "by") return form;
    const by = this.#keepers();
    if (by === null) return `${form}: by takes ${keepers.join(", ")}`;
    if (this.#next() !== "over") return form;
    const last = this.#tokens[this.#at];
    const windowMs = last === undefined ? undefined : durationMs(last.text);
    if (last === undefined || windowMs === undefined || windowMs < shortestMs || windowMs > longestMs) {
      return `${form}: over takes a duration from 1m to 30d`;
    }
    const what = path === null ? "count()" : `sum(args.${path.join(".")})`;
    const key = `${what} by ${by.join(",")} over ${windowMs}ms`;
    return { window: { key, path, by, windowMs }, end: last.end, last: this.#at };
  }

  #path(): string[] | null {
    if (this.#next() !== "args") return null;
    const path: string[] = [];
    while (this.#tokens[this.#at]?.text === ".") {
      this.#at += 1;
      const name = this.#tokens[this.#at];
      if (name?.kind !== "name") return null;
      path.push(name.text);
      this.#at += 1;
    }
    return path.length === 0 ? null : path;
  }

  #keepers(): Keeper[] | null {
    const named = new Set<string>();
    do {
      const name = this.#next();
      if (!keepers.some((keeper) => keeper === name)) return null;
      named.add(name);
    } while (this.#tokens[this.#at]?.text === "," && ++this.#at > 0);
    return keepers.filter((keeper) => named.has(keeper));
  }

  #next(): string {
    return this.#tokens[this.#at++]?.text ?? "";
  }
}
