import type * as v from "valibot";
import { resultOf } from "../../core/policy/examples.ts";
import { EvaluateAnswer, EvaluateBody, TestAnswer, TestBody } from "../../schemas/evaluation.ts";
import { limits } from "../../schemas/limits.ts";
import { ReplayAnswer, ReplayBody } from "../../schemas/replay.ts";
import { holds } from "../auth.ts";
import { candidateOf } from "../candidate.ts";
import { evaluateNow, type Evaluating } from "../evaluating.ts";
import { ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { replayPage } from "../replaying.ts";

type Asking = Evaluating & { readonly version: string | null };

async function asking(
  { env, principal, snapshot, now }: Call<unknown>,
  candidate: Parameters<typeof candidateOf>[1],
): Promise<Asking> {
  const { workspace } = principal;
  const { policy, version } = await candidateOf({ env, workspace, snapshot }, candidate);
  return { env, workspace, snapshot, now, policy, version };
}

async function postEvaluate(call: Call<v.InferOutput<typeof EvaluateBody>>): Promise<Answer> {
  const { request, ...candidate } = call.body;
  const asked = await asking(call, candidate);
  return { body: { version: asked.version, evaluation: await evaluateNow(request, asked) } };
}

async function postTest(call: Call<v.InferOutput<typeof TestBody>>): Promise<Answer> {
  const { examples, ...candidate } = call.body;
  const asked = await asking(call, candidate);
  const results: v.InferOutput<typeof TestAnswer>["results"] = [];
  // One after the other: each may ask the Registry for sums.
  for (const example of examples) results.push(resultOf(example, await evaluateNow(example.request, asked)));
  const passed = results.filter(({ pass }) => pass).length;
  return { body: { version: asked.version, passed, failed: results.length - passed, results } };
}

/** Ids, targets and requesters come from the actions, so the key must be one that may read them. */
async function postReplay(call: Call<v.InferOutput<typeof ReplayBody>>): Promise<Answer> {
  if (!holds(call.principal, "actions:read")) {
    throw new ProblemError("forbidden", {
      detail: "A replay shows actions: use a key with actions:read as well.",
    });
  }
  const { days, limit, cursor, ...candidate } = call.body;
  return { body: await replayPage({ ...(await asking(call, candidate)), days, limit, cursor }) };
}

const tag = "policy";

export const evaluationRoutes: readonly Route[] = [
  withBody({
    method: "POST",
    path: "/v1/policy/evaluate",
    summary: "What a policy says to a request, and why; nothing is asked for",
    scope: "policy:read",
    tag,
    body: EvaluateBody,
    maxKeys: limits.bulkKeys,
    answer: { status: 200, schema: EvaluateAnswer },
    refuses: [404],
    handle: postEvaluate,
  }),
  withBody({
    method: "POST",
    path: "/v1/policy/test",
    summary: "Holds a policy against examples with the decisions that are expected",
    scope: "policy:read",
    tag,
    body: TestBody,
    maxKeys: limits.bulkKeys,
    answer: { status: 200, schema: TestAnswer },
    refuses: [404],
    handle: postTest,
  }),
  withBody({
    method: "POST",
    path: "/v1/policy/replay",
    summary: "Recorded actions that would have come out differently under a policy, page by page",
    scope: "policy:read",
    evidence: true,
    tag,
    body: ReplayBody,
    maxKeys: limits.bulkKeys,
    answer: { status: 200, schema: ReplayAnswer },
    refuses: [404],
    handle: postReplay,
  }),
];
