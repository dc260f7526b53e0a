import * as v from "valibot";

const Local = v.object({ HOLDPOINT_LOCAL: v.literal("true") });

/** Whether this is a developer's own machine, where webhooks may go to loopback over http. */
export function isLocal(env: Env): boolean {
  return v.is(Local, env);
}
