import * as v from "valibot";
import { canonicalJson } from "../../core/canonical.ts";
import { wasClaimedAt } from "../../core/claimed.ts";
import { ActionView } from "../../schemas/action.ts";
import {
  BypassAnswer,
  BypassBody,
  Bypasses,
  BypassView,
  FeedbackBody,
  type Bypass,
} from "../../schemas/feedback.ts";
import { limits } from "../../schemas/limits.ts";
import { sha256Hex } from "../auth.ts";
import { jsonText } from "../http/json-text.ts";
import { ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { once } from "../idempotency.ts";
import { contractOf } from "../policy-in-force.ts";
import { actionOf, boardOf } from "../stubs.ts";
import { actionId, actionIdPattern, actorOf, tell } from "../tell.ts";
import { showAtOnce } from "./decisions.ts";

/** Kept in the action's log; the figures and the contract's guardrail hear of it with the next message of the action. */
async function giveFeedback(call: Call<FeedbackBody>): Promise<Answer> {
  const id = actionId(call.params);
  const command = { type: "feedback", actor: actorOf(call.principal), ...call.body } as const;
  const done = await tell(call, id, command, "votes");
  showAtOnce(call, [id]);
  return jsonText(done.body);
}

/** A report is about the near past: what is older than any figure counts nowhere, and what is to come has not been seen. */
const oldestMs = 30 * 86_400_000;
const aheadMs = 5 * 60_000;

/**
 * An effect was seen at a target (threat T9). It is a bypass unless it names an action of this type and target that somebody had
 * claimed at that time.
 */
function reportEffect(call: Call<BypassBody>): Promise<Answer> {
  const found = contractOf(call.snapshot, call.body.type);
  const at = Date.parse(call.body.at);
  demandSense(call, at, found === null);
  const policyClass = found?.contract.class ?? "";
  return once(call, async () => {
    const { env, principal, now, body } = call;
    const { type, target, evidence, action } = body;
    if (action !== null && (await isClaimed(call, action, at))) {
      const because = `${action} had been claimed at that time`;
      return { status: 200, body: { bypass: false, because, id: null } };
    }
    const id = `byp_${sha256Hex(canonicalJson({ type, target, at, evidence, action })).slice(0, 32)}`;
    const parts = { type, class: policyClass, target, at, evidence, action };
    const bypass: Bypass = { id, ...parts, reportedAt: now, reportedBy: principal.id };
    // As text: the types of RPC cannot follow a recursive one.
    await boardOf(env, principal.workspace).bypassed(JSON.stringify(bypass));
    const because =
      action === null
        ? "it names no action"
        : `nobody had claimed ${action} for this type and target at that time`;
    return { status: 200, body: { bypass: true, because, id } };
  });
}

function demandSense({ body, now, snapshot }: Call<BypassBody>, at: number, unknown: boolean): void {
  const errors: { pointer: string; detail: string }[] = [];
  if (unknown) {
    const known = snapshot.policy?.document.contracts.map(({ type }) => type).join(", ") ?? "";
    errors.push({
      pointer: "/type",
      detail: `is no action type of the policy in force; known are: ${known}`,
    });
  }
  if (at > now + aheadMs) errors.push({ pointer: "/at", detail: "is in the future; say when it was seen" });
  if (at < now - oldestMs) errors.push({ pointer: "/at", detail: "is more than 30 days ago" });
  const bytes = new TextEncoder().encode(canonicalJson(body.evidence)).byteLength;
  if (bytes > limits.evidenceBytes) {
    errors.push({ pointer: "/evidence", detail: `is over ${limits.evidenceBytes} bytes; send a reference` });
  }
  if (body.action !== null && !actionIdPattern.test(body.action)) {
    errors.push({ pointer: "/action", detail: "looks like act_…" });
  }
  if (errors.length === 0) return;
  throw new ProblemError("invalid_body", { detail: "Mend the named fields and send it again.", errors });
}

const Aimed = v.pick(ActionView, ["type", "target"]);
const Log = v.array(v.object({ type: v.string(), at: v.string() }));

async function isClaimed(
  { env, principal, body }: Call<BypassBody>,
  id: string,
  at: number,
): Promise<boolean> {
  const action = actionOf(env, principal.workspace, id);
  const text = await action.view();
  if (text === null) return false;
  const { type, target } = v.parse(Aimed, JSON.parse(text));
  if (type !== body.type || target.resource !== body.target) return false;
  const log = await action.events(0);
  return log !== null && wasClaimedAt(v.parse(Log, JSON.parse(log)), at);
}

async function listBypasses({ env, principal }: Call<unknown>): Promise<Answer> {
  const found = v.parse(StoredBypasses, JSON.parse(await boardOf(env, principal.workspace).bypasses()));
  const items = found.map((bypass) => ({
    ...bypass,
    at: new Date(bypass.at).toISOString(),
    reportedAt: new Date(bypass.reportedAt).toISOString(),
  }));
  return { body: { items } };
}

const StoredBypasses = v.array(v.object({ ...BypassView.entries, at: v.number(), reportedAt: v.number() }));

export const feedbackRoutes: readonly Route[] = [
  withBody({
    method: "POST",
    path: "/v1/actions/:id/feedback",
    summary: "Say what you think of an action afterwards: a needless gate, a missed gate, or harm",
    scope: "feedback:write",
    tag: "feedback",
    body: FeedbackBody,
    answer: { status: 200, schema: ActionView },
    handle: giveFeedback,
  }),
  {
    method: "GET",
    path: "/v1/bypasses",
    summary: "The last 100 effects that no claim stands behind",
    scope: "evidence:read",
    evidence: true,
    tag: "feedback",
    answer: { status: 200, schema: Bypasses },
    handle: listBypasses,
  },
  withBody({
    method: "POST",
    path: "/v1/bypasses",
    summary:
      "Report an effect seen at a target; it counts as a bypass unless it names an action claimed at that time",
    scope: "effects:write",
    tag: "feedback",
    body: BypassBody,
    words: ["target", "evidence"],
    answer: { status: 200, schema: BypassAnswer },
    handle: reportEffect,
  }),
];
