import * as v from "valibot";
import type { ActionChanged } from "../../schemas/message.ts";

/** One decided action as a point of a series: what it is told apart by, and how long it took in seconds. */
export type Point = {
  readonly indexes: [string];
  readonly blobs: string[];
  readonly doubles: number[];
};

/** Where points go. Whoever takes them may lose or sample them: the Board's rows are the record. */
export interface PointSink {
  write(point: Point): void;
}

const isDataset = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "writeDataPoint" in value;
const AnalyticsEnv = v.object({ ANALYTICS: v.custom<AnalyticsEngineDataset>(isDataset) });

/** Analytics Engine where it is bound, else nowhere. */
export function pointSinkOf(env: Env): PointSink {
  const bound = v.safeParse(AnalyticsEnv, env);
  if (!bound.success) return { write: () => undefined };
  const { ANALYTICS: dataset } = bound.output;
  return { write: (point) => dataset.writeDataPoint(point) };
}

/**
 * The point of an action that has just been decided; null of any other. Index: the type. Blobs: workspace, type, risk,
 * outcome, via. Doubles: seconds from the request to the first vote (-1 where there was none) and to the decision;
 * escalations.
 */
export function pointOf({ workspace, summary, timings }: ActionChanged): Point | null {
  if (timings === undefined || timings.decidedAt === null) return null;
  const { createdAt, firstVoteAt, decidedAt, decision, via, escalations } = timings;
  const seconds = (at: number | null): number => (at === null ? -1 : (at - createdAt) / 1_000);
  return {
    indexes: [summary.type],
    blobs: [workspace, summary.type, summary.risk, decision ?? "", via ?? ""],
    doubles: [seconds(firstVoteAt), seconds(decidedAt), escalations],
  };
}
