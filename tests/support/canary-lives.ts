import { setTimeout as delay } from "node:timers/promises";
import type { ActionView } from "../../schemas/action.ts";
import type { JsonObject } from "../../schemas/json.ts";
import type { PolicyInput } from "../../schemas/policy.ts";
import { type Cast, contractOf, withContracts } from "./actors.ts";
import type { Caller } from "./caller.ts";

/** Lives of requests in which something is planted wherever anybody from outside writes. */

/** Who plants. `place` says where; what comes back is put there. */
export type Planter = {
  readonly text: (place: string) => string;
  /** One line, as names and references of incidents are. */
  readonly label: (place: string) => string;
  readonly object: (place: string) => JsonObject;
  /** What an action is aimed at: nothing is planted there where it comes back as it is. */
  readonly target: (place: string) => string;
};

export type Stage = {
  readonly cast: Cast;
  readonly planter: Planter;
  /** Where every action's own callback goes. */
  readonly callback: { url: string; secretId: string };
  /** Every action that was asked for, once it is. */
  readonly asked: (action: ActionView) => void;
};

export const types = {
  usual: "canary.run",
  scarce: "canary.scarce",
  undone: "canary.undo",
  paged: "canary.page",
} as const;

/** Contracts that tell everybody there is to tell. */
export async function adopt({ operator }: Cast, notify: readonly string[]): Promise<void> {
  const common: Parameters<typeof contractOf>[1] = {
    args: { type: "object", additionalProperties: true },
    // What may still be rolled back is not over, and nothing of it is let go of.
    rollback: { window: "1s", auto: "never" },
    breakGlass: { by: ["group:oncall"], perPersonPerDay: 50, reviewDue: "1h" },
    retention: { redact: { emails: true } },
    clocks: { executionMax: "5m" },
    // A sum that is kept for each target.
    decide: [{ when: "count() by target over 24h > 100000", then: "deny" }],
    notify: [...notify],
  };
  const { document } = await operator.get<{ document: PolicyInput }>("/v1/policy");
  const contracts = [
    contractOf(types.usual, common),
    contractOf(types.undone, { ...common, rollback: { window: "5m", auto: "never" } }),
    // A channel that is not there: what cannot be told escalates at once, and people are paged.
    contractOf(types.paged, { ...common, notify: [...notify, "slack:C0GONE"] }),
    contractOf(types.scarce, { ...common, rule: { seat: "oncall", n: 2, from: ["group:oncall"] } }),
  ];
  const roomy = {
    ...withContracts(document, contracts),
    notifications: { perChannelPerHour: 1_000, perReviewerPerHour: 1_000 },
  };
  await operator.post("/v1/policy", { document: roomy });
}

export async function ask(
  stage: Stage,
  life: string,
  parts: Record<string, unknown> = {},
): Promise<ActionView> {
  const key = stage.planter.label("Idempotency-Key");
  const action = await stage.cast.demo.asks(requestIn(stage, life, parts), { key });
  stage.asked(action);
  return action;
}

/** A request with something planted in each of its parts, but for those that are given. */
export function requestIn(
  { planter, callback }: Stage,
  life: string,
  parts: Record<string, unknown> = {},
): Record<string, unknown> {
  const planted: Readonly<Record<string, () => unknown>> = {
    target: () => ({ resource: planter.target(`target of what is ${life}`), segment: "prod-hosts" }),
    args: () => planter.object(`args of what is ${life}`),
    reason: () => planter.text(`reason of what is ${life}`),
    context: () => planter.object(`context of what is ${life}`),
    rollbackPlan: () => planter.object(`rollback plan of what is ${life}`),
  };
  const left = Object.entries(planted).filter(([name]) => !Object.hasOwn(parts, name));
  const made = left.map(([name, make]) => [name, make()] as const);
  return { type: types.usual, callback, ...Object.fromEntries(made), ...parts };
}

const vote = (
  who: Caller,
  { id, digest }: ActionView,
  decision: string,
  reason: string,
): Promise<ActionView> => who.post(`/v1/actions/${id}/votes`, { digest, decision, reason });

type Told = { lease: string; fence: number };
const report = (
  { demo }: Cast,
  { id }: ActionView,
  { lease, fence }: Told,
  said: { outcome: "succeeded" | "failed"; summary: string; evidence: JsonObject; effect?: string },
): Promise<ActionView> => demo.post(`/v1/actions/${id}/report`, { lease, fence, ...said });

/** Asked for, agreed to, run, reported, and spoken of afterwards. */
export async function executed(stage: Stage): Promise<ActionView> {
  const { cast, planter } = stage;
  const preconditions = planter.object("preconditions");
  const action = await ask(stage, "executed", { preconditions });
  const stream = await cast.demo.follows(action);
  await vote(cast.bob, action, "approve", planter.text("reason of an approval"));
  const { digest } = action;
  const claim: Told = await cast.demo.post(`/v1/actions/${action.id}/claim`, { digest, preconditions });
  await cast.demo.heartbeats({ action, ...claim });
  const done = await report(cast, action, claim, {
    outcome: "succeeded",
    summary: planter.text("summary of a report"),
    evidence: planter.object("evidence of a report"),
  });
  await report(
    cast,
    action,
    { ...claim, fence: claim.fence + 1 },
    {
      outcome: "succeeded",
      summary: planter.text("summary of a report that comes late"),
      evidence: planter.object("evidence of a report that comes late"),
    },
  ).catch(() => null);
  await cast.alice.post(`/v1/actions/${action.id}/feedback`, {
    label: "harm",
    note: planter.text("note of feedback"),
    incident: planter.label("incident of feedback"),
  });
  await stream.until(({ messages }) => messages.some(({ event }) => event.type === "executed"));
  await stream.close();
  return done;
}

/** What has run is put back, and what put it back reports. */
export async function rolledBack(stage: Stage): Promise<ActionView> {
  const { cast, planter } = stage;
  const action = await ask(stage, "rolled back", { type: types.undone });
  await vote(cast.bob, action, "approve", planter.text("reason of an approval"));
  const first = await cast.demo.claims(action);
  await report(cast, action, first, {
    outcome: "failed",
    effect: "partial",
    summary: planter.text("summary of a failure"),
    evidence: planter.object("evidence of a failure"),
  });
  await cast.omar.post(`/v1/actions/${action.id}/rollback`, { reason: planter.text("reason of a rollback") });
  const second = await cast.demo.claims(action);
  return report(cast, action, second, {
    outcome: "succeeded",
    summary: planter.text("summary of a rollback"),
    evidence: planter.object("evidence of a rollback"),
  });
}

export async function denied(stage: Stage): Promise<ActionView> {
  const action = await ask(stage, "denied");
  return vote(stage.cast.bob, action, "deny", stage.planter.text("reason of a denial"));
}

export async function cancelled(stage: Stage): Promise<ActionView> {
  const { cast, planter } = stage;
  const action = await ask(stage, "cancelled", { type: types.scarce });
  await vote(cast.alice, action, "approve", planter.text("reason of an approval that is withdrawn"));
  await vote(cast.alice, action, "withdraw", planter.text("reason of a withdrawal"));
  return cast.demo.post(`/v1/actions/${action.id}/cancel`, {
    reason: planter.text("reason of a cancellation"),
  });
}

export async function revoked(stage: Stage): Promise<ActionView> {
  const { cast, planter } = stage;
  const action = await ask(stage, "revoked");
  await vote(cast.bob, action, "approve", planter.text("reason of an approval"));
  return cast.bob.post(`/v1/actions/${action.id}/revoke`, { reason: planter.text("reason of a revocation") });
}

/** It waits for nobody longer than it may run, which is a few seconds. */
export async function expired(stage: Stage): Promise<ActionView> {
  const notAfter = new Date(Date.now() + 8_000).toISOString();
  const { id } = await ask(stage, "expired", { notAfter });
  return until(stage.cast.demo, id, "expired");
}

export async function brokenGlass(stage: Stage): Promise<ActionView> {
  const { cast, planter } = stage;
  const action = await ask(stage, "approved by one alone", { type: types.scarce });
  await cast.bob.post(`/v1/actions/${action.id}/break-glass`, {
    digest: action.digest,
    reason: planter.text("reason of break-glass"),
    incident: planter.label("incident of break-glass"),
    confirm: true,
  });
  const claim = await cast.demo.claims(action);
  await report(cast, action, claim, {
    outcome: "succeeded",
    summary: planter.text("summary of a report"),
    evidence: planter.object("evidence of a report"),
  });
  return cast.alice.post(`/v1/actions/${action.id}/break-glass/review`, {
    verdict: "justified",
    note: planter.text("note of a review"),
  });
}

/** Several at once, and decided at once. */
export async function inBatches(stage: Stage): Promise<ActionView[]> {
  const { cast, planter } = stage;
  const items = [0, 1].map(() => ({
    idempotencyKey: planter.label("Idempotency-Key in a batch"),
    action: requestIn(stage, "asked for in a batch"),
  }));
  const made = await cast.demo.post<{ items: { action: ActionView }[] }>("/v1/actions/batch", { items });
  const actions = made.items.map(({ action }) => action);
  for (const action of actions) stage.asked(action);
  const votes = actions.map(({ id, digest }) => ({
    action: id,
    digest,
    decision: "deny",
    reason: planter.text("reason of a denial in a batch"),
  }));
  await cast.bob.post("/v1/votes/batch", { items: votes });
  return Promise.all(actions.map((action) => cast.demo.sees(action)));
}

/** What is asked for anew in place of another. */
export async function superseded(stage: Stage): Promise<ActionView[]> {
  const old = await ask(stage, "superseded");
  const next = await ask(stage, "asked for instead", { supersedes: old.id });
  return [old, await vote(stage.cast.bob, next, "deny", stage.planter.text("reason of a denial"))];
}

/** What is still going on when the power fails, and is ended after it. */
export async function underWay(stage: Stage): Promise<{ action: ActionView; claim: Told }> {
  const { cast, planter } = stage;
  const action = await ask(stage, "under way");
  await vote(cast.bob, action, "approve", planter.text("reason of an approval"));
  return { action, claim: await cast.demo.claims(action) };
}

/** The same once the engine is there again. */
export async function ended(
  stage: Stage,
  { action, claim }: { action: ActionView; claim: Told },
): Promise<ActionView> {
  const { cast, planter } = stage;
  return report(cast, action, claim, {
    outcome: "succeeded",
    summary: planter.text("summary of a report"),
    evidence: planter.object("evidence of a report"),
  });
}

/** Denied in Slack: `deny` clicks there, and says why in the form that opens. */
export async function deniedInSlack(
  stage: Stage,
  deny: (action: ActionView, reason: string) => Promise<void>,
): Promise<ActionView> {
  const action = await ask(stage, "denied in Slack", { type: types.paged });
  await deny(action, stage.planter.text("reason in a form of Slack"));
  return until(stage.cast.demo, action.id, "denied");
}

async function until(who: Caller, id: string, state: string): Promise<ActionView> {
  for (let tries = 0; tries < 600; tries += 1) {
    const action = await who.sees({ id });
    if (action.state === state) return action;
    await delay(100);
  }
  throw new Error(`${id} is not ${state}`);
}
