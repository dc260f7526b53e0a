import { Buffer } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import * as v from "valibot";
import { operatorsGroup } from "../../core/operators.ts";
import { Health, NewWorkspace, WorkspaceBody } from "../../schemas/operate.ts";
import { bearerOf, sha256Hex, unauthenticated } from "../auth.ts";
import { ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { forget } from "../known.ts";
import { openApi } from "../openapi.ts";
import { refuseWith } from "../refuse.ts";
import { engineOf, ledgerOf, registryOf } from "../stubs.ts";

const SetupEnv = v.object({ HOLDPOINT_SETUP_TOKEN: v.pipe(v.string(), v.minLength(24)) });

/** Who is named in the audit row. */
const setup = "setup-token";

/**
 * Makes a workspace and its first operator key, or another operator key where all are lost. Whoever holds the
 * setup token owns the engine; without one in the environment nobody can call this. Compared as hashes, in
 * constant time, because `timingSafeEqual` throws on unequal lengths.
 *
 * With `operators` it also says who they are: a change to that group takes two of them, so that without this one who leaves
 * would lock the other out for ever.
 */
async function makeWorkspace(call: Call<v.InferOutput<typeof WorkspaceBody>>): Promise<Answer> {
  const { env, body, now } = call;
  const configured = v.safeParse(SetupEnv, env);
  const given = bearerOf(call.request);
  if (!configured.success || given === null) throw unauthenticated();
  const expected = Buffer.from(sha256Hex(configured.output.HOLDPOINT_SETUP_TOKEN), "hex");
  if (!timingSafeEqual(expected, Buffer.from(sha256Hex(given), "hex"))) throw unauthenticated();
  if (body.name === "engine") {
    throw new ProblemError("invalid_body", {
      detail: "Take another name.",
      errors: [{ pointer: "/name", detail: "is reserved" }],
    });
  }
  // What is being forgotten must not come back halfway.
  refuseWith(await ledgerOf(env, body.name).reopen(now));
  await engineOf(env).ensureWorkspace(body.name, now);
  const registry = registryOf(env, body.name);
  if (body.operators !== undefined) {
    refuseWith(await registry.putGroup({ id: operatorsGroup, members: body.operators }, setup, now));
    forget(body.name);
  }
  const { key } = await registry.bootstrap({ workspace: body.name, now });
  return { body: { workspace: body.name, key } };
}

async function publicKeys({ env }: Call<unknown>): Promise<Answer> {
  const keys = await engineOf(env).signingKeys();
  return { body: { keys: keys.public }, headers: { "cache-control": "public, max-age=300" } };
}

const open = { scope: null, tag: "engine" } as const;

export const engineRoutes: readonly Route[] = [
  withBody({
    ...open,
    method: "POST",
    path: "/v1/workspaces",
    summary: "Make a workspace and an operator's key, with the setup token",
    body: WorkspaceBody,
    answer: { status: 201, schema: NewWorkspace },
    refuses: [401],
    handle: makeWorkspace,
  }),
  {
    ...open,
    method: "GET",
    path: "/.well-known/jwks.json",
    summary: "The public keys that grants are verified with",
    answer: { status: 200, schema: v.object({ keys: v.array(v.record(v.string(), v.unknown())) }) },
    handle: publicKeys,
  },
  {
    ...open,
    method: "GET",
    path: "/healthz",
    summary: "Whether the engine answers",
    answer: { status: 200, schema: Health },
    handle: ({ now }) => ({ body: { ok: true, time: new Date(now).toISOString() } }),
  },
];

/** The description of all other routes, made once per isolate and address. */
export function openApiRoute(routes: readonly Route[]): Route {
  return {
    ...open,
    method: "GET",
    path: "/openapi.json",
    summary: "This API, described",
    answer: { status: 200, schema: v.record(v.string(), v.unknown()) },
    handle: ({ url }) => ({ body: openApi(routes, url.origin) }),
  };
}
