import type * as v from "valibot";
import { ActionView, CancelBody, RevokeBody, VoteBody, type Via } from "../../schemas/action.ts";
import { jsonText } from "../http/json-text.ts";
import { ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { actionId, actorOf, tell, type Done, type Sender } from "../tell.ts";

/** Casts a person's vote on one digest. */
export async function castVote(sender: Sender, id: string, body: VoteBody, via: Via): Promise<Done> {
  if (sender.principal.kind !== "person") {
    throw new ProblemError("not_eligible", { detail: "Only people decide: use a person's key." });
  }
  const { decision, digest, reason } = body;
  return tell(
    sender,
    id,
    { type: "vote", actor: actorOf(sender.principal), decision, digest, reason, via },
    "votes",
  );
}

/** A client may say that a person sits at a terminal; nothing else is believed about where a vote came from. */
const viaOf = (request: Request): Via =>
  request.headers.get("x-holdpoint-client") === "cli" ? "cli" : "api";

async function vote(call: Call<VoteBody>): Promise<Answer> {
  return jsonText((await castVote(call, actionId(call.params), call.body, viaOf(call.request))).body);
}

const stop =
  (type: "cancel" | "revoke") =>
  async (call: Call<v.InferOutput<typeof CancelBody>>): Promise<Answer> => {
    const done = await tell(call, actionId(call.params), {
      type,
      actor: actorOf(call.principal),
      reason: call.body.reason,
    });
    return jsonText(done.body);
  };

const answer = { status: 200, schema: ActionView };

export const decisionRoutes: readonly Route[] = [
  withBody({
    method: "POST",
    path: "/v1/actions/:id/votes",
    summary: "Approve, deny or withdraw, as a person, on exactly this digest",
    scope: "votes:write",
    tag: "decisions",
    body: VoteBody,
    answer,
    handle: vote,
  }),
  withBody({
    method: "POST",
    path: "/v1/actions/:id/cancel",
    summary: "Withdraw a request, as the agent that asked or its owner",
    scope: "actions:read",
    tag: "decisions",
    body: CancelBody,
    answer,
    handle: stop("cancel"),
  }),
  withBody({
    method: "POST",
    path: "/v1/actions/:id/revoke",
    summary: "Take an approval back before it is claimed",
    scope: "actions:read",
    tag: "decisions",
    body: RevokeBody,
    answer,
    handle: stop("revoke"),
  }),
];
