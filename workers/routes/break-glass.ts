import * as v from "valibot";
import { ActionView } from "../../schemas/action.ts";
import { BreakGlassBody, BreakGlassTerms, GlassUseList, ReviewBody } from "../../schemas/break-glass.ts";
import { breakGlass, review, termsOf } from "../glass.ts";
import { jsonText } from "../http/json-text.ts";
import { ProblemError } from "../http/problem.ts";
import { Cursor, Limit, parseQuery } from "../http/query.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { knownFor } from "../policy-in-force.ts";
import { registryOf } from "../stubs.ts";
import { actionId } from "../tell.ts";
import { showAtOnce } from "./decisions.ts";

async function showTerms(call: Call<unknown>): Promise<Answer> {
  const { use: _, ...terms } = await termsOf(call, actionId(call.params));
  return { body: terms };
}

async function breakIt(call: Call<BreakGlassBody>): Promise<Answer> {
  const id = actionId(call.params);
  const done = await breakGlass(call, id);
  showAtOnce(call, [id]);
  return jsonText(done.body);
}

async function reviewIt(call: Call<ReviewBody>): Promise<Answer> {
  const id = actionId(call.params);
  const body = await review(call, id);
  showAtOnce(call, [id]);
  return jsonText(body);
}

const ListQuery = v.strictObject({
  state: v.optional(v.picklist(["open", "overdue", "all"], "is open, overdue or all"), "open"),
  cursor: Cursor,
  limit: Limit,
});

/** For those who see to it that reviews happen: operators, and whoever is on call. */
async function listUses(call: Call<unknown>): Promise<Answer> {
  const query = parseQuery(call.url, ListQuery);
  const { env, principal, snapshot, now } = call;
  const { oncall } = snapshot.directory.groups;
  const { operator } = knownFor(snapshot, principal, "nothing");
  if (!operator && oncall?.members.includes(principal.id) !== true) {
    throw new ProblemError("forbidden", { detail: "This list is for operators and people on call." });
  }
  const { state, cursor, limit } = query;
  return { body: await registryOf(env, principal.workspace).glassUses({ state, cursor, limit, now }) };
}

const answer = { status: 200, schema: ActionView };
const tag = "decisions";

export const breakGlassRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/break-glass",
    summary: "Who has broken the glass, and what awaits its review; newest first",
    scope: "actions:read",
    tag,
    query: {
      state: "`open` (without a review, as when left out), `overdue` or `all`",
      cursor: "`nextCursor` of the page before",
      limit: "Items a page, at most 100",
    },
    answer: { status: 200, schema: GlassUseList },
    handle: listUses,
  },
  {
    method: "GET",
    path: "/v1/actions/:id/break-glass",
    summary:
      "Whether the caller may break the glass or review it, what would be skipped, and who would be told",
    scope: "actions:read",
    tag,
    answer: { status: 200, schema: BreakGlassTerms },
    handle: showTerms,
  },
  withBody({
    method: "POST",
    path: "/v1/actions/:id/break-glass",
    summary: "Approve it alone in an emergency, as a person who has that right; opens a review",
    scope: "votes:write",
    tag,
    body: BreakGlassBody,
    words: ["reason", "incident"],
    answer,
    refuses: [429],
    handle: breakIt,
  }),
  withBody({
    method: "POST",
    path: "/v1/actions/:id/break-glass/review",
    summary: "Say whether breaking the glass was justified, as somebody else than who did",
    scope: "votes:write",
    tag,
    body: ReviewBody,
    answer,
    handle: reviewIt,
  }),
];
