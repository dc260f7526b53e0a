import type * as v from "valibot";
import { issuerFaults } from "../../core/issuer.ts";
import { Issuer, IssuerBody, IssuerList } from "../../schemas/issuer.ts";
import { Removed } from "../../schemas/operate.ts";
import { parseWith } from "../http/body.ts";
import { notFound, ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { forget } from "../known.ts";
import { isLocal } from "../local.ts";
import { refuseWith } from "../refuse.ts";
import { registryOf } from "../stubs.ts";

/** Whose tokens are taken for an agent's key: whoever may change this may make keys. */

async function putIssuer(call: Call<v.InferOutput<typeof IssuerBody>>): Promise<Answer> {
  const { env, principal, params, body, now } = call;
  const issuer = parseWith(Issuer, { ...body, id: params["id"] });
  const errors = issuerFaults(issuer, { allowLoopback: isLocal(env) });
  if (errors.length > 0) {
    throw new ProblemError("invalid_body", { detail: "Mend the named fields and send it again.", errors });
  }
  const written = refuseWith(await registryOf(env, principal.workspace).putIssuer(issuer, principal.id, now));
  forget(principal.workspace);
  return { body: written };
}

function getIssuer({ snapshot, params }: Call<unknown>): Answer {
  const found = snapshot.issuers?.find(({ id }) => id === params["id"]);
  if (found === undefined) throw notFound();
  return { body: found };
}

async function removeIssuer({ env, principal, params, now }: Call<unknown>): Promise<Answer> {
  const registry = registryOf(env, principal.workspace);
  const removed = await registry.removeIssuer(params["id"] ?? "", principal.id, now);
  if (!removed.ok) throw notFound();
  forget(principal.workspace);
  return { body: { removed: true } };
}

const shared = { scope: "keys:write", tag: "keys" } as const;

export const issuerRoutes: readonly Route[] = [
  {
    ...shared,
    method: "GET",
    path: "/v1/issuers",
    summary: "The issuers whose tokens agents may come with instead of a key",
    answer: { status: 200, schema: IssuerList },
    handle: ({ snapshot }) => ({ body: { items: snapshot.issuers ?? [] } }),
  },
  {
    ...shared,
    method: "GET",
    path: "/v1/issuers/:id",
    summary: "One trusted issuer, with its rules",
    answer: { status: 200, schema: Issuer },
    handle: getIssuer,
  },
  withBody({
    ...shared,
    method: "PUT",
    path: "/v1/issuers/:id",
    summary: "Trust an OpenID Connect issuer, and say which claims make which agent",
    body: IssuerBody,
    answer: { status: 200, schema: Issuer },
    handle: putIssuer,
  }),
  {
    ...shared,
    method: "DELETE",
    path: "/v1/issuers/:id",
    summary: "Trust an issuer no longer, at once",
    answer: { status: 200, schema: Removed },
    handle: removeIssuer,
  },
];
