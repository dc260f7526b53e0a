import type { ProblemCode, ProblemField } from "../schemas/problem.ts";
import { refuse } from "./result.ts";
import type { Result } from "./result.ts";

/** Why a call was refused: plain data, so that it survives RPC. `detail` says what to do next; `errors` name fields by JSON Pointer. */
export type Refusal = {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly errors?: ProblemField[];
  /** When what is in the way ends (RFC 3339). */
  readonly until?: string;
};

/** A refused `Result`. `errors` is left out, and not undefined, where there are none: RPC and JSON then agree on the shape. */
export function refusal(
  code: ProblemCode,
  detail: string,
  errors?: readonly ProblemField[],
): Result<never, Refusal> {
  if (errors === undefined || errors.length === 0) return refuse({ code, detail });
  return refuse({ code, detail, errors: [...errors] });
}
