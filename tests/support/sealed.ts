import type { ExpectStatic } from "vitest";
import { problems, type ProblemCode } from "../../schemas/problem.ts";
import type { Answer } from "./caller.ts";

/** The headers that every answer carries, also an error. */
export const sealingHeaders = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=31536000",
  "x-content-type-options": "nosniff",
  "cache-control": /no-store|public, max-age=(?:10|300)$/u,
};

export function expectSealed(expect: ExpectStatic, answer: Answer): void {
  for (const [name, value] of Object.entries(sealingHeaders)) expect(answer.headers.get(name)).toMatch(value);
}

/** A problem+json answer with this code and its status and title, and the security headers. */
export function expectProblem(expect: ExpectStatic, answer: Answer, code: ProblemCode): void {
  const { status, title } = problems[code];
  expect(answer.body).toMatchObject({ code, status, title, detail: expect.any(String) });
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.body).toMatchObject({ type: `https://holdpoint.dev/problems/${code.replaceAll("_", "-")}` });
  expectSealed(expect, answer);
}

/** Which fields the problem names. */
export function pointersOf({ body }: Answer): string[] {
  const { errors = [] } = body as { errors?: { pointer: string }[] };
  return errors.map(({ pointer }) => pointer);
}
