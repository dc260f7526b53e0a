import * as v from "valibot";
import { Checkpoint } from "./ledger.ts";
import { Prose, WorkspaceName } from "./text.ts";

const Whole = v.pipe(v.number(), v.integer(), v.minValue(0));
const By = v.strictObject({ kind: v.picklist(["agent", "person", "service", "engine"]), id: v.string() });

/**
 * How far the forgetting of a workspace has come: its actions, then the Board and what was copied out, then its people, keys and
 * rules, so that those who asked for it can watch. `reopened`: somebody has made a workspace of that name again.
 */
export const purgeStages = ["actions", "stores", "people", "done", "reopened"] as const;

/** Kept by the ledger. Times are epoch ms. */
export const PurgeState = v.strictObject({
  stage: v.picklist(purgeStages),
  by: By,
  since: Whole,
  /** The action by which people agreed to it; null where there was nobody else. */
  under: v.nullable(v.string()),
  /** Every action with a number up to this was told, or is in `failed`. */
  upTo: Whole,
  /** Actions that are nothing but their tombstones. */
  done: Whole,
  /** Those that did not answer, and are told again. */
  failed: v.array(v.string()),
  /** Rows of the Board down to this one were looked at for actions that the log has never seen; null before the first. */
  boardRow: v.nullable(Whole),
  /** When the last people lose their access; null before everything else is gone. */
  closesAt: v.nullable(Whole),
});
export type PurgeState = v.InferOutput<typeof PurgeState>;

export const PurgeBody = v.strictObject({
  /** The name of the workspace, so that nobody forgets another one than they mean. */
  confirm: WorkspaceName,
  reason: Prose,
  cancelRunning: v.optional(v.boolean(), false),
});

const Time = v.pipe(v.string(), v.isoTimestamp());
export const PurgeView = v.object({
  workspace: WorkspaceName,
  stage: v.picklist(purgeStages),
  by: By,
  since: Time,
  done: Whole,
  left: Whole,
  failed: Whole,
  /** From then on nobody can sign in, and this is answered no more. */
  closesAt: v.nullable(Time),
  /** The newest of the log, which stays: keep it, and bundles that were kept can be held against it. */
  checkpoint: v.nullable(Checkpoint),
  warning: v.optional(v.string()),
});
export type PurgeView = v.InferOutput<typeof PurgeView>;
