import type * as v from "valibot";
import type { EvaluateAnswer, Evaluation, Example, TestAnswer } from "../schemas/evaluation.ts";
import type { ReplayAnswer } from "../schemas/replay.ts";
import type { JsonObject } from "../schemas/json.ts";
import type { MetricsWindow, Rates } from "../schemas/metrics.ts";
import { isObject } from "./shape.ts";
import type { Transport } from "./transport.ts";

/** Calls that say what a policy would do, and do nothing. */

export type { Evaluation, Example, ExampleResult } from "../schemas/evaluation.ts";
export type { Changed as ChangedOutcome, ReplayCount } from "../schemas/replay.ts";
export type Evaluated = v.InferOutput<typeof EvaluateAnswer>;
export type ExamplesRun = TestAnswer;
export type Replay = ReplayAnswer;
export type { RateRow, Rates } from "../schemas/metrics.ts";

/** A document that is not published, or a version that was; without either it is the version in force. */
export type Candidate = { document?: unknown; version?: string };

export type AskedAbout = Pick<Example["request"], "type" | "target" | "agent"> & {
  args?: JsonObject;
  onBehalfOf?: string | null;
  /** RFC 3339; now when left out. */
  at?: string;
  /** By the sum as a condition writes it, whole numbers as text; those left out are the engine's. */
  sums?: Record<string, string>;
};

export type EvaluationCalls = {
  /** What the policy says to one request and why. Nothing is asked for. */
  evaluate(request: AskedAbout, candidate?: Candidate): Promise<Evaluated>;
  /** Holds a policy against examples with expected decisions, 200 at most. */
  test(examples: unknown, candidate?: Candidate): Promise<ExamplesRun>;
  /** How often the gates of each type and class were wrong, and what those that only watch would have said. */
  rates(window?: MetricsWindow): Promise<Rates>;
  /** One page of what would have come out differently in the last `days`; goes on with `cursor` until `nextCursor` is null. */
  replay(options: Candidate & { days: number; cursor?: string | null; limit?: number }): Promise<Replay>;
};

export function evaluationCalls({ call }: Transport): EvaluationCalls {
  return {
    evaluate: (request, candidate = {}) =>
      call({
        method: "POST",
        path: "/v1/policy/evaluate",
        body: { request, ...candidate },
        guard: isEvaluated,
      }),
    rates: async (window) => {
      const { rates } = await call({
        method: "GET",
        path: "/v1/metrics",
        query: { window },
        guard: isFigures,
      });
      return rates;
    },
    test: (examples, candidate = {}) =>
      call({ method: "POST", path: "/v1/policy/test", body: { examples, ...candidate }, guard: isRun }),
    replay: ({ cursor, ...options }) =>
      call({
        method: "POST",
        path: "/v1/policy/replay",
        body: { ...options, ...(typeof cursor === "string" && { cursor }) },
        guard: isReplay,
      }),
  };
}

const isEvaluation = (value: unknown): value is Evaluation =>
  isObject(value) &&
  typeof value["outcome"] === "string" &&
  typeof value["because"] === "string" &&
  ["errors", "scope", "trace", "seats", "notify"].every((name) => Array.isArray(value[name]));
const isEvaluated = (value: unknown): value is Evaluated =>
  isObject(value) && isEvaluation(value["evaluation"]);
const isRun = (value: unknown): value is ExamplesRun =>
  isObject(value) && typeof value["failed"] === "number" && Array.isArray(value["results"]);
const isFigures = (value: unknown): value is { rates: Rates } =>
  isObject(value) && isObject(value["rates"]) && Array.isArray(value["rates"]["byType"]);
const isReplay = (value: unknown): value is Replay =>
  isObject(value) &&
  typeof value["replayed"] === "number" &&
  ["changed", "counts"].every((name) => Array.isArray(value[name]));
