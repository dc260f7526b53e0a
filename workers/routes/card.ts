import * as v from "valibot";
import { cardOf } from "../../core/card/card.ts";
import { ActionView } from "../../schemas/action.ts";
import { Card } from "../../schemas/card.ts";
import { absent } from "../absent.ts";
import { withFreeze } from "../freezing.ts";
import type { Answer, Call, Route } from "../http/route.ts";
import { contractOf } from "../policy-in-force.ts";
import { actionOf } from "../stubs.ts";
import { actionId } from "../tell.ts";

/** The card as every place shows it, with what the policy in force says of the type. */
async function showCard({ env, principal, snapshot, params, url, now }: Call<unknown>): Promise<Answer> {
  const id = actionId(params);
  const text = await actionOf(env, principal.workspace, id).view(url.origin);
  if (text === null) throw await absent(env, principal.workspace, id);
  const action = v.parse(ActionView, JSON.parse(withFreeze(text, snapshot, now)));
  const contract = contractOf(snapshot, action.type)?.contract;
  const told = {
    description: contract?.description ?? null,
    rollback: (contract?.rollback ?? null) !== null,
  };
  return { body: cardOf(action, told) };
}

export const cardRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/actions/:id/card",
    summary: "What a reviewer sees of the action: facts first, the agent's own words apart",
    scope: "actions:read",
    tag: "actions",
    answer: { status: 200, schema: Card },
    handle: showCard,
  },
];
