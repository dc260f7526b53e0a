import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { afterAll, beforeAll, describe, test } from "vitest";
import { ActionView } from "../../schemas/action.ts";
import { Figures } from "../../schemas/metrics.ts";
import { startPagerDuty, type PagerDuty } from "../support/pagerduty.ts";
import { hasPrometheus, promtool, startPrometheus, type TestPrometheus } from "../support/prometheus.ts";
import { startEngine, type TestEngine } from "../support/server.ts";
import type { StandIn } from "../support/stand-in.ts";
import { linesOf, pageOf, startTeams } from "../support/teams.ts";

const routingKey = "0123456789abcdef0123456789abcdef";
let engine: TestEngine;
let pagerDuty: PagerDuty;
let teams: StandIn;

beforeAll(async () => {
  [pagerDuty, teams] = await Promise.all([startPagerDuty(), startTeams()]);
  engine = await startEngine({
    settings: {
      HOLDPOINT_PAGERDUTY: JSON.stringify({ primary: routingKey }),
      HOLDPOINT_PAGERDUTY_URL: pagerDuty.url,
      HOLDPOINT_TEAMS: JSON.stringify({ ops: teams.url }),
    },
  });
  await notify("teams:ops", "pagerduty:primary");
});

afterAll(async () => {
  await engine?.stop();
  await Promise.all([pagerDuty?.close(), teams?.close()]);
});

async function call(who: string, method: string, path: string, body?: unknown): Promise<Response> {
  const response = await fetch(`${engine.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${engine.keys[who] ?? ""}`, "idempotency-key": randomUUID() },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response;
}

const Published = v.object({ document: v.object({ contracts: v.array(v.record(v.string(), v.unknown())) }) });

/** Publishes the policy again with these recipients for `host.shell`. */
async function notify(...recipients: string[]): Promise<void> {
  const now: unknown = await (await call("operator", "GET", "/v1/policy")).json();
  const { document } = v.parse(
    v.object({ document: v.looseObject(Published.entries.document.entries) }),
    now,
  );
  const contracts = document.contracts.map((contract) =>
    contract["type"] === "host.shell" ? { ...contract, notify: recipients } : contract,
  );
  await call("operator", "POST", "/v1/policy", { document: { ...document, contracts } });
}

async function ask(): Promise<ActionView> {
  const request = {
    type: "host.shell",
    target: { resource: "prod-db-1", segment: "prod-hosts" },
    args: { argv: ["uptime"] },
    reason: "It does not answer",
  };
  return v.parse(ActionView, await (await call("agent:demo", "POST", "/v1/actions", request)).json());
}

const decide = async (
  { id, digest }: ActionView,
  decision: "approve" | "deny",
  reason?: string,
): Promise<unknown> =>
  (await call("person:bob", "POST", `/v1/actions/${id}/votes`, { decision, digest, reason })).json();

const figures = async (): Promise<Figures> =>
  v.parse(Figures, await (await call("person:bob", "GET", "/v1/metrics?window=1h")).json());
const scrape = async (): Promise<string> => (await call("metrics", "GET", "/metrics")).text();

/**
 * The figures, once they are so; the Board hears of things a second or so later, and of who was told of what nobody touches within
 * half a minute.
 */
async function untilFigures(is: (figures: Figures) => boolean): Promise<Figures> {
  for (let tries = 0; tries < 250; tries += 1) {
    const now = await figures();
    if (is(now)) return now;
    await delay(200);
  }
  throw new Error(`it stayed at ${JSON.stringify(await figures())}`);
}

/** Counters and histograms of a scrape, by series. */
function countersOf(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => /^holdpoint_\w+(_total|_bucket|_sum|_count)\b/u.test(line));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

describe("P26 queue time", () => {
  test("is told with p50 and p95 over what was decided and what still waits, stage by stage", async ({
    expect,
  }) => {
    const before = Date.now();
    const [first, second] = [await ask(), await ask()];
    await ask();
    await call("person:bob", "POST", `/v1/actions/${first.id}/seen`, {}).catch(() => null);
    await delay(1_500);
    await call("person:bob", "POST", `/v1/actions/${second.id}/seen`, {});
    await decide(first, "approve");
    await decide(second, "deny", "missing context: which application?");
    // As soon as the third has waited longer than the others did.
    const now = await untilFigures(
      ({ queueTime: { decided, notified } }) =>
        decided.reached === 2 && notified.reached === 3 && decided.p95?.atLeast === true,
    );
    expect(now.pending).toMatchObject({ count: 1, byType: [{ name: "host.shell", count: 1 }] });
    expect(now.queueTime.decided).toMatchObject({ reached: 2, waiting: 1, left: 0 });
    // Two of three are decided, so the median is known; the 95th percentile is with the one that waits.
    expect(now.queueTime.decided.p50?.atLeast).toBe(false);
    expect(now.queueTime.decided.p50?.ms).toBeGreaterThanOrEqual(1_500);
    expect(now.queueTime.decided.p95?.ms).toBeGreaterThan(now.queueTime.decided.p50?.ms ?? 0);
    expect(now.queueTime.decided.p95?.ms).toBeLessThanOrEqual(Date.now() - before);
    expect(now.queueTime.notified.p95?.atLeast).toBe(false);
    expect(now.queueTime.claimed).toMatchObject({ reached: 0, waiting: 1 });
    expect(now.missingContext).toEqual({ count: 1, of: 1, share: 1 });
    expect(now.reviewers).toMatchObject([{ person: "person:bob", decisions: 2, approved: 1, denied: 1 }]);
  });

  test("is exported, and after a kill and a restart no counter has gone down", async ({ expect }) => {
    const text = await scrape();
    expect(text).toMatch(/^holdpoint_pending\{type="host.shell",risk="high"\} 1$/mu);
    const before = countersOf(text);
    expect(before.get("holdpoint_requests_total")).toBe(3);
    await engine.kill9();
    engine = await engine.restart();
    expect(countersOf(await scrape())).toEqual(before);
    await ask();
    await untilFigures(({ pending }) => pending.count === 2);
    for (const [series, value] of countersOf(await scrape())) {
      expect(value, series).toBeGreaterThanOrEqual(before.get(series) ?? 0);
    }
    expect(countersOf(await scrape()).get("holdpoint_requests_total")).toBe(4);
  });

  test("is for those who may read it, and as what Prometheus expects", async ({ expect }) => {
    const open = await fetch(`${engine.url}/metrics`);
    expect(open.status).toBe(401);
    const response = await call("metrics", "GET", "/metrics");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    await expect(call("agent:demo", "GET", "/metrics")).rejects.toThrow("403");
  });
});

describe("channels", () => {
  test("a card in Teams shows what is asked, and an end makes another", async ({ expect }) => {
    const action = await ask();
    const mine = (): string[][] =>
      teams.received
        .filter(({ body }) => pageOf(body) === action.links.page)
        .map(({ body }) => linesOf(body));
    await teams.until(() => mine().length === 1);
    expect(mine()[0]).toContain('"uptime"');
    await decide(action, "deny", "not today");
    await teams.until(() => mine().length === 2);
    expect(mine()[1]).toContain("Denied · risk high");
  });

  test("a notice that cannot be delivered pages at once, and the decision resolves it", async ({
    expect,
  }) => {
    teams.failNext({ status: 500 });
    const action = await ask();
    await pagerDuty.until(() => pagerDuty.incidents.get(action.id) === "open");
    await decide(action, "deny", "not today");
    await pagerDuty.until(() => pagerDuty.incidents.get(action.id) === "resolved");
    await untilFigures(({ escalated }) => escalated === 1);
    expect(
      countersOf(await scrape()).get('holdpoint_webhook_deliveries_total{result="failed"}'),
    ).toBeGreaterThan(0);
  });
});

describe.runIf(hasPrometheus())("a real Prometheus", () => {
  let prometheus: TestPrometheus;
  beforeAll(async () => {
    const rules = fileURLToPath(new URL("../../docs/alerts/holdpoint.rules.yml", import.meta.url));
    prometheus = await startPrometheus(engine.url, engine.keys["metrics"] ?? "", rules);
  });
  afterAll(() => prometheus?.stop());

  test("scrapes the engine, reads what it says and evaluates every alert rule", async ({ expect }) => {
    await prometheus.until('up{job="holdpoint"}', (value) => value === 1);
    const { pending } = await figures();
    await prometheus.until("sum(holdpoint_pending)", (value) => value === pending.count);
    expect(
      await prometheus.ask('holdpoint_queue_time_seconds{stage="decided",percentile="p50"}'),
    ).toBeGreaterThan(0);
    expect(await prometheus.ask("sum(prometheus_rule_evaluation_failures_total) or vector(0)")).toBe(0);
    expect(await prometheus.ask('count(ALERTS{alertname="HoldpointDown"}) or vector(0)')).toBe(0);
    expect(await promtool(["check", "metrics"], await scrape())).toEqual({ code: 0, output: "" });
  });
});

test("an engine that is measured has nothing to complain about", ({ expect }) => {
  expect(engine.errors()).toBe("");
});
