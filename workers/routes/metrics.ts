import * as v from "valibot";
import { faultText } from "../../core/fault.ts";
import { evidenceText } from "../../core/evidence/figures-prometheus.ts";
import { aloneWarning, operatorsOf } from "../../core/operators.ts";
import { operatorsText, prometheusType, switchesText } from "../../core/prometheus.ts";
import type { EvidenceFigures } from "../../schemas/evidence-figures.ts";
import { KillSwitchView } from "../../schemas/kill-switch.ts";
import { Figures, metricsWindows, OperatorsView } from "../../schemas/metrics.ts";
import { NoFields } from "../../schemas/webhook-view.ts";
import { ProblemError } from "../http/problem.ts";
import { parseQuery } from "../http/query.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { boardOf, ledgerOf } from "../stubs.ts";
import { actionId } from "../tell.ts";
import { shownSwitch } from "./kill-switches.ts";

const MetricsQuery = v.strictObject({
  window: v.optional(v.picklist(metricsWindows, `is one of ${metricsWindows.join(", ")}`), "24h"),
});

/** What is stopped, and who may change it alone, is no figure of the Board's, and belongs before everybody who looks at the figures. */
const FiguresAnswer = v.object({
  ...Figures.entries,
  switches: v.array(KillSwitchView),
  operators: OperatorsView,
});

async function showFigures({ env, principal, snapshot, url, now }: Call<unknown>): Promise<Answer> {
  const { window } = parseQuery(url, MetricsQuery);
  const [figures, evidence] = await Promise.all([
    boardOf(env, principal.workspace).figures(window, now),
    evidenceFigures(env, principal.workspace, now),
  ]);
  const switches = (snapshot.switches ?? []).map(shownSwitch);
  const { directory } = snapshot;
  const operators = { people: operatorsOf(directory).length, warning: aloneWarning(directory) };
  return { body: { ...figures, ...(evidence !== null && { evidence }), switches, operators } };
}

/** Null where the log does not answer: how long people wait is still to be seen then. */
async function evidenceFigures(env: Env, workspace: string, now: number): Promise<EvidenceFigures | null> {
  try {
    return await ledgerOf(env, workspace).figures(now);
  } catch (error) {
    console.error("figures of the log", workspace, faultText(error));
    return null;
  }
}

async function showPrometheus({ env, principal, snapshot, now }: Call<unknown>): Promise<Answer> {
  const [text, evidence] = await Promise.all([
    boardOf(env, principal.workspace).prometheus(now),
    evidenceFigures(env, principal.workspace, now),
  ]);
  const kept = evidence === null ? "" : evidenceText(evidence);
  const stopped = switchesText(snapshot.switches?.length ?? 0);
  const operators = operatorsText(operatorsOf(snapshot.directory).length);
  return new Response(`${text}${stopped}${operators}${kept}`, {
    headers: { "content-type": prometheusType },
  });
}

/** What is asked for is that somebody looks, so a machine's key cannot say so. Said again, it changes nothing. */
async function markSeen({ env, principal, params, now }: Call<unknown>): Promise<Answer> {
  if (principal.kind !== "person") {
    throw new ProblemError("not_eligible", { detail: "Only people see an action: use a person's key." });
  }
  const seen = await boardOf(env, principal.workspace).see(actionId(params), principal.id, now);
  return { body: { seen } };
}

export const metricsRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/metrics",
    summary: "How long people wait and who decides, with what still waits counted in",
    scope: "metrics:read",
    tag: "metrics",
    query: { window: "`1h`, `24h` (when left out) or `7d`" },
    answer: { status: 200, schema: FiguresAnswer },
    handle: showFigures,
  },
  {
    method: "GET",
    path: "/metrics",
    summary: "The same for Prometheus, in its text format 0.0.4",
    scope: "metrics:read",
    tag: "metrics",
    answer: { status: 200, schema: v.string(), contentType: prometheusType },
    handle: showPrometheus,
  },
  withBody({
    method: "POST",
    path: "/v1/actions/:id/seen",
    summary: "Say that you have opened an action; `seen` is false where it waits for nobody",
    scope: "votes:write",
    tag: "metrics",
    body: NoFields,
    answer: { status: 200, schema: v.object({ seen: v.boolean() }) },
    handle: markSeen,
  }),
];
