import { randomUUID } from "node:crypto";
import type { ActionView } from "../../schemas/action.ts";
import type { TestEngine } from "../support/server.ts";

type Json = Record<string, unknown>;

/** One call with a starter principal's key. */
export async function api(
  engine: TestEngine,
  as: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: Json }> {
  const answer = await fetch(engine.url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: {
      authorization: `Bearer ${engine.keys[as]}`,
      "content-type": "application/json",
      "idempotency-key": randomUUID(),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Json };
}

const shell = {
  type: "host.shell",
  target: { resource: "prod-db-1", segment: "prod-hosts", environment: "production" },
  args: { argv: ["systemctl", "restart", "postgresql"] },
  reason: "Connections pile up and the pool is exhausted; a restart has helped before.",
};

/** Asks for a command on a host as agent:demo, or for what `change` makes of it. */
export async function ask(engine: TestEngine, change: Json = {}): Promise<ActionView> {
  const answer = await api(engine, "agent:demo", "/v1/actions", { ...shell, ...change });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return answer.body as unknown as ActionView;
}

/** One action of each kind the starter policy knows, the dangerous and the harmless. */
export const samples: Json[] = [
  {},
  {
    type: "payment.refund",
    target: { resource: "customer 4711" },
    args: { payment: "pay_9c1f", amount: 129_900, currency: "EUR", note: "Sorry for the delay" },
    reason: "The parcel never arrived.",
  },
  {
    type: "db.migrate",
    target: { resource: "orders-db", segment: "prod-data", environment: "production" },
    args: { migration: "0042_drop_legacy.sql", rows: 120_000 },
    reason: "Free 80 GB before the sale",
    context: { ticket: "OPS-311" },
    rollbackPlan: { migration: "0042_restore.sql" },
  },
  {
    type: "deploy.production",
    target: { resource: "checkout", segment: "prod-hosts", environment: "production" },
    args: { service: "checkout", version: "2026.11.3", strategy: "canary" },
    reason: "Ship the fix for the rounding of discounts.",
  },
  {
    type: "data.export",
    target: { resource: "warehouse", segment: "prod-data" },
    args: { dataset: "orders_2026", destination: "s3://partner-drop/orders", rows: 5_000 },
    reason: "The partner asked for last month's orders.",
  },
];

export async function until(done: () => Promise<boolean> | boolean, timeoutMs = 10_000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await done())) {
    if (Date.now() > end) throw new Error("It did not come about in time");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
