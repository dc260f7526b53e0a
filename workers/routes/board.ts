import * as v from "valibot";
import { decodeCursor, encodeCursor } from "../../core/cursor.ts";
import { ActionList, ActionSummary, State } from "../../schemas/action.ts";
import { ActionType, Slug } from "../../schemas/text.ts";
import { ProblemError } from "../http/problem.ts";
import { Cursor, Limit, parseQuery } from "../http/query.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { once } from "../idempotency.ts";
import { repair } from "../repair.ts";
import { boardOf } from "../stubs.ts";

const ListQuery = v.strictObject({
  state: v.optional(State),
  type: v.optional(ActionType),
  class: v.optional(Slug),
  group: v.optional(Slug),
  waitingFor: v.optional(v.literal("me", "is me, the person behind the key")),
  cursor: Cursor,
  limit: Limit,
});

const QueueQuery = v.strictObject({ limit: Limit });

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
  const { limit } = parseQuery(call.url, QueueQuery);
  const inbox = await boardOf(call.env, call.principal.workspace).inbox(readerOf(call), limit);
  const waiting = inbox.waiting.map((summary) => ({ ...summary, waitingForMe: true }));
  const others = inbox.pending.map((summary) => ({ ...summary, waitingForMe: false }));
  const items = [...waiting, ...others];
  return { body: { items, counts: inbox.counts } };
}

/** The person behind the key, with their groups and those that others have delegated to them; null for a machine. */
function readerOf({ principal, snapshot, now }: Call<unknown>): { person: string; groups: string[] } | null {
  if (principal.kind !== "person") return null;
  const { groups, delegations } = snapshot.directory;
  const own = Object.values(groups).filter(({ members }) => members.includes(principal.id));
  const lent = delegations.filter(({ to, until }) => to === principal.id && now < until);
  const ids = [...own.map(({ id }) => id), ...lent.flatMap((delegation) => delegation.groups)];
  return { person: principal.id, groups: [...new Set(ids)] };
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
    summary: "What is pending: first what waits for the caller",
    scope: "actions:read",
    tag: "actions",
    query: { limit: "Items, at most 100" },
    answer: { status: 200, schema: QueueAnswer },
    handle: showQueue,
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
