import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import * as v from "valibot";
import { call } from "../bench/http.ts";
import type { DevFile } from "../start/state.ts";
import type { Receiver } from "./receiver.ts";

const Action = v.object({ id: v.string(), digest: v.string() });
const Lease = v.object({ lease: v.string(), fence: v.number() });
const Ended = v.object({ state: v.literal("executed") });

const request = {
  type: "db.migrate",
  target: { resource: "orders-db", segment: "prod-data", environment: "production" },
  args: { migration: "0042_drop_legacy.sql", rows: 120_000 },
  reason: "Free 80 GB before the sale",
  context: { ticket: "OPS-311" },
  rollbackPlan: { migration: "0042_restore.sql" },
};

/** What a life needs: a running engine with the starter policy, and the endpoint that hears of approvals. */
export type Stage = { readonly engine: DevFile; readonly receiver: Receiver };

/** Milliseconds between any two steps, and until the first approver comes. */
export type Pace = { readonly stepMs: number; readonly approverMs: number };

/**
 * The standard life of an action: asked for, approved by two people, told to the agent by webhook, claimed, executed and
 * reported. @returns the action's id
 */
export async function live({ engine, receiver }: Stage, pace: Pace): Promise<string> {
  const post = async (as: string, path: string, body: object): Promise<unknown> => {
    const headers = {
      authorization: `Bearer ${engine.keys[as]}`,
      "content-type": "application/json",
      "idempotency-key": randomUUID(),
    };
    const url = `${engine.url}${path}`;
    const text = await call({ method: "POST", url, headers, body: JSON.stringify(body) });
    await delay(pace.stepMs);
    return JSON.parse(text);
  };
  const { id, digest } = v.parse(Action, await post("agent:demo", "/v1/actions", request));
  await delay(pace.approverMs);
  const heard = receiver.heardOf(id);
  for (const person of ["person:alice", "person:bob"]) {
    await post(person, `/v1/actions/${id}/votes`, { decision: "approve", digest });
  }
  await heard;
  const claimed = await post("agent:demo", `/v1/actions/${id}/claim`, { digest });
  const report = { ...v.parse(Lease, claimed), outcome: "succeeded", summary: "Migrated in 4 s" };
  v.parse(Ended, await post("agent:demo", `/v1/actions/${id}/report`, report));
  return id;
}
