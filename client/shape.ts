import type { ActionList, ActionView, ClaimAnswer, EventView } from "../schemas/action.ts";
import type { BreakGlassTerms, GlassUseList } from "../schemas/break-glass.ts";
import type { ProblemField } from "../schemas/problem.ts";

/**
 * Answers are checked for the fields this client acts on, and no more: an engine that is newer may add fields, and the
 * schemas themselves would bring a library along. Everything else of an answer is the engine's word.
 */
export type Guard<Value> = (value: unknown) => value is Value;

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isAction(value: unknown): value is ActionView {
  return (
    isObject(value) &&
    typeof value["id"] === "string" &&
    typeof value["type"] === "string" &&
    typeof value["state"] === "string" &&
    typeof value["seq"] === "number" &&
    typeof value["digest"] === "string" &&
    typeof value["updatedAt"] === "string" &&
    isObject(value["target"]) &&
    isObject(value["args"]) &&
    isObject(value["requester"]) &&
    isObject(value["deadlines"]) &&
    Array.isArray(value["seats"]) &&
    Array.isArray(value["votes"])
  );
}

/**
 * Whether a change to the engine itself (its policy, groups, keys, kill switches) was not made but waits for somebody else's agreement:
 * the answer is then the action to follow.
 */
export const isWaiting = (answer: unknown): answer is ActionView => isAction(answer);

/** The guard of an answer that may be the action that waits instead. */
export const orWaiting =
  <Value>(guard: Guard<Value>): Guard<Value | ActionView> =>
  (value): value is Value | ActionView =>
    isWaiting(value) || guard(value);

export function isClaim(value: unknown): value is ClaimAnswer {
  return (
    isObject(value) &&
    typeof value["lease"] === "string" &&
    typeof value["fence"] === "number" &&
    typeof value["grant"] === "string" &&
    typeof value["expiresAt"] === "string" &&
    isAction(value["action"])
  );
}

export function isEvent(value: unknown): value is EventView {
  return (
    isObject(value) &&
    typeof value["seq"] === "number" &&
    typeof value["type"] === "string" &&
    typeof value["at"] === "string"
  );
}

export function isActionList(value: unknown): value is ActionList {
  return isObject(value) && Array.isArray(value["items"]) && value["items"].every(isObject);
}

export function isGlassTerms(value: unknown): value is BreakGlassTerms {
  return (
    isObject(value) &&
    isObject(value["mayBreak"]) &&
    isObject(value["mayReview"]) &&
    Array.isArray(value["skips"]) &&
    Array.isArray(value["tells"])
  );
}

export function isGlassUses(value: unknown): value is GlassUseList {
  return isObject(value) && Array.isArray(value["items"]) && value["items"].every(isObject);
}

/** One message of an action's stream. */
export type StreamMessage = { event: EventView | null; action: ActionView };

export function isStreamMessage(value: unknown): value is StreamMessage {
  return isObject(value) && isAction(value["action"]);
}

export function isProblemField(value: unknown): value is ProblemField {
  return isObject(value) && typeof value["pointer"] === "string" && typeof value["detail"] === "string";
}

/** `{items: […]}` whose items are objects. */
export function isItems<Item>(item: Guard<Item>): Guard<{ items: Item[] }> {
  return (value): value is { items: Item[] } =>
    isObject(value) && Array.isArray(value["items"]) && value["items"].every(item);
}
