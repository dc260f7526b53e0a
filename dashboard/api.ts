import * as v from "valibot";
import { Problem } from "../schemas/problem.ts";

/** The engine said no, and why. */
export class Refused extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** The engine did not answer, or not as itself: worth another try. */
export class Unreachable extends Error {}

type Request = {
  method?: "GET" | "POST" | "DELETE";
  body?: unknown;
  signal?: AbortSignal;
  /** Made once for what a person did, so that sending it again does it once. */
  idempotencyKey?: string;
};

/** Called on every 401, whoever asked. */
let whenSignedOut: () => void = () => undefined;
export const onSignedOut = (listener: () => void): void => {
  whenSignedOut = listener;
};

/**
 * One call to the API as whoever is signed in. @throws Refused with the engine's own words, Unreachable, or the signal's
 * reason.
 */
export async function call<Schema extends v.GenericSchema>(
  schema: Schema,
  path: string,
  { method = "GET", body, signal, idempotencyKey }: Request = {},
): Promise<v.InferOutput<Schema>> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (method !== "GET") {
    headers["x-holdpoint-csrf"] = "1";
    headers["idempotency-key"] = idempotencyKey ?? crypto.randomUUID();
  }
  if (body !== undefined) headers["content-type"] = "application/json";
  const init: RequestInit = { method, headers, redirect: "manual", cache: "no-store" };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (signal !== undefined) init.signal = signal;
  const answer = await ask(path, init);
  if (!answer.ok) throw refusalOf(answer.status, answer.value);
  const parsed = v.safeParse(schema, answer.value);
  if (parsed.success) return parsed.output;
  throw new Unreachable("The engine answered in a way that this page cannot read. Load the page again.");
}

const signedOutBefore = {
  type: "about:blank",
  title: "Unauthorized",
  status: 401,
  code: "unauthenticated",
  detail: "Your sign-in has run out. Nothing was changed, and nothing typed here is lost.",
} as const satisfies Problem;

async function ask(
  path: string,
  init: RequestInit,
): Promise<{ ok: boolean; status: number; value: unknown }> {
  try {
    const response = await fetch(path, init);
    // The engine redirects nothing. Cloudflare Access in front of it does, to its sign-in, where its own is over.
    if (response.type === "opaqueredirect") return { ok: false, status: 401, value: signedOutBefore };
    const value: unknown = await response.json();
    return { ok: response.ok, status: response.status, value };
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw new Unreachable("The engine does not answer. Nothing typed here is lost; try again.");
  }
}

function refusalOf(status: number, value: unknown): Error {
  if (status === 401) whenSignedOut();
  const problem = v.safeParse(Problem, value);
  return problem.success ? new Refused(problem.output) : new Unreachable(`The engine answered ${status}.`);
}

/** What to tell a person of a failure. */
export const wordsOf = (error: unknown): string =>
  error instanceof Refused || error instanceof Unreachable
    ? error.message
    : "Something went wrong on this page.";
