import type * as v from "valibot";
import {
  HoldBody,
  HoldList,
  HoldPut,
  HoldReleaseBody,
  HoldReleased,
  type Hold,
  type HoldView,
} from "../../schemas/hold.ts";
import type { Access } from "../../schemas/ledger.ts";
import { holds } from "../auth.ts";
import { governed } from "../governed.ts";
import { notFound, ProblemError } from "../http/problem.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { makesOf, once, type Repeatable } from "../idempotency.ts";
import { isOperator } from "../policy-in-force.ts";
import { refuseWith } from "../refuse.ts";
import { ledgerOf } from "../stubs.ts";

/** Legal holds. Putting one takes effect at once; releasing one lets something go, so somebody else agrees to it first. */

const timeOf = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

/** A hold as it is shown. */
export const shownHold = ({ since, until, releasedAt, ...rest }: Hold): HoldView => ({
  ...rest,
  since: new Date(since).toISOString(),
  until: timeOf(until),
  releasedAt: timeOf(releasedAt),
});

/** @throws ProblemError where a key that no person holds is used, or that of somebody who does not run the engine. */
export function demandPersonInCharge({ snapshot, principal }: Call<unknown>, what: string): Access["by"] {
  const { kind, id } = principal;
  if (kind !== "person") {
    throw new ProblemError("not_eligible", { detail: `Only people ${what}: use a person's key.` });
  }
  if (!isOperator(snapshot, principal)) {
    throw new ProblemError("forbidden", {
      detail: `Operators ${what}: people of the group operators, and people whose key has the scope admin.`,
    });
  }
  return { kind, id };
}

async function list({ env, principal, snapshot, now }: Call<unknown>): Promise<Answer> {
  if (!isOperator(snapshot, principal) && !holds(principal, "evidence:read")) {
    throw new ProblemError("forbidden", {
      detail: "Holds are for operators, and for keys with the scope evidence:read.",
    });
  }
  const found = await ledgerOf(env, principal.workspace).holds(now);
  return { body: { holds: found.map(shownHold) } };
}

function put(call: Call<v.InferOutput<typeof HoldBody>>): Promise<Answer> {
  const by = demandPersonInCharge(call, "put holds");
  return once(call, async (): Promise<Repeatable> => {
    const { env, principal, body, now } = call;
    const { scope, reason, until } = body;
    const asked = {
      id: `hold_${makesOf(call)}`,
      scope,
      reason,
      by,
      until: until === undefined ? null : Date.parse(until),
    };
    const { hold, gone } = refuseWith(await ledgerOf(env, principal.workspace).putHold(asked, now));
    return { status: 201, body: { ...shownHold(hold), gone } };
  });
}

function release(call: Call<v.InferOutput<typeof HoldReleaseBody>>): Promise<Answer> {
  const by = demandPersonInCharge(call, "release holds");
  return once(call, async (): Promise<Repeatable> => {
    const { env, principal, now, body } = call;
    const ledger = ledgerOf(env, principal.workspace);
    const hold = await inForce(call);
    const { id, scope, reason: because } = hold;
    const { reason } = body;
    const change = { kind: "hold.release", hold: id, scope, heldBy: hold.by.id, because, reason } as const;
    const make = async (warning: { warning?: string }): Promise<Repeatable> => {
      const released = refuseWith(await ledger.releaseHold({ id, by, because: reason, under: null }, now));
      return { status: 200, body: { ...shownHold(released), ...warning } };
    };
    return governed(call, change, make, { reason });
  });
}

/** @throws ProblemError 404, and 409 where it has ended */
async function inForce({ env, principal, params, now }: Call<unknown>): Promise<Hold> {
  const found = await ledgerOf(env, principal.workspace).holds(now);
  const hold = found.find(({ id }) => id === params["id"]);
  if (hold === undefined) throw notFound();
  if (hold.releasedAt !== null) {
    const at = new Date(hold.releasedAt).toISOString();
    throw new ProblemError("conflict", {
      detail: `${hold.id} has ended already, at ${at}. Nothing is left to release.`,
    });
  }
  return hold;
}

const line = { scope: "actions:read", tag: "evidence" } as const;

export const holdRoutes: readonly Route[] = [
  {
    ...line,
    method: "GET",
    path: "/v1/holds",
    summary: "Legal holds that are in force, and the last hundred that have ended, newest first",
    answer: { status: 200, schema: HoldList },
    handle: list,
  },
  withBody({
    ...line,
    method: "POST",
    path: "/v1/holds",
    summary:
      "Keep what a scope covers although it is due; `gone` says what of it was let go of before. For people",
    body: HoldBody,
    words: ["reason"],
    answer: { status: 201, schema: HoldPut },
    handle: put,
  }),
  withBody({
    ...line,
    method: "POST",
    path: "/v1/holds/:id/release",
    summary: "Release a hold: what it kept and is overdue goes within minutes. For people",
    body: HoldReleaseBody,
    words: ["reason"],
    answer: { status: 200, schema: HoldReleased },
    waits: true,
    handle: release,
  }),
];
