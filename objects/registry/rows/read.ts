import * as v from "valibot";

/** All rows of a statement, each parsed with its schema: a row that does not fit is thrown and never used. */
export function rowsOf<Schema extends v.GenericSchema>(
  sql: SqlStorage,
  schema: Schema,
  statement: string,
  ...bindings: SqlStorageValue[]
): v.InferOutput<Schema>[] {
  return sql
    .exec(statement, ...bindings)
    .toArray()
    .map((row) => v.parse(schema, row));
}

/** The first row of a statement, or null. */
export function rowOf<Schema extends v.GenericSchema>(
  sql: SqlStorage,
  schema: Schema,
  statement: string,
  ...bindings: SqlStorageValue[]
): v.InferOutput<Schema> | null {
  return rowsOf(sql, schema, statement, ...bindings)[0] ?? null;
}

/** A column that holds the JSON text of a value. */
export const jsonOf = <Schema extends v.GenericSchema>(schema: Schema) =>
  v.pipe(v.string(), v.parseJson(), schema);
