import type { KillSwitch } from "../schemas/kill-switch.ts";
import { isEngineType } from "./engine-actions.ts";
import { globMatches } from "./scope.ts";

/**
 * The switch that stops actions of this type, or null. Of several the one engaged first. None stops what the engine itself asks people
 * for: the release of a switch is such an action.
 */
export function switchFor(switches: readonly KillSwitch[] | undefined, type: string): KillSwitch | null {
  if (isEngineType(type)) return null;
  return (switches ?? []).find(({ scope }) => globMatches(scope, type)) ?? null;
}

/** Why something is stopped, for whoever asked for it. */
export function stoppedBecause({ scope, by, reason }: KillSwitch): string {
  return `${scope === "*" ? "everything" : scope} is stopped by ${by}: ${reason}`;
}
