import * as v from "valibot";
import { faultText } from "../../core/fault.ts";
import { ActionRequest, ActionView, BatchCreateBody, BatchVoteBody } from "../../schemas/action.ts";
import { limits } from "../../schemas/limits.ts";
import { Problem } from "../../schemas/problem.ts";
import { sha256Hex } from "../auth.ts";
import { parseWith } from "../http/body.ts";
import { ProblemError, problemBody } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { createAction } from "../new-action.ts";
import { shownParts } from "../secrets/shown.ts";
import { actionId, actionIdPattern, type Done, type Sender } from "../tell.ts";
import { castVote, showAtOnce, viaOf } from "./decisions.ts";

const Verdict = v.object({
  status: v.number(),
  action: v.optional(ActionView),
  problem: v.optional(Problem),
});
const Verdicts = v.object({ items: v.array(Verdict) });

/**
 * Each item is a call of its own, with its own key, object and verdict: none holds up or spoils another
 * (peer failure P15). An item without a key gets one from the batch's key and its position.
 */
function senderOf(call: Call<unknown>, item: unknown, index: number, key: string | undefined): Sender {
  const own = key ?? (call.idempotencyKey === null ? null : `${call.idempotencyKey}:${index}`);
  return { ...call, idempotencyKey: own, fingerprint: sha256Hex(JSON.stringify(item)) };
}

/**
 * The verdicts as JSON text, in the order of the items; a bug in one is an `internal` for that one. A problem names fields
 * by where they stand in the whole body: `part` of the item.
 */
async function verdicts(status: number, work: readonly Promise<Done>[], part: string): Promise<Response> {
  const settled = await Promise.allSettled(work);
  const items = await Promise.all(
    settled.map(async (outcome, index) => {
      if (outcome.status === "fulfilled") return `{"status":${status},"action":${outcome.value.body}}`;
      const problem = await problemOf(outcome.reason, `/items/${index}${part}`);
      return JSON.stringify({ status: problem.status, problem });
    }),
  );
  return new Response(`{"items":[${items.join(",")}]}`, { headers: { "content-type": "application/json" } });
}

async function problemOf(reason: unknown, at: string): Promise<Problem> {
  if (reason instanceof ProblemError) {
    const { errors, ...parts } = reason.parts;
    const placed = errors?.map(({ pointer, detail }) => ({ pointer: `${at}${pointer}`, detail }));
    const shown = await shownParts({ ...parts, ...(placed !== undefined && { errors: placed }) });
    return problemBody(reason.code, shown);
  }
  console.error("batch item", faultText(reason));
  return problemBody("internal", {
    detail: "Nothing was changed that was not acknowledged; send the item again.",
  });
}

async function createBatch(call: Call<v.InferOutput<typeof BatchCreateBody>>): Promise<Answer> {
  const work = call.body.items.map(async ({ action, idempotencyKey }, index) => {
    const request = parseWith(ActionRequest, action);
    return createAction(senderOf(call, action, index, idempotencyKey), request);
  });
  return verdicts(201, work, "/action");
}

async function voteBatch(call: Call<v.InferOutput<typeof BatchVoteBody>>): Promise<Answer> {
  const work = call.body.items.map(async ({ action, ...vote }, index) =>
    castVote(senderOf(call, vote, index, undefined), actionId({ id: action }), vote, viaOf(call)),
  );
  const answer = await verdicts(200, work, "");
  const ids = call.body.items.map(({ action }) => action).filter((id) => actionIdPattern.test(id));
  showAtOnce(call, [...new Set(ids)]);
  return answer;
}

const answer = { status: 200, schema: Verdicts };

export const batchRoutes: readonly Route[] = [
  withBody({
    method: "POST",
    path: "/v1/actions/batch",
    summary: "Ask for up to 100 actions, each with its own verdict",
    scope: "actions:request",
    tag: "actions",
    body: BatchCreateBody,
    maxKeys: limits.bulkKeys,
    answer,
    handle: createBatch,
  }),
  withBody({
    method: "POST",
    path: "/v1/votes/batch",
    summary: "Cast up to 100 votes, each on its own digest and with its own verdict",
    scope: "votes:write",
    tag: "decisions",
    body: BatchVoteBody,
    maxKeys: limits.bulkKeys,
    answer,
    handle: voteBatch,
  }),
];
