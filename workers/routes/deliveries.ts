import * as v from "valibot";
import { deadLetterId, parseDeadLetterId } from "../../core/dead-letter-id.ts";
import { DeadLetterList, NoFields, type DeadLetterView } from "../../schemas/webhook-view.ts";
import { notFound } from "../http/problem.ts";
import { Cursor, Limit, parseQuery } from "../http/query.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { once } from "../idempotency.ts";
import { restoreRows } from "../repair.ts";
import { actionOf, boardOf } from "../stubs.ts";

const ListQuery = v.strictObject({ cursor: Cursor, limit: Limit });
const RetryAnswer = v.object({ id: v.string(), action: v.string(), seq: v.number(), sink: v.string() });

async function listLetters({ env, principal, url }: Call<unknown>): Promise<Answer> {
  const { cursor, limit } = parseQuery(url, ListQuery);
  const page = await boardOf(env, principal.workspace).deadLetters({ cursor, limit });
  const items: DeadLetterView[] = page.items.map((letter) => ({
    ...letter,
    id: deadLetterId(letter),
    at: new Date(letter.at).toISOString(),
  }));
  return { body: { items, nextCursor: page.nextCursor } };
}

/**
 * Puts a dead letter back into its action's outbox. The Board is told what the action then says, because a letter that is
 * taken back changes no seq. 404 for one the action does not have, whoever else might.
 */
const retryLetter = (call: Call<unknown>): Promise<Answer> =>
  once(call, async () => {
    const { env, principal, params } = call;
    const name = parseDeadLetterId(params["id"] ?? "");
    if (name === null) throw notFound();
    const { action, seq, sink } = name;
    const revived = await actionOf(env, principal.workspace, action).redeliver({ seq, sink });
    await restoreRows(env, principal.workspace, [action]);
    if (!revived) throw notFound();
    return { status: 202, body: { id: deadLetterId(name), action, seq, sink } };
  });

export const deliveryRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/dead-letters",
    summary: "List deliveries that used up their tries, newest first",
    scope: "deliveries:write",
    tag: "deliveries",
    query: { cursor: "`nextCursor` of the page before", limit: "Items a page, at most 100" },
    answer: { status: 200, schema: DeadLetterList },
    handle: listLetters,
  },
  withBody({
    method: "POST",
    path: "/v1/dead-letters/:id/retry",
    summary: "Send a dead letter again",
    scope: "deliveries:write",
    tag: "deliveries",
    body: NoFields,
    answer: { status: 202, schema: RetryAnswer },
    handle: retryLetter,
  }),
];
