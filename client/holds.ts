import type { ActionView } from "../schemas/action.ts";
import type { EraseAnswer } from "../schemas/erase.ts";
import type { Gone, HoldView } from "../schemas/hold.ts";
import type { PurgeView } from "../schemas/purge.ts";
import type { RetentionClass } from "../schemas/retention.ts";
import { isObject, orWaiting } from "./shape.ts";
import type { Transport } from "./transport.ts";

/** Calls that keep evidence although it is due, that erase before it is, and that forget a whole workspace. People only. */

export type { EraseAnswer } from "../schemas/erase.ts";
export type { Gone, HoldView } from "../schemas/hold.ts";
export type { PurgeView } from "../schemas/purge.ts";

type Once = { idempotencyKey?: string };
/** `until` (RFC 3339): when it ends by itself. */
export type NewHold = { scope: string; reason: string; until?: string | undefined };

export type HoldCalls = {
  /** Those in force and the last that have ended, newest first. */
  list(): Promise<{ holds: HoldView[] }>;
  /**
   * In force once it is answered. `scope`: `all`, `action:act_…`, `type:NAME` or `requester:agent:NAME`. `gone` says what of
   * that was let go of before, and stays so.
   */
  put(hold: NewHold, options?: Once): Promise<HoldView & { gone: Gone }>;
  /** Answers the hold, or the action by which somebody else agrees to it. */
  release(
    id: string,
    reason: string,
    options?: Once,
  ): Promise<(HoldView & { warning?: string }) | ActionView>;
};

export type ErasureCalls = {
  /** Lets go of a class of what an action holds before its time, for good. With the class of its evidence everything goes. */
  erase(id: string, order: { class: RetentionClass; reason: string }, options?: Once): Promise<EraseAnswer>;
};

export type PurgeCalls = {
  /** Has the whole workspace forgotten: `confirm` is its name. Answers how far that is, or the action that waits. */
  begin(
    order: { confirm: string; reason: string; cancelRunning?: boolean },
    options?: Once,
  ): Promise<PurgeView | ActionView>;
  /** How far it has come, as long as anybody can ask. */
  show(): Promise<PurgeView>;
};

export function holdCalls({ call }: Transport): HoldCalls {
  const path = "/v1/holds";
  return {
    list: () => call({ method: "GET", path, guard: isHolds }),
    put: (hold, more = {}) => call({ method: "POST", path, body: hold, guard: isHoldPut, ...more }),
    release: (id, reason, more = {}) =>
      call({
        method: "POST",
        path: `${path}/${encodeURIComponent(id)}/release`,
        body: { reason },
        guard: orWaiting(isHold),
        ...more,
      }),
  };
}

export function erasureCalls({ call }: Transport): ErasureCalls {
  return {
    erase: (id, order, more = {}) =>
      call({
        method: "POST",
        path: `/v1/actions/${encodeURIComponent(id)}/erase`,
        body: order,
        guard: isErased,
        ...more,
      }),
  };
}

export function purgeCalls({ call }: Transport): PurgeCalls {
  const path = "/v1/workspace/purge";
  return {
    begin: (order, more = {}) =>
      call({ method: "POST", path, body: order, guard: orWaiting(isPurge), ...more }),
    show: () => call({ method: "GET", path, guard: isPurge }),
  };
}

const isHold = (value: unknown): value is HoldView =>
  isObject(value) && ["id", "scope", "reason", "since"].every((name) => typeof value[name] === "string");
const isHolds = (value: unknown): value is { holds: HoldView[] } =>
  isObject(value) && Array.isArray(value["holds"]) && value["holds"].every(isHold);
const isHoldPut = (value: unknown): value is HoldView & { gone: Gone } =>
  isHold(value) && "gone" in value && isObject(value.gone) && isObject(value.gone["byClass"]);
const isErased = (value: unknown): value is EraseAnswer =>
  isObject(value) &&
  typeof value["id"] === "string" &&
  typeof value["gone"] === "boolean" &&
  Array.isArray(value["erased"]);
const isPurge = (value: unknown): value is PurgeView =>
  isObject(value) &&
  typeof value["workspace"] === "string" &&
  typeof value["stage"] === "string" &&
  typeof value["left"] === "number";
