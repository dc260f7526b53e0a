import {
  Guardrails,
  Loosened,
  ProposalBody,
  type GuardrailStanding,
  type GuardrailView,
} from "../../schemas/guardrail.ts";
import { governed } from "../governed.ts";
import { ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { once, type Repeatable } from "../idempotency.ts";
import { forget } from "../known.ts";
import { isOperator } from "../policy-in-force.ts";
import { refuseWith } from "../refuse.ts";
import { registryOf } from "../stubs.ts";

const instant = (at: number): string => new Date(at).toISOString();
const optionalInstant = (at: number | null): string | null => (at === null ? null : instant(at));

function shown({ changedAt, coolUntil, proposal, history, ...rest }: GuardrailStanding): GuardrailView {
  return {
    ...rest,
    changedAt: optionalInstant(changedAt),
    coolUntil: optionalInstant(coolUntil),
    proposal:
      proposal === null
        ? null
        : { ...proposal, at: instant(proposal.at), lapsesAt: instant(proposal.lapsesAt) },
    history: history.map(({ at, ...event }) => ({ ...event, at: instant(at) })),
  };
}

/** As the Registry has them this moment. */
async function list({ env, principal, now }: Call<unknown>): Promise<Answer> {
  const standings = await registryOf(env, principal.workspace).guardrails(now);
  return { body: { items: standings.map(shown) } };
}

/** People only, and operators: what nobody could be held to is proposed by nobody (threat T23). */
function propose(call: Call<ProposalBody>): Promise<Answer> {
  const { env, principal, snapshot, params, body, now } = call;
  if (principal.kind !== "person" || !isOperator(snapshot, principal)) {
    throw new ProblemError("forbidden", {
      detail: "People of the group operators propose to open what stands at deny.",
    });
  }
  return once(call, async (): Promise<Repeatable> => {
    const { reason } = body;
    const registry = registryOf(env, principal.workspace);
    const asked = { reason, type: params["type"] ?? "", actor: principal.id, now };
    const { change, action } = refuseWith(await registry.proposeLoosening(asked));
    const alone = async (warning: { warning?: string }): Promise<Repeatable> => {
      refuseWith(await registry.loosen(change, { actor: principal.id, because: reason, now, action }));
      forget(principal.workspace);
      const standing = (await registry.guardrails(now)).find(({ type }) => type === change.type);
      if (standing === undefined) throw new Error("what has just moved is not there");
      return { status: 200, body: { ...shown(standing), ...warning } };
    };
    try {
      return await governed(call, change, alone, { reason });
    } catch (error) {
      if (error instanceof ProblemError && error.code === "forbidden") {
        await registry.refuseLoosening(change, { actor: "engine", because: "policy refuses it", now });
      }
      throw error;
    }
  });
}

export const guardrailRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/guardrails",
    summary:
      "Where each contract's guardrail stands, what it has learnt, what is proposed, and every move with its evidence",
    scope: "policy:read",
    tag: "policy",
    answer: { status: 200, schema: Guardrails },
    handle: list,
  },
  withBody({
    method: "POST",
    path: "/v1/guardrails/:type/proposal",
    summary: "Propose to open a guardrail that stands at deny; the other operators decide it as an action",
    scope: "policy:read",
    tag: "policy",
    body: ProposalBody,
    words: ["reason"],
    answer: { status: 200, schema: Loosened },
    waits: true,
    handle: propose,
  }),
];
