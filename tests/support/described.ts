import { Validator } from "@cfworker/json-schema";

/** An OpenAPI document as far as these tests look at it. */
export type Document = {
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, Schema> };
};
type Schema = { readonly [keyword: string]: unknown };
type Content = Record<string, { schema: Schema }>;
export type Operation = {
  readonly operationId: string;
  readonly parameters?: readonly { name: string; in: string }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Record<string, { readonly content?: Content }>;
};

/** The operation that an address belongs to; a fixed path before one with a parameter. */
export function operationFor(
  document: Document,
  method: string,
  address: string,
): [string, Operation] | null {
  const path = address.replace(/\?.*$/u, "");
  const patterns = Object.keys(document.paths).toSorted((a, b) => countOf(a) - countOf(b));
  for (const pattern of patterns) {
    const operation = document.paths[pattern]?.[method.toLowerCase()];
    const fits = new RegExp(`^${pattern.replaceAll(/\{\w+\}/gu, "[^/]+")}$`, "u").test(path);
    if (fits && operation !== undefined) return [pattern, operation];
  }
  return null;
}
const countOf = (pattern: string): number => pattern.split("{").length;

/** What is wrong with a value by a schema of the document: what JSON Schema says, and every field that is not described. */
export function faultsBy(document: Document, schema: Schema, value: unknown): string[] {
  const { components } = document;
  const { errors } = new Validator({ ...schema, components }, "2020-12", false).validate(value);
  const faults = errors.map(({ instanceLocation, error }) => `${instanceLocation} ${error}`);
  return [...faults, ...undescribed(document, schema, value, "#")];
}

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
  const { components } = document;
  const { errors } = new Validator({ ...schema, components }, "2020-12", true).validate(value);
  return errors.length > 0 ? [`${at} fits no alternative`] : undescribed(document, schema, value, at);
}
