import { faultText } from "../core/fault.ts";
import type { Sight } from "../schemas/channel.ts";
import type { Checkpoint } from "../schemas/ledger.ts";
import { engineOf, ledgerOf } from "./stubs.ts";
import { within } from "./within.ts";

/**
 * The newest checkpoint of each workspace's log, as it goes outward with notices. Kept for a few seconds per isolate, so that a
 * burst of notices costs one look; a log that does not answer holds up none of them.
 */
const freshMs = 5_000;
/** Longer than a log that is well takes to answer; a notice waits no longer for it. */
const patienceMs = 300;
/** Workspaces kept per isolate; past it the cache starts over (some 1 kB each). */
const maxKept = 500;

type Kept = { readonly checkpoint: Checkpoint | null; readonly readAt: number };
const kept = new Map<string, Kept>();

/** Null where there is none yet. @throws where the log cannot be reached */
export async function checkpointOf(env: Env, workspace: string, now: number): Promise<Checkpoint | null> {
  const known = fresh(workspace, now);
  // That there is none is true for a minute at most, and nobody who asks for it is to be told so for longer.
  if (known !== null && known.checkpoint !== null) return known.checkpoint;
  const checkpoint = await ledgerOf(env, workspace).checkpoint(false, now);
  keep(workspace, { checkpoint, readAt: now });
  return checkpoint;
}

function fresh(workspace: string, now: number): Kept | null {
  const known = kept.get(workspace);
  return known !== undefined && now - known.readAt < freshMs ? known : null;
}

/** The same, at once: what was known before, where the log does not answer in time. Never throws. */
export async function checkpointAtOnce(env: Env, workspace: string, now: number): Promise<Checkpoint | null> {
  const known = fresh(workspace, now);
  if (known !== null) return known.checkpoint;
  const before = kept.get(workspace)?.checkpoint ?? null;
  try {
    const checkpoint = await within(patienceMs, checkpointOf(env, workspace, now), undefined);
    if (checkpoint === undefined) throw new Error(`no checkpoint within ${patienceMs} ms`);
    return checkpoint;
  } catch (error) {
    console.error("ledger", workspace, faultText(error));
    // Not asked again, and not waited for, for every notice of a burst.
    keep(workspace, { checkpoint: before, readAt: now });
    return before;
  }
}

function keep(workspace: string, entry: Kept): void {
  if (kept.size >= maxKept) kept.clear();
  kept.set(workspace, entry);
}

let workspaces: { readonly names: ReadonlySet<string>; readonly readAt: number } | null = null;
/** A new workspace is known this much later at most, where its name was asked for before. */
const namesFreshMs = 5_000;

/** Whether there is such a workspace. Asked of the engine, so that a made-up name makes no object. */
export async function isWorkspace(env: Env, name: string, now: number): Promise<boolean> {
  if (workspaces?.names.has(name) === true) return true;
  if (workspaces === null || now - workspaces.readAt >= namesFreshMs) {
    workspaces = { names: new Set(await engineOf(env).workspaces()), readAt: now };
  }
  return workspaces.names.has(name);
}

/** A sight with the newest checkpoint, where the action is over: its last card shows what the log had come to. */
export async function withCheckpoint(env: Env, workspace: string, sight: Sight, now: number): Promise<Sight> {
  if (!finalStates.has(sight.action.state)) return sight;
  const checkpoint = await checkpointAtOnce(env, workspace, now);
  if (checkpoint === null) return sight;
  const { size, root } = checkpoint;
  return { ...sight, log: { size, root } };
}

const finalStates: ReadonlySet<Sight["action"]["state"]> = new Set<Sight["action"]["state"]>([
  "denied",
  "expired",
  "cancelled",
  "executed",
  "failed",
  "rolled_back",
  "rollback_failed",
]);
