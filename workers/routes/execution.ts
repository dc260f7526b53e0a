import {
  ActionView,
  ClaimAnswer,
  ClaimBody,
  HeartbeatBody,
  ReportBody,
  RollbackBody,
} from "../../schemas/action.ts";
import { signGrant } from "../grants.ts";
import { jsonText } from "../http/json-text.ts";
import { ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { actionId, actorOf, tell } from "../tell.ts";

/**
 * Takes the approved action for one run. The Registry is read live: a voter who has just left, a type just disabled
 * or a key just revoked stops it here. A repeat with the same key gets the same lease and grant.
 */
async function claim(call: Call<ClaimBody>): Promise<Answer> {
  const id = actionId(call.params);
  const { digest, preconditions } = call.body;
  const actor = actorOf(call.principal);
  const command = {
    type: "claim",
    actor,
    digest,
    preconditions,
    leaseId: `lse_${crypto.randomUUID()}`,
  } as const;
  const { body, lease } = await tell(call, id, command, "live");
  if (lease === null) throw new Error("a claim was answered without a lease");
  const grant = await signGrant(
    call.env,
    lease,
    { workspace: call.principal.workspace, id },
    call.url.origin,
  );
  const expiresAt = new Date(lease.expiresAt).toISOString();
  const head = JSON.stringify({ lease: lease.id, fence: lease.fence, grant, expiresAt });
  return jsonText(`${head.slice(0, -1)},"action":${body}}`);
}

async function heartbeat(call: Call<HeartbeatBody>): Promise<Answer> {
  const { lease, fence } = call.body;
  const done = await tell(call, actionId(call.params), {
    type: "heartbeat",
    actor: actorOf(call.principal),
    lease,
    fence,
  });
  return jsonText(done.body);
}

/** What the run did. A failure that does not say what it left behind counts as unknown. */
async function report(call: Call<ReportBody>): Promise<Answer> {
  const { outcome, effect, ...rest } = call.body;
  if (outcome === "succeeded" && effect !== undefined && effect !== "none") {
    const errors = [
      { pointer: "/effect", detail: "is only for a failure: it says what a failed run left behind" },
    ];
    throw new ProblemError("invalid_body", { detail: "Leave `effect` out of a success.", errors });
  }
  const left = outcome === "succeeded" ? "none" : (effect ?? "unknown");
  const command = { type: "report", actor: actorOf(call.principal), outcome, effect: left, ...rest } as const;
  return jsonText((await tell(call, actionId(call.params), command)).body);
}

async function rollback(call: Call<{ reason: string }>): Promise<Answer> {
  const command = { type: "rollback", actor: actorOf(call.principal), reason: call.body.reason } as const;
  return jsonText((await tell(call, actionId(call.params), command, "votes")).body);
}

const answer = { status: 200, schema: ActionView };
const scope = "actions:request";

export const executionRoutes: readonly Route[] = [
  withBody({
    method: "POST",
    path: "/v1/actions/:id/claim",
    summary: "Take the approved action, or its rollback, for one run under a lease",
    scope,
    tag: "execution",
    body: ClaimBody,
    refuses: [423],
    answer: { status: 200, schema: ClaimAnswer },
    handle: claim,
  }),
  withBody({
    method: "POST",
    path: "/v1/actions/:id/heartbeat",
    summary: "Renew the lease",
    scope,
    tag: "execution",
    body: HeartbeatBody,
    answer,
    handle: heartbeat,
  }),
  withBody({
    method: "POST",
    path: "/v1/actions/:id/report",
    summary: "Say what the run, or the rollback, did",
    scope,
    tag: "execution",
    body: ReportBody,
    answer,
    handle: report,
  }),
  withBody({
    method: "POST",
    path: "/v1/actions/:id/rollback",
    summary: "Start the rollback that was agreed to",
    scope: "actions:read",
    tag: "execution",
    body: RollbackBody,
    answer,
    handle: rollback,
  }),
];
