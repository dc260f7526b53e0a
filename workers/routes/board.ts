import * as v from "valibot";
import { decodeCursor, encodeCursor } from "../../core/cursor.ts";
import { workspaceOfPass } from "../../core/pass-text.ts";
import { readerIn, type Reader } from "../../core/reader.ts";
import { ActionList, ActionSummary, State } from "../../schemas/action.ts";
import { Risk } from "../../schemas/policy.ts";
import { standingHeader } from "../../schemas/standing.ts";
import { ActionType, Slug } from "../../schemas/text.ts";
import { sha256Hex } from "../auth.ts";
import { ProblemError } from "../http/problem.ts";
import { Cursor, Limit, parseQuery } from "../http/query.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { demandWebSocket } from "../http/web-socket.ts";
import { once } from "../idempotency.ts";
import { repair } from "../repair.ts";
import { demandOwnOrigin } from "../origin.ts";
import { boardOf, registryOf } from "../stubs.ts";

const ListQuery = v.strictObject({
  state: v.optional(State),
  type: v.optional(ActionType),
  class: v.optional(Slug),
  group: v.optional(Slug),
  waitingFor: v.optional(v.literal("me", "is me, the person behind the key")),
  cursor: Cursor,
  limit: Limit,
});

const QueueQuery = v.strictObject({
  risk: v.optional(Risk),
  type: v.optional(ActionType),
  group: v.optional(Slug),
  limit: Limit,
});

/** One row of the queue: a summary, and whether it waits for the caller. */
const QueueItem = v.object({ ...ActionSummary.entries, waitingForMe: v.boolean() });
const QueueAnswer = v.object({
  items: v.array(QueueItem),
  counts: v.object({ byState: v.record(v.string(), v.number()) }),
});

const RepairBody = v.strictObject({ cursor: Cursor });
const RepairAnswer = v.object({ repaired: v.number(), nextCursor: v.nullable(v.string()) });

async function listActions(call: Call<unknown>): Promise<Answer> {
  const { waitingFor, ...query } = parseQuery(call.url, ListQuery);
  const reader = waitingFor === undefined ? null : readerOf(call);
  if (waitingFor !== undefined && reader === null) {
    const errors = [{ pointer: "?waitingFor", detail: "is for people; this key is nobody's" }];
    throw new ProblemError("bad_request", { detail: "Leave it out, or ask with a person's key.", errors });
  }
  const filter = { ...query, waitingFor: reader ?? undefined };
  return { body: await boardOf(call.env, call.principal.workspace).list(filter) };
}

async function showQueue(call: Call<unknown>): Promise<Answer> {
  const { limit, ...filter } = parseQuery(call.url, QueueQuery);
  const inbox = await boardOf(call.env, call.principal.workspace).inbox(readerOf(call), limit, filter);
  const waiting = inbox.waiting.map((summary) => ({ ...summary, waitingForMe: true }));
  const others = inbox.pending.map((summary) => ({ ...summary, waitingForMe: false }));
  const items = [...waiting, ...others];
  return { body: { items, counts: inbox.counts } };
}

/** The person behind the call, with their groups and those that others have delegated to them; null for a machine. */
function readerOf({ principal, snapshot, now }: Call<unknown>): Reader | null {
  return principal.kind === "person" ? readerIn(snapshot.directory, principal.id, now) : null;
}

const StreamQuery = v.strictObject({
  ticket: v.pipe(v.string(), v.maxLength(128)),
  after: v.optional(v.pipe(v.string(), v.maxLength(64))),
});

/**
 * The Board's news over a WebSocket, to the page only.
 * 1. The caller is authenticated like any other. 2. Origin is our own (403). 3. The ticket is of this workspace, unused and
 * this very caller's, and is used up (403).
 */
async function openFeed({ request, url, env, principal, standing, now }: Call<unknown>): Promise<Answer> {
  const { ticket, after } = parseQuery(url, StreamQuery);
  demandOwnOrigin(request, url);
  const { workspace, keyId: holder } = principal;
  const own = workspaceOfPass(ticket) === workspace;
  const hash = sha256Hex(ticket);
  if (!own || !(await registryOf(env, workspace).redeemTicket({ hash, holder, now }))) {
    throw new ProblemError("forbidden", { detail: "This ticket was used or is over. Take a new one." });
  }
  demandWebSocket(request);
  const to = new URL("/feed", url);
  if (after !== undefined) to.searchParams.set("after", after);
  const headers = { upgrade: "websocket", [standingHeader]: JSON.stringify(standing) };
  return boardOf(env, workspace).fetch(to, { headers });
}

const repairBoard = (call: Call<v.InferOutput<typeof RepairBody>>): Promise<Answer> =>
  once(call, async () => {
    const { cursor } = call.body;
    const from = cursor === undefined ? 0 : (decodeCursor(cursor) ?? 0);
    const { repaired, nextRow } = await repair(call.env, call.principal.workspace, from);
    return { status: 200, body: { repaired, nextCursor: nextRow === null ? null : encodeCursor(nextRow) } };
  });

export const boardRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/actions",
    summary: "List actions, newest first; eventually consistent",
    scope: "actions:read",
    tag: "actions",
    query: {
      state: "Only those in this state",
      type: "Only this action type",
      class: "Only this class",
      group: "Only those with a seat for this group",
      waitingFor: "`me`: only pending ones with a seat for the caller",
      cursor: "`nextCursor` of the page before",
      limit: "Items a page, at most 100",
    },
    answer: { status: 200, schema: ActionList },
    handle: listActions,
  },
  {
    method: "GET",
    path: "/v1/queue",
    summary: "What is pending: first what waits for the caller; by risk, then by deadline",
    scope: "actions:read",
    tag: "actions",
    query: {
      risk: "Only this risk",
      type: "Only this action type",
      group: "Only those with a seat for this group",
      limit: "Items, at most 100",
    },
    answer: { status: 200, schema: QueueAnswer },
    handle: showQueue,
  },
  {
    method: "GET",
    path: "/v1/board/stream",
    summary: "What changes, as it changes, over a WebSocket; for the engine's own page",
    scope: "actions:read",
    tag: "actions",
    query: { ticket: "From `POST /v1/tickets`", after: "The `cursor` of the last message that came" },
    answer: { status: 101 },
    handle: openFeed,
  },
  withBody({
    method: "POST",
    path: "/v1/board/repair",
    summary: "Build the index of open actions again from the actions themselves",
    scope: "deliveries:write",
    tag: "operations",
    body: RepairBody,
    answer: { status: 200, schema: RepairAnswer },
    handle: repairBoard,
  }),
];
