import * as v from "valibot";

/** Every way a call can fail: stable code → HTTP status and title (RFC 9457). The `type` URI is derived from the code. */
export const problems = {
  malformed_json: { status: 400, title: "The body is not JSON" },
  bad_request: { status: 400, title: "The request cannot be read" },
  unauthenticated: { status: 401, title: "A valid key is needed" },
  forbidden: { status: 403, title: "This key may not do that" },
  out_of_scope: { status: 403, title: "Outside the agent's role classes" },
  not_eligible: { status: 403, title: "This person may not decide here" },
  not_found: { status: 404, title: "There is nothing here" },
  method_not_allowed: { status: 405, title: "This address does not take that method" },
  digest_mismatch: { status: 409, title: "That is not what this action would run" },
  wrong_state: { status: 409, title: "The action is in another state" },
  leased: { status: 409, title: "Somebody else has claimed it" },
  fenced: { status: 409, title: "This lease is no longer the current one" },
  conflict: { status: 409, title: "It conflicts with what is there" },
  gone: { status: 410, title: "It has been erased" },
  too_large: { status: 413, title: "The body is too large" },
  invalid_body: { status: 422, title: "The body does not fit" },
  reason_required: { status: 422, title: "A reason is needed" },
  idempotency_conflict: { status: 422, title: "This Idempotency-Key was used for another body" },
  frozen: { status: 423, title: "A freeze is in force" },
  upgrade_required: { status: 426, title: "This address is for WebSockets" },
  rate_limited: { status: 429, title: "Too many calls" },
  internal: { status: 500, title: "Something went wrong here" },
  policy_unavailable: { status: 503, title: "Policy or directory cannot be read" },
  log_unavailable: { status: 503, title: "The log of the workspace cannot be written" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;

export const ProblemField = v.object({ pointer: v.string(), detail: v.string() });
export type ProblemField = v.InferOutput<typeof ProblemField>;

/** The body of every error answer. */
export const Problem = v.object({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  detail: v.string(),
  code: v.string(),
  errors: v.optional(v.array(ProblemField)),
  state: v.optional(v.string()),
  stateDetail: v.optional(v.nullable(v.string())),
  seq: v.optional(v.number()),
  /** When what is in the way ends (RFC 3339); trying again before is of no use. */
  until: v.optional(v.string()),
});
export type Problem = v.InferOutput<typeof Problem>;
