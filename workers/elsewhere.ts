import * as v from "valibot";
import {
  EngineChange,
  isElsewhere,
  type ChangeResult,
  type ElsewhereChange,
} from "../schemas/engine-change.ts";
import { principalKind } from "../schemas/principal.ts";
import { startPurge } from "./purging.ts";
import { ledgerOf } from "./stubs.ts";

/** Changes that the Registry only keeps until they are agreed to: what they change is the ledger's. Each may be carried out again. */

type Approved = { readonly action: string; readonly actor: string; readonly change: string };

/** What came of an approved change. What it no longer fits is no fault: nothing is changed then. @throws Error where it cannot be told */
export async function carryOutElsewhere(
  env: Env,
  workspace: string,
  { action, actor, change: text }: Approved,
): Promise<ChangeResult> {
  const change = v.parse(EngineChange, JSON.parse(text));
  if (!isElsewhere(change)) throw new Error("a change that the Registry carries out");
  const done = await make(env, workspace, change, { action, actor });
  if (done.ok) return { applied: true, summary: done.value };
  return { applied: false, summary: `nothing was changed: ${done.error}` };
}

type Made = { ok: true; value: string } | { ok: false; error: string };

async function make(
  env: Env,
  workspace: string,
  change: ElsewhereChange,
  { action, actor }: Omit<Approved, "change">,
): Promise<Made> {
  const by = { kind: principalKind(actor), id: actor };
  if (change.kind === "workspace.purge") {
    const { cancelRunning } = change;
    const begun = await startPurge(env, workspace, { by, cancelRunning, under: action }, Date.now());
    return begun.ok
      ? { ok: true, value: `${workspace} is being forgotten` }
      : { ok: false, error: begun.error.detail };
  }
  const asked = { id: change.hold, by, because: change.reason, under: action };
  const released = await ledgerOf(env, workspace).releaseHold(asked, Date.now());
  return released.ok
    ? { ok: true, value: `${change.hold} is released` }
    : { ok: false, error: released.error.detail };
}
