import * as v from "valibot";
import { Prose } from "./text.ts";

/** Which action types are stopped: a glob over types, `*` being all of them. */
export const SwitchScope = v.pipe(
  v.string(),
  v.maxLength(120),
  v.regex(/^[a-z0-9*?._-]+$/u, "is an action type, a glob such as db.*, or * for everything"),
);

/** While it is engaged nothing of these types is asked for, decided or run. `at` is epoch ms. */
export const KillSwitch = v.strictObject({
  scope: SwitchScope,
  reason: Prose,
  by: v.string(),
  at: v.number(),
});
export type KillSwitch = v.InferOutput<typeof KillSwitch>;

export const KillSwitchBody = v.strictObject({ scope: SwitchScope, reason: Prose });
export const ReleaseBody = v.strictObject({ scope: SwitchScope });

export const Released = v.object({ released: v.boolean(), warning: v.optional(v.string()) });

export const KillSwitchView = v.object({
  ...KillSwitch.entries,
  at: v.pipe(v.string(), v.isoTimestamp()),
});
export type KillSwitchView = v.InferOutput<typeof KillSwitchView>;
export const KillSwitches = v.object({ switches: v.array(KillSwitchView) });
