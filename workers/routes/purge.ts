import type * as v from "valibot";
import { PurgeBody, PurgeView } from "../../schemas/purge.ts";
import type { PurgeStanding } from "../../objects/ledger/keeping.ts";
import { governed } from "../governed.ts";
import { ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { once, type Repeatable } from "../idempotency.ts";
import { purgeRefused, startPurge } from "../purging.ts";
import { refuseWith } from "../refuse.ts";
import { ledgerOf } from "../stubs.ts";
import { demandPersonInCharge } from "./holds.ts";

/** The forgetting of a whole workspace. It is begun here and carried out by the sweep, a part a minute, wherever it is cut off. */

async function shown(
  call: Call<unknown>,
  { state, left }: PurgeStanding,
): Promise<v.InferOutput<typeof PurgeView>> {
  const { env, principal, now } = call;
  const { stage, by, since, done, failed, closesAt } = state;
  return {
    workspace: principal.workspace,
    stage,
    by,
    since: new Date(since).toISOString(),
    done,
    left,
    failed: failed.length,
    closesAt: closesAt === null ? null : new Date(closesAt).toISOString(),
    checkpoint: await ledgerOf(env, principal.workspace).checkpoint(true, now),
  };
}

async function show(call: Call<unknown>): Promise<Answer> {
  demandPersonInCharge(call, "look at this");
  const standing = await ledgerOf(call.env, call.principal.workspace).purge();
  if (standing === null || standing.state.stage === "reopened") {
    throw new ProblemError("not_found", {
      detail: "Nobody has asked for this workspace to be forgotten, or not yet everybody who has to agree.",
    });
  }
  return { body: await shown(call, standing) };
}

function begin(call: Call<v.InferOutput<typeof PurgeBody>>): Promise<Answer> {
  const by = demandPersonInCharge(call, "have a workspace forgotten");
  const { env, principal, body, now } = call;
  const { workspace } = principal;
  if (body.confirm !== workspace) {
    throw new ProblemError("invalid_body", {
      detail: "Nothing was forgotten. Name the workspace that this key is of.",
      errors: [{ pointer: "/confirm", detail: `is not ${workspace}` }],
    });
  }
  return once(call, async (): Promise<Repeatable> => {
    const { cancelRunning, reason } = body;
    const order = { by, cancelRunning, under: null };
    const refused = await purgeRefused(env, workspace, order, now);
    if (refused !== null) refuseWith({ ok: false, error: refused });
    const change = { kind: "workspace.purge", workspace, cancelRunning, reason } as const;
    const make = async (warning: { warning?: string }): Promise<Repeatable> => {
      const begun = refuseWith(await startPurge(env, workspace, order, now));
      return { status: 200, body: { ...(await shown(call, begun)), ...warning } };
    };
    return governed(call, change, make, { reason });
  });
}

const line = { scope: "actions:read", tag: "evidence" } as const;

export const purgeRoutes: readonly Route[] = [
  {
    ...line,
    method: "GET",
    path: "/v1/workspace/purge",
    summary: "How far the forgetting of the workspace has come. For people",
    answer: { status: 200, schema: PurgeView },
    refuses: [404],
    handle: show,
  },
  withBody({
    ...line,
    method: "POST",
    path: "/v1/workspace/purge",
    summary:
      "Have the whole workspace forgotten: its actions, people, keys and rules. The log with its hashes stays. For people",
    body: PurgeBody,
    words: ["reason"],
    answer: { status: 200, schema: PurgeView },
    waits: true,
    handle: begin,
  }),
];
