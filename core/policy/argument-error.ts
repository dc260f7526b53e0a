import type { OutputUnit } from "@cfworker/json-schema";
import type { Json, JsonObject } from "../../schemas/json.ts";
import { pointerOf } from "../../schemas/parse.ts";
import type { ProblemField } from "../../schemas/problem.ts";
import { definitionOf } from "./argument-schema.ts";
import { plain, wording } from "./argument-wording.ts";
import { holdingOf, isObject } from "./schema-keyword.ts";

/**
 * The validator's errors as fields an agent can mend: one entry per field and fault, what is expected in words, and nothing of the
 * parents that only say "a subschema had errors".
 */

/** More than this is a wrong call and not a slip; the rest is not listed. */
const maxFields = 50;

/** `root` is the schema that was held against `args`. */
export function fieldsOfErrors(
  errors: readonly OutputUnit[],
  root: JsonObject,
  args: JsonObject,
): ProblemField[] {
  const fields = new Explainer(root, args).explain(located(errors));
  const faulty = fields.filter(({ unknown }) => !unknown).map(({ pointer }) => pointer);
  const seen = new Map<string, ProblemField>();
  for (const { pointer, detail, unknown } of fields) {
    // A field that does not fit also counts as unevaluated; saying that it is unknown would be wrong.
    if (unknown && faulty.some((other) => other === pointer || other.startsWith(`${pointer}/`))) continue;
    seen.set(`${pointer} ${detail}`, { pointer, detail });
  }
  return [...seen.values()].slice(0, maxFields);
}

type Field = ProblemField & { readonly unknown: boolean; readonly keyword: string };

/** A schema `false` reports no place of its own. Its parent comes right before it. */
function located(errors: readonly OutputUnit[]): OutputUnit[] {
  return errors.map((error, index) => {
    const parent = errors[index - 1];
    if (error.keyword !== "false" || parent === undefined) return error;
    return { ...error, keywordLocation: `${parent.keywordLocation}/false` };
  });
}

class Explainer {
  readonly #root: JsonObject;
  readonly #args: JsonObject;

  constructor(root: JsonObject, args: JsonObject) {
    this.#root = root;
    this.#args = args;
  }

  explain(errors: readonly OutputUnit[]): Field[] {
    const fields: Field[] = [];
    // The items that did not fit are listed as well, but an agent has one thing to mend: the list.
    const contains = errors
      .filter(({ keyword }) => keyword === "minContains")
      .map(({ keywordLocation }) => `${parentOf(keywordLocation)}/contains/`);
    for (let at = 0; at < errors.length; at++) {
      const error = errors[at];
      if (error === undefined || contains.some((place) => error.keywordLocation.startsWith(place))) continue;
      if (error.keyword !== "anyOf" && error.keyword !== "oneOf") {
        fields.push(...this.#leaf(error));
        continue;
      }
      const from = at + 1;
      while (errors[at + 1]?.keywordLocation.startsWith(`${error.keywordLocation}/`) === true) at += 1;
      fields.push(...this.#choice(error, errors.slice(from, at + 1)));
    }
    return fields;
  }

  /** None of several forms fits: told against the form that is nearest, or all of them where each fails as a whole. */
  #choice(error: OutputUnit, inside: readonly OutputUnit[]): Field[] {
    const pointer = pointerTo(error.instanceLocation);
    const field = (detail: string): Field[] => [{ pointer, detail, unknown: false, keyword: error.keyword }];
    if (error.keyword === "oneOf" && !error.error.includes("(0 matches)")) {
      return field("fits more than one of the forms it may have; it must fit one");
    }
    const start = error.keywordLocation.length + 1;
    const branches = Map.groupBy(
      inside,
      ({ keywordLocation }) => keywordLocation.slice(start).split("/")[0] ?? "",
    );
    const forms = [...branches.values()]
      .map((branch) => this.explain(branch))
      .filter((form) => form.length > 0);
    const whole = forms.filter((form) => form.length === 1 && form[0]?.pointer === pointer);
    if (whole.length === forms.length) {
      const details = new Set(whole.flatMap((form) => form.map(({ detail }) => detail)));
      return field(details.size === 0 ? "fits none of the forms it may have" : [...details].join(", or "));
    }
    const otherType = (form: readonly Field[]): boolean =>
      form.some((each) => each.keyword === "type" && each.pointer === pointer);
    const likely = forms.filter((form) => !otherType(form));
    const [nearest] = (likely.length > 0 ? likely : forms).toSorted((a, b) => a.length - b.length);
    return nearest ?? field("fits none of the forms it may have");
  }

  #leaf(error: OutputUnit): Field[] {
    const { keyword, keywordLocation, instanceLocation } = error;
    const pointer = pointerTo(instanceLocation);
    const owner = this.#schemaAt(parentOf(keywordLocation));
    const value = owner.schema[keyword] ?? null;
    const instance = instanceAt(this.#args, instanceLocation);
    if (keyword === "required" || keyword === "dependentRequired") {
      return missing(pointer, keyword, value, instance);
    }
    if (keyword === "false") return [this.#refused(pointer, owner.keyword, parentOf(keywordLocation))];
    const words = wording[keyword];
    if (words === undefined) return [];
    const detail = owner.name ? `has a name that ${words(value, nameOf(pointer))}` : words(value, instance);
    return [{ pointer, detail, unknown: false, keyword }];
  }

  #refused(pointer: string, keyword: string, location: string): Field {
    if (keyword === "additionalProperties" || keyword === "unevaluatedProperties") {
      const names = [...new Set(this.#fieldNames(this.#schemaAt(parentOf(location)).schema))];
      const taken =
        names.length === 0 ? "no field is taken here" : `the fields taken here are ${names.join(", ")}`;
      return { pointer, detail: `is not a known field; ${taken}`, unknown: true, keyword: "false" };
    }
    const detail = keyword.toLowerCase().endsWith("items") ? "is one item too many" : "is not taken here";
    return { pointer, detail, unknown: false, keyword: "false" };
  }

  /** The fields a schema mentions, by itself or through what it combines. */
  #fieldNames(schema: Json): string[] {
    if (!isObject(schema)) return [];
    const own = isObject(schema["properties"]) ? Object.keys(schema["properties"]) : [];
    const lists = ["allOf", "anyOf", "oneOf"].flatMap((keyword) => schema[keyword] ?? []);
    const others = ["if", "then", "else"].map((keyword) => schema[keyword] ?? null);
    const maps = isObject(schema["dependentSchemas"]) ? Object.values(schema["dependentSchemas"]) : [];
    const target = definitionOf(schema["$ref"], this.#root) ?? null;
    return [...own, ...[...lists, ...others, ...maps, target].flatMap((each) => this.#fieldNames(each))];
  }

  /** The schema at a location of the validator, through references; `name` where it is about the name of a field. */
  #schemaAt(location: string): { schema: JsonObject; keyword: string; name: boolean } {
    let schema: Json = this.#root;
    let keyword = "";
    let name = false;
    const steps = stepsOf(location);
    for (let at = 0; at < steps.length; at++) {
      keyword = steps[at] ?? "";
      if (!isObject(schema)) break;
      if (keyword === "$ref") schema = definitionOf(schema["$ref"], this.#root) ?? null;
      else {
        const held: Json = schema[keyword] ?? null;
        if (holdingOf(keyword) === "one") schema = held;
        else schema = childOf(held, steps[++at] ?? "");
        name = name || keyword === "propertyNames";
      }
    }
    return { schema: isObject(schema) ? schema : {}, keyword, name };
  }
}

/** Each absent field is its own entry, at the place where it would be. */
function missing(pointer: string, keyword: string, value: Json, instance: Json): Field[] {
  const present = isObject(instance) ? instance : {};
  const has = (name: Json): boolean => typeof name === "string" && Object.hasOwn(present, name);
  const absent = (names: Json): string[] =>
    Array.isArray(names) ? names.filter((name) => !has(name)).map(plain) : [];
  const field = (name: string, detail: string): Field => ({
    pointer: pointerOf([name], pointer),
    detail,
    unknown: false,
    keyword,
  });
  if (keyword === "required") return absent(value).map((name) => field(name, "is missing"));
  return Object.entries(isObject(value) ? value : {})
    .filter(([name]) => has(name))
    .flatMap(([name, names]) =>
      absent(names).map((other) => field(other, `is missing; it goes with ${name}`)),
    );
}

/** `#/a/b%20c` of the validator → ["a", "b c"]. */
function stepsOf(location: string): string[] {
  return location
    .split("/")
    .slice(1)
    .map((step) => decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~"));
}

const pointerTo = (location: string): string => pointerOf(stepsOf(location), "/args");
const parentOf = (location: string): string => location.slice(0, location.lastIndexOf("/"));
const nameOf = (pointer: string): Json => pointer.slice(pointer.lastIndexOf("/") + 1);

function instanceAt(args: Json, location: string): Json {
  return stepsOf(location).reduce(childOf, args);
}

function childOf(value: Json, step: string): Json {
  if (Array.isArray(value)) return value[Number(step)] ?? null;
  return isObject(value) && Object.hasOwn(value, step) ? (value[step] ?? null) : null;
}
