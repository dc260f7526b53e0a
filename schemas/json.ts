import * as v from "valibot";

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** Any JSON value. Depth, size and key rules were enforced on the raw text before this runs. */
export const Json: v.GenericSchema<Json> = v.lazy(() =>
  v.union([v.string(), v.number(), v.boolean(), v.null(), v.array(Json), v.record(v.string(), Json)]),
);
export const JsonObject: v.GenericSchema<JsonObject> = v.record(v.string(), Json);
