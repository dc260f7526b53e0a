import { Router, type IRequestStrict } from "itty-router";
import { faultText } from "../../core/fault.ts";
import { authenticate, type Authenticated, holds, sha256Hex } from "../auth.ts";
import { recordRead } from "../recorded-read.ts";
import { shownParts } from "../secrets/shown.ts";
import { parseBody, readText } from "./body.ts";
import { notFound, ProblemError, problemResponse } from "./problem.ts";
import type { Answer, Call, Route } from "./route.ts";

/** On every answer, also errors: nothing here is to be framed, sniffed, cached or to leak where it was linked from. */
const securityHeaders = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "strict-transport-security": "max-age=31536000",
  "x-content-type-options": "nosniff",
} as const;

type Served = (request: Request, env: Env, context: ExecutionContext) => Promise<Response>;

/** Who is calling. @throws ProblemError 401 */
type Authenticate = (request: Request, env: Env, now: number) => Promise<Authenticated>;

/** A fetch handler for a route table, for callers who prove who they are by `who`. */
export function serve(routes: readonly Route[], who: Authenticate = authenticate): Served {
  const router = Router<IRequestStrict, [Env, ExecutionContext]>();
  for (const route of routes) {
    const handle = (request: IRequestStrict, env: Env, context: ExecutionContext): Promise<Response> =>
      answerCall(route, who, request, env, context);
    router[methodOf(route.method)](route.path, handle);
    if (answersHead(route)) router.head(route.path, handle);
  }
  const paths = pathsOf(routes);
  return async (request, env, context) => {
    let response: Response | undefined;
    try {
      response = await router.fetch(request, env, context);
      response ??= absent(request, paths);
    } catch (error) {
      response = await toProblem(error);
    }
    return withSecurityHeaders(request.method === "HEAD" ? new Response(null, response) : response);
  };
}

/** HEAD is answered as GET is, without the body. A socket is no answer that has a head of its own. */
const answersHead = ({ method, answer }: Route): boolean => method === "GET" && answer.status !== 101;

const methodOf = (method: Route["method"]): "get" | "post" | "put" | "delete" => {
  const names = { GET: "get", POST: "post", PUT: "put", DELETE: "delete" } as const;
  return names[method];
};

/**
 * One call, in this order:
 * 1. who is calling (401), 2. what the key is for (403), 3. where it gives out evidence, that they ask is written down (503),
 * 4. the body within its limits (413, 400, 422), 5. the handler, which parses the fields (422) and calls an object.
 */
async function answerCall(
  route: Route,
  who: Authenticate,
  request: IRequestStrict,
  env: Env,
  context: ExecutionContext,
): Promise<Response> {
  const now = Date.now();
  const base = { request, url: new URL(request.url), env, params: request.params, now };
  const waitUntil = (work: Promise<unknown>): void => context.waitUntil(work);
  if (route.scope === null) {
    const text = route.body === undefined ? "" : await readText(request);
    const open = {
      ...base,
      ...anonymous,
      waitUntil,
      body: parseBody(text, route.maxKeys),
      fingerprint: sha256Hex(text),
    };
    return toResponse(await route.handle({ ...open, idempotencyKey: idempotencyKeyOf(request) }), route);
  }
  const { principal, snapshot, standing } = await who(request, env, now);
  const allowed = route.scope === "any" || holds(principal, route.scope);
  await recordRead(route, { ...base, principal }, allowed ? "allowed" : "refused");
  if (!allowed) {
    throw new ProblemError("forbidden", {
      detail: `This key lacks the scope ${route.scope}; ask an operator for one that has it.`,
    });
  }
  const text = route.body === undefined ? "" : await readText(request);
  const call: Call<unknown> = {
    ...base,
    principal,
    snapshot,
    standing,
    again: () => who(request, env, Date.now()),
    waitUntil,
    body: route.body === undefined ? {} : parseBody(text, route.maxKeys),
    fingerprint: sha256Hex(text),
    idempotencyKey: idempotencyKeyOf(request),
  };
  return toResponse(await route.handle(call), route);
}

/** Routes without a scope see no workspace. */
const anonymous = {
  principal: { workspace: "", kind: "service", id: "service:anonymous", scopes: [], keyId: "" },
  snapshot: {
    version: 0,
    policy: null,
    directory: { version: 0, people: {}, agents: {}, groups: {}, delegations: [] },
    endpoints: [],
    links: [],
    salt: "",
  },
  standing: { holder: { kind: "key", id: "" }, epoch: 0, endsAt: 0 },
  again: () => Promise.resolve(),
} as const satisfies Partial<Call<unknown>>;

/** The header as sent, bare or as the draft's quoted string. @throws ProblemError `bad_request` for one that is no key. */
function idempotencyKeyOf(request: Request): string | null {
  const header = request.headers.get("idempotency-key");
  if (header === null) return null;
  const bare = /^"(.*)"$/u.exec(header)?.[1] ?? header;
  if (/^[\x20-\x7e]{1,255}$/u.test(bare)) return bare;
  throw new ProblemError("bad_request", {
    detail: "Idempotency-Key is 1 to 255 printable ASCII characters.",
  });
}

function toResponse(answer: Answer, route: Route): Response {
  if (answer instanceof Response) return answer;
  const headers = { "content-type": "application/json", ...answer.headers };
  return new Response(JSON.stringify(answer.body), { status: answer.status ?? route.answer.status, headers });
}

async function toProblem(error: unknown): Promise<Response> {
  if (error instanceof ProblemError) {
    return problemResponse(error.code, await shownParts(error.parts), error.headers);
  }
  console.error("internal", faultText(error));
  return problemResponse("internal", {
    detail: "Nothing was changed that was not acknowledged; send the call again.",
  });
}

type Known = { pattern: RegExp; methods: string[] };

function pathsOf(routes: readonly Route[]): Known[] {
  const byPath = Map.groupBy(routes, (route) => route.path);
  return [...byPath].map(([path, lines]) => ({
    pattern: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/:\w+/gu, "[^/]+")}/*$`, "u"),
    methods: lines.flatMap((line) => (answersHead(line) ? [line.method, "HEAD"] : [line.method])),
  }));
}

/** 405 with `Allow` where the address exists for another method, else 404. */
function absent(request: Request, paths: readonly Known[]): Response {
  const { pathname } = new URL(request.url);
  const allow = paths.find(({ pattern }) => pattern.test(pathname))?.methods.join(", ");
  if (allow === undefined) return problemResponse("not_found", notFound().parts);
  return problemResponse("method_not_allowed", { detail: `Use ${allow} here.` }, { allow });
}

function withSecurityHeaders(response: Response): Response {
  if (response.webSocket !== null) return response;
  const sealed = new Response(response.body, response);
  for (const [name, value] of Object.entries(securityHeaders)) {
    if (name !== "cache-control" || !sealed.headers.has(name)) sealed.headers.set(name, value);
  }
  return sealed;
}
