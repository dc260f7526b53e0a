import type * as v from "valibot";
import type { ActionView } from "../schemas/action.ts";
import type { KillSwitchView } from "../schemas/kill-switch.ts";
import type { OnCallView } from "../schemas/operate.ts";
import { isObject, orWaiting } from "./shape.ts";
import type { Transport } from "./transport.ts";

/** Calls that stop things, and that say who is there to decide: kill switches and who is on call. */

/** What is stopped, by whom and why; `at` is RFC 3339. */
export type KillSwitch = v.InferOutput<typeof KillSwitchView>;
export type OnCallStanding = v.InferOutput<typeof OnCallView>;

type Once = { idempotencyKey?: string };

export type KillSwitchCalls = {
  list(): Promise<{ switches: KillSwitch[] }>;
  /** Stops an action type, a glob of types or `*` at once. One that is stopped already stays as it is. */
  engage(scope: string, reason: string, options?: Once): Promise<KillSwitch>;
  /** Lets what was stopped under this very scope be asked for again. What was cancelled stays cancelled. */
  release(scope: string, options?: Once): Promise<{ released: boolean; warning?: string } | ActionView>;
};

export function killSwitchCalls({ call }: Transport): KillSwitchCalls {
  const path = "/v1/kill-switches";
  return {
    list: () => call({ method: "GET", path, guard: isSwitches }),
    engage: (scope, reason, more = {}) =>
      call({ method: "POST", path, body: { scope, reason }, guard: isSwitch, ...more }),
    release: (scope, more = {}) =>
      call({
        method: "POST",
        path: `${path}/release`,
        body: { scope },
        guard: orWaiting(isReleased),
        ...more,
      }),
  };
}

export type OnCallCalls = {
  /** Who is on call now, by name. */
  list(): Promise<{ items: OnCallStanding[] }>;
  get(name: string): Promise<OnCallStanding>;
  /** Says who is on call until then (RFC 3339, at most 14 days away); goes before the schedule of that name. */
  set(
    name: string,
    said: { people: readonly string[]; until: string },
    options?: Once,
  ): Promise<OnCallStanding>;
  /** Takes back what was said, so that the schedule counts again. */
  clear(name: string): Promise<{ removed: boolean }>;
};

const pathOf = (name: string): string => `/v1/oncall/${encodeURIComponent(name)}`;

export function onCallCalls({ call }: Transport): OnCallCalls {
  return {
    list: () => call({ method: "GET", path: "/v1/oncall", guard: isStandings }),
    get: (name) => call({ method: "GET", path: pathOf(name), guard: isStanding }),
    set: (name, said, more = {}) =>
      call({ method: "POST", path: pathOf(name), body: said, guard: isStanding, ...more }),
    clear: (name) => call({ method: "DELETE", path: pathOf(name), guard: isRemoved }),
  };
}

const isSwitch = (value: unknown): value is KillSwitch =>
  isObject(value) && ["scope", "reason", "by", "at"].every((name) => typeof value[name] === "string");
const isSwitches = (value: unknown): value is { switches: KillSwitch[] } =>
  isObject(value) && Array.isArray(value["switches"]) && value["switches"].every(isSwitch);
const isReleased = (value: unknown): value is { released: boolean } =>
  isObject(value) && typeof value["released"] === "boolean";
const isRemoved = (value: unknown): value is { removed: boolean } =>
  isObject(value) && typeof value["removed"] === "boolean";
const isStanding = (value: unknown): value is OnCallStanding =>
  isObject(value) &&
  typeof value["name"] === "string" &&
  typeof value["source"] === "string" &&
  Array.isArray(value["people"]);
const isStandings = (value: unknown): value is { items: OnCallStanding[] } =>
  isObject(value) && Array.isArray(value["items"]) && value["items"].every(isStanding);
