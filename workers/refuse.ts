import type { Refusal } from "../core/refusal.ts";
import type { Result } from "../core/result.ts";
import { ProblemError } from "./http/problem.ts";

/** The value of a result that came over RPC, or the problem that its refusal is. */
export function refuseWith<Value>(result: Result<Value, Refusal>): Value {
  if (result.ok) return result.value;
  const { code, ...parts } = result.error;
  throw new ProblemError(code, parts);
}
