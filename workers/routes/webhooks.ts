import type * as v from "valibot";
import type { Refusal } from "../../core/refusal.ts";
import { webhookUrlFault } from "../../core/webhook-url.ts";
import { configOf, SealConfig } from "../../schemas/config.ts";
import { EndpointBody, type Endpoint, type SecretRecord } from "../../schemas/webhook.ts";
import {
  EndpointList,
  NewEndpoint,
  NewSecret,
  NoFields,
  RotateSecretBody,
  SecretList,
  type EndpointView,
  type SecretView,
} from "../../schemas/webhook-view.ts";
import { notFound, ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { makesOf, once } from "../idempotency.ts";
import { forget } from "../known.ts";
import { isLocal } from "../local.ts";
import { forgetRecipients } from "../recipients.ts";
import { registryOf } from "../stubs.ts";

const iso = (at: number): string => new Date(at).toISOString();

const showEndpoint = (endpoint: Endpoint): EndpointView => ({
  ...endpoint,
  createdAt: iso(endpoint.createdAt),
});

const showSecret = (record: SecretRecord): SecretView => ({
  ...record,
  createdAt: iso(record.createdAt),
  overlapUntil: record.overlapUntil === null ? null : iso(record.overlapUntil),
});

/** After a change of endpoints or secrets, so that this isolate acts on it at once. */
function forgetAll(workspace: string): void {
  forget(workspace);
  forgetRecipients(workspace);
}

/** A key that is none must be mended first: a secret stored without the seal that the operator wanted is worse than none. */
function demandSeal(env: Env): void {
  if (configOf(SealConfig, env) !== null) return;
  throw new ProblemError("internal", {
    detail:
      "HOLDPOINT_SEAL_KEY is no 32 bytes of base64, so no secret is made. Its operator makes one with `openssl rand -base64 32`.",
  });
}

/** Registers an endpoint. Its URL passes the rule that every send asks again; a secret made for it is shown in this answer only. */
const createEndpoint = (call: Call<v.InferOutput<typeof EndpointBody>>): Promise<Answer> =>
  once(call, async () => {
    const { env, principal, body, now } = call;
    demandSeal(env);
    const fault = webhookUrlFault(body.url, { allowLoopback: isLocal(env) });
    if (fault !== null) throw invalid("/url", fault);
    const created = await registryOf(env, principal.workspace).createEndpoint(
      body,
      now,
      principal.id,
      makesOf(call),
    );
    if (!created.ok) throw refused(created.error);
    forgetAll(principal.workspace);
    const { endpoint, secret } = created.value;
    return { status: 201, body: { ...showEndpoint(endpoint), secret } };
  });

const invalid = (pointer: string, detail: string): ProblemError =>
  new ProblemError("invalid_body", {
    detail: "Mend the named fields and send it again.",
    errors: [{ pointer, detail }],
  });

const refused = ({ code, ...parts }: Refusal): ProblemError => new ProblemError(code, parts);

async function removeEndpoint({ env, principal, params, now }: Call<unknown>): Promise<Answer> {
  const registry = registryOf(env, principal.workspace);
  const removed = await registry.removeEndpoint(params["id"] ?? "", now, principal.id);
  if (!removed.ok) throw notFound();
  forgetAll(principal.workspace);
  return new Response(null, { status: 204 });
}

const createSecret = (call: Call<unknown>): Promise<Answer> =>
  once(call, async () => {
    const { env, principal, now } = call;
    demandSeal(env);
    const { record, secret } = await registryOf(env, principal.workspace).createSecret(
      now,
      principal.id,
      makesOf(call),
    );
    return { status: 201, body: { ...showSecret(record), secret } };
  });

const rotateSecret = (call: Call<v.InferOutput<typeof RotateSecretBody>>): Promise<Answer> =>
  once(call, async () => {
    const { env, principal, params, body, now } = call;
    demandSeal(env);
    const change = { ...body, id: params["id"] ?? "", now, actor: principal.id };
    const rotated = await registryOf(env, principal.workspace).rotateSecret(change);
    if (!rotated.ok) throw rotated.error.code === "not_found" ? notFound() : refused(rotated.error);
    forgetAll(principal.workspace);
    return { status: 200, body: { ...showSecret(rotated.value.record), secret: rotated.value.secret } };
  });

export const webhookRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/webhooks",
    summary: "List webhook endpoints",
    scope: "webhooks:write",
    tag: "webhooks",
    answer: { status: 200, schema: EndpointList },
    handle: async ({ env, principal }) => {
      const endpoints = await registryOf(env, principal.workspace).endpoints();
      return { body: { items: endpoints.map(showEndpoint) } };
    },
  },
  withBody({
    method: "POST",
    path: "/v1/webhooks",
    summary: "Register a webhook endpoint; with a secret of its own where none is named",
    scope: "webhooks:write",
    tag: "webhooks",
    body: EndpointBody,
    answer: { status: 201, schema: NewEndpoint },
    handle: createEndpoint,
  }),
  {
    method: "GET",
    path: "/v1/webhooks/secrets",
    summary: "List signing secrets, without the secrets",
    scope: "webhooks:write",
    tag: "webhooks",
    answer: { status: 200, schema: SecretList },
    handle: async ({ env, principal }) => {
      const records = await registryOf(env, principal.workspace).secrets();
      return { body: { items: records.map(showSecret) } };
    },
  },
  withBody({
    method: "POST",
    path: "/v1/webhooks/secrets",
    summary: "Make a signing secret; it is shown in this answer only",
    scope: "webhooks:write",
    tag: "webhooks",
    body: NoFields,
    answer: { status: 201, schema: NewSecret },
    handle: createSecret,
  }),
  withBody({
    method: "POST",
    path: "/v1/webhooks/secrets/:id/rotate",
    summary: "Replace a signing secret; both sign until the overlap ends",
    scope: "webhooks:write",
    tag: "webhooks",
    body: RotateSecretBody,
    answer: { status: 200, schema: NewSecret },
    handle: rotateSecret,
  }),
  {
    method: "DELETE",
    path: "/v1/webhooks/:id",
    summary: "Remove a webhook endpoint",
    scope: "webhooks:write",
    tag: "webhooks",
    answer: { status: 204 },
    handle: removeEndpoint,
  },
];
