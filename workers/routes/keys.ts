import type * as v from "valibot";
import { isGoverned } from "../../core/engine-change.ts";
import { otherOperators } from "../../core/operators.ts";
import type { EngineChange } from "../../schemas/engine-change.ts";
import {
  CollectBody,
  CollectedKey,
  EmptyBody,
  KeyBody,
  Keys,
  KeyView,
  NewKey,
  RotateBody,
  Whoami,
} from "../../schemas/operate.ts";
import type { KeyRecord } from "../../schemas/principal.ts";
import { notFound, ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { holds } from "../auth.ts";
import { carryOut } from "../carry-out.ts";
import { governed } from "../governed.ts";
import { makesOf, once } from "../idempotency.ts";
import { forget } from "../known.ts";
import { refuseWith } from "../refuse.ts";
import { registryOf } from "../stubs.ts";
import { actionId } from "../tell.ts";

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
    const asked = { principal: body.principal, scopes, name, expiresAt: expires };
    return governed(call, { kind: "key.create", ...asked }, async (warning) => {
      const made = refuseWith(
        await registryOf(env, principal.workspace).createKey({ ...asked, now, makes: makesOf(call) }),
      );
      return { status: 201, body: { record: showKey(made.record), key: made.key, ...warning } };
    });
  });

/** Hands a key that was agreed to over to whoever asked for it, once: it is made here, because its text is kept nowhere. */
async function collectKey(call: Call<v.InferOutput<typeof CollectBody>>): Promise<Answer> {
  const { env, principal } = call;
  const id = actionId({ id: call.body.action });
  const waiting = await registryOf(env, principal.workspace).proposal(id);
  if (waiting === null || waiting.actor !== principal.id) throw notFound();
  const made =
    waiting.kind === "key.create" ? await carryOut(env, principal.workspace, id, { collecting: true }) : null;
  if (made?.key !== undefined) return { status: 201, body: { key: made.key, summary: made.summary } };
  const why = made?.summary ?? waiting.result?.summary ?? "it is not approved, or no more";
  throw new ProblemError("conflict", {
    detail: `There is no key to collect: ${why}. A key is shown once; ask for another where it was lost.`,
  });
}

const rotateKey = (call: Call<v.InferOutput<typeof RotateBody>>): Promise<Answer> =>
  once(call, async () => {
    const { env, principal, now, body, params } = call;
    await demandOwnVoice(call, params["id"] ?? "");
    const made = refuseWith(
      await registryOf(env, principal.workspace).rotateKey({
        id: params["id"] ?? "",
        overlapMs: body.overlapMs,
        now,
        makes: makesOf(call),
      }),
    );
    forget(principal.workspace);
    return { status: 200, body: { record: showKey(made.record), key: made.key } };
  });

/** Whoever rotates a key has its successor's text: of one that decides or governs only its own holder may, as of a new one. */
async function demandOwnVoice(call: Call<unknown>, id: string): Promise<void> {
  const { env, principal, snapshot } = call;
  const found = (await registryOf(env, principal.workspace).keys()).find((key) => key.id === id);
  if (found === undefined || found.principal === principal.id) return;
  const { principal: holder, scopes, name, expiresAt } = found;
  const change: EngineChange = { kind: "key.create", principal: holder, scopes, name, expiresAt };
  if (snapshot.policy === null || otherOperators(snapshot.directory, principal.id) === 0) return;
  if (!isGoverned(change, snapshot, principal.id)) return;
  throw new ProblemError("forbidden", {
    detail: `Only ${holder} rotates this key. Revoke it, and ask for another with POST /v1/keys: another operator agrees to that.`,
  });
}

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
    // When somebody signed in is said by `GET /v1/session`.
    handle: ({ principal: { workspace, kind, id, scopes, keyId } }) => ({
      body: { workspace, kind, id, scopes, keyId },
    }),
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
    waits: true,
    handle: createKey,
  }),
  withBody({
    ...shared,
    method: "POST",
    path: "/v1/keys/collect",
    summary: "Collect a key that somebody else has agreed to, once, as who asked for it",
    body: CollectBody,
    answer: { status: 201, schema: CollectedKey },
    refuses: [404],
    handle: collectKey,
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
