/** An expected refusal is a value, never an exception: what was wrong travels with its evidence. */
export type Result<Value, Refusal> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: Refusal };

export function ok<Value>(value: Value): Result<Value, never> {
  return { ok: true, value };
}

export function refuse<Refusal>(error: Refusal): Result<never, Refusal> {
  return { ok: false, error };
}
