import * as v from "valibot";
import { decodeCursor } from "../../core/cursor.ts";
import { limits } from "../../schemas/limits.ts";
import { Digest } from "../../schemas/text.ts";
import { fieldsOf } from "./body.ts";
import { ProblemError } from "./problem.ts";

/** `limit` of a list: a page when left out. */
export const Limit = v.optional(
  v.pipe(
    v.string(),
    v.regex(/^\d{1,3}$/u, `is a whole number from 1 to ${limits.listPage}`),
    v.transform(Number),
    v.minValue(1, `is a whole number from 1 to ${limits.listPage}`),
    v.maxValue(limits.listPage, `is a whole number from 1 to ${limits.listPage}`),
  ),
  String(limits.listPage),
);

/** `cursor` of a list: what `nextCursor` of the page before it said. */
export const Cursor = v.optional(
  v.pipe(
    v.string(),
    v.check(
      (text) => decodeCursor(text) !== null,
      "is not a cursor; send nextCursor of the page before as it is",
    ),
  ),
);

/**
 * The query of a URL → the schema's output. @throws ProblemError `bad_request` that names every faulty parameter as `?name`:
 * one that is unknown, or given twice, is a mistake that would otherwise widen a list without a word.
 */
export function parseQuery<Schema extends v.GenericSchema>(url: URL, schema: Schema): v.InferOutput<Schema> {
  const values: Record<string, string> = Object.fromEntries(url.searchParams);
  const names = [...url.searchParams.keys()];
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  const result = v.safeParse(schema, values);
  const faults = result.success
    ? []
    : fieldsOf(result.issues).map(({ pointer, detail }) => ({ pointer: `?${pointer.slice(1)}`, detail }));
  const errors = [
    ...faults,
    ...[...new Set(twice)].map((name) => ({ pointer: `?${name}`, detail: "is given more than once" })),
  ];
  if (result.success && errors.length === 0) return result.output;
  throw new ProblemError("bad_request", { detail: "Mend the named parameters and ask again.", errors });
}

/** `?version=`: a policy by its hash. */
export const VersionQuery = v.strictObject({ version: v.optional(Digest) });
