import type * as v from "valibot";
import type { BypassAnswer, BypassBody } from "../schemas/feedback.ts";
import type { ActionView } from "../schemas/action.ts";
import type { GuardrailView, Loosened } from "../schemas/guardrail.ts";
import { isObject, orWaiting } from "./shape.ts";
import type { Transport } from "./transport.ts";

/** Calls about what came of actions: where guardrails stand, and effects that nobody had claimed. */

/** A guardrail as it stands, with what is proposed and what has happened to it. Times are RFC 3339. */
export type Guardrail = GuardrailView;
/** `warning` says that nobody else has agreed. */
export type LoosenedGuardrail = Loosened;
export type Effect = v.InferInput<typeof BypassBody>;
export type EffectAnswer = v.InferOutput<typeof BypassAnswer>;

type Once = { idempotencyKey?: string };

export type GuardrailCalls = {
  list(): Promise<{ items: Guardrail[] }>;
  /**
   * Proposes to open a guardrail that stands at deny, where nothing runs that could be learnt from. For operators who are people; the
   * others decide it as an action, so that the answer is that action while there is another one.
   */
  propose(type: string, reason: string, options?: Once): Promise<LoosenedGuardrail | ActionView>;
};

export function guardrailCalls({ call }: Transport): GuardrailCalls {
  const path = "/v1/guardrails";
  return {
    list: () => call({ method: "GET", path, guard: isGuardrails }),
    propose: (type, reason, more = {}) =>
      call({
        method: "POST",
        path: `${path}/${encodeURIComponent(type)}/proposal`,
        body: { reason },
        guard: orWaiting(isGuardrail),
        ...more,
      }),
  };
}

export type EffectCalls = {
  /** Reports an effect seen at a target. `bypass` says whether it counts as one that nobody had claimed. */
  report(effect: Effect, options?: Once): Promise<EffectAnswer>;
};

export function effectCalls({ call }: Transport): EffectCalls {
  return {
    report: (effect, more = {}) =>
      call({ method: "POST", path: "/v1/bypasses", body: effect, guard: isEffectAnswer, ...more }),
  };
}

const isGuardrail = (value: unknown): value is Guardrail =>
  isObject(value) &&
  ["type", "level", "floor", "ceiling"].every((name) => typeof value[name] === "string") &&
  Array.isArray(value["history"]);
const isGuardrails = (value: unknown): value is { items: Guardrail[] } =>
  isObject(value) && Array.isArray(value["items"]) && value["items"].every(isGuardrail);
const isEffectAnswer = (value: unknown): value is EffectAnswer =>
  isObject(value) && typeof value["bypass"] === "boolean" && typeof value["because"] === "string";
