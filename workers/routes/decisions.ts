import * as v from "valibot";
import { faultText } from "../../core/fault.ts";
import { ActionView, CancelBody, RevokeBody, VoteBody, type Via } from "../../schemas/action.ts";
import { Risk } from "../../schemas/policy.ts";
import { isFresh } from "../../core/session.ts";
import { absent } from "../absent.ts";
import { carryOutApproved } from "../carry-out.ts";
import { withFreeze } from "../freezing.ts";
import { jsonText } from "../http/json-text.ts";
import { ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { restoreRows } from "../repair.ts";
import { actionOf } from "../stubs.ts";
import { actionId, actorOf, tell, type Done, type Sender } from "../tell.ts";

/** Casts a person's vote on one digest. */
export async function castVote(sender: Sender, id: string, body: VoteBody, via: Via): Promise<Done> {
  if (sender.principal.kind !== "person") {
    throw new ProblemError("not_eligible", { detail: "Only people decide: use a person's key." });
  }
  await demandFreshSignIn(sender, id);
  const { decision, digest, reason } = body;
  const actor = actorOf(sender.principal);
  const done = await tell(sender, id, { type: "vote", actor, decision, digest, reason, via }, "votes");
  await carryOutApproved(sender.env, sender.principal.workspace, id, done.body);
  return { ...done, body: withFreeze(done.body, sender.snapshot, sender.now) };
}

/** Step-up: a browser left open decides on nothing critical. Who signed in just now is not asked what it is about. */
async function demandFreshSignIn({ env, principal, now, url }: Sender, id: string): Promise<void> {
  const { signedInAt, workspace } = principal;
  if (signedInAt === undefined || isFresh(signedInAt, now)) return;
  const text = await actionOf(env, workspace, id).view(url.origin);
  if (text === null) throw await absent(env, workspace, id);
  if (v.parse(RiskOnly, JSON.parse(text)).risk !== "critical") return;
  const detail = "This is critical: sign in again, then decide within five minutes. Nothing was changed.";
  throw new ProblemError("forbidden", {
    detail,
    errors: [{ pointer: "/session", detail: "is older than five minutes" }],
  });
}

const RiskOnly = v.object({ risk: Risk });

/**
 * A session is the page's. A client may say that a person sits at a terminal; nothing else is believed about where a vote
 * came from.
 */
export function viaOf({ request, principal }: Pick<Call<unknown>, "request" | "principal">): Via {
  if (principal.signedInAt !== undefined) return "page";
  return request.headers.get("x-holdpoint-client") === "cli" ? "cli" : "api";
}

/**
 * Shows a command on the Board now, where it came from a page: the queue's own way there takes a second, and whoever has one page
 * open may have two. Any other command takes that way, because asking the action and telling the Board is two requests more.
 */
export function showAtOnce({ env, principal, waitUntil }: Call<unknown>, ids: readonly string[]): void {
  if (principal.signedInAt === undefined) return;
  const work = restoreRows(env, principal.workspace, ids);
  waitUntil(work.catch((error: unknown) => console.error("board", principal.workspace, faultText(error))));
}

async function vote(call: Call<VoteBody>): Promise<Answer> {
  const id = actionId(call.params);
  const done = await castVote(call, id, call.body, viaOf(call));
  showAtOnce(call, [id]);
  return jsonText(done.body);
}

const stop =
  (type: "cancel" | "revoke") =>
  async (call: Call<v.InferOutput<typeof CancelBody>>): Promise<Answer> => {
    const id = actionId(call.params);
    const done = await tell(call, id, { type, actor: actorOf(call.principal), reason: call.body.reason });
    showAtOnce(call, [id]);
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
