import * as v from "valibot";
import { prometheusType } from "../../core/prometheus.ts";
import { Figures, metricsWindows } from "../../schemas/metrics.ts";
import { NoFields } from "../../schemas/webhook-view.ts";
import { ProblemError } from "../http/problem.ts";
import { parseQuery } from "../http/query.ts";
import { withBody, type Answer, type Call, type Route } from "../http/route.ts";
import { boardOf } from "../stubs.ts";
import { actionId } from "../tell.ts";

const MetricsQuery = v.strictObject({
  window: v.optional(v.picklist(metricsWindows, `is one of ${metricsWindows.join(", ")}`), "24h"),
});

async function showFigures({ env, principal, url, now }: Call<unknown>): Promise<Answer> {
  const { window } = parseQuery(url, MetricsQuery);
  return { body: await boardOf(env, principal.workspace).figures(window, now) };
}

async function showPrometheus({ env, principal, now }: Call<unknown>): Promise<Answer> {
  const text = await boardOf(env, principal.workspace).prometheus(now);
  return new Response(text, { headers: { "content-type": prometheusType } });
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
    answer: { status: 200, schema: Figures },
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
