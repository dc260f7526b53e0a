import { problems, type Problem, type ProblemCode, type ProblemField } from "../../schemas/problem.ts";

/** What a problem may say beside its code: where the action stands, which fields were wrong. */
export type ProblemParts = {
  detail: string;
  errors?: ProblemField[];
  state?: string;
  stateDetail?: string | null;
  seq?: number;
  until?: string;
};

/** A refusal at the boundary. Only `workers/` throws it; anything else thrown is a bug and answers `internal`. */
export class ProblemError extends Error {
  readonly code: ProblemCode;
  readonly parts: ProblemParts;
  readonly headers: Record<string, string>;

  constructor(code: ProblemCode, parts: ProblemParts, headers: Record<string, string> = {}) {
    super(`${code}: ${parts.detail}`);
    this.code = code;
    this.parts = parts;
    this.headers = headers;
  }
}

/** The body of an error answer (RFC 9457). `type` is stable; `detail` is for people and may change. */
export function problemBody(code: ProblemCode, parts: ProblemParts): Problem {
  const { status, title } = problems[code];
  return {
    type: `https://holdpoint.dev/problems/${code.replaceAll("_", "-")}`,
    title,
    status,
    code,
    ...parts,
  };
}

/** What answers of a code always say: a 401 without a challenge is none (RFC 9110 §15.5.2). */
const always: Readonly<Partial<Record<ProblemCode, Record<string, string>>>> = {
  unauthenticated: { "www-authenticate": 'Bearer realm="holdpoint"' },
};

/** The error answer as `application/problem+json`. */
export function problemResponse(
  code: ProblemCode,
  parts: ProblemParts,
  headers: Record<string, string> = {},
): Response {
  return new Response(JSON.stringify(problemBody(code, parts)), {
    status: problems[code].status,
    headers: { "content-type": "application/problem+json", ...always[code], ...headers },
  });
}

/**
 * One body for what is not there and what belongs to another workspace, so that asking tells nothing (T15).
 */
export function notFound(): ProblemError {
  return new ProblemError("not_found", {
    detail: "Check the address and the id; ids of other workspaces are never found.",
  });
}
