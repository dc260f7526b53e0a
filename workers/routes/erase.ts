import * as v from "valibot";
import { EraseAnswer, EraseBody } from "../../schemas/erase.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { once, type Repeatable } from "../idempotency.ts";
import { actionOf } from "../stubs.ts";
import { actionId, settle } from "../tell.ts";
import { demandPersonInCharge } from "./holds.ts";

/** Lets go of what an action holds before its time. What is gone is gone; the log says who wanted it. */
function erase(call: Call<EraseBody>): Promise<Answer> {
  const { id } = demandPersonInCharge(call, "erase");
  return once(call, async (): Promise<Repeatable> => {
    const { env, principal, params, body } = call;
    const order = { class: body.class, because: body.reason, by: { kind: "person", id } } as const;
    const done = settle(await actionOf(env, principal.workspace, actionId(params)).erase(order));
    return { status: 200, body: v.parse(EraseAnswer, JSON.parse(done.body)) };
  });
}

export const eraseRoutes: readonly Route[] = [
  withBody({
    method: "POST",
    path: "/v1/actions/:id/erase",
    summary:
      "Let go of a class of what an action holds before its time; with the class of its evidence everything goes. For people",
    scope: "actions:read",
    tag: "evidence",
    body: EraseBody,
    words: ["reason"],
    answer: { status: 200, schema: EraseAnswer },
    handle: erase,
  }),
];
