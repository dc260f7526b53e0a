import { defaultEgress, Egress, type EgressLimits } from "../core/egress.ts";
import { configOf, EgressConfig } from "../schemas/config.ts";

/** This isolate's, and what it was made for: the environment is one and the same for as long as an isolate lives. */
let kept: { limits: EgressLimits; egress: Egress } | null = null;

/** What bounds the sends of each workspace in this isolate, as HOLDPOINT_EGRESS_… say. */
export function egressOf(env: unknown): Egress {
  const limits = limitsOf(env);
  const same =
    kept !== null &&
    kept.limits.concurrent === limits.concurrent &&
    kept.limits.perMinute === limits.perMinute;
  if (kept === null || !same) kept = { limits, egress: new Egress(limits) };
  return kept.egress;
}

function limitsOf(env: unknown): EgressLimits {
  const config = configOf(EgressConfig, env);
  if (config === null) {
    if (kept === null) {
      console.error(
        "HOLDPOINT_EGRESS_CONCURRENT and HOLDPOINT_EGRESS_PER_MINUTE are whole numbers from 1; the defaults are in force",
      );
    }
    return defaultEgress;
  }
  return {
    concurrent: config.HOLDPOINT_EGRESS_CONCURRENT ?? defaultEgress.concurrent,
    perMinute: config.HOLDPOINT_EGRESS_PER_MINUTE ?? defaultEgress.perMinute,
  };
}
