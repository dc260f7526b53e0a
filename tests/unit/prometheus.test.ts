import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { describe, test } from "vitest";
import { counting, noCounters, type Counted } from "../../core/counters.ts";
import { evidenceText } from "../../core/evidence/figures-prometheus.ts";
import { prometheusText } from "../../core/prometheus.ts";
import { evidenceFiguresOf } from "../support/evidence-figures.ts";
import { hasPrometheus, promtool } from "../support/prometheus.ts";

const now = 10_000_000;

const counted = (parts: Partial<Counted> = {}): Counted => ({
  type: "db.migrate",
  risk: "high",
  groups: ["dba"],
  state: "pending",
  createdAt: now - 90_000,
  notifiedAt: now - 80_000,
  firstVoteAt: null,
  decidedAt: null,
  claimedAt: null,
  finishedAt: null,
  leftAt: null,
  decision: null,
  via: null,
  votes: [],
  escalations: 0,
  missingContext: false,
  seen: {},
  deliveries: { delivered: 2, failed: 1 },
  ...parts,
});

const some: readonly Counted[] = [
  counted(),
  counted({ type: 'odd"type\\\n', risk: "low" }),
  counted({
    state: "executing",
    decision: "approved",
    via: "slack",
    decidedAt: now - 60_000,
    claimedAt: now - 30_000,
  }),
  counted({ state: "denied", decision: "denied", via: "policy", decidedAt: now - 90_000 }),
  counted({ state: "expired", leftAt: now - 1_000, escalations: 2 }),
];
const text = (actions: readonly Counted[]): string =>
  prometheusText({
    counters: counting(noCounters(), actions),
    recent: actions,
    deadLetters: 3,
    suppressed: { budget: 7, coalesced: 41 },
    now,
  });
const docs = (path: string): string => fileURLToPath(new URL(`../../docs/${path}`, import.meta.url));

describe("the text format", () => {
  test("shows gauges, counters and a histogram, without any id", ({ expect }) => {
    const lines = text(some).split("\n");
    for (const line of [
      'holdpoint_pending{type="db.migrate",risk="high"} 1',
      'holdpoint_pending{type="odd\\"type\\\\\\n",risk="low"} 1',
      'holdpoint_oldest_pending_seconds{type="db.migrate",risk="high"} 90',
      'holdpoint_queue_time_seconds{stage="decided",percentile="p50"} 90',
      "holdpoint_dead_letters 3",
      "holdpoint_requests_total 5",
      'holdpoint_decisions_total{outcome="approved",via="slack"} 1',
      'holdpoint_decisions_total{outcome="denied",via="policy"} 1',
      "holdpoint_escalations_total 2",
      'holdpoint_expired_total{state="pending"} 1',
      'holdpoint_webhook_deliveries_total{result="delivered"} 10',
      'holdpoint_webhook_deliveries_total{result="failed"} 5',
      'holdpoint_decision_duration_seconds_bucket{le="15"} 0',
      'holdpoint_decision_duration_seconds_bucket{le="60"} 1',
      'holdpoint_decision_duration_seconds_bucket{le="+Inf"} 1',
      "holdpoint_decision_duration_seconds_sum 30",
      "holdpoint_decision_duration_seconds_count 1",
    ]) {
      expect(lines).toContain(line);
    }
    expect(text(some)).not.toMatch(/act_|agent:|person:/u);
  });

  test("of an empty workspace still has a queue of none", ({ expect }) => {
    expect(text([])).toContain("\nholdpoint_pending 0\n");
    expect(text([])).toContain("\nholdpoint_oldest_pending_seconds 0\n");
  });
});

describe.runIf(hasPrometheus())("promtool", () => {
  test.for([
    ["some actions", text(some)],
    ["none", text([])],
  ] as const)("finds nothing wrong with the metrics of %s", async ([, metrics], { expect }) => {
    expect(await promtool(["check", "metrics"], metrics)).toEqual({ code: 0, output: "" });
  });

  test("would find what is wrong", async ({ expect }) => {
    const wrong = text(some).replaceAll(/^# HELP holdpoint_requests_total.*\n/gmu, "");
    expect((await promtool(["check", "metrics"], wrong)).output).toContain("no help text");
  });

  test("takes the alert rules, and every example of them holds", async ({ expect }) => {
    expect(await promtool(["check", "rules", docs("alerts/holdpoint.rules.yml")])).toMatchObject({ code: 0 });
    expect(await promtool(["test", "rules", docs("alerts/holdpoint.rules.test.yml")])).toMatchObject({
      code: 0,
    });
  });

  test("can read every expression of the dashboard, and each asks for a metric that there is", async ({
    expect,
  }) => {
    const expressions = dashboardExpressions();
    expect(expressions.length).toBeGreaterThan(12);
    // A dashboard's variables are put in before Prometheus sees the expression.
    const rules = expressions.map((expr, at) => ({ record: `panel_${at}`, expr }));
    const file = JSON.stringify({ groups: [{ name: "dashboard", rules }] });
    expect(await checkRules(file)).toMatchObject({ code: 0 });
    expect((await checkRules(file.replace("sum(", "sum(("))).code).not.toBe(0);
    const known = new Set(`${text(some)}${evidenceText(evidenceFiguresOf())}`.match(/^holdpoint_\w+/gmu));
    for (const expr of expressions) {
      for (const name of expr.match(/holdpoint_\w+/gu) ?? []) expect(known).toContain(name);
    }
  });
});

async function checkRules(rules: string): ReturnType<typeof promtool> {
  const folder = mkdtempSync(join(tmpdir(), "holdpoint-rules-"));
  const file = join(folder, "rules.yml");
  writeFileSync(file, rules);
  const answer = await promtool(["check", "rules", file]);
  rmSync(folder, { recursive: true });
  return answer;
}

const Panels = v.array(v.object({ targets: v.optional(v.array(v.object({ expr: v.string() })), []) }));
const Dashboard = v.object({
  schemaVersion: v.pipe(v.number(), v.minValue(39)),
  __inputs: v.tuple([v.object({ name: v.literal("DS_PROMETHEUS") })]),
  panels: Panels,
});

function dashboardExpressions(): string[] {
  const dashboard = v.parse(Dashboard, JSON.parse(readFileSync(docs("grafana-dashboard.json"), "utf8")));
  return dashboard.panels
    .flatMap(({ targets }) => targets.map(({ expr }) => expr))
    .map((expr) => expr.replaceAll("$__rate_interval", "5m").replaceAll("$job", "holdpoint"));
}
