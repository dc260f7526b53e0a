import { isReference } from "./names.ts";
import type { Span } from "./span.ts";
import type { JsonObject } from "../../schemas/json.ts";

/** Secrets of Kubernetes: whatever stands under `data` and `stringData` of an object of the kind Secret, in any spelling. */

const maps = new Set(["data", "stringData"]);

/** Whether what stands under this name of the object is all secret. */
export const isSecretData = (value: JsonObject, name: string): boolean =>
  value["kind"] === "Secret" && maps.has(name);

const kindOf = /(?<![A-Za-z])kind["']?[ ]{0,4}:[ ]{0,4}["']?Secret(?![A-Za-z])/u;

/** In a text that is or has a manifest; of several, each is looked at by its own kind. */
export function manifestsIn(text: string): Span[] {
  if (!kindOf.test(text)) return [];
  let start = 0;
  return text.split(/^(?=---)/mu).flatMap((one) => {
    const from = start;
    start += one.length;
    return kindOf.test(one) ? [...inJson(one, from), ...inYaml(one, from)] : [];
  });
}

const spanOf = (value: string, start: number): Span[] =>
  isReference(value) ? [] : [{ start, end: start + value.length, kind: "secret" }];

function inJson(text: string, from: number): Span[] {
  return [...text.matchAll(/"(?:data|stringData)"\s{0,8}:\s{0,8}\{([^{}]*)\}/gu)].flatMap(
    ({ index, 0: whole, 1: members = "" }) => {
      const begin = from + index + whole.length - 1 - members.length;
      return [...members.matchAll(/:\s{0,8}"((?:[^"\\]|\\.)*)"/gu)].flatMap(
        ({ index: at, 0: { length }, 1: value = "" }) =>
          spanOf(value, begin + at + length - 1 - value.length),
      );
    },
  );
}

/** Line by line: a map goes on for as long as its lines stand further in. */
function inYaml(text: string, from: number): Span[] {
  const spans: Span[] = [];
  let start = from;
  let map: number | null = null;
  let key: number | null = null;
  for (const line of text.split("\n")) {
    const indent = line.search(/[^ -]/u);
    if (/^[ -]*(?:data|stringData):\s*$/u.test(line)) [map, key] = [indent, null];
    else if (map !== null && indent !== -1 && indent <= map) map = null;
    else if (map !== null && indent !== -1) {
      // Lines of a block stand further in than the name that they belong to.
      const isMember = key === null || indent <= key;
      if (isMember) key = indent;
      const [name = ""] = isMember ? (/^[ -]*["']?[\w.-]{1,253}["']?:[ ]{0,8}["']?/u.exec(line) ?? []) : [];
      const at = isMember ? name.length : indent;
      const value = withoutQuote(line.slice(at).trimEnd());
      if (!/^[|>][+-]?$/u.test(value)) spans.push(...spanOf(value, start + at));
    }
    start += line.length + 1;
  }
  return spans;
}

const withoutQuote = (text: string): string => (/["']$/u.test(text) ? text.slice(0, -1) : text);
