import { type Backoff, backoffMs, pause, reasonOf, retryAfterMs } from "./backoff.ts";
import { HoldpointError } from "./error.ts";
import { type Guard, isObject, isProblemField } from "./shape.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** `hp_…` or a token; or what gives one, asked before every call, for tokens that end before the work does. */
export type Key = string | (() => string | Promise<string>);

/** How often a call is sent in all, and how the waits between grow. */
export type Retry = Backoff & { readonly tries: number };
/** Waits of 0.1–0.2, 0.2–0.4, 0.4–0.8 and 0.8–1.6 s: about 2 s in all, inside which a restarted engine is back. */
export const defaultRetry: Retry = { tries: 5, baseMs: 200, capMs: 5_000 };
/** A `Retry-After` longer than this is not waited for: the refusal is handed to the caller, who can decide. */
const longestRetryAfterMs = 60_000;
/** One attempt, answer included. Long-polls add what they ask the engine to hold. */
const attemptMs = 30_000;

export type Call<Answer> = {
  method: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  query?: Record<string, string | number | boolean | null | undefined>;
  body?: unknown;
  /** Made once for each call where none is given, so that every retry is the same command. */
  idempotencyKey?: string | undefined;
  /** Is it an answer this client can use? */
  guard: Guard<Answer>;
  signal?: AbortSignal | undefined;
  /** Milliseconds that the engine was asked to hold the answer. */
  holdMs?: number;
  retry?: Retry;
};

export type Transport = {
  readonly url: string;
  /** The headers that say who is calling, as they are now: a token may be another one by the next call. */
  readonly credentials: () => Promise<Record<string, string>>;
  readonly call: <Answer>(call: Call<Answer>) => Promise<Answer>;
  /** The engine's clock as of its last answer (to the second): the local clock where it has not answered yet. */
  now(): number;
};

/** Statuses that say "not now" rather than "no". Every call is safe to send again: GETs are, and POSTs carry a key. */
const passing = new Set([429, 502, 503, 504]);

/**
 * Speaks JSON with one engine as one principal. Network failures and passing statuses are tried again with backoff,
 * everything else is thrown at once as a `HoldpointError` with the problem's own code.
 */
export function createTransport(options: {
  url: string;
  key: Key | undefined;
  workspace?: string | undefined;
  fetch: Fetch;
  name?: string | undefined;
  retry?: Retry;
}): Transport {
  const url = options.url.replace(/\/+$/u, "");
  const credentials = async (): Promise<Record<string, string>> => {
    const key = typeof options.key === "function" ? await options.key() : options.key;
    return {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(options.workspace === undefined ? {} : { "holdpoint-workspace": options.workspace }),
    };
  };
  const identity: Record<string, string> = {
    accept: "application/json",
    ...(options.name === undefined ? {} : { "x-holdpoint-client": options.name }),
  };
  let skewMs = 0;

  async function call<Answer>(request: Call<Answer>): Promise<Answer> {
    const retry = request.retry ?? options.retry ?? defaultRetry;
    const idempotencyKey = request.idempotencyKey ?? crypto.randomUUID();
    const address = addressOf(url, request);
    for (let attempt = 0; ; attempt += 1) {
      try {
        const init = initOf({ ...request, idempotencyKey }, { ...identity, ...(await credentials()) });
        const response = await send(options.fetch, address, init, request);
        skewMs = skewOf(response) ?? skewMs;
        return await read(response, address, request);
      } catch (error) {
        const waitMs = nextTryMs(error, attempt, retry);
        if (waitMs === undefined) throw error;
        await pause(waitMs, request.signal);
      }
    }
  }

  return { url, credentials, call, now: () => Date.now() + skewMs };
}

/** Milliseconds until the next try; undefined when trying again cannot help or was tried enough. */
function nextTryMs(error: unknown, attempt: number, retry: Retry): number | undefined {
  if (!(error instanceof HoldpointError) || attempt + 1 >= retry.tries) return undefined;
  if (error.code !== "network" && !passing.has(error.status)) return undefined;
  if (error.retryAfterMs === undefined) return backoffMs(attempt, retry);
  return error.retryAfterMs > longestRetryAfterMs ? undefined : error.retryAfterMs;
}

function initOf(request: Call<unknown>, identity: Record<string, string>): RequestInit {
  const headers = { ...identity };
  if (request.method !== "GET") headers["idempotency-key"] = request.idempotencyKey ?? crypto.randomUUID();
  if (request.body === undefined) return { method: request.method, headers };
  headers["content-type"] = "application/json";
  return { method: request.method, headers, body: JSON.stringify(request.body) };
}

function addressOf(url: string, request: Call<unknown>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined && value !== null) query.set(name, String(value));
  }
  const text = query.toString();
  return text === "" ? `${url}${request.path}` : `${url}${request.path}?${text}`;
}

async function send(
  fetch: Fetch,
  address: string,
  init: RequestInit,
  { signal, holdMs = 0 }: Call<unknown>,
): Promise<Response> {
  const timeout = AbortSignal.timeout(attemptMs + holdMs);
  try {
    // A redirect would carry the key to another place than the one it was given for.
    return await fetch(address, {
      ...init,
      redirect: "manual",
      signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
    });
  } catch (error) {
    if (signal?.aborted === true) throw reasonOf(signal);
    throw unreachable(address, error);
  }
}

/** Node hides the telling part of a failed fetch (ECONNREFUSED, ENOTFOUND, a certificate) in the cause. */
function unreachable(address: string, error: unknown): HoldpointError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const why = cause instanceof Error ? cause.message || cause.name : String(cause);
  const { origin } = new URL(address);
  return new HoldpointError({
    code: "network",
    title: "The engine cannot be reached",
    detail: `Cannot reach the engine at ${origin} (${why}). Check that it runs and that the address is right.`,
    cause: error,
  });
}

async function read<Answer>(response: Response, address: string, request: Call<Answer>): Promise<Answer> {
  const text = await textOf(response, address, request);
  const body = parsed(text);
  if (!response.ok) throw problemOf(response, body);
  if (request.guard(body)) return body;
  throw new HoldpointError({
    code: "bad_answer",
    title: "That is no answer of an engine",
    status: response.status,
    detail: `${request.method} ${request.path} was answered with something this client cannot read. Check that the address is an engine's, and of this version.`,
  });
}

async function textOf(response: Response, address: string, { signal }: Call<unknown>): Promise<string> {
  try {
    return await response.text();
  } catch (error) {
    if (signal?.aborted === true) throw reasonOf(signal);
    throw unreachable(address, error);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function problemOf(response: Response, body: unknown): HoldpointError {
  const problem = isObject(body) ? body : {};
  const { code, detail, title, errors, state, stateDetail, seq } = problem;
  const status = response.status;
  return new HoldpointError({
    code: typeof code === "string" ? code : codeOfStatus(status),
    status,
    detail: typeof detail === "string" ? detail : `The engine answered ${status} without saying why.`,
    ...(typeof title === "string" ? { title } : {}),
    errors: Array.isArray(errors) ? errors.filter(isProblemField) : [],
    state: typeof state === "string" ? state : undefined,
    stateDetail: typeof stateDetail === "string" ? stateDetail : undefined,
    seq: typeof seq === "number" ? seq : undefined,
    retryAfterMs: retryAfterMs(response.headers.get("retry-after"), Date.now()),
  });
}

/** For answers of whatever stands between: a proxy's 502 is no problem document. */
function codeOfStatus(status: number): string {
  if (status === 401) return "unauthenticated";
  if (status === 403) return "forbidden";
  if (status === 404) return "not_found";
  if (status === 429) return "rate_limited";
  return status >= 500 ? "internal" : "bad_answer";
}

function skewOf(response: Response): number | undefined {
  const at = Date.parse(response.headers.get("date") ?? "");
  // The header has no milliseconds: half a second is its middle.
  return Number.isNaN(at) ? undefined : at + 500 - Date.now();
}
