import { Validator } from "@cfworker/json-schema";

/** An OpenAPI document as far as these tests look at it. */
export type Document = {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Schema> };
};
export type Schema = { readonly [keyword: string]: unknown };
type Content = Record<string, { schema: Schema }>;
export type Operation = {
  readonly operationId: string;
  readonly "x-scope"?: string;
  readonly parameters?: readonly { name: string; in: string }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Record<string, Response>;
};
type Response = {
  readonly content?: Content;
  readonly headers?: Record<string, { readonly required?: boolean }>;
};

type Pattern = readonly [path: string, form: RegExp];
const patterns = new WeakMap<Document, readonly Pattern[]>();

/** The addresses of a document, those without parameters first. */
function patternsOf(document: Document): readonly Pattern[] {
  const known = patterns.get(document);
  if (known !== undefined) return known;
  const paths = Object.keys(document.paths).toSorted((a, b) => countOf(a) - countOf(b));
  const made = paths.map((path): Pattern => {
    const form = path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/gu, "[^/]+");
    return [path, new RegExp(`^${form}$`, "u")];
  });
  patterns.set(document, made);
  return made;
}
const countOf = (pattern: string): number => pattern.split("{").length;

/** The operation that an address belongs to; a fixed path before one with a parameter. */
export function operationFor(
  document: Document,
  method: string,
  address: string,
): [string, Operation] | null {
  const path = address.replace(/\?.*$/u, "");
  for (const [pattern, form] of patternsOf(document)) {
    const operation = document.paths[pattern]?.[method.toLowerCase()];
    if (operation !== undefined && form.test(path)) return [pattern, operation];
  }
  return null;
}

/** Every method that the document has for an address. */
export function methodsFor(document: Document, address: string): string[] {
  const found = patternsOf(document).filter(([, form]) => form.test(address));
  const methods = found.flatMap(([pattern]) => Object.keys(document.paths[pattern] ?? {}));
  return [...new Set(methods.map((method) => method.toUpperCase()))];
}

/** What is wrong with a value by a schema of the document: what JSON Schema says, and every field that is not described. */
export function faultsBy(document: Document, schema: Schema, value: unknown): string[] {
  const { errors } = validatorOf(document, schema).validate(value);
  const faults = errors.map(({ instanceLocation, error }) => `${instanceLocation} ${error}`);
  return [...faults, ...undescribed(document, schema, value, "#")];
}

/** One is made once: that takes as long as a hundred uses of it. */
const validators = new WeakMap<Schema, Validator>();

function validatorOf({ components }: Document, schema: Schema): Validator {
  const known = validators.get(schema);
  if (known !== undefined) return known;
  const made = new Validator({ ...schema, components }, "2020-12", false);
  validators.set(schema, made);
  return made;
}

/** Whether a schema of the document takes a value; what it does not describe is left to what it says of that. */
export const fits = (document: Document, schema: Schema, value: unknown): boolean =>
  validatorOf(document, schema).validate(value).valid;

function undescribed(document: Document, schema: Schema, value: unknown, at: string): string[] {
  const name = /^#\/components\/schemas\/(\w+)$/u.exec((schema["$ref"] ?? "") as string)?.[1];
  if (name !== undefined) return undescribed(document, document.components.schemas[name] ?? {}, value, at);
  const anyOf = schema["anyOf"] as Schema[] | undefined;
  if (anyOf !== undefined) {
    const found = anyOf.map((option) => faultsOf(document, option, value, at));
    return found.some((faults) => faults.length === 0) ? [] : (found[0] ?? []);
  }
  if (Array.isArray(value)) {
    const items = schema["items"] as Schema | undefined;
    return value.flatMap((item, index) => undescribed(document, items ?? {}, item, `${at}/${index}`));
  }
  const properties = schema["properties"] as Record<string, Schema> | undefined;
  if (typeof value !== "object" || value === null || properties === undefined) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const described = properties[key];
    return described === undefined
      ? [`${at}/${key} is not described`]
      : undescribed(document, described, member, `${at}/${key}`);
  });
}

function faultsOf(document: Document, schema: Schema, value: unknown, at: string): string[] {
  const { valid } = validatorOf(document, schema).validate(value);
  return !valid ? [`${at} fits no alternative`] : undescribed(document, schema, value, at);
}
