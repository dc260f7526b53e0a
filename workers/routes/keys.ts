import type * as v from "valibot";
import { EmptyBody, KeyBody, Keys, KeyView, NewKey, RotateBody, Whoami } from "../../schemas/operate.ts";
import type { KeyRecord } from "../../schemas/principal.ts";
import { ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { holds } from "../auth.ts";
import { once } from "../idempotency.ts";
import { forget } from "../known.ts";
import { refuseWith } from "../refuse.ts";
import { registryOf } from "../stubs.ts";

const optionalInstant = (at: number | null): string | null =>
  at === null ? null : new Date(at).toISOString();

function showKey(record: KeyRecord): v.InferOutput<typeof KeyView> {
  const { createdAt, expiresAt, revokedAt, ...rest } = record;
  return {
    ...rest,
    createdAt: new Date(createdAt).toISOString(),
    expiresAt: optionalInstant(expiresAt),
    revokedAt: optionalInstant(revokedAt),
  };
}

/** Nobody hands out more than they hold: a key that may make keys is not by that an operator's. */
function refuseMoreThanOwn(call: Call<v.InferOutput<typeof KeyBody>>): void {
  const { principal, body } = call;
  const beyond = (body.scopes ?? []).filter((scope) => !holds(principal, scope) && !lendable.has(scope));
  if (beyond.length === 0) return;
  const errors = [
    { pointer: "/scopes", detail: `${beyond.join(", ")} go beyond what this key holds itself` },
  ];
  throw new ProblemError("forbidden", { detail: "Ask for fewer scopes, or use an operator's key.", errors });
}

/** What agents, people and scrapers work with; whoever may make keys may give these. */
const lendable: ReadonlySet<string> = new Set([
  "actions:request",
  "actions:read",
  "votes:write",
  "evidence:read",
  "metrics:read",
]);

const createKey = (call: Call<v.InferOutput<typeof KeyBody>>): Promise<Answer> =>
  once(call, async () => {
    refuseMoreThanOwn(call);
    const { env, principal, now, body } = call;
    const { scopes = null, name, expiresAt } = body;
    const expires = expiresAt === null ? null : Date.parse(expiresAt);
    const made = refuseWith(
      await registryOf(env, principal.workspace).createKey({
        principal: body.principal,
        scopes,
        name,
        expiresAt: expires,
        now,
      }),
    );
    return { status: 201, body: { record: showKey(made.record), key: made.key } };
  });

const rotateKey = (call: Call<v.InferOutput<typeof RotateBody>>): Promise<Answer> =>
  once(call, async () => {
    const { env, principal, now, body, params } = call;
    const made = refuseWith(
      await registryOf(env, principal.workspace).rotateKey({
        id: params["id"] ?? "",
        overlapMs: body.overlapMs,
        now,
      }),
    );
    forget(principal.workspace);
    return { status: 200, body: { record: showKey(made.record), key: made.key } };
  });

const revokeKey = (call: Call<unknown>): Promise<Answer> =>
  once(call, async () => {
    const { env, principal, now, params } = call;
    const record = refuseWith(
      await registryOf(env, principal.workspace).revokeKey({ id: params["id"] ?? "", now }),
    );
    forget(principal.workspace);
    return { status: 200, body: showKey(record) };
  });

async function listKeys(call: Call<unknown>): Promise<Answer> {
  const keys = await registryOf(call.env, call.principal.workspace).keys();
  return { body: { items: keys.map(showKey) } };
}

const shared = { scope: "keys:write", tag: "keys" } as const;

export const keyRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/whoami",
    summary: "Who this key is, and what it is for",
    scope: "any",
    tag: "keys",
    answer: { status: 200, schema: Whoami },
    handle: ({ principal }) => ({ body: principal }),
  },
  {
    ...shared,
    method: "GET",
    path: "/v1/keys",
    summary: "Every key, without its secret",
    answer: { status: 200, schema: Keys },
    handle: listKeys,
  },
  withBody({
    ...shared,
    method: "POST",
    path: "/v1/keys",
    summary: "Make a key; its text is in this answer and nowhere else",
    body: KeyBody,
    answer: { status: 201, schema: NewKey },
    handle: createKey,
  }),
  withBody({
    ...shared,
    method: "POST",
    path: "/v1/keys/:id/rotate",
    summary: "Replace a key; the old one works until the overlap is over",
    body: RotateBody,
    answer: { status: 200, schema: NewKey },
    handle: rotateKey,
  }),
  withBody({
    ...shared,
    method: "POST",
    path: "/v1/keys/:id/revoke",
    summary: "End a key now",
    body: EmptyBody,
    answer: { status: 200, schema: KeyView },
    handle: revokeKey,
  }),
];
