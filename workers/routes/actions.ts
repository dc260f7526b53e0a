import * as v from "valibot";
import { ActionRequest, ActionView, EventView } from "../../schemas/action.ts";
import { limits } from "../../schemas/limits.ts";
import { standingHeader } from "../../schemas/standing.ts";
import { absent } from "../absent.ts";
import { withFreeze } from "../freezing.ts";
import { jsonText } from "../http/json-text.ts";
import { parseQuery } from "../http/query.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { demandWebSocket } from "../http/web-socket.ts";
import { createAction } from "../new-action.ts";
import { actionOf, boardOf } from "../stubs.ts";
import { actionId } from "../tell.ts";

const Seq = v.optional(
  v.pipe(v.string(), v.regex(/^\d{1,15}$/u, "is a seq, a whole number"), v.transform(Number)),
  "0",
);
const GetQuery = v.strictObject({
  wait: v.optional(v.pipe(v.string(), v.regex(/^\d{1,3}$/u, "is a number of seconds"), v.transform(Number))),
  afterSeq: v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,15}$/u, "is a seq, a whole number"), v.transform(Number)),
  ),
});
const EventsQuery = v.strictObject({ afterSeq: Seq });
const EventList = v.object({ items: v.array(EventView) });

/** Seconds to wait by `Prefer: wait=` (RFC 7240), or null. */
function preferredWait(request: Request): number | null {
  const match = /(?:^|[,;\s])wait=(\d{1,3})(?:$|[,;\s])/u.exec(request.headers.get("prefer") ?? "");
  return match === null ? null : Number(match[1]);
}

async function getAction(call: Call<unknown>): Promise<Answer> {
  const id = actionId(call.params);
  const query = parseQuery(call.url, GetQuery);
  const preferred = preferredWait(call.request);
  // What is waited for is in the body, and a HEAD has none.
  const waits = call.request.method === "HEAD" ? 0 : (query.wait ?? preferred ?? 0);
  const waitSeconds = Math.min(waits, limits.waitSeconds);
  const stub = actionOf(call.env, call.principal.workspace, id);
  const { origin } = call.url;
  if (waitSeconds === 0) return found(await stub.view(origin), id, call);
  const text = await stub.wait(query.afterSeq ?? null, waitSeconds * 1_000, origin);
  // Whoever waited may have lost their access meanwhile; known for a few seconds, so a short wait asks nobody.
  await call.again();
  return found(text, id, call, preferred === null ? {} : { "preference-applied": `wait=${waitSeconds}` });
}

async function found(
  text: string | null,
  id: string,
  { snapshot, env, principal }: Call<unknown>,
  headers: Record<string, string> = {},
): Promise<Response> {
  if (text === null) throw await absent(env, principal.workspace, id);
  return jsonText(withFreeze(text, snapshot, Date.now()), 200, headers);
}

async function listEvents(call: Call<unknown>): Promise<Answer> {
  const { afterSeq } = parseQuery(call.url, EventsQuery);
  const id = actionId(call.params);
  const events = await actionOf(call.env, call.principal.workspace, id).events(afterSeq);
  if (events === null) throw await absent(call.env, call.principal.workspace, id);
  return jsonText(`{"items":${events}}`);
}

/** Hands the upgraded connection to the action, which holds it while the Worker is gone. */
async function openStream(call: Call<unknown>): Promise<Answer> {
  const id = actionId(call.params);
  const { afterSeq } = parseQuery(call.url, EventsQuery);
  demandWebSocket(call.request);
  const to = new URL(`/stream?afterSeq=${afterSeq}`, call.url);
  const headers = { upgrade: "websocket", [standingHeader]: JSON.stringify(call.standing) };
  const response = await actionOf(call.env, call.principal.workspace, id).fetch(to, { headers });
  if (response.status === 404) throw await absent(call.env, call.principal.workspace, id);
  if (call.principal.kind !== "agent") await boardOf(call.env, call.principal.workspace).follows(id);
  return response;
}

async function postAction(call: Call<ActionRequest>): Promise<Answer> {
  const { id, body } = await createAction(call, call.body);
  return jsonText(body, 201, { location: `/v1/actions/${id}` });
}

export const actionRoutes: readonly Route[] = [
  withBody({
    method: "POST",
    path: "/v1/actions",
    summary: "Ask for an action; it waits for its approvers",
    scope: "actions:request",
    tag: "actions",
    body: ActionRequest,
    answer: { status: 201, schema: ActionView },
    refuses: [429],
    handle: postAction,
  }),
  {
    method: "GET",
    path: "/v1/actions/:id",
    summary: "The action as it is now, or once it has moved past a seq",
    scope: "actions:read",
    tag: "actions",
    query: {
      wait: "Seconds to hold the answer until `seq` grows, at most 60; `Prefer: wait=` does the same",
      afterSeq: "Answer at once when `seq` is larger than this; without it, when the action waits for nobody",
    },
    answer: { status: 200, schema: ActionView },
    handle: getAction,
  },
  {
    method: "GET",
    path: "/v1/actions/:id/events",
    summary: "The action's log, oldest first",
    scope: "actions:read",
    evidence: true,
    tag: "actions",
    query: { afterSeq: "Only events after this seq" },
    answer: { status: 200, schema: EventList },
    handle: listEvents,
  },
  {
    method: "GET",
    path: "/v1/actions/:id/stream",
    summary:
      "The log as it grows, over a WebSocket: one JSON message `{event, action}` an event, first what was missed",
    scope: "actions:read",
    evidence: "otherThanOwn",
    tag: "actions",
    query: { afterSeq: "Start after this seq" },
    answer: { status: 101 },
    handle: openStream,
  },
];
