import type { Figures, MetricsWindow } from "../schemas/metrics.ts";
import { isObject } from "./shape.ts";
import type { Transport } from "./transport.ts";

export type { Figures, MetricsWindow } from "../schemas/metrics.ts";

export type MetricsCalls = {
  /** How long people wait, what waits now, and who decides how much; over the last day where no window is named. */
  metrics(options?: { window?: MetricsWindow }): Promise<Figures>;
};

export function metricsCalls({ call }: Transport): MetricsCalls {
  return {
    metrics: ({ window } = {}) =>
      call({ method: "GET", path: "/v1/metrics", query: { window }, guard: isFigures }),
  };
}

const stages = ["notified", "seen", "firstVote", "decided", "claimed", "finished"] as const;

const isFigures = (value: unknown): value is Figures => {
  if (!isObject(value)) return false;
  const { window, pending, queueTime, underFiveSeconds, reviewers } = value;
  return (
    typeof window === "string" &&
    isObject(pending) &&
    typeof pending["count"] === "number" &&
    ["byType", "byRisk", "byGroup"].every((name) => Array.isArray(pending[name])) &&
    isObject(queueTime) &&
    stages.every((stage) => isObject(queueTime[stage])) &&
    isObject(underFiveSeconds) &&
    Array.isArray(reviewers) &&
    reviewers.every(isObject)
  );
};
